//! The promises on PostgreSQL.

use super::*;
use crate::testing::{On, TestCatalog, fresh_on};

/// The database of these tests.
const ON: On = On::Postgres;

async fn fresh() -> TestCatalog {
    fresh_at(Clock::system()).await
}

async fn fresh_at(clock: Clock) -> TestCatalog {
    fresh_with(clock, |_| {}).await
}

async fn fresh_with(clock: Clock, change: impl FnOnce(&mut crate::Config)) -> TestCatalog {
    fresh_on(ON, clock, change).await
}

promises!();

#[path = "lost.rs"]
mod lost;

#[path = "machines.rs"]
mod machines;

#[path = "pgbouncer.rs"]
mod pgbouncer;
