//! A delivery URL, taken from the raw request target by the path hygiene of signing-schemes 1.3.

use std::borrow::Cow;
use std::ops::Range;

use domain::{AccountHash, ImageId};

use crate::Error;
use crate::escape::{decoded, encode_into};
use crate::pairs::pairs;

/// A request target that can be a delivery. Keeps the raw bytes: they are what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryUrl {
    target: Box<str>,
    path_len: usize,
    moved: bool,
    account: Part,
    image: Part,
    last: Part,
}

/// What a request target may be at most. Longer ones are refused before anything else is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLimits {
    /// Path and query together, in bytes.
    pub max_target_bytes: usize,
    /// The path, in bytes.
    pub max_path_bytes: usize,
    /// Pairs of the query; more than [`TargetLimits::MOST_QUERY_PAIRS`] are never read.
    pub max_query_pairs: usize,
}

impl Default for TargetLimits {
    fn default() -> Self {
        TargetLimits { max_target_bytes: 8_192, max_path_bytes: 4_096, max_query_pairs: 64 }
    }
}

impl TargetLimits {
    /// The most pairs that any limit may allow: what is signed of them has a fixed place.
    pub const MOST_QUERY_PAIRS: usize = 64;

    /// The setting of the first limit that a target passes.
    pub fn passed(&self, target: &str) -> Option<&'static str> {
        let path_bytes = path_length(target);
        if target.len() > self.max_target_bytes {
            Some("max_target_bytes")
        } else if path_bytes > self.max_path_bytes {
            Some("max_path_bytes")
        } else {
            self.has_too_many_pairs(&target[path_bytes..]).then_some("max_query_pairs")
        }
    }

    /// Refuses a target that passes a limit, or holds bytes that none may carry raw: for paths that may hold more than
    /// those of deliveries.
    pub fn check(&self, target: &str) -> Result<(), Error> {
        let path_bytes = path_length(target);
        if self.is_too_long(target, path_bytes) {
            return Err(Error::TargetTooLong);
        }
        if !target.starts_with('/') || !is_printable(target) {
            return Err(Error::BadPath);
        }
        if self.has_too_many_pairs(&target[path_bytes..]) {
            return Err(Error::MalformedParam);
        }
        Ok(())
    }

    pub(crate) fn is_too_long(&self, target: &str, path_bytes: usize) -> bool {
        target.len() > self.max_target_bytes || path_bytes > self.max_path_bytes
    }

    pub(crate) fn has_too_many_pairs(&self, query: &str) -> bool {
        memchr::memchr_iter(b'&', query.as_bytes()).count()
            >= self.max_query_pairs.min(Self::MOST_QUERY_PAIRS)
    }
}

/// A decoded part of the path; where nothing is escaped it is the path's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Raw(Range<usize>),
    Decoded(Box<str>),
}

/// The path that Cloudflare puts before delivery URLs on a customer's own domain.
const MOVED_PREFIX: &str = "/cdn-cgi/imagedelivery";

impl DeliveryUrl {
    /// [`DeliveryUrl::parse_within`] the default limits.
    pub fn parse(target: &str) -> Result<DeliveryUrl, Error> {
        DeliveryUrl::parse_within(target, &TargetLimits::default())
    }

    /// Reads a raw request target (`/hash/id/variant?query`, or below `/cdn-cgi/imagedelivery/`).
    /// Refuses every odd spelling before anything is looked up.
    pub fn parse_within(target: &str, limits: &TargetLimits) -> Result<DeliveryUrl, Error> {
        let path_len = path_length(target);
        let (path, query) = target.split_at(path_len);
        if limits.is_too_long(target, path_len) {
            return Err(Error::TargetTooLong);
        }
        if !is_printable(target) {
            return Err(Error::BadPath);
        }
        let escaped = check_path(path)?;
        if limits.has_too_many_pairs(query) {
            return Err(Error::MalformedParam);
        }
        let moved = path.strip_prefix(MOVED_PREFIX).is_some_and(|rest| rest.starts_with('/'));
        let start = if moved { MOVED_PREFIX.len() + 1 } else { 1 };
        let account = start..start + path[start..].find('/').ok_or(Error::BadPath)?;
        let last = path.rfind('/').ok_or(Error::BadPath)? + 1..path_len;
        let image = path.get(account.end + 1..last.start - 1).map(|_| account.end + 1..last.start - 1);
        let part = |range| Part::read(path, range, escaped);
        let (account, image, last) = (part(account)?, part(image.ok_or(Error::BadPath)?)?, part(last)?);
        Ok(DeliveryUrl { target: target.into(), path_len, moved, account, image, last })
    }

    /// Reads what people paste: a whole URL, whose scheme, host and fragment no server is sent, or a target.
    pub fn parse_url(text: &str) -> Result<DeliveryUrl, Error> {
        let (_, target) = split_origin(text.trim());
        Self::parse(target.split_once('#').map_or(target, |(target, _fragment)| target))
    }

    /// The raw target.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The raw path.
    pub fn path(&self) -> &str {
        &self.target[..self.path_len]
    }

    /// The raw query without its `?`, if there is one.
    pub fn query(&self) -> Option<&str> {
        self.target.get(self.path_len + 1..)
    }

    /// Whether it came below `/cdn-cgi/imagedelivery/`.
    pub fn is_moved(&self) -> bool {
        self.moved
    }

    /// The raw path without `/cdn-cgi/imagedelivery`, where it came below that.
    pub(crate) fn path_before_move(&self) -> Option<&str> {
        self.moved.then(|| &self.path()[MOVED_PREFIX.len()..])
    }

    /// The account segment, decoded once; it need not be the hash of any account.
    pub fn account(&self) -> &str {
        self.account.text(&self.target)
    }

    /// The image's id, decoded once per segment; it need not be a valid id.
    pub fn image(&self) -> &str {
        self.image.text(&self.target)
    }

    /// The last segment, decoded once: a variant's name, or options where it holds `=`.
    pub fn last(&self) -> &str {
        self.last.text(&self.target)
    }

    /// Whether the last segment is options rather than a name (contract R-59).
    pub fn is_flexible(&self) -> bool {
        self.last().contains('=')
    }

    /// Whether a `sig` pair is there.
    pub fn has_signature(&self) -> bool {
        pairs(self.query()).any(|pair| pair.name == "sig")
    }

    /// Writes the path of a delivery URL (contract R-11): `/{hash}/{id}/{last}`. In `last` the `=`, `,` and
    /// `:` of options stay readable.
    pub fn path_of(account: &AccountHash, image: &ImageId, last: &str) -> String {
        let mut path = format!("/{account}/{}/", image.to_path());
        encode_into(&mut path, last, b"=,:");
        path
    }
}

impl Part {
    fn read(path: &str, range: Range<usize>, escaped: bool) -> Result<Part, Error> {
        if !escaped {
            return Ok(Part::Raw(range));
        }
        match decoded(&path[range.clone()]).ok_or(Error::BadPath)? {
            Cow::Borrowed(_) => Ok(Part::Raw(range)),
            Cow::Owned(text) => Ok(Part::Decoded(text.into())),
        }
    }

    fn text<'u>(&'u self, target: &'u str) -> &'u str {
        match self {
            Part::Raw(range) => &target[range.clone()],
            Part::Decoded(text) => text,
        }
    }
}

/// Length of the path of a target, in bytes.
fn path_length(target: &str) -> usize {
    memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len())
}

/// Scheme and host of a whole URL, which are not signed, and the rest.
pub(crate) fn split_origin(url: &str) -> (&str, &str) {
    let host = ["https://", "http://"].iter().find_map(|scheme| {
        url.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)).map(str::len)
    });
    let Some(host) = host else { return ("", url) };
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end);
    url.split_at(end)
}

/// Whether every byte is one that a target may carry raw: 0x21 to 0x7E, and no `#`, which begins what is
/// never sent. Looks at all bytes without a branch, so that the compiler takes many at once.
pub(crate) fn is_printable(target: &str) -> bool {
    target.bytes().fold(true, |fits, byte| fits & matches!(byte, 0x21..=0x7E) & (byte != b'#'))
}

/// Refuses a path that could be read in two ways; says whether it holds escapes.
pub(crate) fn check_path(path: &str) -> Result<bool, Error> {
    let segments = path.strip_prefix('/').ok_or(Error::BadPath)?;
    let (backslash, escaped) = path.bytes().fold((false, false), |(backslash, escaped), byte| {
        (backslash | (byte == b'\\'), escaped | (byte == b'%'))
    });
    if backslash {
        return Err(Error::BadPath);
    }
    for segment in segments.split('/') {
        let plain = if escaped { decoded(segment).ok_or(Error::BadPath)? } else { Cow::Borrowed(segment) };
        let hides = matches!(plain, Cow::Owned(_))
            && plain.bytes().any(|byte| matches!(byte, b'/' | b'\\' | 0..=0x1F | 0x7F));
        if hides || matches!(&*plain, "" | "." | "..") {
            return Err(Error::BadPath);
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACCOUNT: &str = "cheeW4oKsx5ljh8e8BoL2A";

    #[test]
    fn a_target_is_taken_apart_and_keeps_its_bytes() {
        let check = |target: &str, account, image, last, moved| {
            let url = DeliveryUrl::parse(target).unwrap();
            assert_eq!(
                (url.account(), url.image(), url.last(), url.is_moved()),
                (account, image, last, moved)
            );
            let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
            assert_eq!(format!("{}{query}", url.path()), target);
        };
        check("/a/b/public", "a", "b", "public", false);
        check("/a/b/public?", "a", "b", "public", false);
        check("/a/my%20photos/%C3%a4%25.jpg/w=4%2Ch=3?x=?&%zz", "a", "my photos/ä%.jpg", "w=4,h=3", false);
        check("/cdn-cgi/imagedelivery/a/b/c?exp=1", "a", "b", "c", true);
        check("/cdn-cgi/imagedeliveryx/a/b", "cdn-cgi", "imagedeliveryx/a", "b", false);
        check("/cdn%2Dcgi/imagedelivery/a/b", "cdn-cgi", "imagedelivery/a", "b", false);
        check("/a/%2541/%2B+", "a", "%41", "++", false);
    }

    #[test]
    fn a_path_with_two_readings_is_refused() {
        let bad = [
            "",
            "a/b/c",
            "?/a/b/c",
            "/",
            "/a",
            "/a/b",
            "/a/b/",
            "/a//c",
            "//b/c",
            "/a/b/c/",
            "/a/./c",
            "/a/../c",
            "/a/%2e%2E/c",
            "/a/%2e/c",
            "/a/b%2Fc/d",
            "/a/b%5cc/d",
            "/a/b\\c/d",
            "/a/b#/c",
            "/a/b/c?x#y",
            "/a/b c/d",
            "/a/%/c",
            "/a/%4/c",
            "/a/%zz/c",
            "/a/%00/c",
            "/a/%1f/c",
            "/a/%7F/c",
            "/a/%ff/c",
            "/a/%C3/c",
            "/a/é/c",
            "/a/b\u{7f}/c",
            "/a/b\n/c",
            "/a/b/c?x=é",
            "http://h/a/b/c",
            "/cdn-cgi/imagedelivery/a/b",
            "/a/%C3/%A4/c",
        ];
        for target in bad {
            assert_eq!(DeliveryUrl::parse(target).err(), Some(Error::BadPath), "{target}");
        }
    }

    #[test]
    fn the_longest_target_is_taken_and_one_byte_more_is_not() {
        let path = |bytes: usize| format!("/a/{}/c", "x".repeat(bytes - 5));
        assert!(DeliveryUrl::parse(&path(4_096)).is_ok());
        assert_eq!(DeliveryUrl::parse(&path(4_096 + 1)).err(), Some(Error::TargetTooLong));

        let target = |bytes: usize| format!("/a/b/c?{}", "x".repeat(bytes - 7));
        assert!(DeliveryUrl::parse(&target(8_192)).is_ok());
        assert_eq!(DeliveryUrl::parse(&target(8_192 + 1)).err(), Some(Error::TargetTooLong));

        let query = |pairs: usize| format!("/a/b/c?{}", vec!["x=1"; pairs].join("&"));
        assert!(DeliveryUrl::parse(&query(64)).is_ok());
        assert_eq!(DeliveryUrl::parse(&query(64 + 1)).err(), Some(Error::MalformedParam));
    }

    #[test]
    fn options_are_told_from_a_name_by_their_equals_sign() {
        let check = |last, flexible| {
            let url = DeliveryUrl::parse(&format!("/a/b/{last}")).unwrap();
            assert_eq!(url.is_flexible(), flexible, "{last}");
        };
        check("public", false);
        check("w=400,h=300", true);
        check("w%3D400", true);
    }

    #[test]
    fn a_pasted_url_is_read_without_what_no_server_is_sent() {
        for text in ["/a/b/c?x", " https://img.example:8/a/b/c?x\n", "HTTP://h/a/b/c?x#top", "/a/b/c?x#"] {
            assert_eq!(DeliveryUrl::parse_url(text), DeliveryUrl::parse("/a/b/c?x"), "{text}");
        }
        for bad in ["https://h", "h/a/b/c", "ftp://h/a/b/c", ""] {
            assert_eq!(DeliveryUrl::parse_url(bad).err(), Some(Error::BadPath), "{bad}");
        }
    }

    #[test]
    fn a_signature_is_one_by_its_exact_name() {
        let check = |target: &str, signed| {
            assert_eq!(DeliveryUrl::parse(target).unwrap().has_signature(), signed, "{target}");
        };
        check("/a/b/c", false);
        check("/a/b/c?signature=0123456789", false);
        check("/a/b/c?x&sig=0123456789&exp=1", true);
        check("/a/b/c?s%69g=0123456789", false);
    }

    #[test]
    fn a_written_path_shows_what_it_can() {
        let path = |image: &str, last| {
            DeliveryUrl::path_of(&ACCOUNT.parse().unwrap(), &image.parse().unwrap(), last)
        };
        assert_eq!(path("a/b c%é", "public"), format!("/{ACCOUNT}/a/b%20c%25%C3%A9/public"));
        assert_eq!(path("a", "w=400,background=#fff"), format!("/{ACCOUNT}/a/w=400,background=%23fff"));
    }

    proptest! {
        #[test]
        fn a_written_path_reads_as_what_it_was_written_from(image in "\\PC{1,60}", last in "[A-Za-z0-9_=,:#% é-]{1,40}") {
            let Ok(image) = image.parse::<ImageId>() else { return Ok(()) };
            let account = ACCOUNT.parse().unwrap();
            let url = DeliveryUrl::parse(&DeliveryUrl::path_of(&account, &image, &last)).unwrap();
            prop_assert_eq!((url.account(), url.image(), url.last()), (ACCOUNT, image.as_str(), last.as_str()));
        }

        #[test]
        fn any_target_is_taken_or_refused_without_panic(target in "(/cdn-cgi/imagedelivery)?(/|\\?|&|=|%|%2|%C3%A4|%2F|\\.|sig|[a-z]|\\PC){0,40}") {
            if let Ok(url) = DeliveryUrl::parse(&target) {
                let segments: Vec<&str> = url.path().split('/').collect();
                prop_assert_eq!(url.image().split('/').count(), segments.len() - if url.is_moved() { 5 } else { 3 });
                prop_assert!(!url.account().is_empty() && !url.last().is_empty());
            }
        }
    }
}
