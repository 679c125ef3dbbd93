//! What a rendition is made from: the original, and the originals of its overlays.

use crate::Facts;

/// The files that a recipe is made of.
#[derive(Debug, Clone)]
pub struct Originals<'a> {
    /// The original.
    pub bytes: &'a [u8],
    /// What probing it told.
    pub facts: &'a Facts,
    /// The originals of those overlays that are images, in the recipe's order.
    pub overlays: Vec<(&'a [u8], Facts)>,
}

impl<'a> Originals<'a> {
    /// An original that nothing is laid over.
    pub fn plain(bytes: &'a [u8], facts: &'a Facts) -> Originals<'a> {
        Originals { bytes, facts, overlays: Vec::new() }
    }
}
