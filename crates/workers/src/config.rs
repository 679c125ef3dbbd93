//! How many workers there are, and how long anyone waits for one.

use std::num::NonZero;

/// Limits of the workers (security-and-reliability 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Pieces of work at once, at least 1. By default the cores of the machine, at least 2.
    pub workers: usize,
    /// Callers that may wait for a slot; past it the newest of whoever waits most is told that we are busy.
    pub max_queued: usize,
    /// How long a caller waits for a slot, in seconds.
    pub wait_s: u64,
    /// Bytes that all decoding together may take, as estimated. By default half of the machine, at least 1 GiB.
    pub decode_budget_bytes: u64,
    /// How long one piece of work may take, in seconds of wall time.
    pub render_timeout_s: u64,
    /// What an original may be at most.
    pub limits: variant::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            workers: std::thread::available_parallelism().map_or(2, NonZero::get).max(2),
            max_queued: 64,
            wait_s: 5,
            decode_budget_bytes: crate::weight::default_budget_bytes(),
            render_timeout_s: 10,
            limits: variant::Limits::default(),
        }
    }
}
