//! The frames of a GIF, composed as browsers do.

use gif::{Decoder, DisposalMethod};

use super::blocks::Blocks;
use super::{damaged, lay_over, open};
use crate::Error;
use crate::animation::{Board, Disposal, Frame, Frames, played};
use crate::deadline::still_time;
use crate::decode::{Order, Picture, Samples};

/// A GIF being played.
pub(super) struct GifFrames<'a> {
    order: Order<'a>,
    decoder: Decoder<&'a [u8]>,
    plays: u32,
    /// Frames that may still come.
    left: u32,
    size: (usize, usize),
    board: Board,
}

impl<'a> GifFrames<'a> {
    /// Opens a GIF; no frame is decoded yet.
    pub(super) fn new(order: &Order<'a>) -> Result<GifFrames<'a>, Error> {
        let blocks = Blocks::read(order.bytes)?;
        order.expect(u32::from(blocks.width), u32::from(blocks.height))?;
        let (width, height) = (usize::from(blocks.width), usize::from(blocks.height));
        Ok(GifFrames {
            order: *order,
            decoder: open(order, width * height)?,
            plays: blocks.plays,
            left: blocks.frames.min(order.limits.max_frames),
            size: (width, height),
            board: Board::new(width, height),
        })
    }
}

impl Frames for GifFrames<'_> {
    fn picture(&self) -> Picture {
        Picture::new(self.size.0 as u32, self.size.1 as u32, Samples::Rgba)
    }

    fn plays(&self) -> u32 {
        self.plays
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        still_time(self.order.deadline)?;
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let Some(frame) = self.decoder.read_next_frame().map_err(damaged)? else { return Ok(None) };
        let [left, top, width, height] = [frame.left, frame.top, frame.width, frame.height].map(u32::from);
        let disposal = match frame.dispose {
            DisposalMethod::Background => Disposal::Clear,
            DisposalMethod::Previous => Disposal::Restore,
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
        };
        self.board.turn_to(self.board.area(left, top, width, height), disposal);
        lay_over(frame, &mut self.board.pixels, self.size.0, self.size.1);
        Ok(Some(Frame { pixels: &self.board.pixels, delay_ms: played(u32::from(frame.delay) * 10) }))
    }
}
