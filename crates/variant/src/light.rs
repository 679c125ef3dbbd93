//! The curve of sRGB (IEC 61966-2-1), and tables of it: numbers of a picture to light in 16 bits and back.

use std::sync::OnceLock;

/// White, and full alpha, in 16 bits.
pub(crate) const FULL: u16 = u16::MAX;

/// Linear light of an sRGB value, both from 0 to 1.
pub(crate) fn to_light(value: f64) -> f64 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// The sRGB value of linear light, both from 0 to 1.
pub(crate) fn from_light(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// Light of each 8-bit value.
pub(crate) fn lit() -> &'static [u16; 256] {
    static TABLE: OnceLock<[u16; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|value| (to_light(value as f64 / 255.0) * f64::from(FULL)).round() as u16)
    })
}

/// The 8-bit value of each light; 65,536 of them.
pub(crate) fn unlit() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let value = |light: u16| (from_light(f64::from(light) / f64::from(FULL)) * 255.0).round() as u8;
        (0..=FULL).map(value).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_its_light() {
        for value in 0..=255_u8 {
            assert_eq!(unlit()[usize::from(lit()[usize::from(value)])], value);
        }
        assert_eq!((lit()[0], lit()[255]), (0, FULL));
    }
}
