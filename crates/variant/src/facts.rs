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
}

/// EXIF orientation, 1 to 8; 1 is as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation(pub u8);
