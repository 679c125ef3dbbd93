//! The moment at which a rendering gives up.

use std::time::Instant;

use crate::Error;

/// Fails once the deadline has passed. Asked between rows, so it costs about as much as reading the clock.
pub(crate) fn still_time(deadline: Instant) -> Result<(), Error> {
    if Instant::now() < deadline { Ok(()) } else { Err(Error::Timeout) }
}
