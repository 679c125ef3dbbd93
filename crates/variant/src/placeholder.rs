//! The one small full decode at upload: it finds damage, and leaves a glimpse of the picture.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::canvas::Canvas;
use crate::decode::Order;
use crate::format::Format;
use crate::step::orient;
use crate::step::resize::Scaler;
use crate::{Error, Facts, Limits};

mod dominant;
mod phash;

/// The longest side that a glimpse is made from, in pixels.
const MAX_SIDE_PIXELS: u32 = 100;

/// What is known of a picture without its original: enough to show where it will be, and to find what looks like it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Glimpse {
    /// Its ThumbHash, about 25 bytes.
    pub thumbhash: Vec<u8>,
    /// The colour that most of it has: red, green, blue. White where nothing of it can be seen.
    pub dominant: [u8; 3],
    /// Its perceptual hash: of two that look alike few bits differ.
    pub phash: u64,
}

/// Decodes the whole original at the smallest scale and returns what can be told from that: nothing of an SVG.
/// A file that is damaged or ends early is refused.
pub fn placeholder(
    bytes: &[u8],
    facts: &Facts,
    limits: &Limits,
    deadline: Instant,
) -> Result<Glimpse, Error> {
    if facts.format == Format::Svg {
        // It has no pixels; it is held against all that is demanded of one.
        return facts.format.as_it_is(bytes, limits, deadline).map(|_| Glimpse::default());
    }
    let size = orient::swapped(facts.orientation.0, (facts.width, facts.height));
    let source = [0.0, 0.0, f64::from(size.0), f64::from(size.1)];
    let shrink = (f64::from(size.0.max(size.1)) / f64::from(MAX_SIDE_PIXELS)).max(1.0);
    let small = |side: u32| ((f64::from(side) / shrink).round() as u32).clamp(1, MAX_SIDE_PIXELS);
    let mut scaler = Scaler::new(source, (small(size.0), small(size.1))).reading_on();
    facts.format.decode(&Order { bytes, size, limits, deadline, shrink, thorough: true }, &mut scaler)?;
    Ok(glimpse(&orient::turn(scaler.finish()?, facts.orientation.0).with_alpha()))
}

/// What a small picture with alpha tells.
fn glimpse(canvas: &Canvas) -> Glimpse {
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    Glimpse {
        thumbhash: thumbhash::rgba_to_thumb_hash(width, height, &canvas.pixels),
        dominant: dominant::colour(&canvas.pixels),
        phash: phash::hash(width, &canvas.pixels),
    }
}

#[cfg(test)]
mod tests;
