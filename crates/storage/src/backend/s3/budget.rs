//! How often a request is made again: at most so many tries each, and of all together no more than a share,
//! so that a store in trouble is not asked thrice as much as one that is well.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Tries of one request, the first one counted.
pub(super) const MAX_TRIES: u32 = 3;

/// Retries that may follow each other at once, in thousandths.
const CAPACITY: i64 = 100_000;

/// What one retry costs, in thousandths.
const COST: i64 = 1_000;

/// What one request that succeeds pays in, in thousandths: in the long run a quarter of all may be retried.
const EARNING: i64 = 250;

/// The longest pause before the second try; before the third it is four times as long.
const FIRST_PAUSE_MS: u64 = 100;

/// What is left for retries, shared by all requests.
#[derive(Debug)]
pub(super) struct Budget(AtomicI64);

impl Budget {
    pub(super) fn new() -> Self {
        Budget(AtomicI64::new(CAPACITY))
    }

    /// A request succeeded.
    pub(super) fn earn(&self) {
        let more = |left: i64| (left < CAPACITY).then(|| (left + EARNING).min(CAPACITY));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether there is enough left for one retry, which is then taken.
    pub(super) fn spend(&self) -> bool {
        let less = |left: i64| (left >= COST).then(|| left - COST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// The pause after so many tries: anything from none to the longest, so that those who failed together do not
/// come back together.
pub(super) fn pause(tries: u32) -> Duration {
    let longest_ms = FIRST_PAUSE_MS << (2 * (tries.clamp(1, MAX_TRIES) - 1));
    Duration::from_millis(rand::random_range(0..=longest_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_end_when_nothing_succeeds_and_come_back_as_requests_do() {
        let budget = Budget::new();
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 100);
        for _ in 0..4 {
            assert!(!budget.spend());
            budget.earn();
        }
        assert!(budget.spend());
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 100, "no more is saved than fits");
    }

    #[test]
    fn pauses_differ_and_grow() {
        let longest = |tries| (0..1000).map(|_| pause(tries)).max().unwrap_or_default();
        assert!(longest(1) <= Duration::from_millis(100));
        assert!(longest(2) <= Duration::from_millis(400) && longest(2) > Duration::from_millis(100));
        assert!((0..1000).any(|_| pause(1) != pause(1)));
    }
}
