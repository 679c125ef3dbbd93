//! What can go wrong when an original comes in.

use std::io;

use domain::{Fault, Limit, Problem, TooOften, grouped};

/// A failure of this crate. The texts are safe to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part or field is wrong; the text says which and what would be right.
    #[error("{0}")]
    Form(String),
    /// The form passes a limit; the text names it.
    #[error("{told}")]
    FormLimit {
        /// The limit's setting.
        limit: &'static str,
        /// What a form may have.
        told: String,
    },
    /// The account uploads too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The body is no multipart form.
    #[error(
        "images must be uploaded as a form, not as raw image data. Please use multipart/form-data format"
    )]
    NotAForm,
    /// The file passes the limit.
    #[error("{}", too_large(*.size_bytes, *.limit_bytes))]
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

impl Error {
    pub(crate) fn form(text: impl Into<String>) -> Self {
        Error::Form(text.into())
    }

    /// What an error of the body means: too slow, or gone.
    pub(crate) fn of_body(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Error::TooSlow } else { Error::Aborted }
    }
}

fn too_large(size_bytes: u64, limit_bytes: u64) -> String {
    let (size, limit) = (megabytes(size_bytes), megabytes(limit_bytes));
    if size == limit {
        return format!(
            "this file is {} bytes; the limit is {} bytes",
            grouped(size_bytes),
            grouped(limit_bytes)
        );
    }
    format!("this file is {size}; the limit is {limit}")
}

/// Decimal megabytes as people read them: `24.1 MB`, `10 MB`.
fn megabytes(bytes: u64) -> String {
    let tenths = (bytes as f64 / 100_000.0).round() as u64;
    if tenths.is_multiple_of(10) {
        format!("{} MB", tenths / 10)
    } else {
        format!("{}.{} MB", tenths / 10, tenths % 10)
    }
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Form(_) | Error::FormLimit { .. } => Problem::BadRequest,
            Error::TooOften(error) => error.problem(),
            Error::NotAForm => Problem::NotAForm,
            Error::TooLarge { .. } => Problem::TooLarge,
            Error::TooSlow => Problem::TooSlow,
            Error::Aborted => Problem::Aborted,
            Error::Workers(error) => error.problem(),
            Error::Storage(error) => error.problem(),
            Error::Catalog(error) => error.problem(),
        }
    }

    fn limit(&self) -> Option<Limit> {
        match self {
            Error::FormLimit { limit, .. } => Some(Limit::of(limit)),
            Error::TooOften(error) => error.limit(),
            Error::TooLarge { .. } => Some(Limit::of("max_upload_bytes")),
            Error::TooSlow => Some(Limit::of("min_body_bytes_per_s")),
            Error::Workers(error) => error.limit(),
            Error::Storage(error) => error.limit(),
            Error::Catalog(error) => error.limit(),
            Error::Form(_) | Error::NotAForm | Error::Aborted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_never_reads_like_the_limit_it_passes() {
        let check = |size_bytes, text: &str| {
            assert_eq!(Error::TooLarge { size_bytes, limit_bytes: 10_000_000 }.to_string(), text);
        };
        check(24_100_000, "this file is 24.1 MB; the limit is 10 MB");
        check(12_000_000, "this file is 12 MB; the limit is 10 MB");
        check(10_000_001, "this file is 10,000,001 bytes; the limit is 10,000,000 bytes");
    }
}
