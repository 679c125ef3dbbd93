//! The samples of one component, of the last two rows of MCUs, and as pixels: where there are fewer of them than pixels
//! they are stretched by a triangle filter, rounded as libjpeg does it.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a call of what is compiled for AVX2"))]

use std::ops::Range;

/// How the samples of a component lie over the pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Samples in a row.
    pub(super) width: usize,
    /// Rows.
    pub(super) height: usize,
    /// Samples in a row with those that fill up its last MCU.
    pub(super) padded: usize,
    /// Rows of samples in a row of MCUs.
    pub(super) rows: usize,
    /// Pixels that one sample stands for, 1 or 2, across and down.
    pub(super) stretch: (usize, usize),
}

/// Samples of a component.
pub(super) struct Raster {
    shape: Shape,
    stride: usize,
    /// Two rows of MCUs, of which the older one is overwritten.
    samples: Vec<u8>,
    /// A row that is not stretched across yet, with one more sample at each end.
    line: Vec<u16>,
    stretched: Vec<u8>,
}

impl Raster {
    pub(super) fn new(shape: Shape) -> Raster {
        let stride = shape.padded.next_multiple_of(8);
        Raster {
            stride,
            samples: vec![0; stride * shape.rows * 2],
            line: vec![0; shape.width + 2],
            stretched: vec![0; shape.width * 2],
            shape,
        }
    }

    /// Samples from one row to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Where the samples of a row of MCUs belong.
    pub(super) fn row_of_mcus(&mut self, index: usize) -> &mut [u8] {
        let length = self.stride * self.shape.rows;
        &mut self.samples[index % 2 * length..][..length]
    }

    /// A row of pixels, at least as many as the picture is wide. What it is made of must have come in the last two rows
    /// of MCUs.
    pub(super) fn pixels(&mut self, y: usize) -> &[u8] {
        let (across, down) = self.shape.stretch;
        let (row, is_lower) = (y / down, !y.is_multiple_of(2));
        let next = if is_lower { row + 1 } else { row.saturating_sub(1) };
        let near = &self.samples[self.range(row)];
        let far = &self.samples[self.range(next.min(self.shape.height - 1))];
        match (across, down) {
            (1, 1) => return near,
            (1, _) => between(near, far, is_lower, &mut self.stretched),
            (_, 1) => widen(near, None, &mut self.line, &mut self.stretched),
            _ => widen(near, Some(far), &mut self.line, &mut self.stretched),
        }
        &self.stretched
    }

    fn range(&self, row: usize) -> Range<usize> {
        let start = row % (self.shape.rows * 2) * self.stride;
        start..start + self.shape.width
    }
}

/// A row that lies a quarter of the way from one row of samples to another. Halves are rounded up and down in turn.
fn between(near: &[u8], far: &[u8], is_lower: bool, out: &mut [u8]) {
    let bias = if is_lower { 2 } else { 1 };
    for ((pixel, near), far) in out.iter_mut().zip(near).zip(far) {
        *pixel = ((u16::from(*near) * 3 + u16::from(*far) + bias) >> 2) as u8;
    }
}

/// Two pixels for each sample, each a quarter of the way to one of its neighbours; with a row `far`, also a quarter of
/// the way to that. `line` has room for the samples and two more.
fn widen(near: &[u8], far: Option<&[u8]>, line: &mut [u16], out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2.
        return unsafe { widen_avx2(near, far, line, out) };
    }
    widen_plain(near, far, line, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn widen_avx2(near: &[u8], far: Option<&[u8]>, line: &mut [u16], out: &mut [u8]) {
    widen_plain(near, far, line, out);
}

#[inline(always)]
fn widen_plain(near: &[u8], far: Option<&[u8]>, line: &mut [u16], out: &mut [u8]) {
    let Some(inner) = line.get_mut(1..=near.len()) else { return };
    if let Some(far) = far {
        for ((value, near), far) in inner.iter_mut().zip(near).zip(far) {
            *value = u16::from(*near) * 3 + u16::from(*far);
        }
        doubled::<4>(line, [8, 7], out);
    } else {
        for (value, near) in inner.iter_mut().zip(near) {
            *value = u16::from(*near);
        }
        doubled::<2>(line, [1, 2], out);
    }
}

/// Twice as many, and `SHIFT` bits fewer of each.
#[inline(always)]
fn doubled<const SHIFT: u32>(line: &mut [u16], bias: [u16; 2], out: &mut [u8]) {
    let past = line.len() - 1;
    (line[0], line[past]) = (line[1], line[past - 1]);
    let neighbours = line.iter().zip(&line[1..]).zip(&line[2..]);
    for (pair, ((left, here), right)) in out.as_chunks_mut::<2>().0.iter_mut().zip(neighbours) {
        let here = here * 3;
        *pair = [((here + left + bias[0]) >> SHIFT) as u8, ((here + right + bias[1]) >> SHIFT) as u8];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(shape: Shape, samples: &[&[u8]]) -> Raster {
        let mut raster = Raster::new(shape);
        let stride = raster.stride();
        for (to, from) in raster.row_of_mcus(0).chunks_mut(stride).zip(samples) {
            to[..from.len()].copy_from_slice(from);
        }
        raster
    }

    #[test]
    fn samples_are_stretched_by_a_triangle_and_edges_are_repeated() {
        let shape = |stretch| Shape { width: 3, height: 2, padded: 8, rows: 8, stretch };
        let samples: [&[u8]; 2] = [&[0, 100, 200], &[40, 140, 240]];
        assert_eq!(raster(shape((1, 1)), &samples).pixels(1), [40, 140, 240]);
        assert_eq!(raster(shape((2, 1)), &samples).pixels(0), [0, 25, 75, 125, 175, 200]);
        for (y, first) in [(0, 0), (1, 10), (2, 30), (3, 40)] {
            let down = raster(shape((1, 2)), &samples).pixels(y)[..3].to_vec();
            assert_eq!(down, [first, first + 100, first + 200], "{y}");
            assert_eq!(raster(shape((2, 2)), &samples).pixels(y)[..2], [first, first + 25], "{y}");
        }
    }

    #[test]
    fn a_raster_of_one_sample_has_its_level_everywhere() {
        for stretch in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let mut raster = raster(Shape { width: 1, height: 1, padded: 8, rows: 8, stretch }, &[&[77]]);
            for y in 0..stretch.1 {
                assert!(raster.pixels(y)[..stretch.0].iter().all(|level| *level == 77), "{stretch:?}");
            }
        }
    }

    #[test]
    fn both_ways_give_the_same_bytes() {
        let row = |factor: usize| -> Vec<u8> { (0..101).map(|x| (x * x * factor) as u8).collect() };
        let other = row(7);
        for far in [None, Some(&*other)] {
            let (mut fast, mut plain) = (vec![0; 202], vec![1; 202]);
            widen(&row(3), far, &mut [0; 103], &mut fast);
            widen_plain(&row(3), far, &mut [0; 103], &mut plain);
            assert_eq!(fast, plain);
        }
    }
}
