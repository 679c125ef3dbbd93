//! Memory to count in, a piece for each thread, so that whoever counts waits for nobody. What is counted is the caller's.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Threads that count without ever meeting another one; more share.
const SHARDS: usize = 64;

/// What a half of a shard holds.
pub(crate) trait Held: Default {
    /// At this many whoever flushes is woken.
    const FILLING: usize;

    /// Kinds of things that it tells apart now.
    fn len(&self) -> usize;

    /// Takes in all that another one holds.
    fn add_all(&mut self, other: Self);
}

/// What was counted since the last flush. A thread has a shard of its own, in cache lines of its own, and where one half
/// of that is just being read it takes the other.
pub(crate) struct Shards<C> {
    shards: Box<[Shard<C>]>,
    filling: Notify,
}

/// What one thread counts in. As large as two cache lines, which processors fetch in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Shard<C> {
    halves: [Mutex<C>; 2],
}

impl<C: Held> Shards<C> {
    /// Shards that hold nothing.
    pub(crate) fn new() -> Shards<C> {
        Shards { shards: (0..SHARDS).map(|_| Shard::default()).collect(), filling: Notify::new() }
    }

    /// Counts, in the half that is this thread's now.
    pub(crate) fn count(&self, add: impl FnOnce(&mut C)) {
        let shard = &self.shards[place() % SHARDS];
        let free = shard.halves.iter().find_map(Mutex::try_lock);
        // Only where more threads than shards count and one of them flushes at this very moment.
        let mut held = free.unwrap_or_else(|| shard.halves[0].lock());
        let before = held.len();
        add(&mut held);
        if before < C::FILLING && held.len() >= C::FILLING {
            self.filling.notify_one();
        }
    }

    /// Waits until somewhere there is little room left.
    pub(crate) async fn filling(&self) {
        self.filling.notified().await;
    }

    /// Takes out what was counted so far: of each half, in their order.
    pub(crate) fn take(&self) -> Vec<C> {
        self.halves().map(|half| std::mem::take(&mut *half.lock())).collect()
    }

    /// Puts back what could not be written, each into the half that it was taken from: in one of them there would be no
    /// room to tell them all apart.
    pub(crate) fn put_back(&self, taken: Vec<C>) {
        for (half, held) in self.halves().zip(taken) {
            half.lock().add_all(held);
        }
    }

    /// Shows what is held, piece by piece.
    pub(crate) fn look(&self, mut see: impl FnMut(&C)) {
        for half in self.halves() {
            see(&half.lock());
        }
    }

    fn halves(&self) -> impl Iterator<Item = &Mutex<C>> {
        self.shards.iter().flat_map(|shard| &shard.halves)
    }
}

/// A number that no other thread has, from 0 on.
fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PLACE: usize = NEXT.fetch_add(1, Relaxed));
    PLACE.with(|place| *place)
}
