//! What can go wrong beside the requests.

use domain::{Fault, Problem};

/// A failure of this crate. The texts are safe to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Objects of removed images, or of none, cannot be deleted.
    #[error(transparent)]
    Upload(#[from] upload::Error),
    /// Renditions at rest cannot be kept within their budget.
    #[error(transparent)]
    Renditions(#[from] renditions::Error),
    /// Storage cannot be listed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// Rows cannot be read or written.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The process stops: whoever takes the job next goes on.
    #[error("put down half-way")]
    Stopping,
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Upload(error) => error.problem(),
            Error::Renditions(error) => error.problem(),
            Error::Storage(error) => error.problem(),
            Error::Catalog(error) => error.problem(),
            Error::Stopping => Problem::Internal,
        }
    }
}
