//! The texts of signature version 4 as Amazon and Google write them (signing-schemes 5.1 and 6.1): canonical
//! request, string to sign, scope and signing key. Shared by those who verify and by [`crate::Outbound`], which signs.

use std::borrow::Cow;

use domain::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::escape::{decoded, encode_into};
use crate::pairs::{Pair, pieces};

/// The words in which Amazon and Google differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Who speaks it, for people.
    pub(crate) name: &'static str,
    /// The algorithm with a shared secret.
    pub(crate) hmac: &'static str,
    /// The algorithm with a public key, where there is one.
    pub(crate) rsa: Option<&'static str>,
    /// What stands before the secret when the signing key is derived.
    key_prefix: &'static str,
    /// The service of a scope.
    pub(crate) service: &'static str,
    /// The last word of a scope.
    pub(crate) terminator: &'static str,
    /// What the names of its own headers, parameters and form fields begin with, in lower case.
    pub(crate) prefix: &'static str,
    /// The header that tells the hash of the body.
    pub(crate) content_header: &'static str,
    /// The parameter of a URL that is not signed: the signature itself.
    pub(crate) signature_name: &'static str,
    /// Its parameters are compared in any letter case (signing-schemes 6.1).
    pub(crate) ignores_case: bool,
}

/// Amazon S3, and all that speak its language.
pub(crate) const AMAZON: Dialect = Dialect {
    name: "S3",
    hmac: "AWS4-HMAC-SHA256",
    rsa: None,
    key_prefix: "AWS4",
    service: "s3",
    terminator: "aws4_request",
    prefix: "x-amz-",
    content_header: "x-amz-content-sha256",
    signature_name: "X-Amz-Signature",
    ignores_case: false,
};

/// Google Cloud Storage.
pub(crate) const GOOGLE: Dialect = Dialect {
    name: "GCS",
    hmac: "GOOG4-HMAC-SHA256",
    rsa: Some("GOOG4-RSA-SHA256"),
    key_prefix: "GOOG4",
    service: "storage",
    terminator: "goog4_request",
    prefix: "x-goog-",
    content_header: "x-goog-content-sha256",
    signature_name: "X-Goog-Signature",
    ignores_case: true,
};

impl Dialect {
    /// Whether it has an algorithm of this name.
    pub(crate) fn knows(&self, algorithm: &str) -> bool {
        algorithm == self.hmac || self.rsa == Some(algorithm)
    }

    /// Whether a parameter bears a name.
    pub(crate) fn is_named(&self, parameter: &str, name: &str) -> bool {
        parameter == name || self.ignores_case && parameter.eq_ignore_ascii_case(name)
    }
}

/// The payload hash of a request whose body is not signed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Who signed, when and for what: `id/date/region/service/terminator`. The id is whatever stands before the last
/// four, for it may be an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credential<'c> {
    /// Access key id or e-mail of a service account.
    pub(crate) id: &'c str,
    /// The last four together.
    pub(crate) scope: &'c str,
    /// `YYYYMMDD`.
    pub(crate) day: &'c str,
    /// Region or location.
    pub(crate) region: &'c str,
    /// Service.
    pub(crate) service: &'c str,
    /// The last word.
    pub(crate) terminator: &'c str,
}

impl<'c> Credential<'c> {
    /// Longest credential, in bytes.
    const MAX_BYTES: usize = 512;

    /// Reads one; none of the five may be empty.
    pub(crate) fn parse(text: &'c str) -> Option<Credential<'c>> {
        let mut id = text;
        let mut last = || {
            let slash = memchr::memrchr(b'/', id.as_bytes())?;
            let part = &id[slash + 1..];
            id = &id[..slash];
            Some(part)
        };
        let (terminator, service, region, day) = (last()?, last()?, last()?, last()?);
        let whole = [id, day, region, service, terminator].iter().all(|part| !part.is_empty());
        let scope = &text[id.len() + 1..];
        (whole && text.len() <= Self::MAX_BYTES).then_some(Credential {
            id,
            scope,
            day,
            region,
            service,
            terminator,
        })
    }
}

/// A path decoded once and written in the one way that is signed. No dots or double slashes are resolved. None
/// where an escape is broken or the result is not UTF-8.
pub(crate) fn path(raw: &str) -> Option<Cow<'_, str>> {
    spelled(raw, b'/')
}

/// The pairs of a query decoded once, written in the one way that is signed, and sorted; an empty query has none.
/// None where an escape is broken or the result is not UTF-8.
pub(crate) fn query<'q>(pairs: impl Iterator<Item = Pair<'q>>) -> Option<String> {
    let (mut sorted, mut bytes) = (Vec::with_capacity(8), 0);
    for pair in pairs {
        sorted.push((spelled(pair.name, NOTHING)?, spelled(pair.value.unwrap_or_default(), NOTHING)?));
        bytes += pair.raw.len();
    }
    if sorted.len() == 1 && bytes == 0 {
        return Some(String::new());
    }
    // Most signers write them in their order.
    if !sorted.is_sorted() {
        sorted.sort_unstable();
    }
    let mut query = String::with_capacity(bytes + 2 * sorted.len());
    for (name, value) in &sorted {
        let joint = if query.is_empty() { "" } else { "&" };
        query.extend([joint, name, "=", value]);
    }
    Some(query)
}

/// Kept beside unreserved characters where nothing is: one of them.
const NOTHING: u8 = b'-';

/// A text decoded once and written in the one way that is signed, with one character kept beside those that are
/// unreserved; mostly it is written so already.
fn spelled(raw: &str, kept: u8) -> Option<Cow<'_, str>> {
    if is_spelled(raw, kept) {
        return Some(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len() + 8);
    encode_into(&mut text, &decoded(raw)?, &[kept]);
    Some(Cow::Owned(text))
}

/// Whether a text is surely written in the one way that is signed. Escapes that may not be UTF-8 are left to a closer
/// look. Looks at all bytes without a branch, so that the compiler takes many at once.
fn is_spelled(text: &str, kept: u8) -> bool {
    let is_kept = |byte: u8| is_unreserved(byte) | (byte == kept);
    let (fits, escaped) = text.bytes().fold((true, false), |(fits, escaped), byte| {
        let is_escape = byte == b'%';
        (fits & (is_kept(byte) | is_escape), escaped | is_escape)
    });
    let is_needed = |escape: &str| {
        let [high @ b'2'..=b'7', low @ (b'0'..=b'9' | b'A'..=b'F'), ..] = escape.as_bytes() else {
            return false;
        };
        let low = if low.is_ascii_digit() { low - b'0' } else { low - b'A' + 10 };
        !is_kept((high - b'0') << 4 | low)
    };
    fits && (!escaped || pieces(b'%', text).skip(1).all(is_needed))
}

const fn is_unreserved(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The names in `SignedHeaders`, as they stand there with `;` between them: lower case, ascending, so none twice, and at
/// most 64. None where it is written in any other way.
pub(crate) fn signed_headers(text: &str) -> Option<&str> {
    const MAX_NAMES: usize = 64;
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
    };
    let names = || pieces(b';', text);
    let fine = names().count() <= MAX_NAMES && names().all(fits) && names().is_sorted_by(|a, b| a < b);
    fine.then_some(text)
}

/// A header's values as they are signed: each trimmed, runs of blanks inside made one, joined by commas.
pub(crate) fn header_value<'v>(values: impl Iterator<Item = &'v str>) -> String {
    let mut text = String::new();
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(',');
        }
        let words = value.split([' ', '\t']).filter(|word| !word.is_empty());
        for (index, word) in words.enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    text
}

/// A canonical request. `headers` are the signed ones by name, in ascending order, and their values as signed;
/// `signed_headers` are their names with `;` between them.
pub(crate) fn request<'h>(
    method: &str,
    path: &str,
    query: &str,
    (headers, signed_headers): (impl Iterator<Item = (&'h str, Cow<'h, str>)>, &str),
    payload_hash: &str,
) -> String {
    let mut text = String::with_capacity(384 + path.len() + query.len());
    text.extend([method, "\n", path, "\n", query, "\n"]);
    for (name, value) in headers {
        text.extend([name, ":", &value, "\n"]);
    }
    text.extend(["\n", signed_headers, "\n", payload_hash]);
    text
}

/// The text that the signature of a canonical request stands for. It takes the request's place, which is not read again.
pub(crate) fn text_to_sign(algorithm: &str, date: &str, scope: &str, canonical_request: String) -> String {
    let mut digits = [0; 64];
    let written = hex::encode_to_slice(Sha256::digest(&canonical_request), &mut digits);
    debug_assert!(written.is_ok(), "32 bytes are 64 digits");
    let mut text = canonical_request;
    text.clear();
    text.extend([algorithm, "\n", date, "\n", scope, "\n"]);
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    text
}

/// The key that a secret becomes for one day, region and service, ready to compute.
pub(crate) fn signing_key(dialect: &Dialect, secret: &Secret, day: &str, region: &str) -> Hmac<Sha256> {
    let first = Zeroizing::new([dialect.key_prefix, secret.reveal()].concat());
    let mut key = keyed(first.as_bytes());
    for word in [day, region, dialect.service, dialect.terminator] {
        key = keyed(Zeroizing::new(mac(&key, word)).as_slice());
    }
    key
}

/// HMAC-SHA256 of a text.
pub(crate) fn mac(key: &Hmac<Sha256>, text: &str) -> [u8; 32] {
    key.clone().chain_update(text).finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pairs::pairs;

    #[test]
    fn path_and_query_are_decoded_once_and_written_in_one_way() {
        let check = |raw, expected: Option<&str>| assert_eq!(path(raw).as_deref(), expected, "{raw}");
        check("/a/b.jpg", Some("/a/b.jpg"));
        check("//a/./../%2e/~", Some("//a/./.././~"));
        check("/%7E%20+%c3%a9%252F%2F", Some("/~%20%2B%C3%A9%252F/"));
        check("/%ff", None);
        check("/%zz", None);

        let check = |raw, expected: Option<&str>| {
            assert_eq!(query(pairs(raw)).as_deref(), expected, "{raw:?}");
        };
        check(None, Some(""));
        check(Some(""), Some(""));
        check(Some("a&&b"), Some("=&a=&b="));
        check(Some("acl"), Some("acl="));
        check(Some("b=2&a=2&a=1&A=0"), Some("A=0&a=1&a=2&b=2"));
        check(Some("p=a/b%20c+d=e&%C3%a9"), Some("%C3%A9=&p=a%2Fb%20c%2Bd%3De"));
        check(Some("a=%"), None);
    }

    #[test]
    fn signed_headers_are_lower_case_ascending_and_few() {
        for good in ["host", "a/b;host;x-amz-date"] {
            assert_eq!(signed_headers(good), Some(good));
        }
        for bad in ["", ";", "host;", ";host", "Host", "host;date", "host;host", "ho st", "hôst"] {
            assert_eq!(signed_headers(bad), None, "{bad}");
        }
        let names = |count| (0..count).map(|n| format!("h{n:03}")).collect::<Vec<_>>().join(";");
        assert!(signed_headers(&names(64)).is_some());
        assert!(signed_headers(&names(65)).is_none());
    }

    #[test]
    fn blanks_of_a_header_are_made_one_and_its_values_joined() {
        let check = |values: &[&str], expected| assert_eq!(header_value(values.iter().copied()), expected);
        check(&[], "");
        check(&["  two   spaces  "], "two spaces");
        check(&["\tabc\t\t def\t"], "abc def");
        check(&[" a ", "b  c", ""], "a,b c,");
    }

    #[test]
    fn a_credential_is_read_from_its_end() {
        let credential = Credential::parse("a/b@c/20260921/auto/storage/goog4_request").unwrap();
        assert_eq!((credential.id, credential.day, credential.region), ("a/b@c", "20260921", "auto"));
        assert_eq!(credential.scope, "20260921/auto/storage/goog4_request");
        for bad in ["", "a/b/c/d", "////", "/20260921/auto/s3/aws4_request", "a/20260921//s3/aws4_request"] {
            assert_eq!(Credential::parse(bad), None, "{bad}");
        }
        assert_eq!(Credential::parse(&format!("{}/d/r/s/t", "x".repeat(512))), None);
    }

    proptest! {
        #[test]
        fn a_canonical_text_is_canonical(raw in "(/|[!-~]|%[0-9a-fA-F]{2}){0,20}") {
            let closely = decoded(&raw).map(|text| {
                let mut path = String::new();
                encode_into(&mut path, &text, b"/");
                path
            });
            let quickly = path(&raw);
            prop_assert_eq!(quickly.as_deref(), closely.as_deref());
            if let Some(once) = path(&raw) {
                let twice = path(&once);
                prop_assert_eq!(twice.as_deref(), Some(once.as_ref()));
            }
            if let Some(once) = query(pairs(Some(&raw))) {
                let twice = query(pairs(Some(&once)));
                prop_assert_eq!(twice.as_deref(), Some(once.as_str()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = (signed_headers(&text), header_value([text.as_str()].into_iter()));
            if let Some(credential) = Credential::parse(&text) {
                prop_assert_eq!(format!("{}/{}", credential.id, credential.scope), text);
            }
        }
    }
}
