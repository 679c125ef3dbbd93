//! How much the workers have to do, for gauges and probes.

use std::time::{Duration, Instant};

use super::Workers;

/// How much longer than a render may take nothing may move before the workers count as stuck: the time to read an
/// original from a slow storage.
const READING: Duration = Duration::from_secs(30);

/// What the workers have to do right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// How many workers there are.
    pub workers: usize,
    /// How many are at work, or reading what they will work on.
    pub busy: usize,
    /// How many more are at work that nobody waits for.
    pub in_background: usize,
    /// How many processes there are.
    pub processes: usize,
    /// How many pieces of work wait.
    pub waiting: usize,
    /// Whether all are taken and none was given to another for longer than work may last, while somebody waits. A
    /// full queue alone is no such thing: it moves.
    pub stuck: bool,
}

impl Workers {
    /// What there is to do.
    pub fn load(&self) -> Load {
        let config = &self.inner.config;
        let workers = config.workers.max(1);
        let (free, waiting, in_background) = {
            let line = self.inner.line.lock();
            let (free, waiting) = line.counts();
            (free, waiting, line.in_background())
        };
        let longest = Duration::from_secs(config.render_timeout_s).saturating_add(READING);
        let stands = Instant::now().saturating_duration_since(*self.inner.moved_at.lock()) > longest;
        let stuck = free == 0 && waiting > 0 && stands;
        let processes = self.inner.pool.processes();
        Load { workers, busy: workers.saturating_sub(free), in_background, processes, waiting, stuck }
    }
}
