//! Who may work, who waits, and the three kinds of work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use variant::{Facts, Limits, Recipe, Rendition};

use crate::pool::Pool;
use crate::{Config, Error};

#[cfg(test)]
mod tests;

/// The workers. Clones share them.
#[derive(Debug, Clone)]
pub struct Workers {
    inner: Arc<Inner>,
}

/// The right to one piece of work. Whoever needs many bytes takes a slot first and reads them then, so that
/// those who wait hold next to nothing.
#[derive(Debug)]
pub struct Slot {
    inner: Arc<Inner>,
    permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    slots: Arc<Semaphore>,
    queue: Semaphore,
    config: Config,
}

impl Workers {
    /// Starts the workers.
    pub fn new(config: Config) -> Result<Workers, Error> {
        let workers = config.workers.max(1);
        let pool = Pool::start(workers).map_err(|error| Error::Start(Arc::new(error)))?;
        let slots = Arc::new(Semaphore::new(workers));
        let queue = Semaphore::new(config.max_queued);
        Ok(Workers { inner: Arc::new(Inner { pool, slots, queue, config }) })
    }

    /// Waits for a slot, first come, first served; [`Error::Busy`] where too many wait already or the wait is
    /// too long.
    pub async fn slot(&self) -> Result<Slot, Error> {
        let inner = self.inner.clone();
        if let Ok(permit) = inner.slots.clone().try_acquire_owned() {
            return Ok(Slot { inner, permit });
        }
        let _place = self.inner.queue.try_acquire().map_err(|_| Error::Busy)?;
        let wait = Duration::from_secs(inner.config.wait_s);
        match tokio::time::timeout(wait, inner.slots.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot { inner, permit }),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }

    /// [`variant::probe`] in a slot of its own.
    pub async fn probe(&self, bytes: Bytes) -> Result<Facts, Error> {
        self.slot().await?.probe(bytes).await
    }

    /// [`Slot::examine`] in a slot of its own.
    pub async fn examine(&self, bytes: Bytes) -> Result<(Facts, Vec<u8>), Error> {
        self.slot().await?.examine(bytes).await
    }

    /// [`variant::render`] in a slot of its own.
    pub async fn render(&self, bytes: Bytes, facts: Facts, recipe: Recipe) -> Result<Rendition, Error> {
        self.slot().await?.render(bytes, facts, recipe).await
    }
}

impl Slot {
    /// What the header of an original tells; decodes no pixel.
    pub async fn probe(self, bytes: Bytes) -> Result<Facts, Error> {
        self.work(move |limits, _| variant::probe(&bytes, limits)).await
    }

    /// Probes an original, then decodes it once, small: its facts and its ThumbHash, or what is wrong with
    /// it.
    pub async fn examine(self, bytes: Bytes) -> Result<(Facts, Vec<u8>), Error> {
        self.work(move |limits, deadline| {
            let facts = variant::probe(&bytes, limits)?;
            let thumbhash = variant::placeholder(&bytes, &facts, limits, deadline)?;
            Ok((facts, thumbhash))
        })
        .await
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
        let Slot { inner, permit } = self;
        let config = inner.config.clone();
        let (answer, answered) = oneshot::channel();
        inner.pool.run(Box::new(move || {
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
