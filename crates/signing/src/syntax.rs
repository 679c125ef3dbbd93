//! The small grammars that schemes share (signing-schemes 0): integers, hex digits, and the comparison of secrets.

use base64::Engine;
use subtle::{Choice, ConstantTimeEq as _};

/// `0|[1-9][0-9]{0,11}` and nothing else: no sign, no leading zero, no fraction, no escape, no milliseconds.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits = text.as_bytes();
    if !(1..=12).contains(&digits.len()) || digits[0] == b'0' && digits.len() > 1 {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Exactly `N` bytes as lower-case hex digits, so that a signature has one spelling. Every delivery comes through here.
pub(crate) fn lower_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    // First all digits, then all bytes: so the compiler takes many at once.
    let (mut nibbles, mut all) = ([[0; 2]; N], 0);
    for (value, digit) in nibbles.as_flattened_mut().iter_mut().zip(digits) {
        *value = nibble(*digit);
        all |= *value;
    }
    (all <= 0xF).then(|| nibbles.map(|[high, low]| high << 4 | low))
}

/// Exactly `N` bytes, 32 at most, in the base64 of an engine.
pub(crate) fn base64_bytes<const N: usize>(engine: &impl Engine, text: &str) -> Option<[u8; N]> {
    // As large as the engine estimates what the longest text makes.
    let mut buffer = [0; 36];
    let length = engine.decode_slice(text, &mut buffer).ok()?;
    buffer.first_chunk().filter(|_| length == N).copied()
}

/// Bytes as lower-case hex digits, two for each.
pub(crate) fn hex_digits<const BYTES: usize, const DIGITS: usize>(bytes: &[u8; BYTES]) -> [u8; DIGITS] {
    const { assert!(DIGITS == 2 * BYTES, "a byte has two digits") };
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        (pair[0], pair[1]) = (digit(byte >> 4), digit(byte & 0xF));
    }
    digits
}

/// Whether two texts are equal, in a time that does not tell where they differ. Their lengths are no secret.
pub(crate) fn same(one: &[u8], other: &[u8]) -> Choice {
    #[cfg(test)]
    COMPARISONS.with(|count| count.set(count.get() + 1));
    if one.len() != other.len() {
        return Choice::from(0);
    }
    // All bytes are looked at, many at once; what is told of them is one bit.
    one.iter().zip(other).fold(0, |differing, (one, other)| differing | (one ^ other)).ct_eq(&0)
}

#[cfg(test)]
std::thread_local! {
    /// How many comparisons this thread has made.
    pub(crate) static COMPARISONS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The value of a digit; more than 15 where it is none. Without a table or a branch, so that the compiler takes many at
/// once.
const fn nibble(digit: u8) -> u8 {
    let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
    let of_number = if number < 10 { number } else { 0xFF };
    let of_letter = if letter < 6 { letter + 10 } else { 0xFF };
    of_number & of_letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_spelling() {
        for (good, value) in
            [("0", 0), ("7", 7), ("1790003600", 1_790_003_600), ("999999999999", 999_999_999_999)]
        {
            assert_eq!(integer(good), Some(value));
        }
        for bad in
            ["", "-1", "+1", "01", "00", "1.0", "1e3", "0x1", " 1", "1 ", "%31", "1000000000000", "١", "1_0"]
        {
            assert_eq!(integer(bad), None, "{bad}");
        }
    }

    #[test]
    fn hex_is_lower_case_and_of_one_length() {
        assert_eq!(lower_hex(&"0f".repeat(32)), Some([0x0f; 32]));
        assert_eq!(lower_hex("a9"), Some([0xa9]));
        assert_eq!(&hex_digits(&[0x09, 0xaf]), b"09af");
        let bytes = |text: &str| base64_bytes::<32>(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
        assert_eq!(bytes(&"_".repeat(42)), None);
        assert_eq!(bytes(&format!("{}8", "_".repeat(42))), Some([0xff; 32]));
        for chars in [0, 43, 44, 48, 49, 100] {
            assert_eq!(bytes(&"_".repeat(chars)), None, "{chars}");
        }
        for bad in
            ["".into(), "0F".repeat(32), "0f".repeat(31), "0f".repeat(33), "0g".repeat(32), "é".repeat(32)]
        {
            assert_eq!(lower_hex::<32>(&bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_of_unequal_length_are_not_the_same() {
        assert!(bool::from(same(b"abc", b"abc")));
        for other in ["abd", "ab", "abcd", ""] {
            assert!(!bool::from(same(b"abc", other.as_bytes())), "{other}");
        }
    }
}
