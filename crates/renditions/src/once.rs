//! One piece of work per key at a time, however many ask. The work belongs to nobody: whoever asked first may
//! leave, and it goes on for the others. Nothing is remembered: when the work has ended, the next who asks
//! begins anew.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Works that may end without an answer, because they panicked or their runtime went away, before we give up.
const TRIES: usize = 3;

type Running<K, V> = Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>;

/// The pieces of work that are under way.
#[derive(Debug)]
pub(crate) struct Once<K, V> {
    running: Running<K, V>,
}

impl<K, V> Clone for Once<K, V> {
    fn clone(&self) -> Self {
        Once { running: self.running.clone() }
    }
}

impl<K, V> Once<K, V>
where
    K: Eq + Hash + Copy + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// No work under way.
    pub(crate) fn new() -> Self {
        Once { running: Arc::default() }
    }

    /// The answer of the work that is under way for this key, or else of this one, begun now. None where
    /// works ended without an answer time and again.
    pub(crate) async fn answer<W: Future<Output = V> + Send + 'static>(
        &self,
        key: K,
        work: impl Fn() -> W,
    ) -> Option<V> {
        for _ in 0..TRIES {
            let mut awaited = self.join(key, &work);
            // An error is a sender that is gone.
            if let Ok(answer) = awaited.wait_for(Option::is_some).await {
                return answer.clone();
            }
        }
        None
    }

    /// Whether work is under way for this key.
    pub(crate) fn knows(&self, key: &K) -> bool {
        self.running.lock().contains_key(key)
    }

    /// The answer of the work that is under way for this key; none where there is no such work, or it ends without an
    /// answer.
    pub(crate) fn under_way(&self, key: &K) -> impl Future<Output = Option<V>> + Send + use<K, V> {
        let awaited = self.running.lock().get(key).cloned();
        async move { awaited?.wait_for(Option::is_some).await.ok()?.clone() }
    }

    fn join<W: Future<Output = V> + Send + 'static>(
        &self,
        key: K,
        work: &impl Fn() -> W,
    ) -> watch::Receiver<Option<V>> {
        let mut running = self.running.lock();
        match running.entry(key) {
            Entry::Occupied(entry) => entry.get().clone(),
            Entry::Vacant(entry) => {
                let (sender, receiver) = watch::channel(None);
                entry.insert(receiver.clone());
                let (ended, work) = (Ended { key, running: self.running.clone() }, work());
                tokio::spawn(async move {
                    let answer = work.await;
                    // First out of the map, so that nobody joins work that has its answer.
                    drop(ended);
                    sender.send_replace(Some(answer));
                });
                receiver
            }
        }
    }
}

/// Takes a piece of work off the map when it ends, in whatever way.
struct Ended<K: Eq + Hash, V> {
    key: K,
    running: Running<K, V>,
}

impl<K: Eq + Hash, V> Drop for Ended<K, V> {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use tokio::sync::{Barrier, Semaphore};

    use super::*;

    /// Work that counts how often it began, and ends when it is let.
    #[derive(Clone)]
    struct Counted {
        begun: Arc<AtomicUsize>,
        let_go: Arc<Semaphore>,
    }

    impl Counted {
        fn new() -> Counted {
            Counted { begun: Arc::default(), let_go: Arc::new(Semaphore::new(0)) }
        }

        fn work(&self) -> impl Future<Output = usize> + Send + use<> {
            let Counted { begun, let_go } = self.clone();
            async move {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                let _ = let_go.acquire().await;
                number
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thousand_who_ask_at_once_cause_one_piece_of_work() {
        let (once, counted) = (Once::new(), Counted::new());
        let everyone = Arc::new(Barrier::new(1000));
        let asked = (0..1000).map(|_| {
            let (once, counted, everyone) = (once.clone(), counted.clone(), everyone.clone());
            tokio::spawn(async move {
                let mut answer = Box::pin(once.answer(1, || counted.work()));
                assert!((&mut answer).now_or_never().is_none());
                if everyone.wait().await.is_leader() {
                    counted.let_go.add_permits(1);
                }
                answer.await
            })
        });
        let asked: Vec<_> = asked.collect();
        for answer in join_all(asked).await {
            assert_eq!(answer.unwrap(), Some(0));
        }
        assert!(once.running.lock().is_empty());
    }

    #[tokio::test]
    async fn all_who_wait_get_the_same_answer_and_the_next_begins_anew() {
        let (once, counted) = (Once::new(), Counted::new());
        counted.let_go.add_permits(1000);
        let answers = join_all((0..100).map(|_| once.answer(1, || counted.work()))).await;
        assert_eq!(answers, [Some(0); 100]);
        assert_eq!(once.answer(1, || counted.work()).await, Some(1));
    }

    #[tokio::test]
    async fn whoever_only_watches_begins_nothing_and_hears_the_answer() {
        let (once, counted) = (Once::<u8, usize>::new(), Counted::new());
        assert_eq!(once.under_way(&1).await, None);
        let mut work = Box::pin(once.answer(1, || counted.work()));
        assert!((&mut work).now_or_never().is_none() && once.knows(&1) && !once.knows(&2));
        let watched = once.under_way(&1);
        counted.let_go.add_permits(1);
        assert_eq!((watched.await, work.await), (Some(0), Some(0)));
        assert!(!once.knows(&1));
    }

    #[tokio::test]
    async fn keys_do_not_wait_for_each_other() {
        let (once, counted, free) = (Once::new(), Counted::new(), Counted::new());
        let mut stuck = Box::pin(once.answer(1, || counted.work()));
        assert!((&mut stuck).now_or_never().is_none());
        free.let_go.add_permits(1);
        assert_eq!(once.answer(2, || free.work()).await, Some(0));
    }

    #[tokio::test]
    async fn the_work_goes_on_for_others_when_whoever_began_it_leaves() {
        let (once, counted) = (Once::new(), Counted::new());
        assert!(once.answer(1, || counted.work()).now_or_never().is_none());
        let mut second = Box::pin(once.answer(1, || counted.work()));
        assert!((&mut second).now_or_never().is_none());
        counted.let_go.add_permits(1);
        assert_eq!(second.await, Some(0));
        assert_eq!(counted.begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn work_that_panics_is_tried_again_and_then_given_up() {
        let once: Once<u8, u8> = Once::new();
        let begun = AtomicUsize::new(0);
        let fails_until = |good: usize| {
            let number = begun.fetch_add(1, Ordering::SeqCst);
            async move { if number < good { panic!("a mistake of ours") } else { 7 } }
        };
        assert_eq!(once.answer(1, || fails_until(2)).await, Some(7));
        assert_eq!(once.answer(1, || fails_until(100)).await, None);
        assert_eq!(begun.load(Ordering::SeqCst), 2 + 1 + TRIES);
        assert!(once.running.lock().is_empty());
    }
}
