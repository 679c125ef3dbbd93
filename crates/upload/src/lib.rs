//! Originals come in and go: a form is read within its limits, bytes are probed, stored, and then get their row.
//! No HTTP library: a door hands over a stream of bytes.
#![forbid(unsafe_code)]

mod accept;
mod base64_text;
mod error;
mod fields;
mod form;
mod gate;
mod incoming;
mod metadata;
mod paced;
mod posted;
mod raw;
mod remove;
#[cfg(test)]
mod tests;

pub use accept::{Accepted, Config, NewUpload, Uploads};
pub use error::Error;
pub use fields::meant_name;
pub use form::{Form, FormLimits, ManyFiles, Source};
pub use incoming::Incoming;
pub use paced::{Pace, Paced};
pub use posted::Posted;
