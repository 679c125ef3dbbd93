//! Pictures drawn by code, and how tests look at renditions.

use std::time::{Duration, Instant};

use domain::{Accepts, Hints};

use crate::canvas::{Canvas, Extras};
use crate::decode::Order;
use crate::step::resize::Scaler;
use crate::{Effort, Encoding, Error, Facts, Format, Limits, Options, Originals, Rendition};

pub(crate) const RED: [u8; 3] = [220, 30, 30];
pub(crate) const GREEN: [u8; 3] = [30, 180, 40];
pub(crate) const BLUE: [u8; 3] = [40, 50, 220];
pub(crate) const YELLOW: [u8; 3] = [230, 220, 40];
pub(crate) const WHITE: [u8; 3] = [255; 3];

/// The formats that [`file`] writes.
pub(crate) const DRAWN: [Format; 6] =
    [Format::Jpeg, Format::Png, Format::Webp, Format::Gif, Format::Avif, Format::Jxl];

/// Far enough away for any test.
pub(crate) fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// Four flat quarters: red and green above, blue and yellow below.
pub(crate) fn quarters(width: u32, height: u32) -> Canvas {
    draw(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => YELLOW,
    })
}

/// A picture with fine detail everywhere, different at every pixel.
pub(crate) fn texture(width: u32, height: u32) -> Canvas {
    draw(width, height, |x, y| {
        let wave = |a: u32, b: u32| ((f64::from(x * a + y * b) / 9.0).sin() * 100.0 + 128.0) as u8;
        [wave(1, 2), wave(3, 1), wave(2, 5)]
    })
}

pub(crate) fn draw(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Canvas {
    let points = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Canvas { width, height, channels: 3, pixels: points.flat_map(|(x, y)| colour(x, y)).collect() }
}

/// The same picture whose right half is clear.
pub(crate) fn half_clear(canvas: Canvas) -> Canvas {
    let width = canvas.width as usize;
    let mut canvas = canvas.with_alpha();
    for (index, pixel) in canvas.pixels.chunks_exact_mut(4).enumerate() {
        pixel[3] = if index % width < width / 2 { 255 } else { 0 };
    }
    canvas
}

/// A file of a picture, close to it.
pub(crate) fn file(canvas: &Canvas, format: Format) -> Vec<u8> {
    let encoding = match format {
        Format::Jpeg => Encoding::Jpeg { quality: 98, progressive: false, effort: Effort::Usual },
        Format::Png => Encoding::Png { effort: Effort::Usual },
        Format::Webp => Encoding::WebpLossless { effort: Effort::Usual },
        Format::Gif => return gif_file(std::slice::from_ref(canvas)),
        Format::Avif => Encoding::Avif { quality: 98, effort: Effort::Fast },
        Format::Jxl => return jxl_file(canvas),
        Format::Heic | Format::Svg | Format::Json => unimplemented!("no test draws one"),
    };
    encoding.encode(canvas.clone(), Extras::default(), later()).unwrap()
}

/// A JPEG XL without loss; no side may be one pixel long.
fn jxl_file(canvas: &Canvas) -> Vec<u8> {
    use zune_core::{bit_depth::BitDepth, colorspace::ColorSpace, options::EncoderOptions};
    let colour = if canvas.channels == 4 { ColorSpace::RGBA } else { ColorSpace::RGB };
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let options = EncoderOptions::new(width, height, colour, BitDepth::Eight).set_num_threads(1);
    let mut bytes = Vec::new();
    zune_jpegxl::JxlSimpleEncoder::new(&canvas.pixels, options).encode(&mut bytes).unwrap();
    bytes
}

/// An animation of pictures of one size.
pub(crate) fn gif_file(frames: &[Canvas]) -> Vec<u8> {
    let (width, height) = (frames[0].width as u16, frames[0].height as u16);
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[]).unwrap();
    for frame in frames {
        // Few colours are used, so that a palette holds them all.
        let clear = |p: &[u8]| if p[3] == 0 { [0; 4] } else { [p[0], p[1], p[2], p[3]] };
        let pixels: Vec<[u8; 4]> = frame.clone().with_alpha().pixels.chunks_exact(4).map(clear).collect();
        let mut colours = pixels.clone();
        colours.sort_unstable();
        colours.dedup();
        let index = |pixel: &[u8; 4]| colours.binary_search(pixel).unwrap() as u8;
        let transparent = colours.iter().position(|colour| colour[3] == 0).map(|index| index as u8);
        encoder
            .write_frame(&gif::Frame {
                width,
                height,
                transparent,
                palette: Some(colours.iter().flat_map(|c| [c[0], c[1], c[2]]).collect()),
                buffer: pixels.iter().map(index).collect::<Vec<u8>>().into(),
                ..gif::Frame::default()
            })
            .unwrap();
    }
    drop(encoder);
    bytes
}

/// A JPEG with an EXIF put before everything else.
pub(crate) fn with_exif(jpeg: &[u8], tiff: &[u8]) -> Vec<u8> {
    let length = u16::try_from(tiff.len() + 8).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, b"Exif\0\0", tiff, &jpeg[2..]].concat()
}

/// An EXIF with an orientation, a copyright and a place.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    use exif::{Field, In, Rational, Tag, Value, experimental::Writer};
    let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let fields = [
        field(Tag::Orientation, Value::Short(vec![orientation])),
        field(Tag::Copyright, Value::Ascii(vec![b"Ada Lovelace".to_vec()])),
        field(Tag::Software, Value::Ascii(vec![b"darkroom test".to_vec()])),
        field(Tag::ImageWidth, Value::Long(vec![4_000])),
        field(Tag::GPSLatitude, Value::Rational(vec![Rational { num: 51, denom: 1 }; 3])),
    ];
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut out = std::io::Cursor::new(Vec::new());
    writer.write(&mut out, false).unwrap();
    out.into_inner()
}

/// Probes, settles and renders.
pub(crate) fn rendered(bytes: &[u8], options: &str, webp: bool) -> Result<Rendition, Error> {
    let limits = Limits::default();
    let facts = crate::probe(bytes, &limits)?;
    let hints = Hints::from(Accepts { webp, ..Accepts::default() });
    let recipe = crate::settle(&Options::parse(options)?, &facts, None, &hints, &limits)?;
    crate::render(&Originals::plain(bytes, &facts), &recipe, &limits, later())
}

/// The pixels of a rendition so many pixels wide.
pub(crate) fn render_at(bytes: &[u8], width: u32) -> Canvas {
    decoded(&rendered(bytes, &format!("w={width},f=png"), false).unwrap().bytes)
}

/// The pixels of a file as they are stored, by our own decoders.
pub(crate) fn decoded(bytes: &[u8]) -> Canvas {
    let limits = Limits::default();
    let facts: Facts = crate::probe(bytes, &limits).unwrap();
    let size = crate::step::orient::swapped(facts.orientation.0, (facts.width, facts.height));
    let mut scaler = Scaler::new([0.0, 0.0, f64::from(size.0), f64::from(size.1)], size);
    let order = Order { bytes, size, limits: &limits, deadline: later(), shrink: 1.0, thorough: false };
    facts.format.decode(&order, &mut scaler).unwrap();
    scaler.finish().unwrap()
}

/// The pixel at a place given in shares of width and height.
pub(crate) fn at(canvas: &Canvas, x: f64, y: f64) -> Vec<u8> {
    let (column, row) = ((x * f64::from(canvas.width)) as usize, (y * f64::from(canvas.height)) as usize);
    canvas.pixels[(row * canvas.width as usize + column) * canvas.channels..][..canvas.channels].to_vec()
}

/// The mean distance of two pictures of one size, in levels of a channel.
pub(crate) fn distance(a: &Canvas, b: &Canvas) -> f64 {
    assert_eq!((a.width, a.height, a.channels), (b.width, b.height, b.channels));
    let sum: u64 = a.pixels.iter().zip(&b.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels.len() as f64
}

/// Asserts that two colours are alike, as far as a lossy format can keep them.
pub(crate) fn assert_alike(seen: &[u8], wanted: &[u8], what: &str) {
    let near = seen.len() == wanted.len() && seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) <= 12);
    assert!(near, "{what}: {seen:?}, not {wanted:?}");
}
