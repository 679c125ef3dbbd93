//! Originals come in and go: a form is read within its limits, bytes are probed, stored, and then get their row.
//! No HTTP library: a door hands over a stream of bytes.
#![forbid(unsafe_code)]

mod accept;
mod error;
mod incoming;
mod metadata;
mod remove;

pub use accept::{Accepted, Config, NewUpload, Uploads};
pub use error::Error;
pub use incoming::{Form, FormLimits, Incoming};
