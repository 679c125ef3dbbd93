//! What the headers, the signed query and the fields of a request wish for beside the bytes, in the words of S3 and of
//! Google Cloud Storage. What this house cannot do is refused by name: nothing is taken without effect.

use catalog::StorageLeave;
use serde_json::{Map, Value};

use super::asked::Asked;
use super::checks::Checks;
use super::refused::Refused;

/// The beginnings of names that have a meaning in one of the two.
const PREFIXES: [&str; 2] = ["x-amz-", "x-goog-"];

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
    /// In a header or a field.
    Said,
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

    /// What the headers of a request and the signed part of its query wish.
    pub(super) fn of(asked: &Asked<'_>, leave: &StorageLeave) -> Result<Self, Refused> {
        let mut wishes = Wishes::none();
        for (name, value) in asked.headers().filter(|(name, _)| !name.starts_with("x-amz-cf-")) {
            wishes.take(name, value, Place::Said)?;
        }
        for (name, value) in &leave.query {
            wishes.take(name, value, Place::Presigned)?;
        }
        Ok(wishes)
    }

    /// Takes in a name and its value. Names count in any case.
    pub(super) fn take(&mut self, name: &str, value: &str, place: Place) -> Result<(), Refused> {
        let name = name.to_ascii_lowercase();
        if name == "acl" && place == Place::Said {
            return self.acl(&name, value);
        }
        if name == "content-md5" && place == Place::Said {
            return self.checks.digest(&name, "md5", value);
        }
        let Some(own) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) else { return Ok(()) };
        if let Some(key) = own.strip_prefix("meta-") {
            self.metadata.insert(key.to_owned(), Value::String(value.to_owned()));
            return Ok(());
        }
        if let Some(algorithm) = own.strip_prefix("checksum-").filter(|_| !OF_SIGNATURE.contains(&own)) {
            return match place {
                Place::Said => self.checks.digest(&name, algorithm, value),
                Place::Presigned => self.checks.presigned_digest(&name, algorithm, value),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(all: &[(&str, &str)]) -> Option<Wishes> {
        let mut wishes = Wishes::none();
        all.iter().try_for_each(|(name, value)| wishes.take(name, value, Place::Said)).ok()?;
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
