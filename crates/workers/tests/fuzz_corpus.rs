//! What the fuzzers of the engine were given and what they found, once more: every file of `fuzz/files` and every seed of
//! ours keeps what `fuzz/src/engine/judged.rs` says that must hold.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../fuzz/src/engine/judged.rs"]
mod judged;
#[path = "../../../fuzz/src/engine/seeds.rs"]
#[allow(dead_code, reason = "only the fuzzer writes them down")]
mod seeds;

#[test]
fn what_the_fuzzers_found_breaks_no_promise_any_more() {
    let folder = format!("{}/../../fuzz/files", env!("CARGO_MANIFEST_DIR"));
    let mut replayed = 0;
    for target in judged::TARGETS {
        for seed in seeds::own(target) {
            judged::judge(target, &seed);
            replayed += 1;
        }
        for file in std::fs::read_dir(format!("{folder}/{target}")).into_iter().flatten() {
            judged::judge(target, &std::fs::read(file.unwrap().path()).unwrap());
            replayed += 1;
        }
    }
    println!("{replayed} files replayed");
    assert!(replayed >= 40, "files were lost: {replayed}");
}
