//! Writes GIF: of each frame only the box that changed, and in it only the pixels that did; a palette is kept as long
//! as it suits. A pixel is clear or it is not: half of full opacity decides.

use std::time::Instant;

use gif::{DisposalMethod, Encoder, Repeat};

use super::palette::{Palette, Rgb};
use crate::Error;
use crate::animation::{FrameSink, Reel, played};
use crate::canvas::Canvas;
use crate::deadline::still_time;

/// Opacity from which a pixel is drawn.
const OPAQUE_FROM: u8 = 128;

/// A channel may differ so much from what is shown before the pixel is drawn anew; it is held against what was drawn,
/// so that nothing drifts.
const MAX_STALE: u8 = 3;

/// The shortest delay that browsers obey, in hundredths of a second.
const MIN_DELAY: u32 = 2;

/// A GIF being written.
pub(super) struct Writer {
    reel: Reel,
    deadline: Instant,
    encoder: Option<Encoder<Vec<u8>>>,
    palette: Option<Kept>,
    /// What is shown before the pending frame: the colours that were meant, none where it is clear.
    shown: Vec<Option<Rgb>>,
    /// The last frame that came. How it is disposed of, the next one tells.
    pending: Option<Pending>,
    clock: Clock,
}

/// A palette, and whether it is that of the whole file.
struct Kept {
    palette: Palette,
    is_global: bool,
}

struct Pending {
    pixels: Vec<Option<Rgb>>,
    area: Area,
    delay_ms: u32,
}

/// A box: first and one past last, across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// Turns milliseconds into hundredths of a second without losing time on the way.
#[derive(Default)]
struct Clock {
    wanted_ms: u64,
    written: u64,
}

impl Writer {
    pub(super) fn new(reel: Reel, deadline: Instant) -> Result<Writer, Error> {
        if reel.width.max(reel.height) > u32::from(u16::MAX) {
            return Err(Error::Encode("a GIF has at most 65535 pixels a side".to_owned()));
        }
        let shown = vec![None; reel.width as usize * reel.height as usize];
        Ok(Writer {
            reel,
            deadline,
            encoder: None,
            palette: None,
            shown,
            pending: None,
            clock: Clock::default(),
        })
    }

    /// Writes the pending frame. Where the next one is clear and this one is not, its box is cleared after it.
    fn settle(&mut self, next: Option<&[Option<Rgb>]>) -> Result<(), Error> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let width = self.reel.width as usize;
        let cleared = next.and_then(|next| {
            Area::where_(width, next.len(), |at| next[at].is_none() && pending.pixels[at].is_some())
        });
        if let Some(cleared) = cleared {
            pending.area = pending.area.with(cleared);
        }
        self.write(&pending, cleared.is_some())?;
        for at in pending.area.points(width) {
            if cleared.is_some() {
                self.shown[at] = None;
            } else if is_stale(self.shown[at], pending.pixels[at]) {
                self.shown[at] = pending.pixels[at];
            }
        }
        Ok(())
    }

    fn write(&mut self, pending: &Pending, is_cleared: bool) -> Result<(), Error> {
        let width = self.reel.width as usize;
        let drawn: Vec<Option<Rgb>> = pending
            .area
            .points(width)
            .map(|at| pending.pixels[at].filter(|_| is_stale(self.shown[at], pending.pixels[at])))
            .collect();
        let colours: Vec<Rgb> = drawn.iter().copied().flatten().collect();
        self.choose_palette(&colours)?;
        let failed = |error: gif::EncodingError| Error::Encode(error.to_string());
        let (Some(kept), Some(encoder)) = (&mut self.palette, &mut self.encoder) else { return Ok(()) };
        let clear = kept.palette.colours.len() as u8;
        let indices = kept.palette.indices(&drawn, pending.area.right - pending.area.left);
        let transparent = indices.contains(&None).then_some(clear);
        let frame = gif::Frame {
            delay: self.clock.hundredths(pending.delay_ms),
            dispose: if is_cleared { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent,
            left: pending.area.left as u16,
            top: pending.area.top as u16,
            width: (pending.area.right - pending.area.left) as u16,
            height: (pending.area.bottom - pending.area.top) as u16,
            palette: (!kept.is_global).then(|| kept.palette.bytes()),
            buffer: indices.into_iter().map(|index| index.unwrap_or(clear)).collect::<Vec<u8>>().into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).map_err(failed)
    }

    /// Keeps the palette, or finds one for these colours; the first is that of the file.
    fn choose_palette(&mut self, colours: &[Rgb]) -> Result<(), Error> {
        let failed = |error: gif::EncodingError| Error::Encode(error.to_string());
        if let Some(kept) = &mut self.palette {
            if colours.is_empty() || kept.palette.suits(colours) {
                return Ok(());
            }
            *kept = Kept { palette: Palette::of(colours)?, is_global: false };
            return Ok(());
        }
        let palette = Palette::of(colours)?;
        let (width, height) = (self.reel.width as u16, self.reel.height as u16);
        let mut encoder = Encoder::new(Vec::new(), width, height, &palette.bytes()).map_err(failed)?;
        let repeat = match self.reel.plays {
            0 => Repeat::Infinite,
            plays => Repeat::Finite(u16::try_from(plays - 1).unwrap_or(u16::MAX)),
        };
        encoder.set_repeat(repeat).map_err(failed)?;
        self.encoder = Some(encoder);
        self.palette = Some(Kept { palette, is_global: true });
        Ok(())
    }
}

impl FrameSink for Writer {
    fn push(&mut self, canvas: Canvas, delay_ms: u32) -> Result<(), Error> {
        still_time(self.deadline)?;
        let pixels = opaque(&canvas);
        if pixels.len() != self.shown.len() {
            return Err(Error::Encode("a frame has another size than the animation".to_owned()));
        }
        self.settle(Some(&pixels))?;
        let width = self.reel.width as usize;
        let changed = Area::where_(width, pixels.len(), |at| is_stale(self.shown[at], pixels[at]));
        // Where nothing changed, a frame of one clear pixel keeps the time.
        let area = changed.unwrap_or(Area { left: 0, top: 0, right: 1, bottom: 1 });
        self.pending = Some(Pending { pixels, area, delay_ms });
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, Error> {
        self.settle(None)?;
        let encoder = self.encoder.ok_or_else(|| Error::Encode("there was no frame".to_owned()))?;
        encoder.into_inner().map_err(|error| Error::Encode(error.to_string()))
    }
}

impl Palette {
    /// The colours as the file has them, with one more for what is clear.
    fn bytes(&self) -> Vec<u8> {
        self.colours.iter().copied().chain([[0; 3]]).flatten().collect()
    }
}

impl Area {
    /// The box around all points of which something is true.
    fn where_(width: usize, count: usize, holds: impl Fn(usize) -> bool) -> Option<Area> {
        let mut area: Option<Area> = None;
        for y in 0..count / width {
            let row = y * width;
            let Some(first) = (0..width).find(|x| holds(row + x)) else { continue };
            let last = (first..width).rev().find(|x| holds(row + x)).unwrap_or(first);
            let line = Area { left: first, top: y, right: last + 1, bottom: y + 1 };
            area = Some(area.map_or(line, |area| area.with(line)));
        }
        area
    }

    fn with(self, other: Area) -> Area {
        Area {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn points(self, width: usize) -> impl Iterator<Item = usize> {
        (self.top..self.bottom).flat_map(move |y| (self.left..self.right).map(move |x| y * width + x))
    }
}

impl Clock {
    fn hundredths(&mut self, delay_ms: u32) -> u16 {
        self.wanted_ms += u64::from(played(delay_ms));
        let due = (self.wanted_ms + 5) / 10;
        let delay = due.saturating_sub(self.written).clamp(u64::from(MIN_DELAY), u64::from(u16::MAX));
        self.written += delay;
        delay as u16
    }
}

/// Whether a pixel has to be drawn, and is not merely to be left as it is.
fn is_stale(shown: Option<Rgb>, wanted: Option<Rgb>) -> bool {
    match (shown, wanted) {
        (Some(shown), Some(wanted)) => (0..3).any(|c| shown[c].abs_diff(wanted[c]) > MAX_STALE),
        (None, Some(_)) => true,
        // Nothing can be drawn clear; the frame before was disposed of.
        (_, None) => false,
    }
}

/// The pixels that are drawn.
fn opaque(canvas: &Canvas) -> Vec<Option<Rgb>> {
    let pixels = canvas.pixels.chunks_exact(canvas.channels);
    pixels.map(|p| (canvas.channels < 4 || p[3] >= OPAQUE_FROM).then(|| [p[0], p[1], p[2]])).collect()
}
