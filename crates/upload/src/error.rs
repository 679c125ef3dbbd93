//! What can go wrong when an original comes in.

use domain::{Fault, Problem};

/// A failure of this crate. The texts are safe to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part or field is wrong; the text says which and what would be right.
    #[error("{0}")]
    Form(String),
    /// The body is no multipart form.
    #[error("images must be uploaded as a form, not as raw image data. Please use multipart/form-data format")]
    NotAForm,
    /// The file passes the limit.
    #[error("this file is {size}; the limit is {limit}", size = megabytes(*.size_bytes), limit = megabytes(*.limit_bytes))]
    TooLarge {
        /// Bytes of the file, as far as they were counted.
        size_bytes: u64,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The body comes too slowly.
    #[error("the upload is too slow")]
    TooSlow,
    /// The client went away.
    #[error("the upload was aborted")]
    Aborted,
    /// The picture is refused.
    #[error(transparent)]
    Workers(#[from] workers::Error),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The row was refused.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
}

/// Decimal megabytes as people read them: `24.1 MB`, `10 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = (bytes as f64 / 100_000.0).round() as u64;
    if tenths.is_multiple_of(10) { format!("{} MB", tenths / 10) } else { format!("{}.{} MB", tenths / 10, tenths % 10) }
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Form(_) => Problem::BadRequest,
            Error::NotAForm => Problem::NotAForm,
            Error::TooLarge { .. } => Problem::TooLarge,
            Error::TooSlow => Problem::TooSlow,
            Error::Aborted => Problem::Aborted,
            Error::Workers(error) => error.problem(),
            Error::Storage(error) => error.problem(),
            Error::Catalog(error) => error.problem(),
        }
    }
}
