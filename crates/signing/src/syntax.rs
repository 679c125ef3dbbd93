//! The small grammars that schemes share (signing-schemes 0): integers, hex digits, base64 of signatures, and the comparison
//! of secrets.

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

/// The two digits of base64 in which alphabets differ, and whether `=` fills a text up to a multiple of four.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base64 {
    last_digits: [u8; 2],
    is_padded: bool,
}

/// The ordinary alphabet, padded.
pub(crate) const STANDARD: Base64 = Base64 { last_digits: *b"+/", is_padded: true };
/// The alphabet of URLs, padded.
pub(crate) const URL_SAFE: Base64 = Base64 { last_digits: *b"-_", is_padded: true };
/// The alphabet of URLs, never padded.
pub(crate) const URL_SAFE_NO_PAD: Base64 = Base64 { last_digits: *b"-_", is_padded: false };

/// Digits of the longest signature in base64, 32 bytes, filled up.
const MOST_DIGITS: usize = 44;
/// Bytes that so many digits stand for.
const MOST_BYTES: usize = MOST_DIGITS / 4 * 3;

/// Exactly `N` bytes, 32 at most, in base64: no stray bits, so that a signature has one spelling.
pub(crate) fn base64_bytes<const N: usize>(base64: Base64, text: &str) -> Option<[u8; N]> {
    let ShortBytes { bytes, length } = base64.decode(text)?;
    bytes.first_chunk().filter(|_| length == N).copied()
}

/// At most 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShortBytes {
    /// All behind the last one are zero.
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl std::ops::Deref for ShortBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Base64 {
    /// The bytes that a text stands for, without stray bits. First all digits are looked at, then all bytes, so that the
    /// compiler takes many at once.
    pub(crate) fn decode(self, text: &str) -> Option<ShortBytes> {
        let digits = text.as_bytes();
        let digits = if self.is_padded { unpadded(digits)? } else { digits };
        let length = digits.len() * 3 / 4;
        if digits.len() > MOST_DIGITS || digits.len() % 4 == 1 || length > 32 {
            return None;
        }
        let (mut sextets, mut all) = ([0; MOST_DIGITS], 0);
        for (value, digit) in sextets.iter_mut().zip(digits) {
            *value = self.sextet(*digit);
            all |= *value;
        }
        let mut bytes = [[0; 3]; MOST_BYTES / 3];
        for (three, four) in bytes.iter_mut().zip(sextets.as_chunks::<4>().0) {
            let [a, b, c, d] = *four;
            *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        }
        let mut decoded = ShortBytes { bytes: [0; MOST_BYTES], length };
        decoded.bytes.copy_from_slice(bytes.as_flattened());
        let stray = decoded.bytes[length..].iter().fold(0, |stray, byte| stray | byte);
        (all < 64 && stray == 0).then_some(decoded)
    }

    /// The value of a digit; more than 63 where it is none. Without a table or a branch.
    const fn sextet(self, digit: u8) -> u8 {
        let (upper, lower) = (digit.wrapping_sub(b'A'), digit.wrapping_sub(b'a'));
        let number = digit.wrapping_sub(b'0');
        let of_upper = if upper < 26 { upper } else { 0xFF };
        let of_lower = if lower < 26 { lower + 26 } else { 0xFF };
        let of_number = if number < 10 { number + 52 } else { 0xFF };
        let of_last = if digit == self.last_digits[0] { 62 } else { 0xFF };
        let of_very_last = if digit == self.last_digits[1] { 63 } else { 0xFF };
        of_upper & of_lower & of_number & of_last & of_very_last
    }
}

/// The digits of a text that is filled up to a multiple of four by one `=` or two.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let bare = text.strip_suffix(b"=").unwrap_or(text);
    let bare = bare.strip_suffix(b"=").unwrap_or(bare);
    text.len().is_multiple_of(4).then_some(bare)
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
    use base64::Engine as _;
    use base64::engine::GeneralPurpose;
    use base64::engine::general_purpose as engine;
    use proptest::prelude::*;

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
        let bytes = |text: &str| base64_bytes::<32>(URL_SAFE_NO_PAD, text);
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

    proptest! {
        #[test]
        fn base64_is_what_others_make_of_it(
            text in "[A-Za-z0-9+/=_-]{0,48}|[A-Za-z0-9_-]{26,27}=|[A-Za-z0-9+/]{42,43}=|\\PC{0,8}",
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let check = |base64: Base64, engine: &GeneralPurpose, text: &str| {
                let expected = engine.decode(text).ok().filter(|bytes| bytes.len() <= 32);
                let found = base64.decode(text).map(|bytes| bytes.to_vec());
                prop_assert_eq!(found, expected, "{}", text);
                Ok(())
            };
            for (base64, engine) in [
                (super::STANDARD, &engine::STANDARD),
                (super::URL_SAFE, &engine::URL_SAFE),
                (super::URL_SAFE_NO_PAD, &engine::URL_SAFE_NO_PAD),
            ] {
                check(base64, engine, &text)?;
                check(base64, engine, &engine.encode(&bytes))?;
            }
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
