//! A delivery URL, taken from the raw request target by the path hygiene of signing-schemes 1.3.

use domain::{AccountHash, ImageId};

use crate::Error;

/// A request target that can be a delivery. Keeps the raw bytes: they are what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryUrl {
    target: String,
    path_len: usize,
    moved: bool,
    account: String,
    image: String,
    last: String,
}

impl DeliveryUrl {
    /// Longest path, in bytes.
    pub const MAX_PATH_BYTES: usize = 4096;
    /// Longest target, in bytes.
    pub const MAX_TARGET_BYTES: usize = 8192;
    /// Most query pairs.
    pub const MAX_PAIRS: usize = 64;

    /// Reads a raw request target (`/hash/id/variant?query`, or below `/cdn-cgi/imagedelivery/`).
    /// Refuses every odd spelling before anything is looked up.
    pub fn parse(_target: &str) -> Result<DeliveryUrl, Error> {
        todo!()
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

    /// The account segment, decoded once; it need not be the hash of any account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The image's id, decoded once per segment; it need not be a valid id.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The last segment, decoded once: a variant's name, or options where it holds `=`.
    pub fn last(&self) -> &str {
        &self.last
    }

    /// Whether the last segment is options rather than a name (contract R-59).
    pub fn is_flexible(&self) -> bool {
        self.last.contains('=')
    }

    /// Whether a `sig` pair is there.
    pub fn has_signature(&self) -> bool {
        todo!()
    }

    /// The target with the value of `sig` cut to its first 8 characters, for logs.
    pub fn masked(&self) -> String {
        todo!()
    }

    /// Writes the path of a delivery URL (contract R-11): `/{hash}/{id}/{last}`.
    pub fn path_of(_account: &AccountHash, _image: &ImageId, _last: &str) -> String {
        todo!()
    }
}
