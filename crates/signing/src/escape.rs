//! Percent-encoding, as far as a signature is concerned: decoded once, written in one way.

use std::borrow::Cow;

/// Decodes each `%XX` once; a plus stays a plus. None where an escape is broken or the result is not UTF-8.
pub(crate) fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let mut rest = text.as_bytes();
    let mut next = memchr::memchr(b'%', rest);
    if next.is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    while let Some(escape) = next {
        let (high, low) = (hex_digit(*rest.get(escape + 1)?)?, hex_digit(*rest.get(escape + 2)?)?);
        bytes.extend_from_slice(&rest[..escape]);
        bytes.push(high << 4 | low);
        rest = &rest[escape + 3..];
        next = memchr::memchr(b'%', rest);
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// As [`decoded`], and a plus is a space.
pub(crate) fn form_decoded(text: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'+', text.as_bytes()).is_none() {
        return decoded(text);
    }
    decoded(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()))
}

/// Whether a character is never percent-encoded (RFC 3986, 2.3). Without a branch, so that the compiler takes many at once.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte == b'-')
        | (byte == b'.')
        | (byte == b'_')
        | (byte == b'~')
}

/// Whether a text is of unreserved characters alone: then it is encoded as it stands, and decoded too.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & is_unreserved(byte))
}

/// Appends a text with all but unreserved characters and those of `kept` percent-encoded (contract R-11).
pub(crate) fn encode_into(path: &mut String, text: &str, kept: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let is_kept = |byte: u8| is_unreserved(byte) || kept.contains(&byte);
    if is_plain(text) || text.bytes().all(is_kept) {
        return path.push_str(text);
    }
    for byte in text.bytes() {
        if is_kept(byte) {
            path.push(byte.into());
        } else {
            path.push('%');
            path.push(DIGITS[usize::from(byte >> 4)].into());
            path.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_decoded_once_and_must_be_whole() {
        let check = |text, expected: Option<&str>| assert_eq!(decoded(text).as_deref(), expected, "{text}");
        check("plain+text", Some("plain+text"));
        check("%C3%a9", Some("é"));
        check("%2541", Some("%41"));
        assert_eq!(form_decoded("a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(form_decoded("a+%zz"), None);
        for broken in ["%", "%4", "%zz", "%+1", "a%", "%C3", "%ff"] {
            check(broken, None);
        }
    }
}
