//! An image's id: a UUID that we made, or a path-like name that the account chose (contract 1.2).

use std::fmt;
use std::str::FromStr;

use crate::names::Invalid;

/// An image's id: 1 to 1,024 bytes of UTF-8 that can stand in a delivery URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId(String);

/// Words that the API's own routes need as first segment (contract R-12).
const RESERVED: [&str; 8] =
    ["stats", "keys", "variants", "config", "batch_token", "direct_upload", "metadata", "sourcingkit"];

impl ImageId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// A new random id: a UUID of version 4.
    pub fn random() -> Self {
        ImageId(uuid::Uuid::new_v4().to_string())
    }

    /// An id that an account chooses for a new image: no UUID, no reserved word, no `/blob` at its end.
    pub fn custom(text: &str) -> Result<Self, Invalid> {
        let id: ImageId = text.parse()?;
        if id.is_uuid() {
            return Err(Invalid::because("a custom id must not be a UUID"));
        }
        let first = text.split('/').next().unwrap_or_default();
        if RESERVED.contains(&first) {
            return Err(Invalid::because(format!(
                "a custom id must not begin with the reserved word '{first}'"
            )));
        }
        if text == "blob" || text.ends_with("/blob") {
            return Err(Invalid::because("a custom id must not end in '/blob'"));
        }
        Ok(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the id is a UUID: 122 random bits, which nobody guesses.
    pub fn is_uuid(&self) -> bool {
        self.0.len() == 36 && uuid::Uuid::try_parse(&self.0).is_ok()
    }

    /// The id as it stands in a URL's path: all but unreserved characters and `/` percent-encoded.
    pub fn to_path(&self) -> String {
        let mut path = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
                path.push(byte as char);
            } else {
                path.push_str(&format!("%{byte:02X}"));
            }
        }
        path
    }
}

impl FromStr for ImageId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(Invalid::because("an image's id has 1 to 1,024 bytes"));
        }
        if text.chars().any(is_forbidden) {
            return Err(Invalid::because(
                "an image's id must not hold control characters, '\\' or characters that turn text around",
            ));
        }
        for segment in text.split('/') {
            check_segment(segment)?;
        }
        Ok(ImageId(text.to_owned()))
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_control()
        || c == '\\'
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

/// A segment must be something, and no step in a folder tree, also after one more decoding.
fn check_segment(segment: &str) -> Result<(), Invalid> {
    let decoded = percent_decoded(segment.as_bytes());
    let steps = |s: &[u8]| s.is_empty() || s == b"." || s == b"..";
    let hides = decoded.iter().any(|b| matches!(b, b'/' | b'\\' | 0..=0x1F | 0x7F));
    if steps(segment.as_bytes()) || steps(&decoded) || (segment.contains('%') && hides) {
        return Err(Invalid::because(
            "an image's id must not begin or end with '/', nor hold an empty segment, '.' or '..'",
        ));
    }
    Ok(())
}

/// Decodes each `%XX`; what is no escape stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let escape = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escape
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        (rest, _) = match byte {
            Some(byte) => (&tail[2..], out.push(byte)),
            None => (tail, out.push(first)),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_custom_id_may_be_a_path_of_any_script() {
        for good in ["a", "a/b c%é", "summer/alpine-ridge.jpg", "100%", "日本/猫", "%zz", &"x".repeat(1024)]
        {
            assert!(ImageId::custom(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_custom_id_cannot_climb_hide_or_shadow_a_route() {
        let bad = [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "a/../b",
            "%2e%2e",
            "a/%2E",
            "a%2Fb",
            "a%5Cb",
            "a\\b",
            "a\nb",
            "a\u{0}b",
            "a\u{202E}b",
            "a%00b",
            "keys",
            "keys/x",
            "stats",
            "direct_upload",
            "photos/blob",
            "blob",
            "083eb7b2-5392-4565-b69e-aff66acddd00",
        ];
        for id in bad {
            assert!(ImageId::custom(id).is_err(), "{id}");
        }
        assert!(ImageId::custom(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn an_id_in_a_path_is_encoded_once() {
        let id: ImageId = "a/b c%é".parse().unwrap();
        assert_eq!(id.to_path(), "a/b%20c%25%C3%A9");
    }

    #[test]
    fn a_random_id_is_a_uuid() {
        assert!(ImageId::random().is_uuid());
        assert!(!ImageId::custom("cat").unwrap().is_uuid());
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused_without_panic(text in "\\PC{0,40}") {
            let _ = ImageId::custom(&text);
        }
    }
}
