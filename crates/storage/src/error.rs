//! What can go wrong in storage.

use std::io;

use domain::{Fault, Problem};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No object lies there.
    #[error("the object is not there")]
    Missing,
    /// The disk is full, or less is left than must stay free.
    #[error("the storage is full")]
    Full(#[source] Option<io::Error>),
    /// The bytes are not those that were put there.
    #[error("the object is damaged")]
    Damaged,
    /// The folder of the objects cannot be made or written: at the start, for whoever runs the house.
    #[error("the folder of the objects cannot be written")]
    Unwritable(#[source] io::Error),
    /// Reading or writing failed.
    #[error("the storage failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for Error {
    /// A full disk and an exhausted quota are told from all else here, once.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(Some(error)),
            _ => Error::Io(error),
        }
    }
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Full(_) => Problem::StorageFull,
            Error::Missing | Error::Damaged | Error::Unwritable(_) | Error::Io(_) => Problem::Storage,
        }
    }
}
