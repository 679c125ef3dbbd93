//! What the fuzzers were given and what they found, once more: every file of `fuzz/corpus` and every committed request keeps
//! what `fuzz/src/judged.rs` says that must hold.

#[path = "../../../fuzz/src/judged.rs"]
#[expect(dead_code, reason = "seeds of others are written by the target")]
mod judged;
#[path = "../../../tests/vectors/signed.rs"]
mod signed;

use signing::Scheme;

#[test]
fn whatever_was_found_gets_its_verdict() {
    let folder = format!("{}/../../fuzz/corpus", env!("CARGO_MANIFEST_DIR"));
    for &scheme in Scheme::ALL {
        let judge = judged::Judge::of(scheme);
        let seeds: Vec<_> = judge.seeds().map(|(_, seed)| seed.into_bytes()).collect();
        let files = std::fs::read_dir(format!("{folder}/{}", scheme.name())).unwrap();
        let found: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(!seeds.is_empty() && !found.is_empty(), "{scheme:?}");
        println!("{}: {} files", scheme.name(), found.len());
        seeds.iter().chain(&found).for_each(|bytes| judge.judge(bytes));
    }
}
