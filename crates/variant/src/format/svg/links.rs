//! Addresses that may stay: into the document itself, and pictures that lie in the address. No other, however it is
//! written.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Makes a picture's file anew without what it tells beside its pixels; nothing for what is no picture.
pub(crate) type Clean = dyn Fn(&[u8]) -> Option<(&'static str, Vec<u8>)>;

/// Forgives padding that is missing, as browsers do.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Subtypes of images that may lie in an address.
const PICTURES: [&str; 6] = ["png", "jpeg", "jpg", "gif", "webp", "avif"];

/// The address of something in the document, `#name`, if it is one.
pub(super) fn fragment(text: &str) -> Option<&str> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let name = text.strip_prefix('#')?;
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"\"'()<>\\&%{};".contains(c);
    name.chars().all(plain).then_some(text)
}

/// The address of a picture of data, written anew: its bytes cleaned, its type what they are.
pub(super) fn picture(text: &str, clean: &Clean) -> Option<String> {
    let (head, body) = text.trim_start().split_once(',')?;
    let (scheme, rest) = head.split_once(':')?;
    let mut parts = rest.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let is_picture = scheme.eq_ignore_ascii_case("data")
        && kind.eq_ignore_ascii_case("image")
        && PICTURES.iter().any(|known| subtype.eq_ignore_ascii_case(known))
        && parts.next_back().is_some_and(|last| last.eq_ignore_ascii_case("base64"));
    is_picture.then_some(())?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let (media_type, bytes) = clean(&BASE64.decode(body).ok()?)?;
    Some(format!("data:{media_type};base64,{}", BASE64.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        bytes.starts_with(b"GIF").then(|| ("image/gif", bytes.to_vec()))
    }

    #[test]
    fn only_addresses_into_the_document_are_fragments() {
        assert_eq!(fragment(" #a-b.c_1\n"), Some("#a-b.c_1"));
        assert_eq!(fragment("#"), Some("#"));
        for text in ["a", "a#b", "//a#b", "#a b", "#xpointer(id('a'))", "#\u{0}", "#a%20b", ""] {
            assert_eq!(fragment(text), None, "{text}");
        }
    }

    #[test]
    fn a_picture_is_what_its_bytes_are() {
        let check =
            |text: &str, kept: Option<&str>| assert_eq!(picture(text, &same).as_deref(), kept, "{text}");
        check("data:image/gif;base64,R0lGODlh", Some("data:image/gif;base64,R0lGODlh"));
        check(" DATA:image/PNG;charset=x;BASE64,R0lG\n ODlhMQ", Some("data:image/gif;base64,R0lGODlhMQ=="));
        check("data:image/svg+xml;base64,R0lGODlh", None);
        check("data:text/html;base64,R0lGODlh", None);
        check("data:image/gif,GIF89a", None);
        check("data:image/gif;base64,PHN2Zz4", None);
        check("data:image/gif;base64,R0lG<", None);
        check("http://a.test/b.gif", None);
        check("java\nscript:x", None);
    }
}
