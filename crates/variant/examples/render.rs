//! Renders one file: `render IN OUT OPTIONS [ROUNDS]` prints milliseconds (the median), bytes and size.

use std::time::{Duration, Instant};

use domain::{Accepts, Hints};
use variant::{Limits, Options, Originals};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, from, to, options, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: render IN OUT OPTIONS [ROUNDS]");
        std::process::exit(2);
    };
    let rounds = rest.first().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    if let Err(error) = run(from, to, options, rounds) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run(from: &str, to: &str, options: &str, rounds: usize) -> Result<(), Box<dyn std::error::Error>> {
    let original = std::fs::read(from)?;
    let (limits, options) = (Limits::default(), Options::parse(options)?);
    let mut times = Vec::new();
    let mut made = None;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        let facts = variant::probe(&original, &limits)?;
        let hints = Hints::from(Accepts { webp: true, ..Accepts::default() });
        let recipe = variant::settle(&options, &facts, None, &hints, &limits)?;
        let deadline = start + Duration::from_secs(60);
        made = Some(variant::render(&Originals::plain(&original, &facts), &recipe, &limits, deadline)?);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    if let Some(rendition) = made {
        let (width, height) = (rendition.width, rendition.height);
        println!("{:.1} ms {} bytes {width}x{height}", times[times.len() / 2], rendition.bytes.len());
        std::fs::write(to, rendition.bytes)?;
    }
    Ok(())
}
