//! From coefficients to samples: blocks are dequantised and transformed to squares of 1, 2, 4, 6 or 8 samples a side, of
//! which a smaller one keeps the low frequencies only. In floating point, so that rounding happens once; with AVX2
//! where the machine has it. Both ways give the same bytes.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "vector loads and stores"))]

use std::ops::{Add, Mul, Sub};

/// The factors by which the transform of eight wants its coefficients (Arai, Agui and Nakajima): √2 cos(kπ/16).
const EIGHT: [f64; 8] = [
    1.0,
    1.387_039_845_322_147_5,
    1.306_562_964_876_376_5,
    1.175_875_602_419_358_7,
    1.0,
    0.785_694_958_387_102_2,
    0.541_196_100_146_196_9,
    0.275_899_379_282_943_1,
];

/// The same of the transform of six, of which the last two are not asked for.
const SIX: [f64; 8] = [1.0, 1.0, 1.224_744_871_391_589, 1.0, std::f64::consts::FRAC_1_SQRT_2, 1.0, 0.0, 0.0];

/// The same of the transform of four.
const FOUR: [f64; 4] = [1.0, EIGHT[2], 1.0, EIGHT[2]];

/// The inverse transform of the blocks of one component.
pub(super) struct Inverse {
    /// Samples on a side of a block.
    side: usize,
    /// Quantisation steps and the factors that the transform begins with, as the coefficients lie.
    steps: Vec<f32>,
}

impl Inverse {
    /// For blocks that become `side` × `side` samples: of so many coefficients (1, 2, 4 or 8), or, at 6, of the lowest of
    /// 8 × 8. They lie column by column. `quant` has rows of eight.
    pub(super) fn new(side: usize, quant: &[u16; 64]) -> Inverse {
        let factors: &[f64] = match side {
            8 => &EIGHT,
            6 => &SIX,
            4 => &FOUR,
            _ => &[1.0; 2],
        };
        let step = |across: usize, down: usize| {
            (f64::from(quant[down * 8 + across]) * factors[across] * factors[down] / 8.0) as f32
        };
        let kept = kept(side);
        let steps = (0..kept).flat_map(|across| (0..kept).map(move |down| step(across, down)));
        Inverse { side, steps: steps.collect() }
    }

    /// Samples of blocks that lie side by side, into rows that are `stride` apart: a multiple of eight, and no less than
    /// the blocks are wide. `last` is 0 for each block of which but the first coefficient counts.
    pub(super) fn transform(&self, blocks: &[i16], last: &[u8], samples: &mut [u8], stride: usize) {
        #[cfg(target_arch = "x86_64")]
        if self.side >= 4 && is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { avx2::transform(self, blocks, last, samples, stride) };
        }
        self.transform_plain(blocks, last, samples, stride);
    }

    fn transform_plain(&self, blocks: &[i16], last: &[u8], samples: &mut [u8], stride: usize) {
        match self.side {
            8 => self.blocks::<8, 8>(blocks, last, samples, stride, eight, eight),
            6 => self.blocks::<8, 6>(blocks, last, samples, stride, six, six),
            4 => self.blocks::<4, 4>(blocks, last, samples, stride, four, four),
            2 => self.blocks::<2, 2>(blocks, last, samples, stride, two, two),
            _ => self.blocks::<1, 1>(blocks, last, samples, stride, |line| line, |line| line),
        }
    }

    /// Blocks of `KEPT` × `KEPT` coefficients.
    fn blocks<const KEPT: usize, const SIDE: usize>(
        &self,
        blocks: &[i16],
        last: &[u8],
        samples: &mut [u8],
        stride: usize,
        across: fn([Line<KEPT>; SIDE]) -> [Line<KEPT>; SIDE],
        down: fn([Line<SIDE>; SIDE]) -> [Line<SIDE>; SIDE],
    ) {
        let steps = self.steps.as_chunks::<KEPT>().0;
        for (index, (block, last)) in blocks.chunks_exact(KEPT * KEPT).zip(last).enumerate() {
            let out = &mut samples[index * SIDE..];
            if *last == 0 {
                for row in out.chunks_mut(stride).take(SIDE) {
                    row[..SIDE].fill(self.flat(block));
                }
                continue;
            }
            let block = block.as_chunks::<KEPT>().0;
            let columns = std::array::from_fn(|column| Line::loaded(&block[column], &steps[column]));
            let rows = down(flipped(across(columns)));
            for (to, row) in out.chunks_mut(stride).zip(rows) {
                to[..SIDE].copy_from_slice(&row.0.map(level));
            }
        }
    }

    /// The one level of a block without detail.
    fn flat(&self, block: &[i16]) -> u8 {
        level(f32::from(block[0]) * self.steps[0])
    }
}

/// Coefficients on a side of a block that becomes so many samples a side.
pub(super) fn kept(side: usize) -> usize {
    if side == 6 { 8 } else { side }
}

/// A level from its distance to the middle; half goes to the even one.
fn level(value: f32) -> u8 {
    // So large that a float has no bits for fractions, and its lowest byte is the whole number.
    const WHOLE: f32 = 12_582_912.0;
    let most = if value < 127.0 { value } else { 127.0 };
    let value = if most > -128.0 { most } else { -128.0 };
    (value + WHOLE).to_bits() as u8 ^ 0x80
}

/// Numbers that are reckoned with side by side.
trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<f32, Output = Self> {}

/// The transform of eight in five multiplications (Arai, Agui and Nakajima).
#[inline(always)]
fn eight<T: Lanes>([c0, c1, c2, c3, c4, c5, c6, c7]: [T; 8]) -> [T; 8] {
    const ROOT: f32 = std::f32::consts::SQRT_2;
    let (sum, difference, twice) = (c0 + c4, c0 - c4, c2 + c6);
    let cross = (c2 - c6) * ROOT - twice;
    let even = [sum + twice, difference + cross, difference - cross, sum - twice];
    let (near, far) = (c1 + c7, c5 + c3);
    let (left, right) = (c5 - c3, c1 - c7);
    // 2 cos(π/8), and what is left of both when it turns.
    let turned = (left + right) * 1.847_759_1;
    let o0 = near + far;
    let o1 = turned - left * 2.613_126 - o0;
    let o2 = (near - far) * ROOT - o1;
    let o3 = turned - right * 1.082_392_2 - o2;
    let [e0, e1, e2, e3] = even;
    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

/// The transform of six.
#[inline(always)]
fn six<T: Lanes>([c0, c1, c2, c3, c4, c5]: [T; 6]) -> [T; 6] {
    let (sum, turned) = (c0 + c4, (c1 + c5) * 0.366_025_4);
    let (e0, e1, e2) = (sum + c2, c0 - c4 * 2.0, sum - c2);
    // cos(π/12) and cos(5π/12) by cos(π/4), which are apart by 1.
    let (o0, o1, o2) = (c1 + c3 + turned, c1 - c3 - c5, c5 - c3 + turned);
    [e0 + o0, e1 + o1, e2 + o2, e2 - o2, e1 - o1, e0 - o0]
}

/// The transform of four.
#[inline(always)]
fn four<T: Lanes>([c0, c1, c2, c3]: [T; 4]) -> [T; 4] {
    // tan(π/8).
    const SLOPE: f32 = 0.414_213_57;
    let (e0, e1) = (c0 + c2, c0 - c2);
    let (o0, o1) = (c1 + c3 * SLOPE, c1 * SLOPE - c3);
    [e0 + o0, e1 + o1, e1 - o1, e0 - o0]
}

/// The transform of two.
fn two<T: Lanes>([c0, c1]: [T; 2]) -> [T; 2] {
    [c0 + c1, c0 - c1]
}

/// A row or column of a block.
#[derive(Clone, Copy)]
struct Line<const N: usize>([f32; N]);

impl<const N: usize> Lanes for Line<N> {}

impl<const N: usize> Line<N> {
    fn loaded(values: &[i16; N], steps: &[f32; N]) -> Line<N> {
        Line(std::array::from_fn(|lane| f32::from(values[lane]) * steps[lane]))
    }
}

impl<const N: usize> Add for Line<N> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Line(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }
}

impl<const N: usize> Sub for Line<N> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Line(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }
}

impl<const N: usize> Mul<f32> for Line<N> {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Line(self.0.map(|value| value * factor))
    }
}

/// Rows from columns, the first of them.
fn flipped<const KEPT: usize, const SIDE: usize>(lines: [Line<KEPT>; SIDE]) -> [Line<SIDE>; SIDE] {
    std::array::from_fn(|lane| Line(std::array::from_fn(|line| lines[line].0[lane])))
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! Eight lanes: a line of a block of eight, or the same line of two blocks of four.

    use std::arch::x86_64::*;
    use std::ops::{Add, Mul, Sub};

    use super::{Inverse, Lanes, eight, four, six};

    /// Only the functions below make one, which a machine without AVX2 does not come to.
    #[derive(Clone, Copy)]
    struct Vector(__m256);

    impl Lanes for Vector {}

    impl Add for Vector {
        type Output = Self;
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: where there is a vector, there is AVX2.
            Vector(unsafe { _mm256_add_ps(self.0, other.0) })
        }
    }

    impl Sub for Vector {
        type Output = Self;
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: as above.
            Vector(unsafe { _mm256_sub_ps(self.0, other.0) })
        }
    }

    impl Mul<f32> for Vector {
        type Output = Self;
        #[inline(always)]
        fn mul(self, factor: f32) -> Self {
            // SAFETY: as above.
            Vector(unsafe { _mm256_mul_ps(self.0, _mm256_set1_ps(factor)) })
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn transform(
        inverse: &Inverse,
        blocks: &[i16],
        last: &[u8],
        samples: &mut [u8],
        stride: usize,
    ) {
        match inverse.side {
            8 => eights(inverse, blocks, last, samples, stride),
            6 => sixes(inverse, blocks, last, samples, stride),
            _ => fours(inverse, blocks, last, samples, stride),
        }
    }

    #[target_feature(enable = "avx2")]
    fn eights(inverse: &Inverse, blocks: &[i16], last: &[u8], samples: &mut [u8], stride: usize) {
        let steps: [Vector; 8] = std::array::from_fn(|column| steps(inverse, column));
        for (index, (block, last)) in blocks.as_chunks::<64>().0.iter().zip(last).enumerate() {
            let out = &mut samples[index * 8..];
            if *last == 0 {
                fill::<8>(&[inverse.flat(block); 8], 8, out, stride);
                continue;
            }
            let block = block.as_chunks::<8>().0;
            let columns: [Vector; 8] =
                std::array::from_fn(|column| product(load(&block[column]), steps[column]));
            let [a, b, c, d, e, f, g, h] = eight(flipped_eight(eight(columns)));
            store::<8>([a, b, c, d], out, stride);
            store::<8>([e, f, g, h], &mut out[stride * 4..], stride);
        }
    }

    /// Two of the eight lanes hold nothing in the end, and two rows of the second four are past the block.
    #[target_feature(enable = "avx2")]
    fn sixes(inverse: &Inverse, blocks: &[i16], last: &[u8], samples: &mut [u8], stride: usize) {
        let steps: [Vector; 6] = std::array::from_fn(|column| steps(inverse, column));
        let none = Vector(_mm256_setzero_ps());
        for (index, (block, last)) in blocks.as_chunks::<64>().0.iter().zip(last).enumerate() {
            let out = &mut samples[index * 6..];
            if *last == 0 {
                fill::<6>(&[inverse.flat(block); 8], 6, out, stride);
                continue;
            }
            let block = block.as_chunks::<8>().0;
            let columns = std::array::from_fn(|column| product(load(&block[column]), steps[column]));
            let [a, b, c, d, e, f] = six(columns);
            let [a, b, c, d, e, f, ..] = flipped_eight([a, b, c, d, e, f, none, none]);
            let [a, b, c, d, e, f] = six([a, b, c, d, e, f]);
            store::<6>([a, b, c, d], out, stride);
            store::<6>([e, f, none, none], &mut out[stride * 4..stride * 5 + 6], stride);
        }
    }

    #[target_feature(enable = "avx2")]
    fn fours(inverse: &Inverse, blocks: &[i16], last: &[u8], samples: &mut [u8], stride: usize) {
        let steps: [Vector; 2] = std::array::from_fn(|columns| steps(inverse, columns));
        for (index, (pair, last)) in blocks.as_chunks::<16>().0.chunks(2).zip(last.chunks(2)).enumerate() {
            let out = &mut samples[index * 8..];
            let (left, right) = (&pair[0], pair.get(1).unwrap_or(&[0; 16]));
            if last.iter().all(|last| *last == 0) {
                let (left, right) = (inverse.flat(left), inverse.flat(right));
                fill::<8>(&[left, left, left, left, right, right, right, right], 4, out, stride);
                continue;
            }
            let left = two_columns_each(left, last[0], steps);
            let right = two_columns_each(right, last.get(1).copied().unwrap_or(0), steps);
            let ([a, b], [c, d]) = (sorted(left[0], right[0]), sorted(left[1], right[1]));
            store::<8>(four(flipped_four(four([a, b, c, d]))), out, stride);
        }
    }

    /// A block of four, of which but the first coefficient counts where `last` is 0.
    #[target_feature(enable = "avx2")]
    fn two_columns_each(block: &[i16; 16], last: u8, steps: [Vector; 2]) -> [Vector; 2] {
        let detail = _mm_set1_epi16(if last == 0 { 0 } else { -1 });
        let masks = [_mm_or_si128(detail, _mm_setr_epi16(-1, 0, 0, 0, 0, 0, 0, 0)), detail];
        let columns = block.as_chunks::<8>().0;
        std::array::from_fn(|half| {
            let values = _mm_and_si128(load(&columns[half]), masks[half]);
            product(values, steps[half])
        })
    }

    /// Eight of the steps.
    #[target_feature(enable = "avx2")]
    fn steps(inverse: &Inverse, index: usize) -> Vector {
        let steps = inverse.steps.as_chunks::<8>().0.get(index).unwrap_or(&[0.0; 8]);
        // SAFETY: an unaligned load of the 32 bytes that the array has.
        Vector(unsafe { _mm256_loadu_ps(steps.as_ptr()) })
    }

    #[target_feature(enable = "avx2")]
    fn load(coefficients: &[i16; 8]) -> __m128i {
        // SAFETY: an unaligned load of the 16 bytes that the array has.
        unsafe { _mm_loadu_si128(coefficients.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn product(coefficients: __m128i, steps: Vector) -> Vector {
        Vector(_mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(coefficients)), steps.0))
    }

    /// Two columns of one block and two of another become both their first, and both their second ones.
    #[target_feature(enable = "avx2")]
    fn sorted(left: Vector, right: Vector) -> [Vector; 2] {
        let first = _mm256_permute2f128_ps::<0x20>(left.0, right.0);
        let second = _mm256_permute2f128_ps::<0x31>(left.0, right.0);
        [Vector(first), Vector(second)]
    }

    /// Rows from columns in each half.
    #[target_feature(enable = "avx2")]
    fn flipped_four([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
        let (ab, cd) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpacklo_ps(c.0, d.0));
        let (ab_high, cd_high) = (_mm256_unpackhi_ps(a.0, b.0), _mm256_unpackhi_ps(c.0, d.0));
        [
            Vector(_mm256_shuffle_ps::<0x44>(ab, cd)),
            Vector(_mm256_shuffle_ps::<0xEE>(ab, cd)),
            Vector(_mm256_shuffle_ps::<0x44>(ab_high, cd_high)),
            Vector(_mm256_shuffle_ps::<0xEE>(ab_high, cd_high)),
        ]
    }

    /// Rows from columns.
    #[target_feature(enable = "avx2")]
    fn flipped_eight([a, b, c, d, e, f, g, h]: [Vector; 8]) -> [Vector; 8] {
        let (left, right) = (flipped_four([a, b, c, d]), flipped_four([e, f, g, h]));
        let rows: [[Vector; 2]; 4] = std::array::from_fn(|index| sorted(left[index], right[index]));
        std::array::from_fn(|index| rows[index % 4][index / 4])
    }

    /// Of four rows of levels the first so many of each.
    #[target_feature(enable = "avx2")]
    fn store<const WIDTH: usize>(rows: [Vector; 4], samples: &mut [u8], stride: usize) {
        let [a, b, c, d] = rows.map(|row| _mm256_cvtps_epi32(_mm256_min_ps(row.0, _mm256_set1_ps(127.0))));
        // Packing bounds the values, and takes lanes from the halves in turn.
        let turned = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let levels = _mm256_xor_si256(_mm256_permutevar8x32_epi32(turned, order), _mm256_set1_epi8(-128));
        let mut all = [0_u8; 32];
        // SAFETY: an unaligned store of the 32 bytes that the array has.
        unsafe { _mm256_storeu_si256(all.as_mut_ptr().cast(), levels) };
        for (row, levels) in samples.chunks_mut(stride).zip(all.as_chunks::<8>().0) {
            row[..WIDTH].copy_from_slice(&levels[..WIDTH]);
        }
    }

    fn fill<const WIDTH: usize>(levels: &[u8; 8], rows: usize, samples: &mut [u8], stride: usize) {
        for row in samples.chunks_mut(stride).take(rows) {
            row[..WIDTH].copy_from_slice(&levels[..WIDTH]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use proptest::prelude::*;

    use super::*;

    /// What a block is by the definition of the transform (T.81, A.3.3), of its low frequencies and so many samples a side.
    fn exact(side: usize, quant: &[u16; 64], block: &[i16]) -> Vec<f64> {
        let wave = |frequency: usize, at: usize| {
            let scale = if frequency == 0 { 1.0 / 8.0_f64.sqrt() } else { 0.5 };
            scale * (PI * frequency as f64 * (at as f64 + 0.5) / side as f64).cos()
        };
        let sample = |x: usize, y: usize| {
            let waves = (0..side * side).map(|index| {
                let (across, down) = (index / side, index % side);
                let value =
                    f64::from(block[across * kept(side) + down]) * f64::from(quant[down * 8 + across]);
                value * wave(across, x) * wave(down, y)
            });
            (waves.sum::<f64>() + 128.0).clamp(0.0, 255.0)
        };
        (0..side * side).map(|index| sample(index % side, index / side)).collect()
    }

    fn quant() -> [u16; 64] {
        std::array::from_fn(|index| 1 + (index as u16 * 7) % 23)
    }

    /// Blocks of noise, and what says of every third of them that it is flat, whatever else it holds.
    fn noise(side: usize, count: usize, seed: &[i16]) -> (Vec<i16>, Vec<u8>) {
        let area = kept(side) * kept(side);
        let value = |index: usize| seed[index * 5 % seed.len()] / (1 + (index % area) as i16);
        ((0..count * area).map(value).collect(), (0..count).map(|index| (index % 3) as u8).collect())
    }

    proptest! {
        #[test]
        fn samples_are_what_the_definition_says(seed in prop::collection::vec(-300_i16..300, 67)) {
            for side in [1, 2, 4, 6, 8] {
                let (inverse, stride) = (Inverse::new(side, &quant()), (5 * side).next_multiple_of(8));
                let (blocks, last) = noise(side, 5, &seed);
                let mut samples = vec![0; stride * side];
                inverse.transform(&blocks, &last, &mut samples, stride);
                for (index, block) in blocks.chunks(kept(side) * kept(side)).enumerate() {
                    let mut block = block.to_vec();
                    if last[index] == 0 {
                        block[1..].fill(0);
                    }
                    for (at, exact) in exact(side, &quant(), &block).into_iter().enumerate() {
                        let seen = samples[at / side * stride + index * side + at % side];
                        prop_assert!((f64::from(seen) - exact).abs() < 0.51, "{side}: {seen} for {exact}");
                    }
                }
            }
        }

        #[test]
        fn both_ways_give_the_same_bytes(
            seed in prop::collection::vec(any::<i16>(), 67),
            step in any::<u16>(),
            count in 1_usize..9,
        ) {
            for side in [1, 2, 4, 6, 8] {
                let (inverse, stride) = (Inverse::new(side, &[step; 64]), (count * side).next_multiple_of(8));
                let (blocks, last) = noise(side, count, &seed);
                let (mut fast, mut plain) = (vec![0; stride * side], vec![0; stride * side]);
                inverse.transform(&blocks, &last, &mut fast, stride);
                inverse.transform_plain(&blocks, &last, &mut plain, stride);
                for (fast, plain) in fast.chunks(stride).zip(plain.chunks(stride)) {
                    prop_assert_eq!(&fast[..count * side], &plain[..count * side]);
                }
            }
        }
    }
}
