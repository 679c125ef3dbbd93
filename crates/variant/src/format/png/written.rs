//! PNG out: without loss in the smallest of the forms that hold a picture (grey, a palette, no alpha where nothing is
//! clear), and in a palette of fewer colours where a quality asks for it.

use std::borrow::Cow;
use std::time::Instant;

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::super::palette::{self, Indexed};
use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::{Effort, Error};

/// Pixels of fewer bytes than this are compressed well: it costs nothing there, and the fast way leaves short ones as
/// they are, so that a text which someone hid in pixels would be one in our file too.
const FAST_FROM_BYTES: usize = 1 << 16;

/// Encodes a canvas so that each pixel comes back as it is. A palette is tried where the colours fit into one: few colours
/// in soft slopes are smaller without.
pub(crate) fn encode(canvas: &Canvas) -> Result<Vec<u8>, Error> {
    let plain = plain(canvas)?;
    let Some(indexed) = palette::exact(canvas).filter(|indexed| !reads_as_markup(indexed)) else {
        return Ok(plain);
    };
    let small = in_palette(canvas, &indexed, Effort::Usual)?;
    Ok(if small.len() < plain.len() { small } else { plain })
}

/// Encodes a canvas in a palette. A quality of 1 to 100 says how many colours it may have, and how much of what is
/// missing is mixed from others: from 80 on all 256.
pub(crate) fn encode_palette(
    canvas: &Canvas,
    quality: u8,
    effort: Effort,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let quality = quality.clamp(1, 100);
    let max_colours = (256 * u16::from(quality) / 80).clamp(8, 256);
    let indexed = palette::reduce(canvas, max_colours, f32::from(quality) / 100.0)?;
    still_time(deadline)?;
    in_palette(canvas, &indexed, effort)
}

/// True colour or grey, compressed fast where it is large.
fn plain(canvas: &Canvas) -> Result<Vec<u8>, Error> {
    let (colour, pixels) = told(canvas);
    written(canvas, &pixels, |encoder| {
        encoder.set_color(colour);
        encoder.set_depth(BitDepth::Eight);
        let large = pixels.len() >= FAST_FROM_BYTES;
        encoder.set_compression(if large { Compression::Fast } else { Compression::Balanced });
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    })
}

/// The channels that tell something: no alpha where all is opaque, one in place of three where all is grey.
fn told(canvas: &Canvas) -> (ColorType, Cow<'_, [u8]>) {
    let pixels = || canvas.pixels.chunks_exact(canvas.channels);
    let is_clear = canvas.channels == 4 && pixels().any(|pixel| pixel[3] != 255);
    let is_grey = pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    let kept = |channels: &[usize]| {
        pixels().flat_map(|pixel| channels.iter().map(|channel| pixel[*channel])).collect::<Vec<u8>>().into()
    };
    match (is_grey, is_clear) {
        (true, true) => (ColorType::GrayscaleAlpha, kept(&[0, 3])),
        (true, false) => (ColorType::Grayscale, kept(&[0])),
        (false, true) => (ColorType::Rgba, Cow::Borrowed(&canvas.pixels)),
        (false, false) if canvas.channels == 3 => (ColorType::Rgb, Cow::Borrowed(&canvas.pixels)),
        (false, false) => (ColorType::Rgb, kept(&[0, 1, 2])),
    }
}

fn in_palette(canvas: &Canvas, indexed: &Indexed, effort: Effort) -> Result<Vec<u8>, Error> {
    let (depth, bits) = match indexed.palette.len() {
        0..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    let rows = packed(&indexed.indices, canvas.width as usize, bits);
    written(canvas, &rows, |encoder| {
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(depth);
        encoder.set_palette(indexed.palette.iter().flat_map(|c| [c[0], c[1], c[2]]).collect::<Vec<u8>>());
        let clear: Vec<u8> = indexed.palette.iter().map(|c| c[3]).take_while(|alpha| *alpha < 255).collect();
        if !clear.is_empty() {
            encoder.set_trns(clear);
        }
        encoder.set_filter(Filter::NoFilter);
        encoder.set_compression(match effort {
            Effort::Usual => Compression::Balanced,
            Effort::Fast => Compression::Fast,
        });
    })
}

fn written(
    canvas: &Canvas,
    rows: &[u8],
    set: impl FnOnce(&mut Encoder<'_, &mut Vec<u8>>),
) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, canvas.width, canvas.height);
    set(&mut encoder);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(rows)?;
        writer.finish()
    });
    written.map_err(|error| Error::Encode(error.to_string()))?;
    Ok(bytes)
}

/// A palette and its alphas are not compressed: where somebody hid the beginning of a document in them, they are not written
/// down.
fn reads_as_markup(indexed: &Indexed) -> bool {
    let colours: Vec<u8> = indexed.palette.iter().flat_map(|c| [c[0], c[1], c[2]]).collect();
    let alphas: Vec<u8> = indexed.palette.iter().map(|c| c[3]).collect();
    let opens = |five: &[u8]| five[0] == b'<' && five[1..].iter().all(|byte| (b' '..=b'~').contains(byte));
    [colours, alphas].iter().any(|bytes| bytes.windows(5).any(opens))
}

/// Rows of numbers with so many bits each, the first in the upper ones; each row begins a byte.
fn packed(indices: &[u8], width: usize, bits: usize) -> Vec<u8> {
    if bits == 8 {
        return indices.to_vec();
    }
    let pack = |some: &[u8]| {
        some.iter().enumerate().fold(0, |byte, (place, index)| byte | index << (8 - bits * (place + 1)))
    };
    indices.chunks(width.max(1)).flat_map(|row| row.chunks(8 / bits).map(pack)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{half_clear, quarters, texture};

    fn kind(bytes: &[u8]) -> (ColorType, BitDepth) {
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        (reader.info().color_type, reader.info().bit_depth)
    }

    /// Red, green, blue and alpha of each pixel, also where nothing shows.
    fn read(bytes: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut samples = vec![0; reader.output_buffer_size().unwrap()];
        let (colour, _) = reader.output_color_type();
        reader.next_frame(&mut samples).unwrap();
        let rgba = |pixel: &[u8]| match *pixel {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [r, g, b] => [r, g, b, 255],
            _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
        };
        samples.chunks_exact(colour.samples()).flat_map(rgba).collect()
    }

    /// Encodes, and sees that nothing is lost.
    fn exact(canvas: &Canvas) -> Vec<u8> {
        let bytes = encode(canvas).unwrap();
        assert_eq!(read(&bytes), canvas.clone().with_alpha().pixels);
        bytes
    }

    #[test]
    fn few_colours_go_into_a_palette_and_lose_nothing() {
        let drawing = quarters(60, 40);
        assert_eq!(kind(&exact(&drawing)), (ColorType::Indexed, BitDepth::Two));
        assert_eq!(kind(&exact(&half_clear(drawing.clone()))).0, ColorType::Indexed);
        // Noise of 200 colours: a byte for each pixel in place of three.
        let noise = |at: u32| at.wrapping_mul(2_654_435_761).rotate_right(11) % 200;
        let pixels = (0..40_000).flat_map(|at| [noise(at) as u8, 200 - noise(at) as u8, 9]).collect();
        let canvas = Canvas { width: 200, height: 200, channels: 3, pixels };
        let (small, plain) = (exact(&canvas), plain(&canvas).unwrap());
        assert_eq!(kind(&small), (ColorType::Indexed, BitDepth::Eight));
        assert!(small.len() * 10 < plain.len() * 7, "{} and {}", small.len(), plain.len());
    }

    #[test]
    fn channels_that_tell_nothing_are_left_out() {
        let colour = texture(48, 48);
        assert_eq!(kind(&exact(&colour)).0, ColorType::Rgb);
        assert_eq!(kind(&exact(&colour.clone().with_alpha())).0, ColorType::Rgb);
        assert_eq!(kind(&exact(&half_clear(colour.clone()))).0, ColorType::Rgba);
        let grey = colour.pixels.chunks_exact(3).flat_map(|pixel| [pixel[0]; 3]).collect();
        let grey = Canvas { pixels: grey, ..colour };
        let (small, before) = (exact(&grey), kind(&exact(&grey)).0);
        assert!(before == ColorType::Grayscale || before == ColorType::Indexed, "{before:?}");
        assert!(small.len() < grey.pixels.len() / 2);
    }

    #[test]
    fn a_text_in_the_pixels_is_no_text_in_the_file() {
        let text = b"<script>alert(1)</script>".repeat(8)[..192].to_vec();
        let bytes = exact(&Canvas { width: 64, height: 1, channels: 3, pixels: text });
        assert!(!bytes.windows(7).any(|window| window == b"<script"));
        // These two colours stand in this order in a palette from dark to light.
        let sorted = b"<svnlo".repeat(6000);
        let bytes = exact(&Canvas { width: 3000, height: 4, channels: 3, pixels: sorted });
        assert!(!bytes.windows(6).any(|window| window == b"<svnlo"));
    }
}
