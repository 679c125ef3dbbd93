//! Where an object lies: day, account, object id, and below it the original and its renditions.

use domain::{AccountId, ObjectId};

/// The place of one object, e.g. `2026-11-26/{account}/{object}/original`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// The place of an original with all its renditions; removing an image is removing one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix of an original that came on a day (days since 1970, UTC).
    pub fn new(_day: i64, _account: &AccountId, _object: &ObjectId) -> Self {
        todo!()
    }

    /// Reads a prefix back, as it was noted when its row was removed, or as a listing told it.
    pub fn parse(_text: &str) -> Option<Self> {
        todo!()
    }

    /// The account and object id in the prefix.
    pub fn parts(&self) -> (i64, AccountId, ObjectId) {
        todo!()
    }

    /// The original below this prefix.
    pub fn original(&self) -> ObjectKey {
        ObjectKey(format!("{}/original", self.0))
    }

    /// The rendition with this digest of recipe and engine.
    pub fn rendition(&self, _digest: &[u8; 16]) -> ObjectKey {
        todo!()
    }

    /// The prefix as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ObjectKey {
    /// The key as text: segments of `a-z 0-9 -` joined by slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
