//! Pictures drawn by code: smooth like a photograph, unlike in every corner, the same on every run.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{LazyLock, Mutex, PoisonError};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

/// The colours of the four corners: top left, top right, bottom left, bottom right.
pub(crate) const CORNERS: [[u8; 3]; 4] = [[220, 40, 40], [40, 180, 60], [40, 70, 210], [235, 235, 225]];

/// The side of a corner's block as a part of the picture's side.
const CORNER_PART: f64 = 0.12;

/// The pictures of [`file()`] and [`photograph`]. Drawing one takes a build for tests a good part of a second, and hundreds of
/// tests want the same.
static LOGO: LazyLock<Vec<u8>> = LazyLock::new(|| png(&DynamicImage::ImageRgba8(logo(300, 200))));
static WEBP: LazyLock<Vec<u8>> = LazyLock::new(|| webp(&DynamicImage::ImageRgb8(photo(640, 480))));
static GIF: LazyLock<Vec<u8>> =
    LazyLock::new(|| encoded(&DynamicImage::ImageRgba8(logo(120, 80)), ImageFormat::Gif));
static PHOTOGRAPHS: Mutex<BTreeMap<(u32, u32, u8), Vec<u8>>> = Mutex::new(BTreeMap::new());

/// A file by its name: a landscape of 900 × 600 for `.jpg`, a logo with alpha for `.png`, and so on.
pub(crate) fn file(name: &str) -> Vec<u8> {
    match name.rsplit('.').next() {
        Some("png") => LOGO.clone(),
        Some("webp") => WEBP.clone(),
        Some("gif") => GIF.clone(),
        _ => photograph(900, 600, 88),
    }
}

/// A landscape as a JPEG of that quality, drawn once.
pub(crate) fn photograph(width: u32, height: u32, quality: u8) -> Vec<u8> {
    let kept = || PHOTOGRAPHS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = kept().get(&(width, height, quality)).cloned();
    known.unwrap_or_else(|| {
        let drawn = jpeg(&photo(width, height), quality);
        kept().insert((width, height, quality), drawn.clone());
        drawn
    })
}

/// A landscape: sky, hills, a sun, grain, and a block of its own colour in each corner.
pub(crate) fn photo(width: u32, height: u32) -> RgbImage {
    let mut grain = Grain(1);
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        if let Some(corner) = corner(u, v) {
            return Rgb(CORNERS[corner]);
        }
        let noise = grain.next();
        Rgb(scene(u, v).map(|channel| (channel + noise).clamp(0.0, 255.0) as u8))
    })
}

/// A mark with a hard edge on a transparent ground.
pub(crate) fn logo(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let distance = ((u - 0.5).powi(2) + (v - 0.5).powi(2)).sqrt();
        let alpha = ((0.42 - distance) * 60.0).clamp(0.0, 1.0);
        Rgba([200, (60.0 + 150.0 * v) as u8, (220.0 * u) as u8, (alpha * 255.0) as u8])
    })
}

/// A JPEG of that quality.
pub(crate) fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
        .expect("a JPEG is written");
    bytes
}

/// A PNG.
pub(crate) fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

/// A lossless WebP.
pub(crate) fn webp(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(WebPEncoder::new_lossless(&mut bytes)).expect("a WebP is written");
    bytes
}

/// A JPEG that stands right only once its EXIF orientation (1 to 8) is applied.
pub(crate) fn jpeg_with_orientation(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let plain = jpeg(picture, 90);
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    let mut segment = vec![0xff, 0xe1];
    segment.extend((tiff.len() as u16 + 8).to_be_bytes());
    segment.extend(b"Exif\0\0");
    segment.extend(tiff);
    [&plain[..2], &segment, &plain[2..]].concat()
}

/// Which of the corners, by index into [`CORNERS`], a decoded picture shows where its top left should be.
pub(crate) fn corner_shown(picture: &DynamicImage, corner: usize) -> usize {
    let rgb = picture.to_rgb8();
    let at = |side: u32, far: bool| if far { side - 1 - side / 20 } else { side / 20 };
    let pixel = rgb.get_pixel(at(rgb.width(), corner % 2 == 1), at(rgb.height(), corner / 2 == 1));
    let distance = |known: &[u8; 3]| -> i32 {
        known.iter().zip(pixel.0).map(|(&a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum()
    };
    (0..4).min_by_key(|&known| distance(&CORNERS[known])).expect("four corners")
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a picture is written");
    bytes.into_inner()
}

fn corner(u: f64, v: f64) -> Option<usize> {
    let near = |part: f64| !(CORNER_PART..=1.0 - CORNER_PART).contains(&part);
    (near(u) && near(v)).then(|| usize::from(v > 0.5) * 2 + usize::from(u > 0.5))
}

fn scene(u: f64, v: f64) -> [f64; 3] {
    let hill = 0.62 + 0.1 * (u * 7.0).sin() + 0.04 * (u * 23.0).cos();
    let sun = (-((u - 0.7).powi(2) + (v - 0.3).powi(2)) * 60.0).exp();
    if v < hill {
        return [110.0 + 60.0 * v + 90.0 * sun, 150.0 + 50.0 * v + 60.0 * sun, 215.0 - 30.0 * v];
    }
    let shade = 20.0 * (u * 40.0 + v * 60.0).sin();
    [70.0 + shade + 40.0 * u, 110.0 + shade, 50.0 + 0.5 * shade + 60.0 * (v - hill)]
}

/// Grain of a few levels: a small generator, the same on every run.
struct Grain(u64);

impl Grain {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 24) * 8.0 - 4.0
    }
}
