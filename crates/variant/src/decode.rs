//! What decoders take and give: an order in, a picture's description and then its rows out.
//! Nothing here decodes.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::{Error, Limits};

/// What the header of a file tells, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    /// Width in pixels, not turned.
    pub(crate) width: u32,
    /// Height in pixels, not turned.
    pub(crate) height: u32,
    /// Frames; 1 for a still image.
    pub(crate) frames: u32,
    /// Whether pixels may be transparent.
    pub(crate) alpha: bool,
    /// The EXIF, a TIFF structure.
    pub(crate) exif: Option<&'a [u8]>,
    /// How the stored pixels are turned, where the format itself says so and EXIF has no say.
    pub(crate) orientation: Option<u8>,
    /// Bits of a sample.
    pub(crate) bits: u8,
    /// Whether the whole of it must be read before the first row comes out.
    pub(crate) is_progressive: bool,
    /// Whether pixels are kept without loss.
    pub(crate) is_lossless: bool,
    /// Tiles that it is put together from.
    pub(crate) tiles: u32,
}

impl Header<'_> {
    /// An opaque still image of 8 bits with loss, to be completed with what is different.
    pub(crate) const fn new(width: u32, height: u32) -> Header<'static> {
        Header {
            width,
            height,
            frames: 1,
            alpha: false,
            exif: None,
            orientation: None,
            bits: 8,
            is_progressive: false,
            is_lossless: false,
            tiles: 1,
        }
    }
}

/// An order to decode the first frame of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// The whole file.
    pub(crate) bytes: &'a [u8],
    /// The size that its header had when it was probed; another is refused before anything is allocated.
    pub(crate) size: (u32, u32),
    /// What it may be at most.
    pub(crate) limits: &'a Limits,
    /// When to give up.
    pub(crate) deadline: Instant,
    /// How many pixels become one, at least; a decoder may come closer by itself.
    pub(crate) shrink: f64,
    /// Look for damage: decode everything, all frames too, at the smallest scale, and refuse what ends early.
    pub(crate) thorough: bool,
}

impl Order<'_> {
    /// Holds the size in the bytes against the one that was probed.
    pub(crate) fn expect(&self, width: u32, height: u32) -> Result<(), Error> {
        if (width, height) == self.size {
            Ok(())
        } else {
            Err(Error::Damaged("its size is not the one it had".to_owned()))
        }
    }
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    /// Grey.
    Grey,
    /// Grey and alpha.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
    /// Cyan, magenta, yellow, black; 255 is full ink.
    Cmyk,
}

impl Samples {
    /// Samples in a pixel.
    pub(crate) const fn count(self) -> usize {
        match self {
            Samples::Grey => 1,
            Samples::GreyAlpha => 2,
            Samples::Rgb => 3,
            Samples::Rgba | Samples::Cmyk => 4,
        }
    }

    /// Whether one of them is alpha.
    pub(crate) const fn alpha(self) -> bool {
        matches!(self, Samples::GreyAlpha | Samples::Rgba)
    }
}

/// What a decoder is about to give.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// Pixels in a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// Size of the pixels that are given against those that are stored: 1, or less after scaling in the decoder.
    pub(crate) scale: f64,
    /// What a pixel is made of.
    pub(crate) samples: Samples,
    /// Whether samples have 16 bits, big end first, rather than 8.
    pub(crate) deep: bool,
    /// The ICC profile, no longer than the limit.
    pub(crate) icc: Option<Vec<u8>>,
    /// The exponent of PNG's gAMA, where it speaks and differs from sRGB's.
    pub(crate) gamma: Option<f64>,
    /// Primaries and transfer by their code points of H.273, where a format names them instead of a profile.
    pub(crate) cicp: Option<[u8; 2]>,
}

impl Picture {
    /// A picture of 8-bit sRGB, unscaled, to be completed with what is different.
    pub(crate) const fn new(width: u32, height: u32, samples: Samples) -> Picture {
        Picture { width, height, scale: 1.0, samples, deep: false, icc: None, gamma: None, cicp: None }
    }
}

/// Takes what a decoder gives.
pub(crate) trait Sink {
    /// Comes once, before the rows.
    fn begin(&mut self, picture: &Picture) -> Result<(), Error>;

    /// Takes the next row, from the top. `Break` says that no more is needed.
    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error>;
}

/// Gives the rows of a picture that is in memory as a whole.
pub(crate) fn give_rows(
    order: &Order<'_>,
    sink: &mut dyn Sink,
    pixels: &[u8],
    stride: usize,
) -> Result<(), Error> {
    for row in pixels.chunks_exact(stride) {
        crate::deadline::still_time(order.deadline)?;
        if sink.row(row)?.is_break() {
            break;
        }
    }
    Ok(())
}
