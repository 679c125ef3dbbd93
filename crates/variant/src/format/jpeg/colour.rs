//! From brightness and two differences of colour to red, green and blue (JFIF: BT.601 in full range).
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a call of what is compiled for AVX2"))]

/// Turns rows of components into pixels.
pub(super) struct Colour {
    /// Red, green and blue apart: so most of it is reckoned with sixteen pixels at a time.
    apart: [Vec<u8>; 3],
}

impl Colour {
    /// For rows of so many pixels.
    pub(super) fn new(width: usize) -> Colour {
        Colour { apart: std::array::from_fn(|_| vec![0; width]) }
    }

    /// A row of pixels from its brightness and both differences, which are no shorter.
    pub(super) fn write(&mut self, components: [&[u8]; 3], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { to_rgb_avx2(components, &mut self.apart, out) };
        }
        to_rgb_plain(components, &mut self.apart, out);
    }
}

/// A row of pixels of what is red, green and blue already.
#[inline(always)]
pub(super) fn interleave([red, green, blue]: [&[u8]; 3], out: &mut [u8]) {
    for (((pixel, red), green), blue) in out.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
        *pixel = [*red, *green, *blue];
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn to_rgb_avx2(components: [&[u8]; 3], apart: &mut [Vec<u8>; 3], out: &mut [u8]) {
    to_rgb_plain(components, apart, out);
}

#[inline(always)]
fn to_rgb_plain([luma, blues, reds]: [&[u8]; 3], apart: &mut [Vec<u8>; 3], out: &mut [u8]) {
    let components = luma.iter().zip(blues).zip(reds);
    let [r, g, b] = apart.each_mut().map(|row| row.iter_mut());
    for (((r, g), b), ((luma, blue), red)) in r.zip(g).zip(b).zip(components) {
        let (luma, blue, red) = (i16::from(*luma), i16::from(*blue) - 128, i16::from(*red) - 128);
        // 1.402, 1.772, 0.344136 and 0.714136; what does not fit into 16 bits goes beside the products.
        *r = level(luma + red + ((high(red << 1, 26_345) + 1) >> 1));
        *g = level(luma - red + ((high(blue << 7, -22_554) + high(red << 7, 18_734) + 65) >> 7));
        *b = level(luma + (blue << 1) + ((high(blue << 1, -14_942) + 1) >> 1));
    }
    let [r, g, b] = apart;
    interleave([r, g, b], out);
}

/// The upper half of a product.
#[inline(always)]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

#[inline(always)]
fn level(value: i16) -> u8 {
    value.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_the_one_of_the_definition() {
        for luma in (0..=255_u8).step_by(5) {
            for blue in (0..=255_u8).step_by(3) {
                let reds: Vec<u8> = (0..=255).collect();
                let (mut fast, mut plain) = (vec![0; 768], vec![1; 768]);
                let components = [&[luma; 256][..], &[blue; 256], &reds];
                Colour::new(256).write(components, &mut fast);
                to_rgb_plain(components, &mut Colour::new(256).apart, &mut plain);
                assert_eq!(fast, plain);
                for (pixel, red) in fast.as_chunks::<3>().0.iter().zip(reds) {
                    let (y, b, r) = (f64::from(luma), f64::from(blue) - 128.0, f64::from(red) - 128.0);
                    let exact = [y + 1.402 * r, y - 0.344_136 * b - 0.714_136 * r, y + 1.772 * b];
                    for (seen, exact) in pixel.iter().zip(exact) {
                        assert!(
                            (f64::from(*seen) - exact.clamp(0.0, 255.0)).abs() < 0.51,
                            "{luma} {blue} {red}"
                        );
                    }
                }
            }
        }
    }
}
