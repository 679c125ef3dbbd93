//! PNG, read row by row unless it is interlaced, and written in true colour. Of an animation the first frame.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Info, Reader, Transformations};

use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink, give_rows};
use crate::{Error, Limits};

mod chunks;

use chunks::Chunks;

/// What the decoder may need beyond the rows it gives, in bytes. A file cannot make it need more: text, EXIF and
/// ICC are not read by it.
const SPARE_BYTES: usize = 16 << 20;

/// Whether a file begins as a PNG.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(chunks::SIGNATURE)
}

/// The header; chunks and frames are counted.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let chunks = Chunks::read(bytes, limits.max_png_chunks)?;
    Ok(Header {
        width: chunks.width,
        height: chunks.height,
        frames: chunks.frames.max(1),
        alpha: chunks.alpha,
        exif: chunks.exif,
    })
}

/// Decodes the first frame.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let chunks = Chunks::read(order.bytes, order.limits.max_png_chunks)?;
    order.expect(chunks.width, chunks.height)?;
    let mut decoder =
        Decoder::new_with_limits(Cursor::new(order.bytes), png::Limits { bytes: spare(&chunks) });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let picture = picture(&reader, &chunks, order.limits)?;
    sink.begin(&picture)?;
    let stride = picture.width as usize * picture.samples.count() * if picture.deep { 2 } else { 1 };
    if reader.info().interlaced {
        whole(order, &mut reader, stride, sink)?;
    } else {
        rows(order, &mut reader, stride, sink)?;
    }
    if order.thorough { other_frames(order, &mut reader) } else { Ok(()) }
}

/// Encodes a canvas, fast.
pub(crate) fn encode(canvas: &Canvas) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, canvas.width, canvas.height);
    encoder.set_color(if canvas.channels == 4 { ColorType::Rgba } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&canvas.pixels)?;
        writer.finish()
    });
    written.map_err(|error| Error::Encode(error.to_string()))?;
    Ok(bytes)
}

/// Two rows of 16-bit RGBA beside what is spare.
fn spare(chunks: &Chunks<'_>) -> usize {
    SPARE_BYTES + chunks.width as usize * 16
}

fn picture(reader: &Reader<Cursor<&[u8]>>, chunks: &Chunks<'_>, limits: &Limits) -> Result<Picture, Error> {
    let (colour, depth) = reader.output_color_type();
    let samples = match colour {
        ColorType::Grayscale => Samples::Grey,
        ColorType::GrayscaleAlpha => Samples::GreyAlpha,
        ColorType::Rgb => Samples::Rgb,
        ColorType::Rgba => Samples::Rgba,
        ColorType::Indexed => return Err(Error::Damaged("its palette is missing".to_owned())),
    };
    let info = reader.info();
    let icc = chunks.icc(limits.max_icc_bytes);
    let gamma = if icc.is_none() { gamma(info) } else { None };
    let deep = depth == BitDepth::Sixteen;
    Ok(Picture { width: info.width, height: info.height, scale: 1.0, samples, deep, icc, gamma })
}

/// What gAMA says, unless sRGB says otherwise or it means the same. 1/2.2 stands for sRGB, as it does in browsers.
fn gamma(info: &Info<'_>) -> Option<f64> {
    let gamma = f64::from(info.gama_chunk?.into_value());
    let speaks = info.srgb.is_none() && (0.05..=5.0).contains(&gamma) && (gamma - 1.0 / 2.2).abs() > 0.005;
    speaks.then_some(gamma)
}

fn rows(
    order: &Order<'_>,
    reader: &mut Reader<Cursor<&[u8]>>,
    stride: usize,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let mut row = vec![0; stride];
    while reader.read_row(&mut row).map_err(damaged)?.is_some() {
        still_time(order.deadline)?;
        if sink.row(&row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// An interlaced picture is only whole at its end.
fn whole(
    order: &Order<'_>,
    reader: &mut Reader<Cursor<&[u8]>>,
    stride: usize,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let mut pixels = vec![0; stride * reader.info().height as usize];
    reader.next_frame(&mut pixels).map_err(damaged)?;
    give_rows(order, sink, &pixels, stride)
}

/// Reads to the end, so that damage in a later frame is found too.
fn other_frames(order: &Order<'_>, reader: &mut Reader<Cursor<&[u8]>>) -> Result<(), Error> {
    let frames = reader.info().animation_control.map_or(1, |control| control.num_frames);
    let mut row = vec![0; reader.output_line_size(reader.info().width).unwrap_or(0)];
    for _ in 1..frames.min(order.limits.max_frames) {
        if reader.next_frame_info().is_err() {
            break;
        }
        while reader.read_row(&mut row).map_err(damaged)?.is_some() {
            still_time(order.deadline)?;
        }
    }
    reader.finish().map_err(damaged)
}

fn damaged(error: png::DecodingError) -> Error {
    Error::Damaged(error.to_string())
}
