//! CloudFront's base64: the ordinary one, with `+`, `=` and `/` written as `-`, `_` and `~`.

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ALPHABET: Alphabet =
    match Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~") {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("the alphabet has 64 different characters"),
    };
/// The padding is taken off before, since this engine knows only `=`.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Longest text that is decoded, in bytes: no request target is longer, and no cookie needs to be.
const MAX_TEXT_BYTES: usize = 8_192;

/// Decodes a text that is padded to a multiple of four characters and has no stray bits, so that there is one spelling.
/// None for everything else, nothing included.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES || !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix("__").or_else(|| text.strip_suffix('_')).unwrap_or(text);
    ENGINE.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
    }

    #[test]
    fn what_is_not_spelt_so_is_refused() {
        assert_eq!(decoded("-~8_").as_deref(), Some(&[0xFB, 0xFF][..]));
        for bad in [
            "", "_", "__", "____", "AAA", "AAAAA", "AA==", "+~8_", "-/8_", "-~9_", "AB__", "A___", "AA_A",
            "_AAA", "AA\n_", "AAA ", "%2B~8", "éé",
        ] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
        assert!(decoded(&"A".repeat(MAX_TEXT_BYTES)).is_some());
        assert!(decoded(&"A".repeat(MAX_TEXT_BYTES + 4)).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_has_no_other_spelling(
            bytes in prop::collection::vec(any::<u8>(), 1..80),
            place in any::<prop::sample::Index>(),
            other in "[A-Za-z0-9~_=+/-]",
        ) {
            let text = encoded(&bytes);
            prop_assert_eq!(decoded(&text), Some(bytes.clone()));
            let place = place.index(text.len());
            prop_assume!(text[place..=place] != other);
            let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            prop_assert_ne!(decoded(&changed), Some(bytes));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,40}|[A-Za-z0-9~_-]{0,40}") {
            if let Some(bytes) = decoded(&text) {
                prop_assert_eq!(encoded(&bytes), text);
            }
        }
    }
}
