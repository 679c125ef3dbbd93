//! What an original is, from its header alone.

use crate::{Error, Facts, Limits};

/// Reads the header of an original and holds it against the limits. Decodes no pixel.
pub fn probe(_bytes: &[u8], _limits: &Limits) -> Result<Facts, Error> {
    todo!()
}
