//! How many requests a token may make: a bucket that fills by so many a second and holds a second's worth.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Buckets that are kept; those that are full again are forgotten first.
const MAX_BUCKETS: usize = 10_000;

/// A limit for each token by itself.
pub(crate) struct RateLimit {
    per_s: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl RateLimit {
    /// So many requests a second; 0 is no limit.
    pub(crate) fn new(per_s: u32) -> Self {
        RateLimit { per_s: per_s.into(), buckets: Mutex::default() }
    }

    /// Counts one request of a token at this moment; false where it is one too many.
    pub(crate) fn allows(&self, token_id: &str, now: Instant) -> bool {
        if self.per_s == 0.0 {
            return true;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(token_id) {
            self.forget_full(&mut buckets, now);
        }
        let full = Bucket { left: self.per_s, at: now };
        let bucket = buckets.entry(token_id.to_owned()).or_insert(full);
        let left = self.refilled(bucket, now);
        let allowed = left >= 1.0;
        *bucket = Bucket { left: if allowed { left - 1.0 } else { left }, at: now };
        allowed
    }

    fn refilled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + passed * self.per_s).min(self.per_s)
    }

    /// A full bucket says as much as none. Where none is full all are forgotten: a limit that is lenient for a
    /// moment is better than one that grows.
    fn forget_full(&self, buckets: &mut HashMap<String, Bucket>, now: Instant) {
        buckets.retain(|_, bucket| self.refilled(bucket, now) < self.per_s);
        if buckets.len() >= MAX_BUCKETS {
            buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_may_ask_so_often_a_second_and_no_more() {
        let limit = RateLimit::new(100);
        let start = Instant::now();
        let passed = |at: Instant| (0..150).filter(|_| limit.allows("a", at)).count();
        assert_eq!(passed(start), 100);
        assert_eq!(passed(start + Duration::from_millis(500)), 50);
        assert_eq!(
            passed(start + Duration::from_secs(60)),
            100,
            "rest is not saved up for longer than a second"
        );
        assert!(limit.allows("b", start), "another token has its own");
    }

    #[test]
    fn the_map_of_tokens_stays_bounded() {
        let limit = RateLimit::new(1);
        let start = Instant::now();
        for number in 0..3 * MAX_BUCKETS {
            limit.allows(&number.to_string(), start);
        }
        assert!(limit.buckets.lock().unwrap().len() <= MAX_BUCKETS);
    }
}
