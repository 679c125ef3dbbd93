//! What can go wrong on the way to a worker and inside it.

use std::sync::Arc;
use std::time::Duration;

use domain::{Fault, Limit, Problem};

/// A failure of this crate. Cloned to everyone who waited for the same work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// All workers are taken and so are the places to wait.
    #[error("the server is busy, try again in a moment")]
    Busy,
    /// All workers were taken for as long as anybody waits for one.
    #[error("the server is busy, try again in a moment")]
    WaitedTooLong,
    /// All memory that decoding may take would not be enough.
    #[error("this picture needs more memory than this server gives to decoding")]
    TooLargeForServer,
    /// One worker may not have as much memory as this would take.
    #[error("this picture needs more memory than this server gives to one picture")]
    TooLargeForWorker,
    /// The work itself failed; a panic inside a decoder is a damaged file.
    #[error(transparent)]
    Render(#[from] variant::Error),
    /// The worker died at this work, or answered what no worker answers: bytes that do this are refused.
    #[error("this file is damaged: it cannot be decoded")]
    Died,
    /// No worker could be started.
    #[error("the server cannot start its workers right now")]
    Start(#[source] Arc<std::io::Error>),
    /// The server stops.
    #[error("the server is about to stop")]
    Gone,
}

impl Error {
    pub(crate) fn start(error: std::io::Error) -> Self {
        Error::Start(Arc::new(error))
    }
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Busy | Error::WaitedTooLong => Problem::Busy,
            Error::TooLargeForServer | Error::TooLargeForWorker => Problem::TooLargeForServer,
            Error::Died => Problem::Damaged,
            Error::Render(error) => error.problem(),
            Error::Start(_) | Error::Gone => Problem::Busy,
        }
    }

    fn limit(&self) -> Option<Limit> {
        let moment = Duration::from_secs(1);
        match self {
            Error::Busy => Some(Limit::for_now("max_queued_renders", moment)),
            Error::WaitedTooLong => Some(Limit::for_now("render_wait_s", moment)),
            Error::TooLargeForServer => Some(Limit::of("decode_budget_bytes")),
            Error::TooLargeForWorker => Some(Limit::of("max_worker_bytes")),
            Error::Render(error) => error.limit(),
            Error::Died | Error::Start(_) | Error::Gone => None,
        }
    }
}
