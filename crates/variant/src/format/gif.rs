//! GIF: its first frame, its frames as they are shown one after the other, and frames into a file. Frames are counted
//! without decoding.

use std::num::NonZeroU64;
use std::time::Instant;

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use crate::Error;
use crate::animation::{FrameSink, Frames, Reel};
use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink, give_rows};

mod bare;
mod blocks;
mod frames;
mod palette;
mod write;

pub(crate) use bare::bare;
use blocks::Blocks;
use frames::GifFrames;
use write::Writer;

/// What the decoder may need beyond one frame, in bytes.
const SPARE_BYTES: u64 = 16 << 20;

/// Whether a file begins as a GIF.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")
}

/// The header; frames are counted.
pub(crate) fn header(bytes: &[u8]) -> Result<Header<'_>, Error> {
    let blocks = Blocks::read(bytes)?;
    if blocks.frames == 0 {
        return Err(Error::Damaged("it has no frame".to_owned()));
    }
    Ok(Header {
        frames: blocks.frames,
        alpha: blocks.alpha,
        is_lossless: true,
        ..Header::new(u32::from(blocks.width), u32::from(blocks.height))
    })
}

/// Decodes the first frame onto a transparent canvas.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let blocks = Blocks::read(order.bytes)?;
    order.expect(u32::from(blocks.width), u32::from(blocks.height))?;
    let (width, height) = (usize::from(blocks.width), usize::from(blocks.height));
    let mut decoder = open(order, width * height)?;
    let mut canvas = vec![0; width * height * 4];
    let Some(frame) = decoder.read_next_frame().map_err(damaged)? else {
        return Err(Error::Damaged("it has no frame".to_owned()));
    };
    lay_over(frame, &mut canvas, width, height);
    sink.begin(&Picture::new(width as u32, height as u32, Samples::Rgba))?;
    give_rows(order, sink, &canvas, width * 4)?;
    if order.thorough { other_frames(order, &blocks, &mut decoder) } else { Ok(()) }
}

/// Plays the animation.
pub(crate) fn frames<'a>(order: &Order<'a>) -> Result<Box<dyn Frames + 'a>, Error> {
    Ok(Box::new(GifFrames::new(order)?))
}

/// Encodes a still image.
pub(crate) fn encode(canvas: Canvas, deadline: Instant) -> Result<Vec<u8>, Error> {
    let reel = Reel { width: canvas.width, height: canvas.height, frames: 1, plays: 1 };
    let mut writer = Box::new(Writer::new(reel, deadline)?);
    writer.push(canvas, 0)?;
    writer.finish()
}

/// Begins a file of frames; one frame makes a still image.
pub(crate) fn animation(reel: Reel, deadline: Instant) -> Result<Box<dyn FrameSink>, Error> {
    Ok(Box::new(Writer::new(reel, deadline)?))
}

fn open<'a>(order: &Order<'a>, pixels: usize) -> Result<Decoder<&'a [u8]>, Error> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = SPARE_BYTES + pixels as u64 * 4;
    options.set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.read_info(order.bytes).map_err(damaged)
}

/// Draws a frame where it belongs: what hangs over the canvas is cut, and what is clear shows what was there.
fn lay_over(frame: &gif::Frame<'_>, canvas: &mut [u8], width: usize, height: usize) {
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let columns = usize::from(frame.width).min(width.saturating_sub(left));
    let stride = usize::from(frame.width).max(1) * 4;
    let rows = frame.buffer.chunks_exact(stride).take(height.saturating_sub(top));
    for (row, to) in rows.zip(canvas.chunks_exact_mut(width * 4).skip(top)) {
        let to = to.get_mut(left * 4..).unwrap_or_default();
        for (pixel, to) in row.chunks_exact(4).zip(to.chunks_exact_mut(4)).take(columns) {
            if pixel[3] != 0 {
                to.copy_from_slice(pixel);
            }
        }
    }
}

/// Decodes the other frames, so that damage in one of them is found too.
fn other_frames(order: &Order<'_>, blocks: &Blocks, decoder: &mut Decoder<&[u8]>) -> Result<(), Error> {
    if blocks.cut_off {
        return Err(Error::Damaged("it ends early".to_owned()));
    }
    for _ in 1..blocks.frames.min(order.limits.max_frames) {
        still_time(order.deadline)?;
        decoder.read_next_frame().map_err(damaged)?;
    }
    Ok(())
}

fn damaged(error: gif::DecodingError) -> Error {
    Error::Damaged(error.to_string())
}
