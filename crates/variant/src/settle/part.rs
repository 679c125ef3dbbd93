//! The part of an original that is left by `trim`, and where points of it lie once it is turned.

use crate::step::number::Length;
use crate::step::orient;
use crate::step::trim::Trim;
use crate::{Error, Facts, Options, Orientation};

/// The tolerance of a border's colour where none is wished for.
const TOLERANCE: u8 = 10;

/// Whether a border is to be looked for.
pub(crate) fn trims_border(options: &Options) -> bool {
    options.trim == Some(Trim::Border)
        || options.trim_border_color.is_some()
        || options.trim_border_tolerance.is_some()
        || options.trim_border_keep.is_some()
}

/// How the border is looked for.
pub(crate) fn border_trim(options: &Options) -> Option<crate::BorderTrim> {
    trims_border(options).then(|| crate::BorderTrim {
        color: options.trim_border_color,
        tolerance: options.trim_border_tolerance.unwrap_or(TOLERANCE),
        keep: options.trim_border_keep.unwrap_or(0),
    })
}

/// What is left of the original, as shown: x, y, width, height.
pub(crate) fn left(options: &Options, facts: &Facts) -> Result<[f64; 4], Error> {
    let dpr = options.dpr.map_or(1.0, f64::from);
    let (width, height) = (f64::from(facts.width), f64::from(facts.height));
    let on = |length: Option<Length>, side: f64| length.map(|length| length.on(side, dpr));
    let part = match options.trim {
        Some(Trim::Sides([top, right, bottom, left])) => {
            let (x, y) = (left.on(width, dpr), top.on(height, dpr));
            [x, y, width - x - right.on(width, dpr), height - y - bottom.on(height, dpr)]
        }
        _ => {
            let x = on(options.trim_left, width).unwrap_or(0.0);
            let y = on(options.trim_top, height).unwrap_or(0.0);
            let across = on(options.trim_width, width).unwrap_or(width).min(width - x);
            let down = on(options.trim_height, height).unwrap_or(height).min(height - y);
            [x, y, across, down]
        }
    };
    if part[2] < 1.0 || part[3] < 1.0 {
        return Err(Error::Options(format!(
            "trim must leave at least a pixel of the picture, which is {}x{}",
            facts.width, facts.height
        )));
    }
    Ok(part)
}

/// A box on the shown original as one on the turned.
pub(crate) fn turned(turn: Orientation, facts: &Facts, part: [f64; 4]) -> [f64; 4] {
    let size = orient::swapped(turn.0, (facts.width, facts.height));
    orient::stored_box(orient::inverse(turn.0), size, part)
}

/// A point of the original, in shares of what is shown, in pixels of the turned.
pub(crate) fn turned_point(turn: Orientation, facts: &Facts, (x, y): (f32, f32)) -> (f64, f64) {
    let point = [f64::from(x) * f64::from(facts.width), f64::from(y) * f64::from(facts.height), 0.0, 0.0];
    let [x, y, ..] = turned(turn, facts, point);
    (x, y)
}
