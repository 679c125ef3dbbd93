//! Our objects: where an original and its renditions lie, and the kinds of storage that keep them.
#![forbid(unsafe_code)]

mod backend;
mod blocking;
/// The one suite that every backend passes.
pub mod conformance;
mod disk;
mod error;
mod object;
mod object_key;
mod scratch;
mod storage;
mod storage_url;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use backend::{Backend, Lent, Listed, ListedRendition};
pub use disk::Disk;
pub use error::{Cause, Error, Refusal};
pub use object::Object;
pub use object_key::{ObjectKey, Prefix};
pub use scratch::{Scratch, Sealed};
pub use storage::{Access, Config, Counts, Storage};
pub use storage_url::{Bucket, Encryption, StorageUrl};
