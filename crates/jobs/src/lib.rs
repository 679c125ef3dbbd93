//! What is done beside the requests: sweeping, keeping to budgets, forgetting, counting. The queue in the database sees
//! to it that of all processes one does each piece, and that another goes on where one died.
#![forbid(unsafe_code)]

mod error;
mod jobs;
mod kind;
mod lease;
mod loops;
mod run;
mod stopping;
mod sweep;
#[cfg(test)]
mod tests;
mod work;

pub use error::Error;
pub use jobs::{Jobs, Running};
pub use kind::Kind;
pub use sweep::Swept;
