//! What can go wrong on the way to a worker and inside it.

use std::sync::Arc;

use domain::{Fault, Problem};

/// A failure of this crate. Cloned to everyone who waited for the same work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// All workers are taken and so are the places to wait, or the wait was too long.
    #[error("the server is busy, try again in a moment")]
    Busy,
    /// The work itself failed; a panic inside a decoder is a damaged file.
    #[error(transparent)]
    Render(#[from] variant::Error),
    /// The threads could not be started.
    #[error("the workers could not be started")]
    Start(#[source] Arc<std::io::Error>),
    /// The worker ended without an answer.
    #[error("the worker went away")]
    Gone,
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Busy => Problem::Busy,
            Error::Render(error) => error.problem(),
            Error::Start(_) | Error::Gone => Problem::Internal,
        }
    }
}
