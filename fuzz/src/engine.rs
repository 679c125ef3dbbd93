//! One fuzz target for all that the engine reads: `FUZZ_TARGET` names what is made up, and `FUZZ_SEEDS`, where it is not
//! empty, the folder that its seeds are written into first. What is checked stands in `engine/judged.rs`.
#![no_main]

#[path = "engine/judged.rs"]
mod judged;
#[path = "engine/seeds.rs"]
mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<String> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    assert!(judged::TARGETS.contains(&name.as_str()), "FUZZ_TARGET is one of {:?}", judged::TARGETS);
    name
});

fuzz_target!(
    init: {
        // A decoder may panic, as it may in a worker; what leaves `judge` ends the fuzzer all the same.
        std::panic::set_hook(Box::new(|panic| eprintln!("panicked: {panic}")));
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS").filter(|folder| !folder.is_empty()) {
            seeds::write(&TARGET, folder.as_ref());
        }
    },
    |bytes: &[u8]| judged::judge(&TARGET, bytes)
);
