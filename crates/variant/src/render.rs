//! The pipeline: decode, turn, scale, lay on a background, encode.

use std::time::Instant;

use crate::{Error, Facts, Format, Limits, Recipe};

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

/// Renders a recipe. Bad bytes are an error, never a panic; past the deadline it gives up.
pub fn render(
    _bytes: &[u8],
    _facts: &Facts,
    _recipe: &Recipe,
    _limits: &Limits,
    _deadline: Instant,
) -> Result<Rendition, Error> {
    todo!()
}
