//! Who may work, who waits, and the three kinds of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::AccountId;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use variant::{Facts, Format, Glimpse, Recipe, Rendition};

use crate::input::Given;
use crate::line::{Arrival, Line, Turn};
use crate::pool::{Haste, Pool, unheard_of};
use crate::protocol::{Answer, Job, Order};
use crate::weight::{answer_bytes, examine_bytes, render_bytes};
use crate::{Config, Error, Lane};

mod load;
#[cfg(test)]
mod tests;

pub use load::Load;

/// Bytes of a worker's address space that are no picture: the program, its threads, and the allocator's own.
const WORKER_ITSELF_BYTES: u64 = 256 << 20;

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
    permit: tokio::sync::OwnedSemaphorePermit,
}

/// What a rendition is made from.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The original.
    pub original: Given,
    /// What probing it told.
    pub facts: Facts,
    /// The originals of those overlays that are images, in the order of the recipe.
    pub overlays: Vec<(Given, Facts)>,
}

impl Inputs {
    /// An original that nothing is laid over.
    pub fn plain(original: Bytes, facts: Facts) -> Inputs {
        Inputs { original: original.into(), facts, overlays: Vec::new() }
    }
}

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    line: Mutex<Line<oneshot::Sender<Permit>>>,
    probes: Arc<Semaphore>,
    config: Config,
    /// When a slot was last taken or given back.
    moved_at: Mutex<Instant>,
    /// The line counts time from here.
    began: Instant,
    /// Whether somebody looks at the line when time has passed.
    is_looked_at: AtomicBool,
}

impl Inner {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn order(&self, job: Job, timeout_s: u64) -> Order {
        Order { job, limits: self.config.limits.clone(), timeout_ms: timeout_s.saturating_mul(1_000) }
    }

    /// Has an order done, and understands what the answer means for the file.
    async fn run(&self, haste: Haste, order: &Order, inputs: Vec<Given>, max: u64) -> Result<Answer, Error> {
        match self.pool.run(haste, order, inputs, max).await? {
            Answer::Failed(error) => Err(error.into()),
            Answer::Panicked(_) => Err(variant::Error::Damaged("it cannot be decoded".to_owned()).into()),
            answer => Ok(answer),
        }
    }
}

/// A slot and its share of the memory, given back when it is dropped.
#[derive(Debug)]
struct Permit {
    inner: Arc<Inner>,
    account: AccountId,
    lane: Lane,
    bytes: u64,
}

/// A place in the line, given up when it is dropped.
struct Place<'a> {
    inner: &'a Arc<Inner>,
    account: AccountId,
    lane: Lane,
    number: u64,
}

impl Workers {
    /// The workers of a server; the first process starts when it is needed. Call it within the runtime that lives as long
    /// as the server.
    pub fn new(config: Config) -> Result<Workers, Error> {
        let workers = config.workers.max(1);
        let max_bytes =
            config.max_worker_bytes.min(config.decode_budget_bytes.saturating_add(WORKER_ITSELF_BYTES));
        let pool =
            Pool::new(config.program.clone(), max_bytes, config.max_worker_jobs).map_err(Error::start)?;
        let (budget, queued) = (config.decode_budget_bytes, config.max_queued);
        let line = Mutex::new(Line::new(workers, (workers / 2).max(1), budget, queued));
        let probes = Arc::new(Semaphore::new(workers));
        let now = Instant::now();
        let (moved_at, is_looked_at) = (Mutex::new(now), AtomicBool::new(false));
        let inner = Inner { pool, line, probes, began: now, config, moved_at, is_looked_at };
        Ok(Workers { inner: Arc::new(inner) })
    }

    /// Waits for a slot in which an account may examine the original that has these facts. Within an account first
    /// come is first served; between accounts whoever holds the fewest slots is next. Busy where too many wait
    /// already or the wait is too long; [`Error::TooLargeForServer`] where all memory would not be enough.
    pub async fn slot(&self, lane: Lane, account: &AccountId, facts: &Facts) -> Result<Slot, Error> {
        self.wait(lane, account, examine_bytes(facts)).await
    }

    /// [`Workers::slot`] to render this recipe, with the originals that it lays over the other, which have these facts.
    pub async fn render_slot(
        &self,
        lane: Lane,
        account: &AccountId,
        facts: &Facts,
        overlays: &[Facts],
        recipe: &Recipe,
    ) -> Result<Slot, Error> {
        self.wait(lane, account, render_bytes(facts, overlays, recipe)).await
    }

    /// Waits to probe a header, which takes no turn of those who decode: bytes that are no image are refused also
    /// when there is much to do.
    pub async fn probe_slot(&self) -> Result<ProbeSlot, Error> {
        let inner = self.inner.clone();
        let permit = tokio::time::timeout(self.longest_wait(), inner.probes.clone().acquire_owned()).await;
        match permit {
            Ok(Ok(permit)) => Ok(ProbeSlot { inner, permit }),
            Ok(Err(_)) | Err(_) => Err(Error::WaitedTooLong),
        }
    }

    /// What the kernel lacks to shut workers in as they should be; nothing on one that has it all.
    pub async fn missing_from_sandbox(&self) -> Result<Vec<String>, Error> {
        self.inner.pool.missing().await
    }

    async fn wait(&self, lane: Lane, account: &AccountId, bytes: u64) -> Result<Slot, Error> {
        let config = &self.inner.config;
        if bytes > config.decode_budget_bytes {
            return Err(Error::TooLargeForServer);
        }
        if bytes.saturating_add(WORKER_ITSELF_BYTES) > config.max_worker_bytes {
            return Err(Error::TooLargeForWorker);
        }
        let began = Instant::now();
        let (tell, told) = oneshot::channel();
        let arrival = self.inner.line.lock().arrive(account, lane, bytes, tell, self.inner.now_ms());
        let Arrival { number, turns, refused } = arrival;
        let _place = Place { inner: &self.inner, account: *account, lane, number };
        grant(&self.inner, turns);
        drop(refused);
        let permit = match lane {
            Lane::Upload | Lane::Interactive => tokio::time::timeout(self.longest_wait(), told).await,
            // Nobody is kept waiting.
            Lane::Background => Ok(told.await),
        };
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
    for Turn { account, lane, bytes, tell } in turns {
        *inner.moved_at.lock() = Instant::now();
        let _ = tell.send(Permit { inner: inner.clone(), account, lane, bytes });
    }
    look_later(inner);
}

/// Has the line looked at again where somebody is held back who may begin after a while, though nothing happens.
fn look_later(inner: &Arc<Inner>) {
    let now_ms = inner.now_ms();
    let Some(until_ms) = inner.line.lock().held_until_ms(now_ms) else { return };
    if inner.is_looked_at.swap(true, Ordering::Relaxed) {
        return;
    }
    let (wait, line) = (Duration::from_millis(until_ms.saturating_sub(now_ms)), Arc::downgrade(inner));
    inner.pool.runtime().spawn(async move {
        tokio::time::sleep(wait).await;
        let Some(inner) = line.upgrade() else { return };
        inner.is_looked_at.store(false, Ordering::Relaxed);
        let turns = inner.line.lock().look(inner.now_ms());
        grant(&inner, turns);
    });
}

impl Drop for Permit {
    fn drop(&mut self) {
        let turns = self.inner.line.lock().end(&self.account, self.lane, self.bytes, self.inner.now_ms());
        grant(&self.inner, turns);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let turns = self.inner.line.lock().leave(&self.account, self.lane, self.number, self.inner.now_ms());
        grant(self.inner, turns);
    }
}

impl ProbeSlot {
    /// What the header of an original tells; decodes no pixel.
    pub async fn probe(self, bytes: Bytes) -> Result<Facts, Error> {
        let ProbeSlot { inner, permit } = self;
        let runtime = inner.pool.runtime().clone();
        let probe = async move {
            let order = inner.order(Job::Probe, inner.config.render_timeout_s);
            let answer = inner.run(Haste::Awaited, &order, vec![bytes.into()], 0).await;
            drop(permit);
            match answer? {
                Answer::Probed(facts) => Ok(facts),
                other => Err(unheard_of(&other)),
            }
        };
        runtime.spawn(probe).await.map_err(|_| Error::Gone)?
    }
}

impl Slot {
    /// Decodes an original once, small: a glimpse of it, or what is wrong with it.
    pub async fn examine(self, bytes: Bytes, facts: Facts) -> Result<Glimpse, Error> {
        let timeout_s = self.permit.inner.config.render_timeout_s;
        match self.work(Job::Examine(facts), timeout_s, vec![bytes.into()], 0).await? {
            Answer::Examined(glimpse) => Ok(glimpse),
            other => Err(unheard_of(&other)),
        }
    }

    /// Renders a recipe from an original and its overlays.
    pub async fn render(self, inputs: Inputs, recipe: Recipe) -> Result<Rendition, Error> {
        let Inputs { original, facts, overlays } = inputs;
        let format = recipe.encoding.format();
        let timeout_s = self.longest_render_s(format);
        // No rendition is larger than the worker that makes it.
        let most = self.permit.inner.config.max_worker_bytes;
        let max_bytes = answer_bytes(&facts, &recipe, original.len()).min(most);
        let (mut bytes, mut overlay_facts) = (vec![original], Vec::new());
        for (overlay, facts) in overlays {
            bytes.push(overlay);
            overlay_facts.push(facts);
        }
        let job = Job::Render { facts, overlays: overlay_facts, recipe: Box::new(recipe) };
        match self.work(job, timeout_s, bytes, max_bytes).await? {
            Answer::Rendered(rendition) => Ok(rendition),
            other => Err(unheard_of(&other)),
        }
    }

    fn longest_render_s(&self, format: Format) -> u64 {
        let config = &self.permit.inner.config;
        if format == Format::Avif { config.avif_timeout_s } else { config.render_timeout_s }
    }

    /// Has one piece of work done. The slot is free again when the work ends, not when its caller leaves: whoever comes
    /// and goes must not make room for more of it.
    async fn work(self, job: Job, timeout_s: u64, inputs: Vec<Given>, max: u64) -> Result<Answer, Error> {
        let Slot { permit } = self;
        let runtime = permit.inner.pool.runtime().clone();
        let haste = if permit.lane == Lane::Background { Haste::Idle } else { Haste::Awaited };
        let piece = async move {
            let order = permit.inner.order(job, timeout_s);
            let answer = permit.inner.run(haste, &order, inputs, max).await;
            drop(permit);
            answer
        };
        runtime.spawn(piece).await.map_err(|_| Error::Gone)?
    }
}
