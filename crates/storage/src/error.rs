//! What can go wrong in storage.

use domain::{Fault, Problem};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No object lies there.
    #[error("the object is not there")]
    Missing,
    /// The disk is full, or less is left than must stay free.
    #[error("the storage is full")]
    Full(#[source] Option<std::io::Error>),
    /// The bytes are not those that were put there.
    #[error("the object is damaged")]
    Damaged,
    /// Reading or writing failed.
    #[error("the storage failed")]
    Io(#[from] std::io::Error),
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Full(_) => Problem::StorageFull,
            Error::Missing | Error::Damaged | Error::Io(_) => Problem::Storage,
        }
    }
}
