//! What is made beside the requests: a bounded number of pieces of work that wait for their turn, each of them once. The
//! queue lives in memory alone: what a restart or a full queue takes is asked for again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::Error;
use crate::memory::Key;

/// How long something is put off that failed, or for which there was no room.
const PUT_OFF: Duration = Duration::from_secs(60);

/// Things that are put off at once.
const MAX_PUT_OFF: u64 = 10_000;

/// The work that waits and that is under way. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    held: Mutex<HashSet<Key>>,
    put_off: Cache<Key, ()>,
    turns: Semaphore,
    max_held: usize,
}

/// Takes a piece of work off the list when it ends, in whatever way.
struct Held {
    key: Key,
    inner: Arc<Inner>,
}

impl Background {
    /// At most so many pieces of work wait or are under way, and so many of them are under way.
    pub(crate) fn new(max_held: usize, at_once: usize) -> Background {
        let put_off = Cache::builder().max_capacity(MAX_PUT_OFF).time_to_live(PUT_OFF).build();
        let (held, turns) = (Mutex::default(), Semaphore::new(at_once.max(1)));
        Background { inner: Arc::new(Inner { held, put_off, turns, max_held }) }
    }

    /// Whether there is nothing to be begun for this key now: it waits, is under way, or is put off.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.inner.held.lock().contains(key) || self.inner.put_off.contains_key(key)
    }

    /// Nothing is begun for this key for a while.
    pub(crate) fn put_off(&self, key: Key, reason: &'static str) {
        self.inner.put_off(key, reason);
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
            if let Err(error) = work.await {
                tracing::debug!(?error, "work in the background failed and is put off");
                held.inner.put_off(key, "failed");
            }
        };
        tokio::spawn(done.in_current_span());
    }

    fn hold(&self, key: Key) -> Option<Held> {
        if self.inner.put_off.contains_key(&key) {
            return None;
        }
        let mut held = self.inner.held.lock();
        if held.len() >= self.inner.max_held && !held.contains(&key) {
            drop(held);
            self.inner.put_off(key, "full");
            return None;
        }
        held.insert(key).then(|| Held { key, inner: self.inner.clone() })
    }
}

impl Inner {
    fn put_off(&self, key: Key, reason: &'static str) {
        metrics::counter!("darkroom_background_put_off_total", "reason" => reason).increment(1);
        self.put_off.insert(key, ());
    }
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
