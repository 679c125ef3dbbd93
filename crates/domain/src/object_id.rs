//! The random name of an original in storage.

use std::fmt;
use std::str::FromStr;

use crate::names::Invalid;

/// An original's random name: 128 bits, never used twice and never made from the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 16]);

impl ObjectId {
    /// A new object id from the operating system's randomness.
    pub fn random() -> Self {
        ObjectId(rand::random())
    }

    /// The object id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        ObjectId(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for ObjectId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| Invalid::because("an object id has 32 hex digits"))?;
        Ok(ObjectId(bytes))
    }
}
