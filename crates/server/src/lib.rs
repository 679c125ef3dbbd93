//! The roof: configuration, wiring, start and stop. The binary's commands stand beside it.
#![forbid(unsafe_code)]

mod address;
mod admission;
mod asked;
/// Reading the configuration.
pub mod config;
mod connections;
mod data_dir_lock;
mod front;
mod masked;
/// The key that seals secrets at rest.
pub mod master_key;
mod operations;
mod readiness;
/// The recorder of metrics, and the list of them.
pub mod recorder;
mod refusal;
mod server;
mod stopping;

pub use config::Config;
pub use data_dir_lock::DataDirLock;
pub use server::{Server, open_catalog, open_jobs, open_storage, open_uploads};
