//! How many workers there are, what they may take, and how long anyone waits for one.

use std::num::NonZero;
use std::path::PathBuf;

/// Limits of the workers (security-and-reliability 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The program that is executed anew to be a worker: this one itself, but in tests.
    pub program: PathBuf,
    /// Pieces of work at once, at least 1. By default the cores of the machine, at least 2.
    pub workers: usize,
    /// Pieces of work after which a worker is replaced.
    pub max_worker_jobs: u32,
    /// Callers that may wait for a slot; past it the newest of whoever waits most is told that we are busy.
    pub max_queued: usize,
    /// How long a caller waits for a slot, in seconds.
    pub wait_s: u64,
    /// Bytes that all decoding together may take, as estimated. By default half of the machine, at least 1 GiB.
    pub decode_budget_bytes: u64,
    /// Bytes of address space of one worker; never more than the budget.
    pub max_worker_bytes: u64,
    /// How long one piece of work may take, in seconds of wall time, and in seconds of processors.
    pub render_timeout_s: u64,
    /// The same where an AVIF is made.
    pub avif_timeout_s: u64,
    /// What an original may be at most.
    pub limits: variant::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            program: PathBuf::from("/proc/self/exe"),
            workers: std::thread::available_parallelism().map_or(2, NonZero::get).max(2),
            max_worker_jobs: 500,
            max_queued: 64,
            wait_s: 5,
            decode_budget_bytes: crate::weight::default_budget_bytes(),
            max_worker_bytes: 1_610_612_736,
            render_timeout_s: 10,
            avif_timeout_s: 15,
            limits: variant::Limits::default(),
        }
    }
}
