//! Workers: what `variant` does with bytes, done beside the async runtime, a bounded number at a time.
//!
//! Today a worker is a thread of this process; decoding is not sandboxed yet. The names here are made so that
//! processes can take the threads' place without a change above.
#![forbid(unsafe_code)]

mod config;
mod error;
mod line;
mod pool;
mod weight;
mod workers;

pub use config::Config;
pub use error::Error;
pub use workers::{Load, ProbeSlot, Slot, Workers};
