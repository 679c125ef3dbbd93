//! `blur`: a radius in pixels of the rendition: the standard deviation of a Gaussian, as in the `blur()` of CSS.

use super::number::decimal_in;
use crate::canvas::Canvas;
use crate::light::{FULL, lit, unlit};
use crate::plane::Plane;

/// Reads the radius. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<f32, String> {
    decimal_in(value, 1.0, 250.0)
}

/// Prints the radius.
pub(crate) fn print(radius: &f32) -> String {
    radius.to_string()
}

/// Blurs light, not numbers, and colour by how opaque it is. A channel after the other, so that little is held.
pub(crate) fn apply(mut canvas: Canvas, radius: f32) -> Canvas {
    let sharp_alpha = (canvas.channels == 4).then(|| plane(&canvas, |pixel| u16::from(pixel[3]) * 257));
    let alpha = sharp_alpha.map(|alpha| alpha.soften(radius));
    for channel in 0..3 {
        let light = |pixel: &[u8]| {
            let light = lit()[usize::from(pixel[channel])];
            pixel.get(3).map_or(light, |alpha| share(light, u16::from(*alpha) * 257))
        };
        let soft = plane(&canvas, light).soften(radius);
        put(&mut canvas, channel, &soft, alpha.as_ref());
    }
    if let Some(alpha) = alpha {
        for (pixel, alpha) in canvas.pixels.chunks_exact_mut(4).zip(&alpha.values) {
            pixel[3] = ((u32::from(*alpha) + 128) / 257) as u8;
        }
    }
    canvas
}

fn plane(canvas: &Canvas, value: impl Fn(&[u8]) -> u16) -> Plane {
    let values = canvas.pixels.chunks_exact(canvas.channels).map(value).collect();
    Plane { width: canvas.width as usize, height: canvas.height as usize, values }
}

/// Writes a blurred channel back, as much of it as its own alpha lets through.
fn put(canvas: &mut Canvas, channel: usize, light: &Plane, alpha: Option<&Plane>) {
    let channels = canvas.channels;
    for (at, pixel) in canvas.pixels.chunks_exact_mut(channels).enumerate() {
        let light = light.values[at];
        let light = match alpha.map(|alpha| alpha.values[at]) {
            None => light,
            Some(0) => 0,
            Some(alpha) => {
                (u32::from(light) * u32::from(FULL) / u32::from(alpha)).min(u32::from(FULL)) as u16
            }
        };
        pixel[channel] = unlit()[usize::from(light)];
    }
}

/// A share of a value, both of 16 bits.
fn share(value: u16, of: u16) -> u16 {
    ((u32::from(value) * u32::from(of) + u32::from(FULL) / 2) / u32::from(FULL)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{draw, half_clear};

    #[test]
    fn flat_stays_flat_and_an_edge_becomes_soft() {
        let flat = draw(30, 20, |_, _| [200, 100, 50]);
        assert_eq!(apply(flat.clone(), 5.0), flat);
        let edge = apply(draw(60, 9, |x, _| if x < 30 { [0; 3] } else { [255; 3] }), 4.0);
        let row: Vec<u8> = edge.pixels.chunks_exact(3).take(60).map(|pixel| pixel[0]).collect();
        assert!(row.is_sorted(), "{row:?}");
        assert!(row[29].abs_diff(180) < 16 && row[30].abs_diff(195) < 16, "half of the light: {row:?}");
        assert!(row[10] < 2 && row[50] > 253);
    }

    #[test]
    fn what_is_clear_has_no_colour_to_give() {
        let mut picture = half_clear(draw(60, 9, |_, _| [250, 250, 250]));
        picture.pixels.chunks_exact_mut(4).filter(|pixel| pixel[3] == 0).for_each(|pixel| pixel[1] = 0);
        let soft = apply(picture, 4.0);
        for pixel in soft.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 4) {
            assert!(pixel[..3].iter().all(|value| value.abs_diff(250) <= 2), "{pixel:?}");
        }
        assert!(soft.pixels.chunks_exact(4).any(|pixel| (100..150).contains(&pixel[3])));
    }
}
