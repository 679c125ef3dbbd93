//! The door for programs: the management API, in the wire contract's words.
#![forbid(unsafe_code)]

mod accounts;
mod authenticated;
mod body;
mod config;
mod door;
mod envelope;
mod error;
mod fields;
mod images;
mod keys;
mod list;
mod metadata_filters;
mod own_routes;
mod routes;
mod sign;
mod variants;
mod words;

pub use door::{Api, Config};
