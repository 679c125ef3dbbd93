//! Speed and memory of the release binary beside programs that everyone has: nginx and sharp. Only ratios within one
//! run mean something on a shared machine; each figure is printed with what it is compared with.
//!
//! usage: bench BINARY [verify] [hits] [signed] [cold] [memory] [start] [uploads]; bench BINARY scale | engine | crowd | sandbox

mod cold;
mod darkroom;
#[path = "../../harness/drawn.rs"]
#[expect(dead_code, reason = "the tests draw more than the bench needs")]
mod drawn;
mod engine;
mod hits;
mod http;
mod memory;
mod process;
mod sandbox;
mod scale;
mod score;
#[path = "../../vectors/signed.rs"]
mod signed;
mod signed_hits;
mod start;
mod uploads;
mod verify;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// A bench: its name on the command line, and what it measures and prints.
type Bench = (&'static str, fn(&std::path::Path) -> Result<()>);

const BENCHES: [Bench; 7] = [
    ("verify", verify::run),
    ("start", start::run),
    ("memory", memory::run),
    ("hits", hits::run),
    ("signed", signed_hits::run),
    ("cold", cold::run),
    ("uploads", uploads::run),
];

/// Benches that run only where they are named: they take long.
const ON_REQUEST: [Bench; 4] = [
    ("scale", scale::run),
    ("engine", engine::run),
    ("crowd", engine::crowd::run),
    ("sandbox", sandbox::run),
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    if std::env::args().nth(1).is_some_and(|word| word == "engine-lines") {
        return engine::serve_lines();
    }
    let binary = PathBuf::from(
        arguments
            .next()
            .context("usage: bench BINARY [verify] [hits] [signed] [cold] [memory] [start] [uploads]")?,
    );
    let binary = binary.canonicalize().with_context(|| format!("{} is not there", binary.display()))?;
    let wanted: Vec<String> = arguments.collect();
    let all = BENCHES.into_iter().map(|bench| (bench, wanted.is_empty()));
    for ((name, run), unasked) in all.chain(ON_REQUEST.map(|bench| (bench, false))) {
        if unasked || wanted.iter().any(|wanted| wanted == name) {
            println!("\n== {name}");
            run(&binary).with_context(|| format!("bench {name}"))?;
        }
    }
    Ok(())
}

/// Prints a figure with its target, and whether it is met.
fn verdict(what: &str, found: f64, unit: &str, met: bool, target: &str) {
    let word = if met { "met" } else { "MISSED" };
    println!("{what}: {found:.2}{unit} (target {target}: {word})");
}

/// The middle of some figures; of an even number the upper of the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
