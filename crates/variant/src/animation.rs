//! What animations are made of: composed frames, one at a time, and what takes them. No format is known here.

use crate::Error;
use crate::canvas::Canvas;
use crate::decode::Picture;

/// A delay up to this is played as [`PLAYED_MS`] by every browser, so it is written so (contract R-65).
const MAX_HASTE_MS: u32 = 10;
const PLAYED_MS: u32 = 100;

/// A whole frame as it is shown, over nothing: all earlier ones have had their say.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// RGBA with straight alpha, rows without gaps, as large as the picture.
    pub(crate) pixels: &'a [u8],
    /// How long it is shown, in milliseconds.
    pub(crate) delay_ms: u32,
}

/// An animation that is being decoded. It holds what it needs to compose the next frame, and no more.
pub(crate) trait Frames {
    /// What every frame is: its size, its colours.
    fn picture(&self) -> Picture;

    /// How often it is played; 0 is for ever.
    fn plays(&self) -> u32;

    /// The next frame; nothing after the last.
    fn next(&mut self) -> Result<Option<Frame<'_>>, Error>;
}

/// What an animation is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reel {
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// Frames that will come, as far as is known; an encoder may try less hard where they are many.
    pub(crate) frames: u32,
    /// How often it is played; 0 is for ever.
    pub(crate) plays: u32,
}

impl Reel {
    /// All pixels of all frames.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.frames)
    }
}

/// An animation that is being encoded.
pub(crate) trait FrameSink {
    /// Takes the next frame and how long it is shown, in milliseconds.
    fn push(&mut self, canvas: Canvas, delay_ms: u32) -> Result<(), Error>;

    /// The file.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, Error>;
}

/// A delay as it is played, in milliseconds.
pub(crate) fn played(delay_ms: u32) -> u32 {
    if delay_ms <= MAX_HASTE_MS { PLAYED_MS } else { delay_ms }
}

/// A canvas on which frames are laid one over the other, and what happens to the last one before the next comes.
#[derive(Debug)]
pub(crate) struct Board {
    width: usize,
    height: usize,
    /// RGBA, clear at first.
    pub(crate) pixels: Vec<u8>,
    /// The box of the last frame, and the pixels that come back in it, or none where it is cleared.
    disposal: Option<(Area, Option<Vec<u8>>)>,
}

/// What happens to a frame before the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// It stays.
    Keep,
    /// Its box becomes clear.
    Clear,
    /// What was there before it comes back.
    Restore,
}

/// A box on a board, within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Board {
    pub(crate) fn new(width: usize, height: usize) -> Board {
        Board { width, height, pixels: vec![0; width * height * 4], disposal: None }
    }

    /// The part of a box that lies on the board.
    pub(crate) fn area(&self, left: u32, top: u32, width: u32, height: u32) -> Area {
        let (left, top) = ((left as usize).min(self.width), (top as usize).min(self.height));
        let (width, height) =
            ((width as usize).min(self.width - left), (height as usize).min(self.height - top));
        Area { left, top, width, height }
    }

    /// Disposes of the last frame and notes what is to happen after the one that comes now.
    pub(crate) fn turn_to(&mut self, area: Area, disposal: Disposal) {
        self.dispose();
        self.disposal = match disposal {
            Disposal::Keep => None,
            Disposal::Clear => Some((area, None)),
            Disposal::Restore => {
                let before = self.rows(area).flat_map(|row| &self.pixels[row]).copied().collect();
                Some((area, Some(before)))
            }
        };
    }

    /// The bytes of each row of a box.
    pub(crate) fn rows(&self, area: Area) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let width = self.width;
        (area.top..area.top + area.height).map(move |y| {
            let start = (y * width + area.left) * 4;
            start..start + area.width * 4
        })
    }

    fn dispose(&mut self) {
        let Some((area, before)) = self.disposal.take() else { return };
        for (y, row) in self.rows(area).enumerate() {
            match &before {
                Some(before) => {
                    self.pixels[row].copy_from_slice(&before[y * area.width * 4..][..area.width * 4]);
                }
                None => self.pixels[row].fill(0),
            }
        }
    }
}
