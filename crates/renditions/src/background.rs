//! What is made beside the requests: a bounded number of pieces of work that wait for their turn, each of them once. The
//! queue lives in memory alone: what a restart or a full queue takes is asked for again. What fails is tried again ever more
//! seldom, and a picture that cannot be made in the end no more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Fault as _;
use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use workers::Lane;

use crate::Error;
use crate::memory::Key;

/// How long something is put off for which there was no room.
const NO_ROOM: Duration = Duration::from_secs(60);

/// How long something is put off that failed, by how often it did. After that a picture is given up; what hung on something
/// else is tried on, as seldom as at last.
const PUT_OFF: [Duration; 4] = [
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
];

/// A failure that nobody asked about for so long is forgotten.
const FORGET: Duration = Duration::from_secs(24 * 60 * 60);

/// Things that are put off at once.
const MAX_PUT_OFF: u64 = 10_000;

/// For whom a rendition is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Somebody who waits for it.
    Visitor,
    /// Nobody: it has this name, and whoever comes to want it makes it himself.
    Nobody(Key),
}

impl For {
    /// Among whom it waits for a worker.
    pub(crate) fn lane(self) -> Lane {
        match self {
            For::Visitor => Lane::Interactive,
            For::Nobody(_) => Lane::Background,
        }
    }
}

/// The work that waits and that is under way. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    held: Mutex<HashSet<Key>>,
    no_room: Cache<Key, ()>,
    failures: Cache<Key, Failures>,
    turns: Semaphore,
    max_held: usize,
}

/// How often something failed, and until when it is put off: for good where there is no end.
#[derive(Debug, Clone, Copy)]
struct Failures {
    times: usize,
    until: Option<Instant>,
}

/// Why something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The picture, which will be no other.
    Picture,
    /// Whatever it needs: a storage that is gone, a machine that is too busy.
    Passing,
}

impl Cause {
    fn of(error: &Error) -> Cause {
        if error.problem().status() < 500 { Cause::Picture } else { Cause::Passing }
    }
}

/// Takes a piece of work off the list when it ends, in whatever way.
struct Held {
    key: Key,
    inner: Arc<Inner>,
}

impl Background {
    /// At most so many pieces of work wait or are under way, and so many of them are under way.
    pub(crate) fn new(max_held: usize, at_once: usize) -> Background {
        let no_room = Cache::builder().max_capacity(MAX_PUT_OFF).time_to_live(NO_ROOM).build();
        let failures = Cache::builder().max_capacity(MAX_PUT_OFF).time_to_idle(FORGET).build();
        let (held, turns) = (Mutex::default(), Semaphore::new(at_once.max(1)));
        Background { inner: Arc::new(Inner { held, no_room, failures, turns, max_held }) }
    }

    /// Whether there is nothing to be begun for this key now: it waits, is under way, is put off or given up.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.inner.held.lock().contains(key) || self.inner.is_put_off(key, Instant::now())
    }

    /// Nothing is begun for this key for a while, since it failed.
    pub(crate) fn fail(&self, key: Key, error: &Error) {
        self.inner.fail(key, Cause::of(error), Instant::now());
    }

    /// How many pieces of work wait or are under way.
    pub(crate) fn len(&self) -> usize {
        self.inner.held.lock().len()
    }

    /// Has a piece of work done when its turn comes. Where it is known, nothing happens; where too many wait it is put off.
    /// What it comes to is told to nobody: whoever asks next finds it, or has it begun anew after a while.
    pub(crate) fn begin<W>(&self, key: Key, work: impl FnOnce() -> W)
    where
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let Some(held) = self.hold(key) else { return };
        let work = work();
        let done = async move {
            let Ok(_turn) = held.inner.turns.acquire().await else { return };
            match work.await {
                Ok(()) => held.inner.failures.invalidate(&key),
                Err(Error::Unneeded) => {}
                Err(error) => {
                    tracing::debug!(?error, "work in the background failed and is put off");
                    held.inner.fail(key, Cause::of(&error), Instant::now());
                }
            }
        };
        tokio::spawn(done.in_current_span());
    }

    fn hold(&self, key: Key) -> Option<Held> {
        if self.inner.is_put_off(&key, Instant::now()) {
            return None;
        }
        let mut held = self.inner.held.lock();
        if held.len() >= self.inner.max_held && !held.contains(&key) {
            drop(held);
            count("full");
            self.inner.no_room.insert(key, ());
            return None;
        }
        held.insert(key).then(|| Held { key, inner: self.inner.clone() })
    }
}

impl Inner {
    fn is_put_off(&self, key: &Key, now: Instant) -> bool {
        let failed = |failures: Failures| failures.until.is_none_or(|until| now < until);
        self.no_room.contains_key(key) || self.failures.get(key).is_some_and(failed)
    }

    fn fail(&self, key: Key, cause: Cause, now: Instant) {
        // Many may have waited for the one answer.
        if self.is_put_off(&key, now) {
            return;
        }
        let times = self.failures.get(&key).map_or(0, |failures| failures.times);
        let last = PUT_OFF.last().filter(|_| cause == Cause::Passing);
        let until = PUT_OFF.get(times).or(last).map(|wait| now + *wait);
        count(if until.is_some() { "failed" } else { "given_up" });
        self.failures.insert(key, Failures { times: times + 1, until });
    }
}

/// Counts what is put off.
fn count(reason: &'static str) {
    metrics::counter!("darkroom_background_put_off_total", "reason" => reason).increment(1);
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inner.held.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::ObjectId;

    use super::*;

    fn key(number: u8) -> Key {
        (ObjectId::from_bytes([1; 16]), [number; 16])
    }

    /// Lets what was begun go on until nothing waits.
    async fn settled(background: &Background) {
        while background.len() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_piece_of_work_is_done_once_however_often_it_is_begun() {
        let (background, done) = (Background::new(8, 1), Arc::new(AtomicUsize::new(0)));
        for _ in 0..100 {
            let done = done.clone();
            background.begin(key(1), || async move {
                tokio::task::yield_now().await;
                done.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        }
        assert!(background.knows(&key(1)) && !background.knows(&key(2)));
        settled(&background).await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert!(!background.knows(&key(1)), "it may be begun again");
    }

    #[tokio::test]
    async fn no_more_work_waits_than_may_and_no_more_is_under_way() {
        let (background, stop) = (Background::new(3, 2), Arc::new(Semaphore::new(0)));
        let (begun, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for number in 0..10 {
            let (stop, begun, most) = (stop.clone(), begun.clone(), most.clone());
            background.begin(key(number), || async move {
                let under_way = begun.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(under_way, Ordering::SeqCst);
                let _ = stop.acquire().await;
                begun.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            });
        }
        assert_eq!(background.len(), 3);
        assert!(background.knows(&key(9)), "what found no room is put off");
        while begun.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        stop.add_permits(100);
        settled(&background).await;
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn what_fails_is_tried_ever_more_seldom_and_then_no_more() {
        let background = Background::new(8, 1);
        let (inner, mut now) = (&background.inner, Instant::now());
        for wait in PUT_OFF {
            inner.fail(key(1), Cause::Picture, now);
            assert!(inner.is_put_off(&key(1), now + wait - Duration::from_millis(1)));
            now += wait;
            assert!(!inner.is_put_off(&key(1), now), "it is tried again after {wait:?}");
        }
        inner.fail(key(1), Cause::Picture, now);
        assert!(inner.is_put_off(&key(1), now + Duration::from_secs(365 * 86_400)));
        assert!(!inner.is_put_off(&key(2), now));
    }

    #[test]
    fn a_failure_is_one_for_all_who_waited_and_a_passing_one_never_for_good() {
        let background = Background::new(8, 1);
        let (inner, mut now) = (&background.inner, Instant::now());
        (0..10).for_each(|_| inner.fail(key(1), Cause::Picture, now));
        assert!(!inner.is_put_off(&key(1), now + PUT_OFF[0]));
        for _ in 0..10 {
            inner.fail(key(2), Cause::Passing, now);
            now += PUT_OFF[3];
            assert!(!inner.is_put_off(&key(2), now));
        }
    }

    #[tokio::test]
    async fn what_succeeds_at_last_has_its_failures_forgotten_and_what_is_not_needed_is_no_failure() {
        let background = Background::new(8, 1);
        let long_ago = Instant::now().checked_sub(PUT_OFF[0]).expect("the machine is up for a minute");
        background.inner.fail(key(1), Cause::Picture, long_ago);
        background.begin(key(1), || async { Ok(()) });
        background.begin(key(2), || async { Err(Error::Unneeded) });
        settled(&background).await;
        assert!(background.inner.failures.get(&key(1)).is_none());
        assert!(!background.knows(&key(2)));
    }

    #[tokio::test]
    async fn what_failed_is_put_off_and_what_panicked_is_forgotten() {
        let background = Background::new(8, 1);
        background.begin(key(1), || async { Err(Error::Abandoned) });
        background.begin(key(2), || async { panic!("a mistake of ours") });
        settled(&background).await;
        assert!(background.knows(&key(1)));
        assert!(!background.knows(&key(2)));
    }
}
