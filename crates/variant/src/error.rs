//! What can go wrong with pixels and wishes.

use domain::{Fault, Limit, Problem};
use serde::{Deserialize, Serialize};

use crate::limits::LimitName;

/// A failure of this crate. The texts are safe to show. It crosses from a worker to the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    /// The first bytes are of no accepted format; holds what they look like, e.g. `TIFF`.
    #[error("{0} is not accepted. Use {formats}", formats = crate::Format::told("or"))]
    NotAnImage(String),
    /// The file is empty.
    #[error("this file is empty")]
    Empty,
    /// The decoder's sentence.
    #[error("this file is damaged: {0}")]
    Damaged(String),
    /// Area or a side passes a limit; the text names it.
    #[error("{told}")]
    TooLarge {
        /// The limit's setting.
        #[serde(deserialize_with = "crate::limits::name")]
        limit: LimitName,
        /// What it has, and what it may have.
        told: String,
    },
    /// Frames times area, or the number of frames.
    #[error("{told}")]
    AnimationTooLarge {
        /// The limit's setting.
        #[serde(deserialize_with = "crate::limits::name")]
        limit: LimitName,
        /// What it has, and what it may have.
        told: String,
    },
    /// It is made of more pieces than any honest file.
    #[error("this file is damaged: {told}")]
    TooManyPieces {
        /// The limit's setting.
        #[serde(deserialize_with = "crate::limits::name")]
        limit: LimitName,
        /// What it has, and what it may have.
        told: String,
    },
    /// A wish is malformed or not built; the text names the option.
    #[error("{0}")]
    Options(String),
    /// The deadline passed.
    #[error("rendering took too long")]
    Timeout,
    /// An encoder failed.
    #[error("the rendition could not be encoded: {0}")]
    Encode(String),
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::NotAnImage(_) => Problem::NotAnImage,
            Error::Empty | Error::Damaged(_) | Error::TooManyPieces { .. } => Problem::Damaged,
            Error::TooLarge { .. } => Problem::TooLarge,
            Error::AnimationTooLarge { .. } => Problem::AnimationTooLarge,
            Error::Options(_) => Problem::OptionsInvalid,
            Error::Timeout => Problem::RenderTimeout,
            Error::Encode(_) => Problem::Internal,
        }
    }

    fn limit(&self) -> Option<Limit> {
        match self {
            Error::TooLarge { limit, .. }
            | Error::AnimationTooLarge { limit, .. }
            | Error::TooManyPieces { limit, .. } => Some(Limit::of(limit)),
            Error::Timeout => Some(Limit::of("render_timeout_s")),
            Error::NotAnImage(_)
            | Error::Empty
            | Error::Damaged(_)
            | Error::Options(_)
            | Error::Encode(_) => None,
        }
    }
}
