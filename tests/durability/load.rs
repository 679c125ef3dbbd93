//! Uploaders, deleters and editors that work against one run of the server until they are told to stop or it is gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::ledger::Ledger;
use super::pictures;
use super::site::{Api, Whole};

/// Clients of each kind.
const UPLOADERS: usize = 16;
const DELETERS: usize = 3;
const EDITORS: usize = 3;

/// Names of images and marks are never used twice, in no round of any test.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A load that runs.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    clients: JoinSet<()>,
}

/// What the clients have counted so far.
#[derive(Default)]
struct Counts {
    acknowledged: AtomicUsize,
    unanswered: AtomicUsize,
    statuses: Mutex<BTreeMap<u16, usize>>,
    slowest_refusal: Mutex<Duration>,
}

/// What the clients have counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    /// Uploads, changes and deletes with a 2xx.
    pub(crate) acknowledged: usize,
    /// Those without an answer.
    pub(crate) unanswered: usize,
    /// Answers by their status.
    pub(crate) statuses: BTreeMap<u16, usize>,
    /// The longest wait for an answer that was no acknowledgement.
    pub(crate) slowest_refusal: Duration,
}

/// One client: what it asks, what it notes, and its own dice.
#[derive(Clone)]
struct Client {
    api: Api,
    ledger: Ledger,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    dice: Dice,
}

impl Load {
    /// Sixteen uploaders, with deleters and editors beside them.
    pub(crate) fn start(api: &Api, ledger: &Ledger, dice: &mut Dice) -> Load {
        let mut load = Load { stop: Arc::default(), counts: Arc::default(), clients: JoinSet::new() };
        let mut client = || Client {
            api: api.clone(),
            ledger: ledger.clone(),
            stop: load.stop.clone(),
            counts: load.counts.clone(),
            dice: dice.split(),
        };
        for _ in 0..UPLOADERS {
            load.clients.spawn(client().upload_all());
        }
        for _ in 0..DELETERS {
            load.clients.spawn(client().delete_some());
        }
        for _ in 0..EDITORS {
            load.clients.spawn(client().edit_some());
        }
        load
    }

    /// Uploads, changes and deletes that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.counts.acknowledged.load(Ordering::Relaxed)
    }

    /// Answers with that status so far.
    pub(crate) fn count_of(&self, status: u16) -> usize {
        self.counts.statuses.lock().get(&status).copied().unwrap_or(0)
    }

    /// Waits until every client has stopped, because the server is gone.
    pub(crate) async fn ended(mut self) -> Counted {
        while let Some(client) = self.clients.join_next().await {
            client.expect("a client that does not panic");
        }
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let Counts { acknowledged, unanswered, statuses, slowest_refusal } = &*self.counts;
        Counted {
            acknowledged: read(acknowledged),
            unanswered: read(unanswered),
            statuses: statuses.lock().clone(),
            slowest_refusal: *slowest_refusal.lock(),
        }
    }

    /// Tells the clients to finish what they do, and waits for that.
    pub(crate) async fn stopped(self) -> Counted {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }
}

impl Client {
    async fn upload_all(mut self) {
        while self.goes_on() {
            let id = format!("image-{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let bytes = pictures::any_jpeg(&mut self.dice);
            self.ledger.begin(&id, &bytes);
            let began = Instant::now();
            let answer = self.api.upload(&id, bytes).await;
            let Some(acknowledged) = self.count(answer.as_ref(), began) else { return };
            if acknowledged {
                self.ledger.acknowledged(&id);
            }
        }
    }

    async fn delete_some(mut self) {
        while let Some(id) = self.wait_for_one().await {
            self.ledger.leaving(&id);
            let began = Instant::now();
            let answer = self.api.delete(&id).await;
            let acknowledged = self.count(answer.as_ref(), began);
            if acknowledged == Some(true) {
                self.ledger.gone(&id);
            }
            self.ledger.settle(&id);
            if acknowledged.is_none() {
                return;
            }
        }
    }

    async fn edit_some(mut self) {
        while let Some(id) = self.wait_for_one().await {
            let mark = NEXT.fetch_add(1, Ordering::Relaxed);
            self.ledger.marking(&id, mark);
            let began = Instant::now();
            let answer = self.api.mark(&id, mark).await;
            let acknowledged = self.count(answer.as_ref(), began);
            if acknowledged == Some(true) {
                self.ledger.marked(&id, mark);
            }
            self.ledger.settle(&id);
            if acknowledged.is_none() {
                return;
            }
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// An image to work on, at a pace that leaves the uploaders most of what there is. None when it is time to stop.
    async fn wait_for_one(&mut self) -> Option<String> {
        let end = Instant::now() + Duration::from_secs(60);
        while self.goes_on() && Instant::now() < end {
            tokio::time::sleep(self.dice.millis(5, 40)).await;
            if let Some(id) = self.ledger.take(&mut self.dice) {
                return Some(id);
            }
        }
        None
    }

    /// Counts an answer. Whether it was an acknowledgement; none where there was no answer.
    fn count(&self, answer: Option<&Whole>, began: Instant) -> Option<bool> {
        let Some(whole) = answer else {
            self.counts.unanswered.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        *self.counts.statuses.lock().entry(whole.status).or_default() += 1;
        let acknowledged = whole.status == 200;
        self.counts.acknowledged.fetch_add(usize::from(acknowledged), Ordering::Relaxed);
        if !acknowledged {
            let mut slowest = self.counts.slowest_refusal.lock();
            *slowest = slowest.max(began.elapsed());
        }
        Some(acknowledged)
    }
}
