//! The one small full decode at upload: it finds damage, and leaves a ThumbHash.

use std::time::Instant;

use crate::decode::Order;
use crate::step::orient;
use crate::step::resize::Scaler;
use crate::{Error, Facts, Limits};

/// The longest side that a ThumbHash is made from, in pixels.
const MAX_SIDE_PIXELS: u32 = 100;

/// Decodes the whole original at the smallest scale and returns its ThumbHash (about 25 bytes).
/// A file that is damaged or ends early is refused.
pub fn placeholder(
    bytes: &[u8],
    facts: &Facts,
    limits: &Limits,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let size = orient::swapped(facts.orientation.0, (facts.width, facts.height));
    let source = [0.0, 0.0, f64::from(size.0), f64::from(size.1)];
    let shrink = (f64::from(size.0.max(size.1)) / f64::from(MAX_SIDE_PIXELS)).max(1.0);
    let small = |side: u32| ((f64::from(side) / shrink).round() as u32).clamp(1, MAX_SIDE_PIXELS);
    let mut scaler = Scaler::new(source, (small(size.0), small(size.1))).reading_on();
    facts.format.decode(&Order { bytes, size, limits, deadline, shrink, thorough: true }, &mut scaler)?;
    let canvas = orient::turn(scaler.finish()?, facts.orientation.0).with_alpha();
    Ok(thumbhash::rgba_to_thumb_hash(canvas.width as usize, canvas.height as usize, &canvas.pixels))
}

#[cfg(test)]
mod tests;
