//! What probing an original tells.

use serde::{Deserialize, Serialize};

use crate::format::Format;

/// What the header of an original tells, before any pixel is decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The format, by its magic number.
    pub format: Format,
    /// Width in pixels as shown, orientation applied.
    pub width: u32,
    /// Height in pixels as shown, orientation applied.
    pub height: u32,
    /// How the stored pixels are turned to be shown.
    pub orientation: Orientation,
    /// Frames; 1 for a still image.
    pub frames: u32,
    /// Whether pixels may be transparent.
    pub alpha: bool,
    /// Bits of a sample: 8, or up to 16.
    #[serde(default = "eight")]
    pub bits: u8,
    /// Whether the whole of a JPEG must be read before its first row comes out.
    #[serde(default)]
    pub is_progressive: bool,
    /// Whether pixels are kept without loss.
    #[serde(default)]
    pub is_lossless: bool,
    /// Tiles that an AVIF or HEIC is put together from; 1 for all others.
    #[serde(default = "one")]
    pub tiles: u32,
}

impl Facts {
    /// An opaque still image of 8 bits that stands upright, to be completed with what is different.
    pub const fn new(format: Format, width: u32, height: u32) -> Facts {
        Facts {
            format,
            width,
            height,
            orientation: Orientation(1),
            frames: 1,
            alpha: false,
            bits: 8,
            is_progressive: false,
            is_lossless: false,
            tiles: 1,
        }
    }
}

/// What facts had that were noted before these were.
const fn eight() -> u8 {
    8
}

const fn one() -> u32 {
    1
}

/// EXIF orientation, 1 to 8; 1 is as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation(pub u8);
