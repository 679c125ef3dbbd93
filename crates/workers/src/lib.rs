//! Workers: what `variant` does with bytes, done in sandboxed processes of the same program, a bounded number at a time.
//! Nothing here decodes in the server's own process, and nothing waits but for a turn and an answer.

mod config;
mod enter;
mod error;
mod input;
mod line;
mod pool;
mod process;
mod protocol;
mod sandbox;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod weight;
mod workers;

pub use config::Config;
pub use enter::enter;
pub use error::Error;
pub use input::{Given, Sealed};
pub use line::Lane;
pub use sandbox::keep_little_memory;
pub use workers::{Inputs, Load, ProbeSlot, Slot, Workers};
