//! Pixels: what an original is, what is wished for, and the bytes that the two make.
//! No network, disk or database: bytes, a recipe and a deadline go in, bytes come out.

mod beside;
mod canvas;
mod deadline;
mod decode;
mod dialect;
mod error;
mod facts;
mod format;
mod limits;
mod options;
mod placeholder;
mod probe;
mod recipe;
mod render;
mod settle;
mod step;
#[cfg(test)]
mod testing;

pub use dialect::{Dialect, Translation};
pub use error::Error;
pub use facts::{Facts, Orientation};
pub use format::{Encoding, Format};
pub use limits::Limits;
pub use options::Options;
pub use placeholder::placeholder;
pub use probe::probe;
pub use recipe::Recipe;
pub use render::{Rendition, render};
pub use settle::settle;
pub use step::background::Background;
pub use step::fit::Fit;
pub use step::format::FormatWish;
pub use step::gravity::Gravity;
pub use step::metadata::MetadataPolicy;
pub use step::quality::Quality;
