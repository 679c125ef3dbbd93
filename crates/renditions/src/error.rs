//! What can go wrong on the way to a rendition.

use std::sync::Arc;

use domain::{Fault, Limit, Problem};

/// A failure of this crate. Cloned to everyone who waited for the same rendition.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The original cannot be read or is not what it was.
    #[error("the original cannot be read right now")]
    Original(#[source] Arc<storage::Error>),
    /// Rendering failed or had to wait too long.
    #[error(transparent)]
    Workers(#[from] workers::Error),
    /// A rendition at rest cannot be deleted.
    #[error("a rendition cannot be deleted right now")]
    Delete(#[source] Arc<storage::Error>),
    /// The account of what lies at rest cannot be read or written.
    #[error(transparent)]
    Catalog(Arc<catalog::Error>),
    /// An image that is laid over another was removed meanwhile.
    #[error("draw: an image that is laid over is not there any more")]
    OverlayMissing,
    /// Nobody needs it any more: its image was removed, or somebody who waits for it makes it himself.
    #[error("the rendition is not needed any more")]
    Unneeded,
    /// The work ended without an answer, several times over.
    #[error("the rendition could not be made")]
    Abandoned,
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Error::Original(Arc::new(error))
    }
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        Error::Catalog(Arc::new(error))
    }
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Original(error) => error.problem(),
            Error::Workers(error) => error.problem(),
            Error::Delete(error) => error.problem(),
            Error::OverlayMissing => Problem::OptionsInvalid,
            Error::Catalog(error) => error.problem(),
            Error::Unneeded | Error::Abandoned => Problem::Internal,
        }
    }

    fn limit(&self) -> Option<Limit> {
        match self {
            Error::Original(error) => error.limit(),
            Error::Workers(error) => error.limit(),
            Error::Delete(error) => error.limit(),
            Error::Catalog(error) => error.limit(),
            Error::OverlayMissing | Error::Unneeded | Error::Abandoned => None,
        }
    }
}
