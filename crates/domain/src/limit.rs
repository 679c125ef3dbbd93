//! A limit that was passed: its name, for the metric, and when it is worth coming back.

use std::time::Duration;

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
