//! Whether the store is there at all. When it falls silent it is asked, and while it is gone nobody waits for it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::sleep;

use super::failure::{Failure, timed_out};

/// Lost connections in a row after which the store is asked whether it is there. One or two happen to a healthy one.
const MAX_LOST: u32 = 2;

/// Questions that are sent at once: the store counts as gone only when none of them is answered.
const QUESTIONS: usize = 3;

/// Questions that wait for an answer at most while the store is gone.
const MAX_OPEN_QUESTIONS: usize = 8;

/// Turns in which a wait passes.
const TURNS: u32 = 8;

/// How long is waited for what. The sum of silence and answer is below the two seconds within which a delivery
/// must fail when the store is gone (T4).
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// For a connection.
    pub(super) connect: Duration,
    /// For the answer to a request without a body of note.
    pub(super) answer: Duration,
    /// For the next bytes of a body.
    pub(super) stall: Duration,
    /// Silence of the store, while someone waits, after which it is asked whether it is there.
    pub(super) silence: Duration,
    /// For the answer to that question.
    pub(super) question: Duration,
    /// The same while large bodies go out, which a slow line has to carry before the question.
    pub(super) busy_question: Duration,
    /// Between questions while it is gone.
    pub(super) pause: Duration,
    /// For an answer while it is gone: it may come back slowly.
    pub(super) return_answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Patience {
            connect: ms(3_000),
            answer: ms(10_000),
            stall: ms(5_000),
            silence: ms(600),
            question: ms(1_000),
            busy_question: ms(5_000),
            pause: ms(500),
            return_answer: ms(4_000),
        }
    }
}

/// Asks the store anything at all; tells whether it answered.
pub(super) type Question = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Knows whether the store is there.
#[derive(Debug)]
pub(super) struct Circuit(Arc<Inner>);

struct Inner {
    patience: Patience,
    question: Question,
    began: Instant,
    /// When the store was last heard, in milliseconds since the beginning.
    heard_ms: AtomicU64,
    /// Requests in a row that got no answer.
    lost: AtomicU32,
    /// Large bodies that are going out.
    sending: AtomicU32,
    /// Whether it is being asked right now.
    asking: AtomicBool,
    gone: watch::Sender<bool>,
}

impl Circuit {
    pub(super) fn new(patience: Patience, question: Question) -> Self {
        Circuit(Arc::new(Inner {
            patience,
            question,
            began: Instant::now(),
            heard_ms: AtomicU64::new(0),
            lost: AtomicU32::new(0),
            sending: AtomicU32::new(0),
            asking: AtomicBool::new(false),
            gone: watch::Sender::new(false),
        }))
    }

    /// Fails at once while the store is gone.
    pub(super) fn pass(&self) -> Result<(), Failure> {
        if *self.0.gone.borrow() { Err(Failure::gone()) } else { Ok(()) }
    }

    /// The store answered.
    pub(super) fn heard(&self) {
        self.0.heard();
    }

    /// A request got no answer. Several in a row are a reason to ask.
    pub(super) fn lost(&self) {
        if self.0.lost.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_LOST {
            self.ask();
        }
    }

    /// A large body goes out as long as this lives.
    pub(super) fn sending(&self) -> Sending<'_> {
        self.0.sending.fetch_add(1, Ordering::Relaxed);
        Sending(&self.0.sending)
    }

    /// Waits for an answer at most so long, and no longer than the store is there.
    pub(super) async fn listen<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let (mut gone, deadline) = (self.0.gone.subscribe(), pass(limit));
        tokio::pin!(answer, deadline);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                // It fails only when this circuit is dropped, which the borrow rules out.
                _ = gone.wait_for(|gone| *gone) => return Err(Failure::gone()),
                () = &mut deadline => return Err(Failure::lost(timed_out())),
                () = pass(self.0.patience.silence) => if self.0.is_silent() { self.ask() },
            }
        }
    }

    /// Asks the store whether it is there, beside whatever runs, unless that is being done.
    fn ask(&self) {
        if !self.0.asking.swap(true, Ordering::AcqRel) {
            tokio::spawn(Asking(self.0.clone()).run());
        }
    }
}

/// A large body that is going out.
pub(super) struct Sending<'a>(&'a AtomicU32);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn heard(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.fetch_max(ms, Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
    }

    fn is_silent(&self) -> bool {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(heard) >= self.patience.silence
    }

    async fn ask_within(&self, limit: Duration) -> bool {
        tokio::select! {
            biased;
            answered = (self.question)() => answered,
            () = pass(limit) => false,
        }
    }

    /// Whether one of several questions is answered.
    async fn is_there(&self) -> bool {
        let busy = self.sending.load(Ordering::Relaxed) > 0;
        let limit = if busy { self.patience.busy_question } else { self.patience.question };
        let questions = (0..QUESTIONS).map(|_| self.ask_within(limit));
        let mut answers: FuturesUnordered<_> = questions.collect();
        while let Some(answered) = answers.next().await {
            if answered {
                return true;
            }
        }
        false
    }
}

/// Waits so long, in several turns: where this machine has no time for us it waits longer, so that an answer that has
/// come is read before anyone says that none came.
async fn pass(limit: Duration) {
    for _ in 0..TURNS {
        sleep(limit / TURNS).await;
    }
}

/// One who asks. Dropped with its runtime it leaves the question to the next.
struct Asking(Arc<Inner>);

impl Asking {
    async fn run(self) {
        if self.0.is_there().await {
            return self.0.heard();
        }
        self.0.gone.send_replace(true);
        tracing::error!("the storage is gone: what needs it fails at once until it is back");
        metrics::gauge!("darkroom_storage_up").set(0.0);
        let mut answers = FuturesUnordered::new();
        loop {
            // Nobody else holds the circuit: the storage was closed.
            if Arc::strong_count(&self.0) == 1 {
                return;
            }
            if answers.len() < MAX_OPEN_QUESTIONS {
                answers.push(self.0.ask_within(self.0.patience.return_answer));
            }
            let next = sleep(self.0.patience.pause);
            tokio::pin!(next);
            loop {
                tokio::select! {
                    Some(answered) = answers.next() => if answered { return },
                    () = &mut next => break,
                }
            }
        }
    }
}

impl Drop for Asking {
    /// Whatever ended the asking, requests pass again: they find out by themselves how it is.
    fn drop(&mut self) {
        self.0.heard();
        if self.0.gone.send_replace(false) {
            tracing::info!("the storage answers again");
            metrics::gauge!("darkroom_storage_up").set(1.0);
        }
        self.0.asking.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inner(gone: {})", *self.gone.borrow())
    }
}
