//! The perceptual hash of a small picture: the signs of its lowest frequencies. Pictures that look alike, at whatever size
//! and quality, differ in few of its 64 bits. Its order of bits is that of the widely used `phash` of Python's imagehash.

use std::f64::consts::PI;

/// The side of the grey picture that is looked at, in pixels.
const SIDE: usize = 32;

/// Frequencies along each side that are kept.
const KEPT: usize = 8;

type Grey = [[f64; SIDE]; SIDE];

/// The hash of rows of `width` pixels of red, green, blue and alpha, on white.
pub(super) fn hash(width: usize, rgba: &[u8]) -> u64 {
    let lowest = lowest(&grey(width, rgba));
    let mut sorted = lowest;
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[KEPT * KEPT / 2 - 1], sorted[KEPT * KEPT / 2]);
    lowest.iter().fold(0, |hash, value| hash << 1 | u64::from(*value > median))
}

/// The picture as so many grey pixels, each the mean of those that it lies over.
fn grey(width: usize, rgba: &[u8]) -> Grey {
    let luma: Vec<f64> = rgba.chunks_exact(4).map(on_white).collect();
    let height = luma.len() / width.max(1);
    let mut grey = [[255.0; SIDE]; SIDE];
    for (y, row) in grey.iter_mut().enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let (rows, columns) = (covered(y, height), covered(x, width));
            let count = rows.len() * columns.len();
            let sum: f64 = rows.map(|row| luma[row * width..][columns.clone()].iter().sum::<f64>()).sum();
            *value = sum / count as f64;
        }
    }
    grey
}

/// The pixels of a side that one of the small ones lies over, at least one.
fn covered(place: usize, side: usize) -> std::ops::Range<usize> {
    let first = place * side / SIDE;
    first..((place + 1) * side / SIDE).max(first + 1)
}

fn on_white(pixel: &[u8]) -> f64 {
    let [red, green, blue, alpha] = [0, 1, 2, 3].map(|channel| f64::from(pixel[channel]));
    let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    255.0 + (luma - 255.0) * alpha / 255.0
}

/// The lowest frequencies of both sides, row by row (the cosine transform of type II, unscaled).
fn lowest(grey: &Grey) -> [f64; KEPT * KEPT] {
    let wave = |frequency: usize, place: usize| {
        (PI * frequency as f64 * (2 * place + 1) as f64 / (2 * SIDE) as f64).cos()
    };
    // Along the columns first, then along the rows of what is left.
    let mut columns = [[0.0; SIDE]; KEPT];
    for (frequency, row) in columns.iter_mut().enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            *value = (0..SIDE).map(|y| grey[y][x] * wave(frequency, y)).sum();
        }
    }
    let mut lowest = [0.0; KEPT * KEPT];
    for (index, value) in lowest.iter_mut().enumerate() {
        *value = (0..SIDE).map(|x| columns[index / KEPT][x] * wave(index % KEPT, x)).sum();
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drawn picture: `shade` says how bright it is at a place, each part 0 to 1.
    fn drawn(width: usize, height: usize, shade: impl Fn(f64, f64) -> f64) -> u64 {
        let place = |index: usize, side: usize| (index as f64 + 0.5) / side as f64;
        let pixels = (0..width * height).flat_map(|at| {
            let grey = (255.0 * shade(place(at % width, width), place(at / width, height))) as u8;
            [grey, grey, grey, 255]
        });
        hash(width, &pixels.collect::<Vec<_>>())
    }

    fn hill(x: f64, y: f64) -> f64 {
        (1.0 - ((x - 0.3).powi(2) + (y - 0.6).powi(2)) * 1.6).max(0.0) * (0.8 + 0.2 * (9.0 * x * y).sin())
    }

    #[test]
    fn pictures_that_look_alike_differ_in_few_bits_and_others_in_many() {
        let picture = drawn(100, 75, hill);
        let apart = |other: u64| (picture ^ other).count_ones();
        assert!(apart(drawn(64, 48, hill)) <= 6, "smaller: {}", apart(drawn(64, 48, hill)));
        let darker = drawn(100, 75, |x, y| 0.8 * hill(x, y));
        assert!(apart(darker) <= 6, "darker: {}", apart(darker));
        let other = drawn(100, 75, |x, y| hill(y, 1.0 - x));
        assert!(apart(other) >= 16, "turned: {}", apart(other));
    }

    #[test]
    fn every_size_has_a_hash() {
        for (width, height) in [(1, 1), (100, 1), (1, 100), (3, 99), (32, 32), (33, 31)] {
            drawn(width, height, hill);
        }
    }
}
