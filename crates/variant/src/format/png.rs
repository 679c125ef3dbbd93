//! PNG, read row by row unless it is interlaced, and written as small as it comes without loss. Of an animation the first
//! frame.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Info, Reader, Transformations};

use crate::animation::Frames;
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink, give_rows};
use crate::{Error, Limits};

mod bare;
mod chunks;
mod frames;
mod written;

pub(crate) use bare::bare;
use chunks::Chunks;
use frames::PngFrames;
pub(crate) use written::{encode, encode_palette};

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
        frames: chunks.frames.max(1),
        alpha: chunks.alpha,
        exif: chunks.exif,
        bits: chunks.bits.max(8),
        is_lossless: true,
        ..Header::new(chunks.width, chunks.height)
    })
}

/// The EXIF, a TIFF structure.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    Chunks::read(bytes, u32::MAX).ok()?.exif
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

/// Plays the animation.
pub(crate) fn frames<'a>(order: &Order<'a>) -> Result<Box<dyn Frames + 'a>, Error> {
    Ok(Box::new(PngFrames::new(order)?))
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
    Ok(Picture { deep, icc, gamma, ..Picture::new(info.width, info.height, samples) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_alike, at, decoded, exif, rendered};

    /// A PNG of 4 x 2 pixels, all of them alike.
    fn drawn(
        colour: ColorType,
        depth: BitDepth,
        pixel: &[u8],
        set: impl Fn(&mut png::Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 4, 2);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        set(&mut encoder);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixel.repeat(if depth == BitDepth::Four { 4 } else { 8 })).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn check(bytes: &[u8], wanted: &[u8]) {
        for options in ["f=png", "w=2,f=png"] {
            let picture = decoded(&rendered(bytes, options, false).unwrap().bytes);
            assert_alike(&at(&picture, 0.5, 0.5), wanted, options);
        }
    }

    #[test]
    fn every_kind_of_png_is_read() {
        let (eight, sixteen) = (BitDepth::Eight, BitDepth::Sixteen);
        let palette =
            |encoder: &mut png::Encoder<&mut Vec<u8>>| encoder.set_palette(vec![0, 0, 0, 9, 99, 199]);
        let clear = |encoder: &mut png::Encoder<&mut Vec<u8>>| {
            encoder.set_palette(vec![0, 0, 0, 9, 99, 199]);
            encoder.set_trns(vec![255, 0]);
        };
        check(&drawn(ColorType::Rgb, eight, &[9, 99, 199], |_| ()), &[9, 99, 199]);
        check(&drawn(ColorType::Rgb, sixteen, &[9, 9, 99, 99, 199, 199], |_| ()), &[9, 99, 199]);
        check(
            &drawn(ColorType::Rgba, sixteen, &[9, 9, 99, 99, 199, 199, 128, 0], |_| ()),
            &[9, 99, 199, 128],
        );
        check(&drawn(ColorType::Grayscale, eight, &[77], |_| ()), &[77; 3]);
        check(&drawn(ColorType::Grayscale, BitDepth::Four, &[0x55], |_| ()), &[0x55; 3]);
        check(&drawn(ColorType::GrayscaleAlpha, eight, &[77, 99], |_| ()), &[77, 77, 77, 99]);
        check(&drawn(ColorType::Indexed, eight, &[1], palette), &[9, 99, 199]);
        check(&drawn(ColorType::Indexed, eight, &[1], clear), &[0; 4]);
    }

    #[test]
    fn gamma_counts_where_it_differs_from_that_of_srgb() {
        let with = |gamma: u32| {
            drawn(ColorType::Grayscale, BitDepth::Eight, &[128], |encoder| {
                encoder.set_source_gamma(png::ScaledFloat::from_scaled(gamma));
            })
        };
        check(&with(100_000), &[188; 3]);
        check(&with(45_455), &[128; 3]);
    }

    #[test]
    fn an_orientation_in_exif_is_obeyed() {
        let bytes = drawn(ColorType::Rgb, BitDepth::Eight, &[1, 2, 3], |_| ());
        let tiff = exif(6);
        let chunk = [&u32::try_from(tiff.len()).unwrap().to_be_bytes()[..], b"eXIf", &tiff, &[0; 4]].concat();
        let turned = [&bytes[..33], &chunk, &bytes[33..]].concat();
        let facts = crate::probe(&turned, &Limits::default()).unwrap();
        assert_eq!((facts.width, facts.height, facts.orientation.0), (2, 4, 6));
    }
}
