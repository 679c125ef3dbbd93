//! The door for programs: the management API, in the wire contract's words.
#![forbid(unsafe_code)]

mod accounts;
mod all_keys;
mod authenticated;
mod body;
mod config;
mod door;
mod envelope;
mod error;
mod explain;
mod fields;
mod images;
mod keys;
mod list;
mod logs;
mod metadata_filters;
mod mounts;
mod openapi;
mod own_images;
mod own_routes;
mod routes;
mod schemes;
mod settings;
mod sign;
mod storage;
mod variants;
mod words;

pub use door::{Api, Config};
pub use openapi::openapi;
