//! The door for browsers: delivery URLs become bytes, refusals or 304s.
//! Everything is decided before a byte is read; nothing here remembers a right.
#![forbid(unsafe_code)]

mod deliver;
mod dress;
mod hints;
mod route;
mod shown;

pub use deliver::{Answer, Config, Delivery};
pub use shown::Outside;
