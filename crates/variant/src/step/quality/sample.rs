//! What a look is judged by: the whole of a small picture, or parts of a large one side by side, so that a search costs as
//! much for either.

use crate::canvas::Canvas;

/// Pictures up to this area are judged whole, in pixels.
const MAX_PIXELS: u64 = 420_000;

/// Parts along each side of a large picture.
const PARTS: usize = 3;

/// The side of a part, in pixels: a multiple of what encoders take as one block.
const PART_PIXELS: usize = 208;

/// Encoders work in blocks of this side, in pixels: parts begin where one begins.
const BLOCK_PIXELS: usize = 16;

/// What is judged for a picture. Less than its parts would need along a side is judged whole along that side.
pub(super) fn of(canvas: &Canvas) -> Canvas {
    if u64::from(canvas.width) * u64::from(canvas.height) <= MAX_PIXELS {
        return canvas.clone();
    }
    let columns = parts(canvas.width as usize);
    let rows = parts(canvas.height as usize);
    let width: usize = columns.iter().map(|(_, length)| length).sum();
    let height: usize = rows.iter().map(|(_, length)| length).sum();
    let mut pixels = Vec::with_capacity(width * height * canvas.channels);
    for y in rows.iter().flat_map(|(start, length)| *start..start + length) {
        let row = &canvas.pixels[y * canvas.stride()..][..canvas.stride()];
        for (start, length) in &columns {
            pixels.extend_from_slice(&row[start * canvas.channels..][..length * canvas.channels]);
        }
    }
    Canvas { width: width as u32, height: height as u32, channels: canvas.channels, pixels }
}

/// Where parts of a side begin, and how long they are.
fn parts(side: usize) -> Vec<(usize, usize)> {
    if side <= PARTS * PART_PIXELS {
        return vec![(0, side)];
    }
    let room = side - PART_PIXELS;
    let start = |part: usize| part * room / (PARTS - 1) / BLOCK_PIXELS * BLOCK_PIXELS;
    (0..PARTS).map(|part| (start(part), PART_PIXELS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixels say where they are.
    fn marked(width: u32, height: u32) -> Canvas {
        let pixels =
            (0..height).flat_map(|y| (0..width).flat_map(move |x| [(x / 16) as u8, (y / 16) as u8, 0]));
        Canvas { width, height, channels: 3, pixels: pixels.collect() }
    }

    #[test]
    fn a_small_picture_is_judged_whole() {
        let canvas = marked(640, 480);
        assert_eq!(of(&canvas), canvas);
    }

    #[test]
    fn a_large_one_is_judged_by_parts_that_lie_in_it_and_do_not_overlap() {
        for (width, height) in [(1280, 960), (4000, 3000), (6000, 200), (200, 6000), (625, 1000)] {
            let sample = of(&marked(width, height));
            assert_eq!(sample.pixels.len(), sample.stride() * sample.height as usize);
            assert!(u64::from(sample.width) * u64::from(sample.height) <= MAX_PIXELS.max(625 * 208 * 3));
            let parts = parts(width as usize);
            let ends: Vec<usize> = parts.iter().map(|(start, length)| start + length).collect();
            assert!(ends.iter().all(|end| *end <= width as usize));
            assert!(parts[1..].iter().zip(&ends).all(|((start, _), before)| start >= before));
        }
    }
}
