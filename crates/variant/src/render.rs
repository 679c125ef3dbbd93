//! The pipeline: decode and scale, turn, pad, lay on a background, encode.

use std::time::Instant;

use crate::beside::beside;
use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::decode::Order;
use crate::format::Format;
use crate::step::background::{self, Background};
use crate::step::orient;
use crate::step::resize::Scaler;
use crate::{Error, Facts, Limits, Recipe};

/// Originals from this area on are scaled on a thread beside the decoder: it takes a sixth off the wait.
const MIN_BESIDE_PIXELS: u64 = 2_000_000;

/// The bytes that a recipe makes from an original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The format of the bytes.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The encoded bytes.
    pub bytes: Vec<u8>,
}

/// Renders a recipe from the original that the facts were probed from. Bad bytes are an error, never a panic; past
/// the deadline it gives up.
pub fn render(
    bytes: &[u8],
    facts: &Facts,
    recipe: &Recipe,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendition, Error> {
    let canvas = scaled(bytes, facts, recipe, limits, deadline)?;
    let canvas = orient::turn(canvas, facts.orientation.0);
    let canvas = background::pad(canvas, recipe.canvas);
    let canvas = grounded(canvas, recipe);
    still_time(deadline)?;
    let exif = facts.format.exif(bytes, recipe.metadata);
    let (width, height) = (canvas.width, canvas.height);
    let bytes = recipe.encoding.encode(canvas, exif.as_deref(), deadline)?;
    Ok(Rendition { format: recipe.encoding.format(), width, height, bytes })
}

/// Decodes and scales, still turned as stored.
fn scaled(
    bytes: &[u8],
    facts: &Facts,
    recipe: &Recipe,
    limits: &Limits,
    deadline: Instant,
) -> Result<Canvas, Error> {
    let turned = facts.orientation.0;
    let size = orient::swapped(turned, (facts.width, facts.height));
    let source = orient::stored_box(turned, size, recipe.source);
    let target = orient::swapped(turned, (recipe.width, recipe.height));
    let shrink = (source[2] / f64::from(target.0)).min(source[3] / f64::from(target.1));
    let mut scaler = Scaler::new(source, target);
    let order = Order { bytes, size, limits, deadline, shrink, thorough: false };
    if u64::from(size.0) * u64::from(size.1) < MIN_BESIDE_PIXELS {
        facts.format.decode(&order, &mut scaler)?;
    } else {
        beside(&mut scaler, |sink| facts.format.decode(&order, sink))?;
    }
    scaler.finish()
}

/// The canvas on what lies under it. A JPEG shows white through whatever is still clear.
fn grounded(mut canvas: Canvas, recipe: &Recipe) -> Canvas {
    if let Some(background) = recipe.background {
        background::lay_under(&mut canvas, background);
    }
    if recipe.encoding.format() == Format::Jpeg {
        background::lay_under(&mut canvas, Background::WHITE);
    }
    canvas.without_full_alpha()
}

#[cfg(test)]
mod tests;
