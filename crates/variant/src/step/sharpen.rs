//! `sharpen`: how much, 1 being right after scaling down.

use super::number::decimal_in;
use crate::canvas::Canvas;
use crate::plane::Plane;

/// Deviation of the blur that is taken away, in pixels.
const DEVIATION: f32 = 1.0;

/// How much of what a blur takes away an amount of 1 gives back.
const GAIN: f32 = 0.5;

/// Reads the amount. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<f32, String> {
    decimal_in(value, 0.0, 10.0)
}

/// Prints the amount.
pub(crate) fn print(amount: &f32) -> String {
    amount.to_string()
}

/// Sharpens by an unsharp mask on how bright pixels seem, so that edges get no colour of their own. What is clear does not
/// count, so that an edge of transparency gets no rim.
pub(crate) fn apply(mut canvas: Canvas, amount: f32) -> Canvas {
    let channels = canvas.channels;
    let plane = |value: &dyn Fn(&[u8]) -> u16| Plane {
        width: canvas.width as usize,
        height: canvas.height as usize,
        values: canvas.pixels.chunks_exact(channels).map(value).collect(),
    };
    let opacity = |pixel: &[u8]| pixel.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
    let soft = plane(&|pixel| (luma(pixel) * 256.0 * opacity(pixel)) as u16).soften(DEVIATION);
    let soft_alpha = (channels == 4).then(|| plane(&|pixel| u16::from(pixel[3]) * 256).soften(DEVIATION));
    for (at, pixel) in canvas.pixels.chunks_exact_mut(channels).enumerate() {
        let share = soft_alpha.as_ref().map_or(1.0, |alpha| f32::from(alpha.values[at]) / (255.0 * 256.0));
        if share <= 0.0 {
            continue;
        }
        let around = f32::from(soft.values[at]) / 256.0 / share;
        let change = amount * GAIN * (luma(pixel) - around);
        pixel[..3].iter_mut().for_each(|value| *value = (f32::from(*value) + change).round() as u8);
    }
    canvas
}

/// How bright a pixel seems, 0 to 255.
fn luma(pixel: &[u8]) -> f32 {
    0.2126 * f32::from(pixel[0]) + 0.7152 * f32::from(pixel[1]) + 0.0722 * f32::from(pixel[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{draw, half_clear};

    #[test]
    fn an_edge_becomes_steeper_and_flat_stays_flat() {
        let edge = draw(40, 9, |x, _| if x < 20 { [100, 60, 60] } else { [160, 120, 120] });
        let crossing = |amount: f32| {
            let sharp = apply(edge.clone(), amount);
            let at = |x: usize| i32::from(sharp.pixels[(4 * 40 + x) * 3]);
            (at(20) - at(19), at(2), at(38))
        };
        let steeper: Vec<i32> = [0.0, 1.0, 3.0, 10.0].map(|amount| crossing(amount).0).to_vec();
        assert!(steeper.is_sorted_by(|a, b| a < b), "{steeper:?}");
        assert_eq!((crossing(10.0).1, crossing(10.0).2), (100, 160), "far from it nothing changes");
    }

    #[test]
    fn an_edge_of_transparency_gets_no_rim() {
        let picture = half_clear(draw(40, 9, |_, _| [120, 130, 140]));
        let sharp = apply(picture.clone(), 10.0);
        for (sharp, plain) in sharp.pixels.chunks_exact(4).zip(picture.pixels.chunks_exact(4)) {
            assert!(plain[3] == 0 || sharp.iter().zip(plain).all(|(a, b)| a.abs_diff(*b) <= 1), "{sharp:?}");
        }
    }
}
