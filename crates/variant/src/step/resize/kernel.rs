//! The two sums that scaling is made of, with AVX2 where the machine has it. Both ways give the same bytes: the
//! sums are whole numbers, and cannot overflow (a test holds them against each other).
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "vector loads and stores"))]

use super::weights::{Across, BITS, HALF_LANES, LANES};

/// White, and full alpha: so much that the overshoot of a sum still fits into 16 bits.
pub(super) const WHITE: i32 = 28_000;

/// Half of the last bit that is cut off.
const HALF: i32 = 1 << (BITS - 1);

/// The weighted sum of rows, as long as `out`, a multiple of [`LANES`]. Overshoot is kept.
pub(super) fn down(rows: &[&[i16]], weights: &[i16], out: &mut [i16]) {
    debug_assert!(out.len().is_multiple_of(LANES));
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::down(rows, weights, out) };
    }
    down_plain(rows, weights, out);
}

/// Sums along rows: `line` holds N planes, `stride` apart, and `taps` more values; `out` takes pixels, within 0 to
/// [`WHITE`].
pub(super) fn across<const N: usize>(line: &[i16], stride: usize, across: &Across, out: &mut [i16]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::across::<N>(line, stride, across, out) };
    }
    across_plain::<N>(line, stride, across, out);
}

/// Takes of each value, from 0 to [`WHITE`], the share that stands beside it, of [`WHITE`].
pub(super) fn multiply(values: &mut [i16], shares: &[i16]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::multiply(values, shares) };
    }
    multiply_plain(values, shares);
}

/// Inlined, so that it is vectorised for whatever its caller may use.
#[inline(always)]
fn multiply_plain(values: &mut [i16], shares: &[i16]) {
    for (value, share) in values.iter_mut().zip(shares) {
        *value = ((i32::from(*value) * i32::from(*share) + WHITE / 2) / WHITE) as i16;
    }
}

fn down_plain(rows: &[&[i16]], weights: &[i16], out: &mut [i16]) {
    for (index, value) in out.iter_mut().enumerate() {
        let products =
            rows.iter().zip(weights).map(|(row, weight)| i32::from(row[index]) * i32::from(*weight));
        let sum = (products.sum::<i32>() + HALF) >> BITS;
        *value = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    }
}

fn across_plain<const N: usize>(line: &[i16], stride: usize, across: &Across, out: &mut [i16]) {
    let windows = across.starts.iter().zip(across.weights.chunks_exact(across.taps));
    for ((start, weights), pixel) in windows.zip(out.as_chunks_mut::<N>().0) {
        for (plane, value) in pixel.iter_mut().enumerate() {
            let values = &line[plane * stride + start..][..across.taps];
            let products = values.iter().zip(weights).map(|(v, w)| i32::from(*v) * i32::from(*w));
            *value = ((products.sum::<i32>() + HALF) >> BITS).clamp(0, WHITE) as i16;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! Pairs of 16-bit products are summed in one instruction.

    use std::arch::x86_64::*;

    use super::{Across, BITS, HALF, HALF_LANES, LANES, WHITE};

    /// Loads sixteen values from `at` on.
    #[target_feature(enable = "avx2")]
    fn load(values: &[i16], at: usize) -> __m256i {
        let lanes: &[i16; LANES] = values[at..].first_chunk().unwrap_or(&[0; LANES]);
        // SAFETY: an unaligned load of the 32 bytes that the array has.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    /// The same of eight values; the other eight are zero.
    #[target_feature(enable = "avx2")]
    fn load_half(values: &[i16], at: usize) -> __m256i {
        let lanes: &[i16; HALF_LANES] = values[at..].first_chunk().unwrap_or(&[0; HALF_LANES]);
        // SAFETY: an unaligned load of the 16 bytes that the array has.
        _mm256_zextsi128_si256(unsafe { _mm_loadu_si128(lanes.as_ptr().cast()) })
    }

    /// Vectors that are summed up together: what the registers hold. Each row is then read by whole cache lines.
    const STRIP: usize = 4;

    /// Two rows, and their weights by turns in all lanes.
    struct Pair<'a> {
        first: &'a [i16],
        second: &'a [i16],
        weights: __m256i,
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn down(rows: &[&[i16]], weights: &[i16], out: &mut [i16]) {
        let mut pairs = Vec::with_capacity(rows.len().div_ceil(2));
        for (rows, weights) in rows.chunks(2).zip(weights.chunks(2)) {
            let second = weights.get(1).copied().unwrap_or(0);
            pairs.push(Pair {
                first: rows[0],
                second: rows[rows.len() - 1],
                weights: _mm256_set1_epi32((i32::from(second) << 16) | i32::from(weights[0] as u16)),
            });
        }
        let (strips, rest) = out.as_chunks_mut::<{ STRIP * LANES }>();
        let past = strips.len() * STRIP * LANES;
        for (index, strip) in strips.iter_mut().enumerate() {
            sum::<STRIP>(&pairs, index * STRIP * LANES, strip);
        }
        for (index, lanes) in rest.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            sum::<1>(&pairs, past + index * LANES, lanes);
        }
    }

    /// N vectors of the sum, from the value `from` of each row on.
    #[target_feature(enable = "avx2")]
    fn sum<const N: usize>(pairs: &[Pair<'_>], from: usize, out: &mut [i16]) {
        let mut sums = [[_mm256_set1_epi32(HALF); 2]; N];
        for pair in pairs {
            let (first, second) = (&pair.first[from..][..N * LANES], &pair.second[from..][..N * LANES]);
            for (at, [low, high]) in sums.iter_mut().enumerate() {
                let (a, b) = (load(first, at * LANES), load(second, at * LANES));
                *low = _mm256_add_epi32(*low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), pair.weights));
                *high = _mm256_add_epi32(*high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), pair.weights));
            }
        }
        for (lanes, [low, high]) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
            let (low, high) =
                (_mm256_srai_epi32::<{ BITS as i32 }>(low), _mm256_srai_epi32::<{ BITS as i32 }>(high));
            // SAFETY: an unaligned store of the 32 bytes that the array has.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_packs_epi32(low, high)) };
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn multiply(values: &mut [i16], shares: &[i16]) {
        super::multiply_plain(values, shares);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn across<const N: usize>(line: &[i16], stride: usize, across: &Across, out: &mut [i16]) {
        match across.taps {
            8 => windows::<N, 8>(line, stride, across, out),
            16 => windows::<N, 16>(line, stride, across, out),
            24 => windows::<N, 24>(line, stride, across, out),
            _ => windows::<N, 0>(line, stride, across, out),
        }
    }

    /// With so many weights to a pixel, where that is known beforehand: 0 is any number.
    #[target_feature(enable = "avx2")]
    fn windows<const N: usize, const TAPS: usize>(
        line: &[i16],
        stride: usize,
        across: &Across,
        out: &mut [i16],
    ) {
        let taps = if TAPS == 0 { across.taps } else { TAPS };
        let whole = taps / LANES * LANES;
        let windows = across.starts.iter().zip(across.weights.chunks_exact(taps));
        for ((start, weights), pixel) in windows.zip(out.as_chunks_mut::<N>().0) {
            let mut sums = [_mm256_setzero_si256(); N];
            for (plane, sum) in sums.iter_mut().enumerate() {
                let values = &line[plane * stride + start..][..taps];
                let mut at = 0;
                while at < whole {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load(values, at), load(weights, at)));
                    at += LANES;
                }
                if whole < taps {
                    let products = _mm256_madd_epi16(load_half(values, whole), load_half(weights, whole));
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
            pixel.copy_from_slice(&totals(sums[0], sums[1], sums[2], sums[N - 1])[..N]);
        }
    }

    /// The sum of each of four vectors, rounded and within 0 to white.
    #[target_feature(enable = "avx2")]
    fn totals(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> [i16; 4] {
        let quarters = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let sums = _mm_add_epi32(_mm256_castsi256_si128(quarters), _mm256_extracti128_si256::<1>(quarters));
        let rounded = _mm_srai_epi32::<{ BITS as i32 }>(_mm_add_epi32(sums, _mm_set1_epi32(HALF)));
        let bounded = _mm_min_epi32(_mm_max_epi32(rounded, _mm_setzero_si128()), _mm_set1_epi32(WHITE));
        let mut out = [0; 4];
        // SAFETY: an unaligned store of the 8 bytes that the array has.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), _mm_packs_epi32(bounded, bounded)) };
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::weights::Weights;
    use super::*;

    proptest! {
        #[test]
        fn both_ways_give_the_same_values(
            seed in prop::collection::vec(-3000_i16..31_000, 64..200),
            target in 1_usize..90,
            height in 1_usize..19,
        ) {
            let width = seed.len();
            let stride = width.next_multiple_of(LANES);
            let across_weights = Across::new(&Weights::new(0.25, width as f64 - 0.5, width, target));
            let down_weights = Weights::new(0.0, height as f64, height, 1).of.remove(0).1;
            let rows: Vec<Vec<i16>> = (0..down_weights.len())
                .map(|y| (0..stride * 4).map(|x| seed[(x * 7 + y * 3) % width]).collect())
                .collect();
            let rows: Vec<&[i16]> = rows.iter().map(Vec::as_slice).collect();
            let (mut fast, mut plain) = (vec![0; stride * 4], vec![1; stride * 4]);
            down(&rows, &down_weights, &mut fast);
            down_plain(&rows, &down_weights, &mut plain);
            prop_assert_eq!(&fast, &plain);
            fast.extend(vec![7; across_weights.taps]);
            let (mut fast_line, mut plain_line) = (vec![0; target * 4], vec![1; target * 4]);
            across::<4>(&fast, stride, &across_weights, &mut fast_line);
            across_plain::<4>(&fast, stride, &across_weights, &mut plain_line);
            prop_assert_eq!(&fast_line, &plain_line);
            let (mut fast_line, mut plain_line) = (vec![0; target * 3], vec![1; target * 3]);
            across::<3>(&fast, stride, &across_weights, &mut fast_line);
            across_plain::<3>(&fast, stride, &across_weights, &mut plain_line);
            prop_assert_eq!(fast_line, plain_line);
        }

        #[test]
        fn shares_are_taken_alike_and_rounded(
            pairs in prop::collection::vec((0_i16..=28_000, 0_i16..=28_000), 1..99),
        ) {
            let (values, shares): (Vec<i16>, Vec<i16>) = pairs.into_iter().unzip();
            let mut fast = values.clone();
            multiply(&mut fast, &shares);
            for ((value, share), seen) in values.iter().zip(&shares).zip(fast) {
                let exact = f64::from(*value) * f64::from(*share) / f64::from(WHITE);
                prop_assert!((f64::from(seen) - exact).abs() <= 0.5);
            }
        }
    }
}
