//! The one small full decode at upload: it finds damage, and leaves a ThumbHash.

use std::time::Instant;

use crate::{Error, Facts, Limits};

/// Decodes the whole original at the smallest scale and returns its ThumbHash (about 25 bytes).
/// A file that is damaged or ends early is refused.
pub fn placeholder(_bytes: &[u8], _facts: &Facts, _limits: &Limits, _deadline: Instant) -> Result<Vec<u8>, Error> {
    todo!()
}
