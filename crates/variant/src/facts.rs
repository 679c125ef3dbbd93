//! What probing an original tells, and the limits that it is held against.

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

/// What an original may be at most (security-and-reliability 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest side, in pixels.
    pub max_side_pixels: u32,
    /// Area, in pixels.
    pub max_pixels: u64,
    /// Area times frames, in pixels.
    pub max_animation_pixels: u64,
    /// Frames of an animation.
    pub max_frames: u32,
    /// Scans of a progressive JPEG.
    pub max_jpeg_scans: u32,
    /// Chunks of a PNG.
    pub max_png_chunks: u32,
    /// Bytes of an ICC profile, inflated; a larger one is dropped.
    pub max_icc_bytes: usize,
    /// Longest side of a lossy WebP rendition, in pixels; a larger wish gets another format.
    pub max_webp_side_pixels: u32,
    /// Longest side of a lossless WebP rendition, in pixels.
    pub max_lossless_webp_side_pixels: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_side_pixels: 12_000,
            max_pixels: 100_000_000,
            max_animation_pixels: 100_000_000,
            max_frames: 1_000,
            max_jpeg_scans: 100,
            max_png_chunks: 10_000,
            max_icc_bytes: 4_194_304,
            max_webp_side_pixels: 2_560,
            max_lossless_webp_side_pixels: 1_920,
        }
    }
}
