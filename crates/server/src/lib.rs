//! The roof: configuration, wiring, start and stop. The binary's commands stand beside it.
#![forbid(unsafe_code)]

mod config;
mod server;

pub use config::Config;
pub use server::Server;
