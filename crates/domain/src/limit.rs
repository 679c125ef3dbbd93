//! A limit that was passed: its name, for the metric, and when it is worth coming back.

use std::fmt;
use std::time::Duration;

use crate::{Fault, Problem};

/// The limit that a failure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The setting's name in the configuration file: `max_frames`.
    pub name: &'static str,
    /// Whole seconds after which the same may succeed; none where it never will.
    pub retry_after_s: Option<u64>,
}

impl Limit {
    /// A limit that the same request will always pass.
    pub fn of(name: &'static str) -> Self {
        Limit { name, retry_after_s: None }
    }

    /// A limit that ends after so long, told in whole seconds, at least 1.
    pub fn for_now(name: &'static str, wait: Duration) -> Self {
        Limit { name, retry_after_s: Some(whole_seconds(wait)) }
    }
}

/// Somebody did something more often than a rate allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooOften {
    limit: Limit,
    told: String,
}

impl TooOften {
    /// The limit's setting, how long to wait, and what the limit is, in words.
    pub fn new(name: &'static str, wait: Duration, told: impl Into<String>) -> Self {
        TooOften { limit: Limit::for_now(name, wait), told: told.into() }
    }
}

impl fmt::Display for TooOften {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

impl std::error::Error for TooOften {}

impl Fault for TooOften {
    fn problem(&self) -> Problem {
        Problem::TooManyRequests
    }

    fn limit(&self) -> Option<Limit> {
        Some(self.limit)
    }
}

/// A wait in whole seconds, rounded up: whoever comes back then is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(part).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_back_when_told_is_not_too_early() {
        let check = |ms, told| {
            let limit = Limit::for_now("max_uploads_per_minute", Duration::from_millis(ms));
            assert_eq!(limit.retry_after_s, Some(told), "{ms} ms");
        };
        check(0, 1);
        check(1, 1);
        check(1_000, 1);
        check(1_001, 2);
        check(59_999, 60);
    }
}
