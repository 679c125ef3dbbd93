//! How one pixel meets another: Porter and Duff's operators, on sRGB values, as browsers do it.

use crate::canvas::Canvas;
use crate::step::overlay::Composite;

/// Lays a layer with alpha over a canvas, at each of the columns and rows at which it begins.
pub(super) fn lay(canvas: &mut Canvas, layer: &Canvas, columns: &[i64], rows: &[i64], how: Composite) {
    for top in rows {
        for left in columns {
            lay_once(canvas, layer, *left, *top, how);
        }
    }
}

fn lay_once(canvas: &mut Canvas, layer: &Canvas, left: i64, top: i64, how: Composite) {
    let (width, height) = (i64::from(canvas.width), i64::from(canvas.height));
    let first = (-left).clamp(0, i64::from(layer.width)) as usize;
    let past = (width - left).clamp(0, i64::from(layer.width)) as usize;
    let (channels, stride) = (canvas.channels, canvas.stride());
    if first >= past {
        return;
    }
    for (row, from) in layer.pixels.chunks_exact(layer.stride()).enumerate() {
        let at = top + row as i64;
        if !(0..height).contains(&at) {
            continue;
        }
        let start = at as usize * stride + (left + first as i64) as usize * channels;
        let to = canvas.pixels[start..].chunks_exact_mut(channels);
        for (below, above) in to.zip(from[first * 4..past * 4].as_chunks::<4>().0) {
            meet(below, *above, how);
        }
    }
}

/// Puts a pixel over another, which has an alpha or is opaque.
fn meet(below: &mut [u8], above: [u8; 4], how: Composite) {
    let (over, under) =
        (f32::from(above[3]) / 255.0, below.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0));
    let (share_over, share_under) = match how {
        Composite::Over => (1.0, 1.0 - over),
        Composite::In => (under, 0.0),
        Composite::Atop => (under, 1.0 - over),
        Composite::Out => (1.0 - under, 0.0),
        Composite::Xor => (1.0 - under, 1.0 - over),
        Composite::Lighter => (1.0, 1.0),
    };
    let (over, under) = (over * share_over, under * share_under);
    let alpha = (over + under).min(1.0);
    if alpha <= 0.0 {
        below.fill(0);
        return;
    }
    for (value, added) in below.iter_mut().zip(&above[..3]) {
        let sum = f32::from(*added) * over + f32::from(*value) * under;
        *value = (sum / alpha).min(255.0).round() as u8;
    }
    if let Some(value) = below.get_mut(3) {
        *value = (alpha * 255.0).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(below: &[u8], above: [u8; 4], how: Composite) -> Vec<u8> {
        let mut pixel = below.to_vec();
        meet(&mut pixel, above, how);
        pixel
    }

    #[test]
    fn every_operator_does_what_its_name_says() {
        let (red, half, blue) = ([255, 0, 0, 255], [255, 0, 0, 128], [0, 0, 255, 255]);
        assert_eq!(met(&blue, red, Composite::Over), red);
        assert_eq!(met(&blue[..3], half, Composite::Over), [128, 0, 127]);
        assert_eq!(met(&[0; 4], half, Composite::Over), half, "over nothing it stays as it is");
        assert_eq!(met(&[0, 0, 255, 128], red, Composite::In), half);
        assert_eq!(met(&[0; 4], red, Composite::In), [0; 4]);
        assert_eq!(met(&[0; 4], red, Composite::Atop), [0; 4]);
        assert_eq!(met(&blue, half, Composite::Atop), [128, 0, 127, 255]);
        assert_eq!(met(&blue, red, Composite::Out), [0; 4]);
        assert_eq!(met(&[0; 4], red, Composite::Out), red);
        assert_eq!(met(&blue, red, Composite::Xor), [0; 4]);
        assert_eq!(met(&[0; 4], red, Composite::Xor), red);
        assert_eq!(met(&blue, red, Composite::Lighter), [255, 0, 255, 255]);
    }
}
