//! Our engine as a process that reads wishes as lines, in the way of the other programs: `bench engine-lines`.
//! It is the library alone: no server, no sandbox, no cache.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use domain::Hints;
use variant::{Facts, Limits, Options, Originals, Recipe, WorkingCopy};

use super::peer::Wish;

/// A working copy with its bytes.
struct Kept {
    copy: WorkingCopy,
    bytes: Vec<u8>,
}

/// Reads wishes until its input ends.
pub(crate) fn serve() -> Result<()> {
    // An operator may raise the side from which a named AVIF is made as a WebP; the peers know no such limit.
    let limits = Limits { max_named_avif_side_pixels: 4_096, ..Limits::default() };
    let mut copies = HashMap::new();
    for line in std::io::stdin().lines() {
        let wish: Wish = serde_json::from_str(&line?)?;
        let original = std::fs::read(&wish.file).with_context(|| wish.file.display().to_string())?;
        if wish.has_copy && !copies.contains_key(&wish.file) {
            copies.insert(wish.file.clone(), copy_of(&original, &limits)?);
        }
        let kept = copies.get(&wish.file).filter(|_| wish.has_copy);
        let began = Instant::now();
        let bytes = answer(&original, kept, &wish, &limits)?;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        std::fs::write(&wish.out, bytes)?;
        writeln!(std::io::stdout(), "{}", serde_json::json!({ "ms": ms }))?;
    }
    Ok(())
}

/// The same picture in its own size as PNG, for whoever cannot read it.
pub(crate) fn as_png(encoded: &[u8]) -> Result<Vec<u8>> {
    let limits = Limits::default();
    let facts = variant::probe(encoded, &limits)?;
    render(encoded, &facts, &settled("f=png", &facts, &limits)?, &limits)
}

fn copy_of(original: &[u8], limits: &Limits) -> Result<Kept> {
    let facts = variant::probe(original, limits)?;
    let copy = WorkingCopy::of(&facts).context("it has no working copy")?;
    let bytes = render(original, &facts, &copy.recipe, limits)?;
    Ok(Kept { copy, bytes })
}

/// The rendition; of the working copy where there is one that serves it.
fn answer(original: &[u8], kept: Option<&Kept>, wish: &Wish, limits: &Limits) -> Result<Vec<u8>> {
    let Wish { width, height, format, quality, .. } = wish;
    let facts = variant::probe(original, limits)?;
    // A PNG with a quality would have a palette.
    let quality = if format == "png" { String::new() } else { format!(",q={quality}") };
    let haste = if wish.is_fast { ",compression=fast" } else { "" };
    let recipe = settled(&format!("w={width},h={height},f={format}{quality}{haste}"), &facts, limits)?;
    match kept.and_then(|kept| Some((kept, kept.copy.serve(&recipe)?))) {
        Some((kept, recipe)) => render(&kept.bytes, &kept.copy.facts, &recipe, limits),
        None => render(original, &facts, &recipe, limits),
    }
}

/// Options as they stand in a URL, settled for a visitor of whom nothing is known.
fn settled(options: &str, facts: &Facts, limits: &Limits) -> Result<Recipe> {
    Ok(variant::settle(&Options::parse(options)?, facts, None, &Hints::default(), limits)?)
}

fn render(bytes: &[u8], facts: &Facts, recipe: &Recipe, limits: &Limits) -> Result<Vec<u8>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    Ok(variant::render(&Originals::plain(bytes, facts), recipe, limits, deadline)?.bytes)
}
