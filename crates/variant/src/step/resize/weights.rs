//! How much each pixel of a row counts for each pixel of the scaled row.

/// Weights have so many bits behind the point.
pub(super) const BITS: u32 = 14;

/// Rows come in multiples of this: what one vector instruction takes.
pub(super) const LANES: usize = 16;

/// Weights across come in multiples of this: what half a vector takes.
pub(super) const HALF_LANES: usize = LANES / 2;

const ONE: f64 = (1 << BITS) as f64;
const LOBES: f64 = 3.0;

/// Weights along one side, for each pixel that comes out: where they begin, and the weights, which add up to one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weights {
    pub(super) of: Vec<(usize, Vec<i16>)>,
}

impl Weights {
    /// Weights for the part `start`, `length` of `pixels` pixels, both exact and fractional, scaled to `target`.
    pub(super) fn new(start: f64, length: f64, pixels: usize, target: usize) -> Weights {
        let ratio = length / target as f64;
        let of =
            (0..target).map(|index| window(start + (index as f64 + 0.5) * ratio, ratio.max(1.0), pixels));
        Weights { of: of.collect() }
    }

    /// The most weights that one pixel has.
    pub(super) fn longest(&self) -> usize {
        self.of.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0)
    }

    /// The first pixel that counts, and the one past the last.
    pub(super) fn touched(&self) -> (usize, usize) {
        let first = self.of.iter().map(|(start, _)| *start).min().unwrap_or(0);
        let past = self.of.iter().map(|(start, weights)| start + weights.len()).max().unwrap_or(0);
        (first, past)
    }

    /// Counts pixels from `first` on.
    pub(super) fn shift(&mut self, first: usize) {
        for (start, _) in &mut self.of {
            *start -= first;
        }
    }
}

/// Weights across, padded with zeros to one length for all pixels.
pub(super) struct Across {
    pub(super) starts: Vec<usize>,
    pub(super) weights: Vec<i16>,
    /// Weights of a pixel, a multiple of [`HALF_LANES`].
    pub(super) taps: usize,
}

impl Across {
    pub(super) fn new(weights: &Weights) -> Across {
        let taps = weights.longest().next_multiple_of(HALF_LANES);
        let mut padded = vec![0; taps * weights.of.len()];
        for (to, (_, from)) in padded.chunks_exact_mut(taps).zip(&weights.of) {
            to[..from.len()].copy_from_slice(from);
        }
        Across { starts: weights.of.iter().map(|(start, _)| *start).collect(), weights: padded, taps }
    }
}

/// Weights around `centre`; what hangs over the edge is left out, and the rest makes up for it.
fn window(centre: f64, stretch: f64, pixels: usize) -> (usize, Vec<i16>) {
    let centre = centre.clamp(0.0, pixels as f64);
    let first = ((centre - LOBES * stretch).floor().max(0.0) as usize).min(pixels - 1);
    let past = ((centre + LOBES * stretch).ceil() as usize).clamp(first + 1, pixels);
    let exact: Vec<f64> =
        (first..past).map(|pixel| lanczos((pixel as f64 + 0.5 - centre) / stretch)).collect();
    let total: f64 = exact.iter().sum();
    let mut whole: Vec<i16> = exact.iter().map(|weight| (weight / total * ONE).round() as i16).collect();
    let largest = (0..whole.len()).max_by_key(|index| whole[*index]).unwrap_or(0);
    // Rounding leaves a few too many or too few, which the largest does not feel.
    whole[largest] += (1 << BITS) - whole.iter().sum::<i16>();
    trim(first, whole)
}

/// Without the zeros at both ends.
fn trim(first: usize, weights: Vec<i16>) -> (usize, Vec<i16>) {
    let from = weights.iter().position(|weight| *weight != 0).unwrap_or(0);
    let to = weights.iter().rposition(|weight| *weight != 0).map_or(weights.len(), |last| last + 1);
    (first + from, weights[from..to].to_vec())
}

fn lanczos(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        return 1.0;
    }
    if x.abs() >= LOBES {
        return 0.0;
    }
    // The sine of an angle by that of its third: sines are what weights cost.
    let angle = std::f64::consts::PI * x;
    let third = (angle / LOBES).sin();
    LOBES * third * third * (3.0 - 4.0 * third * third) / (angle * angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_and_stay_inside() {
        for (start, length, pixels, target) in [
            (0.0, 100.0, 100, 7),
            (0.0, 1362.5, 1363, 640),
            (10.3, 0.4, 12, 1),
            (0.0, 5.0, 5, 900),
            (0.0, 1.0, 1, 3),
        ] {
            for (first, weights) in Weights::new(start, length, pixels, target).of {
                assert_eq!(weights.iter().map(|w| i32::from(*w)).sum::<i32>(), 1 << BITS);
                assert!(first + weights.len() <= pixels && !weights.is_empty());
            }
        }
    }

    #[test]
    fn at_the_same_size_each_pixel_is_itself() {
        for (index, (first, weights)) in Weights::new(3.0, 20.0, 40, 20).of.into_iter().enumerate() {
            assert_eq!((first, weights), (index + 3, vec![1 << BITS]));
        }
    }
}
