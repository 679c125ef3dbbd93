//! The frames of an animated PNG, composed as its specification says.

use std::io::Cursor;

use png::{BlendOp, ColorType, Decoder, DisposeOp, FrameControl, Reader, Transformations};

use super::chunks::Chunks;
use super::{damaged, gamma, spare};
use crate::Error;
use crate::animation::{Area, Board, Disposal, Frame, Frames, played};
use crate::deadline::still_time;
use crate::decode::{Order, Picture, Samples};

/// An animated PNG being played.
pub(super) struct PngFrames<'a> {
    order: Order<'a>,
    reader: Reader<Cursor<&'a [u8]>>,
    picture: Picture,
    plays: u32,
    left: u32,
    /// The first frame is the one that a still image would show.
    is_first: bool,
    buffer: Vec<u8>,
    board: Board,
}

impl<'a> PngFrames<'a> {
    /// Opens a PNG; no frame is decoded yet.
    pub(super) fn new(order: &Order<'a>) -> Result<PngFrames<'a>, Error> {
        let chunks = Chunks::read(order.bytes, order.limits.max_png_chunks)?;
        order.expect(chunks.width, chunks.height)?;
        let limits = png::Limits { bytes: spare(&chunks) };
        let mut decoder = Decoder::new_with_limits(Cursor::new(order.bytes), limits);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let reader = decoder.read_info().map_err(damaged)?;
        let control = reader.info().animation_control.ok_or_else(|| broken("it has no frames"))?;
        let icc = chunks.icc(order.limits.max_icc_bytes);
        let gamma = if icc.is_none() { gamma(reader.info()) } else { None };
        let picture = Picture {
            width: chunks.width,
            height: chunks.height,
            scale: 1.0,
            samples: Samples::Rgba,
            deep: false,
            icc,
            gamma,
            cicp: None,
        };
        let (width, height) = (chunks.width as usize, chunks.height as usize);
        Ok(PngFrames {
            order: *order,
            reader,
            picture,
            plays: control.num_plays,
            left: control.num_frames.min(order.limits.max_frames),
            is_first: true,
            buffer: vec![0; width * height * 4],
            board: Board::new(width, height),
        })
    }

    /// Goes to the next frame and tells what it is.
    fn control(&mut self) -> Result<FrameControl, Error> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        if is_first && let Some(control) = self.reader.info().frame_control {
            return Ok(control);
        }
        self.reader.next_frame_info().copied().map_err(damaged)
    }
}

impl Frames for PngFrames<'_> {
    fn picture(&self) -> Picture {
        self.picture.clone()
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
        let has_shown = !self.is_first;
        let control = match self.control() {
            // It has fewer frames than it announced.
            Err(_) if has_shown => return Ok(None),
            control => control?,
        };
        let info = self.reader.next_frame(&mut self.buffer).map_err(damaged)?;
        let area = self.board.area(control.x_offset, control.y_offset, info.width, info.height);
        if (area.width, area.height) != (info.width as usize, info.height as usize) {
            return Err(broken("one of its frames lies outside"));
        }
        let disposal = match control.dispose_op {
            DisposeOp::None => Disposal::Keep,
            DisposeOp::Background => Disposal::Clear,
            DisposeOp::Previous => Disposal::Restore,
        };
        self.board.turn_to(area, disposal);
        let over = control.blend_op == BlendOp::Over;
        lay(&mut self.board, area, &self.buffer, info.color_type, over)?;
        Ok(Some(Frame { pixels: &self.board.pixels, delay_ms: played(delay_ms(&control)) }))
    }
}

fn delay_ms(control: &FrameControl) -> u32 {
    let parts = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
    u32::from(control.delay_num) * 1_000 / parts
}

/// Draws the pixels of a frame, or blends them over what is there.
fn lay(board: &mut Board, area: Area, pixels: &[u8], colour: ColorType, over: bool) -> Result<(), Error> {
    let count = colour.samples();
    let rgba = |p: &[u8]| match colour {
        ColorType::Grayscale => Some([p[0], p[0], p[0], 255]),
        ColorType::GrayscaleAlpha => Some([p[0], p[0], p[0], p[1]]),
        ColorType::Rgb => Some([p[0], p[1], p[2], 255]),
        ColorType::Rgba => Some([p[0], p[1], p[2], p[3]]),
        ColorType::Indexed => None,
    };
    for (row, from) in board.rows(area).zip(pixels.chunks_exact((area.width * count).max(1))) {
        for (to, from) in board.pixels[row].chunks_exact_mut(4).zip(from.chunks_exact(count)) {
            let pixel = rgba(from).ok_or_else(|| broken("its palette is missing"))?;
            let pixel = if over { blend(pixel, [to[0], to[1], to[2], to[3]]) } else { pixel };
            to.copy_from_slice(&pixel);
        }
    }
    Ok(())
}

/// `top` over `bottom`, straight alpha.
fn blend(top: [u8; 4], bottom: [u8; 4]) -> [u8; 4] {
    if top[3] == 255 || bottom[3] == 0 {
        return top;
    }
    let (above, below) = (u32::from(top[3]) * 255, u32::from(bottom[3]) * (255 - u32::from(top[3])));
    let all = above + below;
    if all == 0 {
        return bottom;
    }
    let mix = |c: usize| ((u32::from(top[c]) * above + u32::from(bottom[c]) * below + all / 2) / all) as u8;
    [mix(0), mix(1), mix(2), ((all + 127) / 255) as u8]
}

fn broken(sentence: &str) -> Error {
    Error::Damaged(sentence.to_owned())
}
