//! `border`: a frame around the rendition, which grows by it. Its parts have words of their own, `border.color`.

use serde::{Deserialize, Serialize};

use super::background::Background;
use super::number::whole_in;
use crate::canvas::Canvas;

/// The widest border, in pixels.
const MAX_PIXELS: u32 = 1_000;

/// A frame around the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Border {
    /// Its colour.
    pub color: Background,
    /// Pixels above.
    pub top: u32,
    /// Pixels on the right.
    pub right: u32,
    /// Pixels below.
    pub bottom: u32,
    /// Pixels on the left.
    pub left: u32,
}

/// Reads a width. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<u32, String> {
    whole_in(value, 0, MAX_PIXELS)
}

/// Prints a width.
pub(crate) fn print(width: &u32) -> String {
    width.to_string()
}

/// Frames a canvas, which grows by it.
pub(crate) fn apply(canvas: Canvas, border: &Border) -> Canvas {
    let size = (canvas.width + border.left + border.right, canvas.height + border.top + border.bottom);
    canvas.within(size, (border.left, border.top), border.color.rgba)
}
