//! A recipe: options settled for one request, nothing left open.

use crate::options::{Background, MetadataPolicy};
use crate::Format;

/// Options settled against facts and a visitor's `Accept`: equal recipes make equal bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The part of the shown original that is used, in its pixels: x, y, width, height, exact and fractional.
    pub source: [f64; 4],
    /// The pixels that the source box is scaled to.
    pub width: u32,
    /// As `width`.
    pub height: u32,
    /// The whole rendition: larger than `width` × `height` only for pad.
    pub canvas: (u32, u32),
    /// The encoder and its settings.
    pub encoding: Encoding,
    /// What lies under transparent areas and pads; none keeps transparency where the format can.
    pub background: Option<Background>,
    /// What a JPEG keeps.
    pub metadata: MetadataPolicy,
    /// Whether `Accept` had a say: the answer then carries `Vary: Accept`.
    pub negotiated: bool,
    /// Sentences for the `warning` header; no part of the digest.
    pub warnings: Vec<String>,
}

/// An encoder with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JPEG at a libjpeg quality 1 to 100.
    Jpeg { /// 1 to 100.
        quality: u8, /// Progressive or baseline.
        progressive: bool },
    /// PNG, true colour.
    Png,
    /// WebP at a libwebp quality 1 to 100.
    Webp { /// 1 to 100.
        quality: u8 },
    /// WebP without loss.
    WebpLossless,
}

impl Encoding {
    /// The format that comes out.
    pub const fn format(self) -> Format {
        match self {
            Encoding::Jpeg { .. } => Format::Jpeg,
            Encoding::Png => Format::Png,
            Encoding::Webp { .. } | Encoding::WebpLossless => Format::Webp,
        }
    }
}

impl Recipe {
    /// The digest of the recipe and of the engine's version: names the rendition in storage and memory.
    pub fn digest(&self) -> [u8; 16] {
        todo!()
    }
}
