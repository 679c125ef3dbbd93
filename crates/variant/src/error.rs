//! What can go wrong with pixels and wishes.

use domain::{Fault, Problem};

/// A failure of this crate. The texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first bytes are of no accepted format; holds what they look like, e.g. `TIFF`.
    #[error("{0} is not accepted. Use JPEG, PNG, WebP or GIF")]
    NotAnImage(String),
    /// The file is empty.
    #[error("this file is empty")]
    Empty,
    /// The decoder's sentence.
    #[error("this file is damaged: {0}")]
    Damaged(String),
    /// Area or a side passes a limit; the text names it.
    #[error("{0}")]
    TooLarge(String),
    /// Frames times area, or the number of frames.
    #[error("{0}")]
    AnimationTooLarge(String),
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
            Error::Empty | Error::Damaged(_) => Problem::Damaged,
            Error::TooLarge(_) => Problem::TooLarge,
            Error::AnimationTooLarge(_) => Problem::AnimationTooLarge,
            Error::Options(_) => Problem::OptionsInvalid,
            Error::Timeout => Problem::RenderTimeout,
            Error::Encode(_) => Problem::Internal,
        }
    }
}
