//! One fuzz target for all schemes: `FUZZ_SCHEME` names the one whose requests are made up, and `FUZZ_SEEDS`, where it is not
//! empty, the folder that its seeds are written into first. What is checked of a request stands in `judged.rs`.
#![no_main]

mod judged;
mod seeds;
#[path = "../../tests/vectors/signed.rs"]
#[allow(dead_code, reason = "the tests change more of a request than a fuzzer does")]
mod signed;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use signing::Scheme;

static JUDGE: LazyLock<judged::Judge> = LazyLock::new(|| judged::Judge::of(scheme()));

fn scheme() -> Scheme {
    let name = std::env::var("FUZZ_SCHEME").unwrap_or_default();
    Scheme::from_name(&name).expect("FUZZ_SCHEME names a scheme")
}

fuzz_target!(
    init: {
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS").filter(|folder| !folder.is_empty()) {
            seeds::write(&JUDGE, scheme(), folder.as_ref());
        }
    },
    |bytes: &[u8]| JUDGE.judge(bytes)
);
