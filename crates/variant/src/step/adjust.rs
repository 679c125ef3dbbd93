//! `brightness`, `contrast`, `saturation` and `gamma`: factors of light and colour, 1 being as it is.

use serde::{Deserialize, Serialize};

use super::number::decimal_in;
use crate::canvas::Canvas;

/// The largest factor.
const MAX_FACTOR: f32 = 10.0;

/// What light and colour are multiplied by; 1 leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adjust {
    /// Brightness.
    pub brightness: f32,
    /// Contrast.
    pub contrast: f32,
    /// Saturation; 0 is greyscale.
    pub saturation: f32,
    /// Gamma; above 1 is darker.
    pub gamma: f32,
}

impl Default for Adjust {
    fn default() -> Self {
        Adjust { brightness: 1.0, contrast: 1.0, saturation: 1.0, gamma: 1.0 }
    }
}

/// Reads a factor. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<f32, String> {
    decimal_in(value, 0.0, MAX_FACTOR)
}

/// Prints a factor.
pub(crate) fn print(factor: &f32) -> String {
    factor.to_string()
}

/// Changes light and colour as the filters of CSS do, on sRGB values: brightness, contrast and gamma by one table, then
/// saturation.
pub(crate) fn apply(mut canvas: Canvas, adjust: &Adjust) -> Canvas {
    let Adjust { brightness, contrast, saturation, gamma } = *adjust;
    let channels = canvas.channels;
    if (brightness, contrast, gamma) != (1.0, 1.0, 1.0) {
        let table = table(brightness, contrast, gamma);
        for pixel in canvas.pixels.chunks_exact_mut(channels) {
            pixel[..3].iter_mut().for_each(|value| *value = table[usize::from(*value)]);
        }
    }
    if saturation != 1.0 {
        for pixel in canvas.pixels.chunks_exact_mut(channels) {
            let grey = grey([pixel[0], pixel[1], pixel[2]]);
            pixel[..3]
                .iter_mut()
                .for_each(|value| *value = (grey + saturation * (f32::from(*value) - grey)).round() as u8);
        }
    }
    canvas
}

/// How bright a colour seems, as CSS weighs its parts.
fn grey([red, green, blue]: [u8; 3]) -> f32 {
    0.213 * f32::from(red) + 0.715 * f32::from(green) + 0.072 * f32::from(blue)
}

fn table(brightness: f32, contrast: f32, gamma: f32) -> [u8; 256] {
    std::array::from_fn(|index| {
        let bright = (index as f32 / 255.0 * brightness).min(1.0);
        let apart = ((bright - 0.5) * contrast + 0.5).clamp(0.0, 1.0);
        (apart.powf(gamma) * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adjusted(pixel: [u8; 3], adjust: Adjust) -> Vec<u8> {
        apply(Canvas { width: 1, height: 1, channels: 3, pixels: pixel.to_vec() }, &adjust).pixels
    }

    #[test]
    fn every_factor_does_what_it_says() {
        let plain = Adjust::default();
        assert_eq!(adjusted([1, 99, 254], plain), [1, 99, 254], "1 changes nothing");
        assert_eq!(adjusted([10, 100, 200], Adjust { brightness: 2.0, ..plain }), [20, 200, 255]);
        assert_eq!(adjusted([64, 128, 192], Adjust { contrast: 2.0, ..plain }), [1, 129, 255]);
        assert_eq!(adjusted([64, 128, 192], Adjust { contrast: 0.5, ..plain }), [96, 128, 160]);
        assert_eq!(
            adjusted([128, 0, 255], Adjust { gamma: 2.0, ..plain }),
            [64, 0, 255],
            "above 1 is darker"
        );
        assert_eq!(adjusted([255, 0, 0], Adjust { saturation: 0.0, ..plain }), [54; 3]);
        assert_eq!(adjusted([150, 100, 100], Adjust { saturation: 2.0, ..plain }), [189, 89, 89]);
    }

    #[test]
    fn alpha_stays() {
        let canvas = Canvas { width: 1, height: 1, channels: 4, pixels: vec![10, 20, 30, 40] };
        let adjust = Adjust { brightness: 2.0, contrast: 1.0, saturation: 0.0, gamma: 1.0 };
        assert_eq!(apply(canvas, &adjust).pixels[3], 40);
    }
}
