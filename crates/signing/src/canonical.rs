//! The texts of signature version 4 as Amazon and Google write them (signing-schemes 5.1 and 6.1): canonical
//! request, string to sign, scope and signing key. Shared by those who verify and by [`crate::Outbound`], which signs.

use std::borrow::Cow;

use domain::Secret;
use zeroize::Zeroizing;

use crate::escape::{decoded, encode_into, is_unreserved};
use crate::hashing::{Hasher, Mac, Sha256};
use crate::pairs::{Pair, Runs, pairs, pieces};
use crate::schemes::Scheme;
use crate::syntax::hex_digits;

/// The words in which Amazon and Google differ.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Whose it is.
    pub(crate) scheme: Scheme,
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
    scheme: Scheme::S3,
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
    scheme: Scheme::Gcs,
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

/// A query as it is signed: mostly text of the request itself, in two runs around what is not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query<'q> {
    start: Cow<'q, str>,
    rest: &'q str,
}

/// The signed pairs of a query, shown one after another by whoever walks it: where they stand, as long as they stand in the
/// order in which they are signed.
#[derive(Debug)]
pub(crate) struct Standing<'q> {
    runs: Runs<2>,
    pair_count: usize,
    last: (&'q str, &'q str),
    is_in_order: bool,
}

impl Default for Standing<'_> {
    fn default() -> Self {
        Standing { runs: Runs::new(), pair_count: 0, last: ("", ""), is_in_order: true }
    }
}

impl<'q> Standing<'q> {
    /// Takes in a pair that stands behind all others.
    pub(crate) fn push(&mut self, pair: &Pair<'q>) {
        self.is_in_order = self.is_in_order && self.fits(pair).is_some();
    }

    fn fits(&mut self, pair: &Pair<'q>) -> Option<()> {
        let (name, value) = (pair.name, pair.value?);
        if name.cmp(self.last.0).then_with(|| value.cmp(self.last.1)).is_lt() {
            return None;
        }
        (self.last, self.pair_count) = ((name, value), self.pair_count + 1);
        self.runs.push(pair)
    }

    /// What is signed of the query, which most signers write in the way in which they sign it. None where it takes a closer
    /// look.
    fn query(&self, query: &'q str) -> Option<Query<'q>> {
        if !self.is_in_order {
            return None;
        }
        let mut places = self.runs.places();
        let (start, end) = places.next().unwrap_or_default();
        // The second run brings its `&` along.
        let rest = places.next().map_or(Some(""), |(start, end)| query.get(start - 1..end))?;
        let found = Query { start: Cow::Borrowed(query.get(start..end)?), rest };
        found.is_spelled(self.pair_count).then_some(found)
    }
}

impl<'q> Query<'q> {
    /// The pairs of a query that are signed, decoded once, written in the one way that is signed, and sorted; an empty query
    /// has none. None where an escape is broken or the result is not UTF-8.
    pub(crate) fn of(query: Option<&'q str>, is_signed: impl Fn(Pair<'q>) -> bool) -> Option<Self> {
        let mut standing = Standing::default();
        let signed = pairs(query.filter(|query| !query.is_empty())).filter(|&pair| is_signed(pair));
        signed.for_each(|pair| standing.push(&pair));
        Query::walked(query, &standing, is_signed)
    }

    /// The same of a query whose signed pairs were shown already.
    pub(crate) fn walked(
        query: Option<&'q str>,
        standing: &Standing<'q>,
        is_signed: impl Fn(Pair<'q>) -> bool,
    ) -> Option<Self> {
        if let Some(found) = standing.query(query.unwrap_or_default()) {
            return Some(found);
        }
        let written = written(pairs(query).filter(|&pair| is_signed(pair)))?;
        Some(Query { start: Cow::Owned(written), rest: "" })
    }

    /// Whether so many pairs are written in the one way that is signed. An `=` more is one that should be escaped.
    fn is_spelled(&self, pair_count: usize) -> bool {
        let joints = |text: &str| memchr::memchr_iter(b'=', text.as_bytes()).count();
        joints(&self.start) + joints(self.rest) == pair_count
            && is_spelled(&self.start, NOTHING, *b"&=")
            && is_spelled(self.rest, NOTHING, *b"&=")
    }

    /// The texts that it is made of.
    fn pieces(&self) -> [&str; 2] {
        [&self.start, self.rest]
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        self.pieces().concat()
    }
}

/// Pairs decoded once, written in the one way that is signed, and sorted.
fn written<'q>(pairs: impl Iterator<Item = Pair<'q>>) -> Option<String> {
    let (mut sorted, mut bytes) = (Vec::with_capacity(8), 0);
    for pair in pairs {
        sorted.push((spelled(pair.name, NOTHING)?, spelled(pair.value.unwrap_or_default(), NOTHING)?));
        bytes += pair.raw.len();
    }
    if sorted.len() == 1 && bytes == 0 {
        return Some(String::new());
    }
    sorted.sort_unstable();
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
    if is_spelled(raw, kept, [kept; 2]) {
        return Some(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len() + 8);
    encode_into(&mut text, &decoded(raw)?, &[kept]);
    Some(Cow::Owned(text))
}

/// Whether a text is surely written in the one way that is signed, with joints between its parts. Escapes that may not be
/// UTF-8 are left to a closer look. Looks at all bytes without a branch, so that the compiler takes many at once.
fn is_spelled(text: &str, kept: u8, joints: [u8; 2]) -> bool {
    let is_kept = |byte: u8| is_unreserved(byte) | (byte == kept);
    let (mut odd, mut escaped) = (0, 0);
    for byte in text.bytes() {
        let (is_escape, is_joint) = (byte == b'%', (byte == joints[0]) | (byte == joints[1]));
        odd |= u8::from(!(is_kept(byte) | is_escape | is_joint));
        escaped |= u8::from(is_escape);
    }
    let is_needed = |escape: &str| {
        let [high @ b'2'..=b'7', low @ (b'0'..=b'9' | b'A'..=b'F'), ..] = escape.as_bytes() else {
            return false;
        };
        let low = if low.is_ascii_digit() { low - b'0' } else { low - b'A' + 10 };
        !is_kept((high - b'0') << 4 | low)
    };
    odd == 0 && (escaped == 0 || pieces(b'%', text).skip(1).all(is_needed))
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

/// A header's values as they are signed: each trimmed, runs of blanks inside made one, joined by commas. Mostly there is one,
/// and it is written so already.
pub(crate) fn header_value<'v>(mut values: impl Iterator<Item = &'v str>) -> Cow<'v, str> {
    let first = values.next().unwrap_or_default().trim_matches(BLANKS);
    let second = values.next();
    let is_plain = first
        .as_bytes()
        .windows(2)
        .fold(true, |is_plain, pair| is_plain & (pair[0] != b'\t') & ((pair[0] != b' ') | (pair[1] != b' ')));
    if is_plain && second.is_none() {
        return Cow::Borrowed(first);
    }
    let words =
        |value: &'v str| value.split(BLANKS).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let all = std::iter::once(first).chain(second).chain(values);
    Cow::Owned(all.map(words).collect::<Vec<_>>().join(","))
}

/// What counts as blank in a header.
const BLANKS: [char; 2] = [' ', '\t'];

/// A canonical request.
pub(crate) struct CanonicalRequest<'c, H> {
    /// Its method.
    pub(crate) method: &'c str,
    /// Its path, as [`path`] has it.
    pub(crate) path: &'c str,
    /// What is signed of its query.
    pub(crate) query: &'c Query<'c>,
    /// The signed headers by name, in ascending order, and their values as signed.
    pub(crate) headers: H,
    /// Their names with `;` between them.
    pub(crate) signed_headers: &'c str,
    /// The hash of its body, or what stands for it.
    pub(crate) payload_hash: &'c str,
}

impl<'h, H: Iterator<Item = (&'h str, Cow<'h, str>)> + Clone> CanonicalRequest<'_, H> {
    /// The text that its signature stands for. It is hashed as it is made, and never put together.
    pub(crate) fn text_to_sign<'t>(
        &self,
        algorithm: &'t str,
        date: &'t str,
        scope: &'t str,
    ) -> TextToSign<'t> {
        let mut hasher = Hasher::<Sha256>::new();
        self.each_piece(|piece| hasher.take(piece));
        TextToSign { algorithm, date, scope, digest: hex_digits(&hasher.finish()) }
    }

    /// Its text, for people.
    pub(crate) fn written(&self) -> String {
        let mut written = String::new();
        self.each_piece(|piece| written.push_str(piece));
        written
    }

    fn each_piece(&self, mut take: impl FnMut(&str)) {
        [self.method, "\n", self.path, "\n"].into_iter().for_each(&mut take);
        self.query.pieces().into_iter().for_each(&mut take);
        take("\n");
        for (name, value) in self.headers.clone() {
            [name, ":", &value, "\n"].into_iter().for_each(&mut take);
        }
        ["\n", self.signed_headers, "\n", self.payload_hash].into_iter().for_each(take);
    }
}

/// The text that the signature of a canonical request stands for.
pub(crate) struct TextToSign<'t> {
    algorithm: &'t str,
    date: &'t str,
    scope: &'t str,
    digest: [u8; 64],
}

impl TextToSign<'_> {
    /// The texts that it is made of.
    pub(crate) fn pieces(&self) -> [&str; 7] {
        let digest = std::str::from_utf8(&self.digest).unwrap_or_default();
        [self.algorithm, "\n", self.date, "\n", self.scope, "\n", digest]
    }
}

/// The key that a secret becomes for one day, region and service, ready to compute.
pub(crate) fn signing_key(dialect: &Dialect, secret: &Secret, day: &str, region: &str) -> Mac<Sha256> {
    let first = Zeroizing::new([dialect.key_prefix, secret.reveal()].concat());
    let mut key = Mac::new(first.as_bytes());
    for word in [day, region, dialect.service, dialect.terminator] {
        key = Mac::new(&*Zeroizing::<[u8; 32]>::new(key.of([word])));
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(raw: Option<&str>) -> Option<String> {
        Query::of(raw, |_| true).map(|query| query.text())
    }

    #[test]
    fn path_and_query_are_decoded_once_and_written_in_one_way() {
        let check = |raw, expected: Option<&str>| assert_eq!(path(raw).as_deref(), expected, "{raw}");
        check("/a/b.jpg", Some("/a/b.jpg"));
        check("//a/./../%2e/~", Some("//a/./.././~"));
        check("/%7E%20+%c3%a9%252F%2F", Some("/~%20%2B%C3%A9%252F/"));
        check("/%ff", None);
        check("/%zz", None);

        let check = |raw, expected: Option<&str>| {
            assert_eq!(query(raw).as_deref(), expected, "{raw:?}");
        };
        check(None, Some(""));
        check(Some(""), Some(""));
        check(Some("a&&b"), Some("=&a=&b="));
        check(Some("acl"), Some("acl="));
        check(Some("b=2&a=2&a=1&A=0"), Some("A=0&a=1&a=2&b=2"));
        check(Some("p=a/b%20c+d=e&%C3%a9"), Some("%C3%A9=&p=a%2Fb%20c%2Bd%3De"));
        check(Some("a=%"), None);

        let rest = |raw| Query::of(Some(raw), |pair| !pair.name.starts_with('x')).unwrap().text();
        for raw in ["a=1&b=2&x=y&c=3", "x=y&a=1&b=2&c=3", "a=1&b=2&c=3&x", "a=1&x&b=2&x&c=3", "x&c=3&b=2&a=1"]
        {
            assert_eq!(rest(raw), "a=1&b=2&c=3", "{raw}");
        }
        assert_eq!((rest("x=1&x=2"), rest("x=1&a==&b=1")), (String::new(), "a=%3D&b=1".into()));
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
            if let Some(once) = query(Some(&raw)) {
                let twice = query(Some(&once));
                prop_assert_eq!(twice.as_deref(), Some(once.as_str()));
            }
        }

        #[test]
        fn a_query_that_stands_as_it_is_signed_is_the_one_that_would_be_written(
            raw in "(&|=|x|x=1&|[a-c]=|a=1&b=2&|%2F|%2f|%3D|%[0-9a-zA-Z&]{2}){0,12}",
        ) {
            let is_signed = |pair: Pair<'_>| !pair.name.starts_with('x');
            let expected = written(pairs(Some(&raw)).filter(|&pair| is_signed(pair)));
            prop_assert_eq!(Query::of(Some(&raw), is_signed).map(|query| query.text()), expected);
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
