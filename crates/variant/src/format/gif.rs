//! GIF, read only: its first frame. Frames are counted without decoding.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use crate::Error;
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink, give_rows};

mod blocks;

use blocks::Blocks;

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
        width: u32::from(blocks.width),
        height: u32::from(blocks.height),
        frames: blocks.frames,
        alpha: blocks.alpha,
        exif: None,
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
    lay(frame, &mut canvas, width, height);
    sink.begin(&Picture {
        width: width as u32,
        height: height as u32,
        scale: 1.0,
        samples: Samples::Rgba,
        deep: false,
        icc: None,
        gamma: None,
    })?;
    give_rows(order, sink, &canvas, width * 4)?;
    if order.thorough { other_frames(order, &blocks, &mut decoder) } else { Ok(()) }
}

fn open<'a>(order: &Order<'a>, pixels: usize) -> Result<Decoder<&'a [u8]>, Error> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = SPARE_BYTES + pixels as u64 * 4;
    options.set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.read_info(order.bytes).map_err(damaged)
}

/// Puts a frame where it belongs; what hangs over the canvas is cut.
fn lay(frame: &gif::Frame<'_>, canvas: &mut [u8], width: usize, height: usize) {
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let columns = usize::from(frame.width).min(width.saturating_sub(left));
    let stride = usize::from(frame.width).max(1) * 4;
    let rows = frame.buffer.chunks_exact(stride).take(height.saturating_sub(top));
    for (row, to) in rows.zip(canvas.chunks_exact_mut(width * 4).skip(top)) {
        if columns > 0 {
            to[left * 4..][..columns * 4].copy_from_slice(&row[..columns * 4]);
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
