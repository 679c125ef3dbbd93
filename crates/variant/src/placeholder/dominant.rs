//! The colour that most of a small picture has.

/// Bits of each channel by which colours count as one.
const BITS: u32 = 4;

/// Where nothing can be seen.
const WHITE: [u8; 3] = [255; 3];

/// What is known of the colours that count as one.
#[derive(Clone, Copy, Default)]
struct Bin {
    weight: u64,
    sums: [u64; 3],
}

/// The mean of the largest group of like colours in pixels of red, green, blue and alpha. What shows through counts less.
pub(super) fn colour(rgba: &[u8]) -> [u8; 3] {
    let mut bins = vec![Bin::default(); 1 << (3 * BITS)];
    for pixel in rgba.chunks_exact(4) {
        let place =
            pixel[..3].iter().fold(0, |place, channel| place << BITS | usize::from(channel >> (8 - BITS)));
        let (bin, weight) = (&mut bins[place], u64::from(pixel[3]));
        bin.weight += weight;
        for (sum, channel) in bin.sums.iter_mut().zip(pixel) {
            *sum += weight * u64::from(*channel);
        }
    }
    // The first of the heaviest, so that equal pictures have equal colours.
    let heaviest = bins.iter().rev().max_by_key(|bin| bin.weight).filter(|bin| bin.weight > 0);
    heaviest.map_or(WHITE, |bin| bin.sums.map(|sum| ((sum + bin.weight / 2) / bin.weight) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_of_the_largest_part_wins() {
        let check = |pixels: &[[u8; 4]], expected| assert_eq!(colour(&pixels.concat()), expected);
        check(&[[250, 10, 10, 255], [10, 10, 250, 255], [252, 12, 10, 255]], [251, 11, 10]);
        check(&[[0, 200, 0, 10], [200, 0, 0, 255]], [200, 0, 0]);
        check(&[[9, 9, 9, 0]], WHITE);
        check(&[], WHITE);
    }
}
