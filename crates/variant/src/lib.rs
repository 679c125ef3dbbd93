//! Pixels: what an original is, what is wished for, and the bytes that the two make.
//! No network, disk, database or clock: bytes, a recipe and a deadline go in, bytes come out.

mod error;
mod facts;
mod format;
mod options;
mod placeholder;
mod probe;
mod recipe;
mod render;
mod settle;

pub use error::Error;
pub use facts::{Facts, Limits, Orientation};
pub use format::Format;
pub use options::{Background, Fit, FormatWish, Gravity, MetadataPolicy, Options, Quality};
pub use placeholder::placeholder;
pub use probe::probe;
pub use recipe::{Encoding, Recipe};
pub use render::{Rendition, render};
pub use settle::settle;
