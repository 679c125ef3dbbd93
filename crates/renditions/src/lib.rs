//! Renditions: made once, kept in memory and at rest, found again. Never decides who may see them.
#![forbid(unsafe_code)]

mod error;
mod fetch;
mod kept;
mod memory;
mod once;

pub use error::Error;
pub use fetch::{Config, Original, Rendered, Renditions};
