//! How often somebody may do something: so many times within a period that begins with the first. Time is an
//! argument, and what is remembered is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Somebodies that are remembered; those whose period is over are forgotten first.
const MAX_REMEMBERED: usize = 20_000;

/// A limit for each somebody by itself: an API token, an account, a person, an address.
#[derive(Debug)]
pub struct Rate<K> {
    most: u32,
    period: Duration,
    began: Instant,
    /// Milliseconds after `began` at which the last period ends of anybody who has used all; 0 where nobody has.
    all_free_at_ms: AtomicU64,
    periods: Mutex<HashMap<K, Period>>,
}

#[derive(Debug, Clone, Copy)]
struct Period {
    began: Instant,
    count: u32,
}

impl<K: Eq + Hash> Rate<K> {
    /// So many times within each period; 0 is no limit.
    pub fn new(most: u32, period: Duration) -> Self {
        let (began, periods) = (Instant::now(), Mutex::default());
        Rate { most, period, began, all_free_at_ms: AtomicU64::new(0), periods }
    }

    /// How many times.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Counts one time. Where it is one too many, the error is how long to wait.
    pub fn count(&self, somebody: K, now: Instant) -> Result<(), Duration> {
        if self.most == 0 {
            return Ok(());
        }
        let mut periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        if periods.len() >= MAX_REMEMBERED && !periods.contains_key(&somebody) {
            self.forget(&mut periods, now);
        }
        let period = periods.entry(somebody).or_insert(Period { began: now, count: 0 });
        if self.is_over(period, now) {
            *period = Period { began: now, count: 0 };
        }
        if period.count >= self.most {
            return Err(self.left(period, now));
        }
        period.count += 1;
        if period.count == self.most {
            let ends = period.began.saturating_duration_since(self.began) + self.period;
            let ends_ms = u64::try_from(ends.as_millis()).unwrap_or(u64::MAX);
            self.all_free_at_ms.fetch_max(ends_ms, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether there may be anybody who has used all. Takes no lock.
    pub fn anybody_waits(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.began).as_millis();
        u128::from(self.all_free_at_ms.load(Ordering::Relaxed)) > since
    }

    /// How long somebody who has used all has to wait; none for anybody else. Counts nothing.
    pub fn wait(&self, somebody: &K, now: Instant) -> Option<Duration> {
        if !self.anybody_waits(now) {
            return None;
        }
        let periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        let period = periods.get(somebody)?;
        (period.count >= self.most && !self.is_over(period, now)).then(|| self.left(period, now))
    }

    fn is_over(&self, period: &Period, now: Instant) -> bool {
        now.saturating_duration_since(period.began) >= self.period
    }

    fn left(&self, period: &Period, now: Instant) -> Duration {
        self.period.saturating_sub(now.saturating_duration_since(period.began))
    }

    /// A period that is over says as much as none. Where none is, all are forgotten: a limit that is lenient for a
    /// moment is better than one that grows.
    fn forget(&self, periods: &mut HashMap<K, Period>, now: Instant) {
        periods.retain(|_, period| !self.is_over(period, now));
        if periods.len() >= MAX_REMEMBERED {
            periods.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn somebody_may_so_often_within_a_period_and_no_more() {
        let rate = Rate::new(100, MINUTE);
        let start = Instant::now();
        let passed = |at: Duration| (0..150).filter(|_| rate.count("a", start + at).is_ok()).count();
        assert_eq!(passed(Duration::ZERO), 100);
        assert_eq!(passed(Duration::from_secs(59)), 0);
        assert_eq!(passed(MINUTE), 100, "the next period begins anew");
        assert_eq!(passed(10 * MINUTE), 100, "rest is not saved up");
        assert!(rate.count("b", start).is_ok(), "another has a period of its own");
    }

    #[test]
    fn whoever_is_refused_is_told_how_long_to_wait() {
        let rate = Rate::new(1, MINUTE);
        let start = Instant::now();
        assert_eq!(rate.count("a", start), Ok(()));
        assert_eq!(rate.count("a", start + Duration::from_secs(20)), Err(Duration::from_secs(40)));
        assert_eq!(rate.count("a", start + MINUTE), Ok(()));
    }

    #[test]
    fn asking_whether_to_wait_counts_nothing() {
        let rate = Rate::new(2, MINUTE);
        let start = Instant::now();
        assert_eq!(rate.wait(&"a", start), None);
        rate.count("a", start).unwrap();
        assert_eq!(rate.wait(&"a", start), None);
        rate.count("a", start).unwrap();
        assert_eq!(rate.wait(&"a", start + Duration::from_secs(15)), Some(Duration::from_secs(45)));
        assert_eq!(rate.wait(&"b", start), None);
        assert_eq!(rate.wait(&"a", start + MINUTE), None);
    }

    #[test]
    fn a_limit_of_none_never_refuses() {
        let rate = Rate::new(0, MINUTE);
        let start = Instant::now();
        assert!((0..1000).all(|_| rate.count("a", start).is_ok()));
        assert_eq!(rate.wait(&"a", start), None);
    }

    #[test]
    fn what_is_remembered_stays_bounded() {
        let rate = Rate::new(1, MINUTE);
        let start = Instant::now();
        for number in 0..3 * MAX_REMEMBERED {
            let _ = rate.count(number, start);
        }
        assert!(rate.periods.lock().unwrap().len() <= MAX_REMEMBERED);
    }
}
