//! Who may work, who waits, and the three kinds of work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::AccountId;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use variant::{Facts, Limits, Recipe, Rendition};

use crate::line::{Arrival, Line, Turn};
use crate::pool::Pool;
use crate::weight::decode_bytes;
use crate::{Config, Error};

mod load;
#[cfg(test)]
mod tests;

pub use load::Load;

/// The workers. Clones share them.
#[derive(Debug, Clone)]
pub struct Workers {
    inner: Arc<Inner>,
}

/// The right to one piece of work. Whoever needs many bytes takes a slot first and reads them then, so that
/// those who wait hold next to nothing.
#[derive(Debug)]
pub struct Slot {
    permit: Permit,
}

/// The right to probe one header; given at once or nearly so, however much there is to decode.
#[derive(Debug)]
pub struct ProbeSlot {
    inner: Arc<Inner>,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    line: Mutex<Line<oneshot::Sender<Permit>>>,
    probes: Arc<Semaphore>,
    config: Config,
    /// When a slot was last taken or given back.
    moved_at: Mutex<Instant>,
    /// The line counts time from here.
    began: Instant,
}

impl Inner {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A slot and its share of the memory, given back when it is dropped.
#[derive(Debug)]
struct Permit {
    inner: Arc<Inner>,
    account: AccountId,
    bytes: u64,
}

/// A place in the line, given up when it is dropped.
struct Place<'a> {
    inner: &'a Arc<Inner>,
    account: AccountId,
    number: u64,
}

impl Workers {
    /// Starts the workers.
    pub fn new(config: Config) -> Result<Workers, Error> {
        let workers = config.workers.max(1);
        let pool = Pool::start(workers).map_err(|error| Error::Start(Arc::new(error)))?;
        let line = Mutex::new(Line::new(workers, config.decode_budget_bytes, config.max_queued));
        let probes = Arc::new(Semaphore::new(workers));
        Ok(Workers {
            inner: Arc::new(Inner {
                pool,
                line,
                probes,
                began: Instant::now(),
                config,
                moved_at: Mutex::new(Instant::now()),
            }),
        })
    }

    /// Waits for a slot in which an account may examine the original that has these facts. Within an account first
    /// come is first served; between accounts whoever holds the fewest slots is next. Busy where too many wait
    /// already or the wait is too long; [`Error::TooLargeForServer`] where all memory would not be enough.
    pub async fn slot(&self, account: &AccountId, facts: &Facts) -> Result<Slot, Error> {
        self.wait(account, decode_bytes(facts, 0)).await
    }

    /// [`Workers::slot`] to render this recipe.
    pub async fn render_slot(
        &self,
        account: &AccountId,
        facts: &Facts,
        recipe: &Recipe,
    ) -> Result<Slot, Error> {
        let (width, height) = recipe.canvas;
        self.wait(account, decode_bytes(facts, u64::from(width) * u64::from(height))).await
    }

    /// Waits to probe a header, which takes no turn of those who decode: bytes that are no image are refused also
    /// when there is much to do.
    pub async fn probe_slot(&self) -> Result<ProbeSlot, Error> {
        let inner = self.inner.clone();
        let permit = tokio::time::timeout(self.longest_wait(), inner.probes.clone().acquire_owned()).await;
        match permit {
            Ok(Ok(_permit)) => Ok(ProbeSlot { inner, _permit }),
            Ok(Err(_)) | Err(_) => Err(Error::WaitedTooLong),
        }
    }

    async fn wait(&self, account: &AccountId, bytes: u64) -> Result<Slot, Error> {
        if bytes > self.inner.config.decode_budget_bytes {
            return Err(Error::TooLargeForServer);
        }
        let began = Instant::now();
        let (tell, told) = oneshot::channel();
        let arrival = self.inner.line.lock().arrive(account, bytes, tell, self.inner.now_ms());
        let Arrival { number, turns, refused } = arrival;
        let _place = Place { inner: &self.inner, account: *account, number };
        grant(&self.inner, turns);
        drop(refused);
        let permit = tokio::time::timeout(self.longest_wait(), told).await;
        metrics::histogram!("darkroom_queue_wait_seconds").record(began.elapsed());
        match permit {
            Ok(Ok(permit)) => Ok(Slot { permit }),
            Ok(Err(_)) => Err(Error::Busy),
            Err(_) => Err(Error::WaitedTooLong),
        }
    }

    fn longest_wait(&self) -> Duration {
        Duration::from_secs(self.inner.config.wait_s)
    }
}

/// Tells those whose turn it is. Whoever has left gives the permit back by dropping it.
fn grant(inner: &Arc<Inner>, turns: Vec<Turn<oneshot::Sender<Permit>>>) {
    for Turn { account, bytes, tell } in turns {
        *inner.moved_at.lock() = Instant::now();
        let _ = tell.send(Permit { inner: inner.clone(), account, bytes });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let turns = self.inner.line.lock().end(&self.account, self.bytes, self.inner.now_ms());
        grant(&self.inner, turns);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let turns = self.inner.line.lock().leave(&self.account, self.number, self.inner.now_ms());
        grant(self.inner, turns);
    }
}

impl ProbeSlot {
    /// What the header of an original tells; decodes no pixel.
    pub async fn probe(self, bytes: Bytes) -> Result<Facts, Error> {
        let probed = tokio::task::spawn_blocking(move || {
            unpanicked(|| variant::probe(&bytes, &self.inner.config.limits))
        });
        Ok(probed.await.map_err(|_| Error::Gone)??)
    }
}

impl Slot {
    /// Decodes an original once, small: its ThumbHash, or what is wrong with it.
    pub async fn examine(self, bytes: Bytes, facts: Facts) -> Result<Vec<u8>, Error> {
        self.work(move |limits, deadline| variant::placeholder(&bytes, &facts, limits, deadline)).await
    }

    /// Renders a recipe from an original.
    pub async fn render(self, bytes: Bytes, facts: Facts, recipe: Recipe) -> Result<Rendition, Error> {
        self.work(move |limits, deadline| variant::render(&bytes, &facts, &recipe, limits, deadline)).await
    }

    /// Runs one piece of work in a thread. The slot is free again when the work ends, not when its caller
    /// leaves: work cannot be interrupted, so a caller who leaves must not make room for more of it.
    async fn work<T: Send + 'static>(
        self,
        piece: impl FnOnce(&Limits, Instant) -> Result<T, variant::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Slot { permit } = self;
        let inner = permit.inner.clone();
        let (answer, answered) = oneshot::channel();
        inner.pool.run(Box::new(move || {
            let config = &permit.inner.config;
            let deadline = Instant::now() + Duration::from_secs(config.render_timeout_s);
            let result = unpanicked(|| piece(&config.limits, deadline));
            drop(permit);
            // A caller who left needs no answer.
            let _ = answer.send(result);
        }));
        Ok(answered.await.map_err(|_| Error::Gone)??)
    }
}

/// Turns a panic of a decoder into what it means for the file: it cannot be decoded.
fn unpanicked<T>(piece: impl FnOnce() -> Result<T, variant::Error>) -> Result<T, variant::Error> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(piece));
    caught.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(panic = words, "a decoder panicked");
        Err(variant::Error::Damaged("it cannot be decoded".to_owned()))
    })
}
