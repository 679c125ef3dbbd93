//! Our objects: where an original and its renditions lie, and the kinds of storage that keep them.
#![forbid(unsafe_code)]

mod backend;
/// The one suite that every backend passes.
pub mod conformance;
mod error;
mod object_key;
#[expect(clippy::module_inception, reason = "the crate's main type lives in the file of its name")]
mod storage;

pub use backend::{Backend, Listed};
pub use error::Error;
pub use object_key::{ObjectKey, Prefix};
pub use storage::{Config, Counts, Object, Scratch, Sealed, Storage};
