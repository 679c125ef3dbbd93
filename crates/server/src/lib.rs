//! The roof: configuration, wiring, start and stop. The binary's commands stand beside it.
#![forbid(unsafe_code)]

/// Reading the configuration.
pub mod config;
mod data_dir_lock;
mod front;
/// The key that seals secrets at rest.
pub mod master_key;
mod server;

pub use config::Config;
pub use data_dir_lock::DataDirLock;
pub use server::{Server, open_catalog, open_uploads};
