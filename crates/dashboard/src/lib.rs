//! The door for people: pages, forms and the files that they need. Decides nothing about images: it shows what the
//! floors below know, and passes on what people ask for.
#![forbid(unsafe_code)]

mod api_document;
mod body;
mod csrf;
mod csv;
mod dashboard;
mod error;
mod fields;
mod gzip;
mod member;
mod option_words;
mod options_form;
mod pages;
mod reply;
mod routes;
mod scheme_words;
mod session;
mod setup_code;
mod shell;
mod spark;
mod static_files;
#[cfg(test)]
mod tests;
mod theme;
mod toast;
mod visit;
mod welcome;
mod words;

pub use dashboard::{Config, Dashboard};
pub(crate) use static_files::asset;
