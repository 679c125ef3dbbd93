//! What the headers, the signed query and the fields of a request wish for beside the bytes, in the words of S3 and of
//! Google Cloud Storage. What this house cannot do is refused by name: nothing is taken without effect.

use catalog::StorageLeave;
use serde_json::{Map, Value};

use super::asked::Asked;
use super::checks::Checks;
use super::refused::Refused;

/// The beginnings of names that have a meaning with Amazon, and with Google.
const AMAZON: &str = "x-amz-";
const GOOGLE: &str = "x-goog-";

/// Names behind a prefix that are of the signature or of the client's own book-keeping.
const OF_SIGNATURE: [&str; 17] = [
    "algorithm",
    "api-client",
    "checksum-algorithm",
    "checksum-mode",
    "checksum-type",
    "content-sha256",
    "credential",
    "date",
    "expires",
    "gcs-idempotency-token",
    "project-id",
    "sdk-checksum-algorithm",
    "security-token",
    "signature",
    "signedheaders",
    "user-agent",
    "te",
];

/// Permissions under which an original is its account's alone.
const PRIVATE: [&str; 5] =
    ["private", "bucket-owner-read", "bucket-owner-full-control", "project-private", "projectPrivate"];

/// Permissions under which everybody may read.
const PUBLIC: [&str; 2] = ["public-read", "publicRead"];

/// Where a wish stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a header.
    Header,
    /// In a field of a form, whose policy covers all of them.
    Field,
    /// In the query of a presigned URL: clients put headers there which they had when they signed.
    Presigned,
}

/// What is wished.
pub(super) struct Wishes {
    /// Whether only a signed URL delivers the image: so it is where nothing is said, as in a bucket.
    pub(super) private: bool,
    /// The metadata.
    pub(super) metadata: Map<String, Value>,
    /// What the bytes must be.
    pub(super) checks: Checks,
}

impl Wishes {
    /// Nothing wished.
    pub(super) fn none() -> Self {
        Wishes { private: true, metadata: Map::new(), checks: Checks::default() }
    }

    /// What the headers of a request and the signed part of its query wish. A signature holds the headers of its own
    /// service and none of the other's: those are anybody's word, and refused.
    pub(super) fn of(asked: &Asked<'_>, leave: &StorageLeave) -> Result<Self, Refused> {
        let mut wishes = Wishes::none();
        let unsigned = unsigned_prefixes(asked);
        for (name, value) in asked.headers().filter(|(name, _)| !name.starts_with("x-amz-cf-")) {
            if unsigned.iter().any(|prefix| name.starts_with(prefix)) {
                return Err(signing::Error::UnsignedHeader.into());
            }
            wishes.take(name, value, Place::Header)?;
        }
        for (name, value) in &leave.query {
            wishes.take(name, value, Place::Presigned)?;
        }
        Ok(wishes)
    }

    /// Takes in a name and its value. Names count in any case.
    pub(super) fn take(&mut self, name: &str, value: &str, place: Place) -> Result<(), Refused> {
        let name = name.to_ascii_lowercase();
        if name == "acl" && place == Place::Field {
            return self.acl(&name, value);
        }
        if name == "content-md5" && place != Place::Presigned {
            return self.checks.digest(&name, "md5", value);
        }
        let Some(own) = [AMAZON, GOOGLE].iter().find_map(|prefix| name.strip_prefix(prefix)) else {
            return Ok(());
        };
        if let Some(key) = own.strip_prefix("meta-") {
            self.metadata.insert(key.to_owned(), Value::String(value.to_owned()));
            return Ok(());
        }
        if let Some(algorithm) = own.strip_prefix("checksum-").filter(|_| !OF_SIGNATURE.contains(&own)) {
            return match place {
                Place::Presigned => self.checks.presigned_digest(&name, algorithm, value),
                Place::Header | Place::Field => self.checks.digest(&name, algorithm, value),
            };
        }
        match own {
            _ if OF_SIGNATURE.contains(&own) => Ok(()),
            "acl" => self.acl(&name, value),
            "hash" => self.checks.google(&name, value),
            "content-length-range" => self.checks.bounds(&name, value),
            "storage-class" if value.eq_ignore_ascii_case("standard") => Ok(()),
            // There is never more than one generation: an id that is taken is refused.
            "if-generation-match" if value == "0" => Ok(()),
            _ => Err(Refused::not_built(&format!("'{name}: {value}'"))),
        }
    }

    fn acl(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        self.private = match value {
            _ if PRIVATE.contains(&value) => true,
            _ if PUBLIC.contains(&value) => false,
            _ => return Err(Refused::not_built(&format!("'{name}: {value}'"))),
        };
        Ok(())
    }
}

/// The beginnings of headers that the signature of a request does not hold. Marks of both services in one request leave
/// neither: which of them was read is no matter then.
fn unsigned_prefixes(asked: &Asked<'_>) -> Vec<&'static str> {
    let scheme = asked.header("authorization").unwrap_or_default();
    let query = asked.request.query_string();
    let names = || query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    let named = |mark: &str| names().any(|name| name.eq_ignore_ascii_case(mark));
    let of_amazon = scheme.starts_with("AWS4-") || named("x-amz-signature") || named("AWSAccessKeyId");
    let of_google = scheme.starts_with("GOOG4-") || named("x-goog-signature") || named("GoogleAccessId");
    let marked = [(of_amazon, GOOGLE), (of_google, AMAZON)];
    marked.into_iter().filter_map(|(is_marked, other)| is_marked.then_some(other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(all: &[(&str, &str)]) -> Option<Wishes> {
        let mut wishes = Wishes::none();
        all.iter().try_for_each(|(name, value)| wishes.take(name, value, Place::Field)).ok()?;
        Some(wishes)
    }

    #[test]
    fn an_image_is_private_unless_everybody_may_read() {
        let private = |all: &[(&str, &str)]| wishes(all).map(|wishes| wishes.private);
        assert_eq!(private(&[]), Some(true));
        assert_eq!(private(&[("x-amz-acl", "public-read")]), Some(false));
        assert_eq!(private(&[("X-Goog-Acl", "publicRead")]), Some(false));
        assert_eq!(private(&[("acl", "private")]), Some(true));
        assert_eq!(private(&[("x-amz-acl", "authenticated-read")]), None);
        assert_eq!(private(&[("x-amz-acl", "public-read-write")]), None);
    }

    #[test]
    fn metadata_is_kept_and_what_cannot_be_done_is_refused() {
        let kept =
            wishes(&[("x-amz-meta-Owner", "ada"), ("x-goog-meta-a", "1"), ("content-type", "x")]).unwrap();
        assert_eq!(serde_json::to_string(&kept.metadata).unwrap(), r#"{"a":"1","owner":"ada"}"#);
        for (name, value) in [
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-copy-source", "/a/b"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-goog-if-generation-match", "7"),
            ("x-amz-checksum-rot13", "AAAA"),
            ("x-amz-anything", ""),
        ] {
            assert!(wishes(&[(name, value)]).is_none(), "{name}");
        }
        for (name, value) in [
            ("x-amz-date", "20260921T141320Z"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-goog-if-generation-match", "0"),
            ("x-amz-checksum-mode", "ENABLED"),
            ("x-anything", "1"),
        ] {
            assert!(wishes(&[(name, value)]).is_some(), "{name}");
        }
    }
}
