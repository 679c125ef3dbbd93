//! What only pixels can tell of a recipe's geometry, and how it is finished once they were looked at. Types and
//! arithmetic; who looks is `step`.

use serde::{Deserialize, Serialize};

use crate::step::background::Background;
use crate::step::fit::Fit;
use crate::step::gravity::Gravity;

/// What has to be looked for in the pixels before a recipe is whole. Until then its source, width, height and canvas
/// are an estimate for budgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// A uniform border that is cut before all else.
    pub trim: Option<BorderTrim>,
    /// What is to stay in view when something is cut.
    pub focus: Option<Focus>,
    /// What `trim` leaves of the picture without looking: x, y, width, height in pixels of the turned original.
    pub part: [f64; 4],
    /// What finishing needs of the options.
    pub wish: GeometryWish,
}

/// A uniform border that is to be cut (contract 8, `trim=border`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BorderTrim {
    /// The border's colour; that of the corner pixels where absent.
    pub color: Option<Background>,
    /// How far a channel may lie from it, 0 to 255.
    pub tolerance: u8,
    /// Pixels of the border that are kept on each side, in those of the original.
    pub keep: u32,
}

/// How the focus is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Focus {
    /// Where the eye goes first.
    Saliency,
    /// Where most happens.
    Entropy,
}

/// What a wish says of geometry, pixel ratio applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeometryWish {
    /// How the image meets its box.
    pub fit: Fit,
    /// Width of the box in pixels.
    pub width: Option<u32>,
    /// Height of the box in pixels.
    pub height: Option<u32>,
    /// What stays in view, where no focus is looked for.
    pub gravity: Gravity,
    /// The image's focal point where it counts, in pixels of the whole original, turned.
    pub focal: Option<(f64, f64)>,
    /// A JPEG is never progressive.
    pub is_baseline: bool,
    /// The longest side that a rendition may have, in pixels.
    pub max_side_pixels: u32,
    /// The largest area that a rendition may have, in pixels.
    pub max_pixels: u64,
}

/// What was found. Coordinates are pixels of the whole original, turned as the recipe says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// What is left of the picture once its border is cut: x, y, width, height; the whole where none is to be cut.
    pub trimmed: [f64; 4],
    /// The point that is to lie in the middle of what is used, as far as the edges allow: x, y.
    pub focus: (f64, f64),
}
