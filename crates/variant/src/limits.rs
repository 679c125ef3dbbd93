//! What an original may be at most.

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
