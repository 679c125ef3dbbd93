//! How close a rendition comes to its original: SSIMULACRA2 against the whole picture, resized in linear light with
//! 32-bit floats (Lanczos3). Higher is closer; 100 is the same.

use anyhow::Result;
use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, Rgb32FImage, RgbImage};

/// What a rendition of that width should show.
pub(crate) fn reference(original: &[u8], width: u32) -> Result<RgbImage> {
    let mut picture = image::load_from_memory(original)?.to_rgb32f();
    picture.iter_mut().for_each(|value| *value = to_linear(*value));
    let height = (f64::from(picture.height()) * f64::from(width) / f64::from(picture.width())).round() as u32;
    let small: Rgb32FImage = image::imageops::resize(&picture, width, height, FilterType::Lanczos3);
    let pixel = |x, y| Rgb(small.get_pixel(x, y).0.map(|value| (to_srgb(value) * 255.0).round() as u8));
    Ok(RgbImage::from_fn(width, height, pixel))
}

/// The score of an encoded rendition.
pub(crate) fn score(encoded: &[u8], reference: &RgbImage) -> Result<f64> {
    let found: DynamicImage = image::load_from_memory(encoded)?;
    let found = found.to_rgb8();
    anyhow::ensure!(found.dimensions() == reference.dimensions(), "{:?}", found.dimensions());
    Ok(compute_ssimulacra2(&pixels(reference)?, &pixels(&found)?)?)
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
