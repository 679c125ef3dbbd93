//! How close a rendition comes to its original: SSIMULACRA2 against the whole picture, resized in linear light with
//! 32-bit floats (Lanczos3). Higher is closer; 100 is the same.

use anyhow::Result;
use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, Rgb32FImage, RgbImage};

/// What a rendition of that width should show.
pub(crate) fn reference(original: &[u8], width: u32) -> Result<RgbImage> {
    let (wide, high) =
        image::ImageReader::new(std::io::Cursor::new(original)).with_guessed_format()?.into_dimensions()?;
    let height = (f64::from(high) * f64::from(width) / f64::from(wide)).round() as u32;
    reference_of(original, width, height)
}

/// The same of a width and a height. What is transparent lies on white.
pub(crate) fn reference_of(original: &[u8], width: u32, height: u32) -> Result<RgbImage> {
    let mut picture = on_white(&image::load_from_memory(original)?);
    picture.iter_mut().for_each(|value| *value = to_linear(*value));
    let small: Rgb32FImage = image::imageops::resize(&picture, width, height, FilterType::Lanczos3);
    let pixel = |x, y| Rgb(small.get_pixel(x, y).0.map(|value| (to_srgb(value) * 255.0).round() as u8));
    Ok(RgbImage::from_fn(width, height, pixel))
}

/// The score of an encoded rendition.
pub(crate) fn score(encoded: &[u8], reference: &RgbImage) -> Result<f64> {
    let found = on_white(&decoded(encoded)?);
    let found = RgbImage::from_fn(found.width(), found.height(), |x, y| {
        Rgb(found.get_pixel(x, y).0.map(|value| (value * 255.0).round() as u8))
    });
    anyhow::ensure!(found.dimensions() == reference.dimensions(), "{:?}", found.dimensions());
    Ok(compute_ssimulacra2(&pixels(reference)?, &pixels(&found)?)?)
}

/// What nobody else here reads, our engine turns into PNG, without any other change.
fn decoded(encoded: &[u8]) -> Result<DynamicImage> {
    if image::guess_format(encoded).is_ok_and(|format| format != image::ImageFormat::Avif) {
        return Ok(image::load_from_memory(encoded)?);
    }
    Ok(image::load_from_memory(&crate::engine::as_png(encoded)?)?)
}

fn on_white(picture: &DynamicImage) -> Rgb32FImage {
    let picture = picture.to_rgba32f();
    Rgb32FImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0;
        Rgb([r, g, b].map(|value| value * alpha + 1.0 - alpha))
    })
}

fn pixels(picture: &RgbImage) -> Result<PixelSlice<'_>> {
    let stride = picture.width() as usize * 3;
    let slice = PixelSlice::new(
        picture.as_raw(),
        picture.width(),
        picture.height(),
        stride,
        PixelDescriptor::RGB8_SRGB,
    );
    slice.map_err(|why| anyhow::anyhow!("{why:?}"))
}

/// IEC 61966-2-1.
fn to_linear(value: f32) -> f32 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn to_srgb(value: f32) -> f32 {
    let value = value.clamp(0.0, 1.0);
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}
