//! Renditions: made once, kept in memory and at rest, found again. Never decides who may see them.
#![forbid(unsafe_code)]

mod background;
mod budget;
mod counts;
mod error;
mod fetch;
mod kept;
mod lend;
mod make;
mod meanwhile;
mod memory;
mod once;
mod original;
mod rendered;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use fetch::{Config, Renditions};
pub use lend::Terms;
pub use original::Original;
pub use rendered::Rendered;
