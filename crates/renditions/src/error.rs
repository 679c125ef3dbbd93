//! What can go wrong on the way to a rendition.

use domain::{Fault, Problem};

/// A failure of this crate. Cloned to everyone who waited for the same rendition.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The original cannot be read or is not what it was.
    #[error("the original cannot be read right now")]
    Original(#[source] std::sync::Arc<storage::Error>),
    /// Rendering failed or had to wait too long.
    #[error(transparent)]
    Workers(#[from] workers::Error),
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Original(_) => Problem::Storage,
            Error::Workers(error) => error.problem(),
        }
    }
}
