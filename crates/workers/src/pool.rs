//! The processes: started when they are needed, kept warm for what comes next, replaced when they fail, ended when they
//! are old or idle. Knows nothing of accounts, nor of who waits.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::Error;
use crate::input::{Given, Sealed};
use crate::process::{Failure, Process};
use crate::protocol::{Answer, Order, Setup};
use crate::sandbox::trim_memory;

/// How far workers stand back where a core is short: whoever only fetches what is there is served first, and what nobody
/// waits for comes last.
const NICENESS: [i32; 2] = [10, 19];

/// A worker that had nothing to do for so long is ended: an idle server is small.
const IDLE: Duration = Duration::from_secs(30);

/// How often idle workers are looked for.
const LOOK: Duration = Duration::from_secs(10);

/// Inputs up to here are copied at once; larger ones where they hold nobody up.
const SMALL_BYTES: usize = 256 * 1024;

/// Whether somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// Somebody does.
    Awaited = 0,
    /// Nobody does.
    Idle = 1,
}

/// The processes of a server.
#[derive(Debug)]
pub(crate) struct Pool {
    program: PathBuf,
    max_bytes: u64,
    max_jobs: u32,
    /// Where processes are talked to: it lives as long as the server, unlike the threads that answer HTTP.
    runtime: Handle,
    resting: Mutex<[Vec<Process>; 2]>,
    /// Processes that there are.
    alive: AtomicUsize,
    has_told: AtomicBool,
    is_watched: AtomicBool,
}

impl Pool {
    /// No process yet. Call it within the runtime that will talk to them.
    pub(crate) fn new(program: PathBuf, max_bytes: u64, max_jobs: u32) -> io::Result<Arc<Pool>> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        Ok(Arc::new(Pool {
            program,
            max_bytes,
            max_jobs,
            runtime,
            resting: Mutex::default(),
            alive: AtomicUsize::new(0),
            has_told: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
        }))
    }

    /// Where work goes on whoever leaves.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How many processes there are.
    pub(crate) fn processes(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// What the kernel lacks to shut workers in; starts one to see.
    pub(crate) async fn missing(self: &Arc<Self>) -> Result<Vec<String>, Error> {
        let process = self.take(Haste::Awaited).await?;
        let missing = process.missing.clone();
        self.give_back(process, Haste::Awaited);
        Ok(missing)
    }

    /// Has an order done. A worker that fails is killed and replaced; one that was gone before it began is no failure
    /// of the order's.
    pub(crate) async fn run(
        self: &Arc<Self>,
        haste: Haste,
        order: &Order,
        inputs: Vec<Given>,
        max_body_bytes: u64,
    ) -> Result<Answer, Error> {
        let mut inputs = sealed(inputs).await?;
        for is_again in [false, true] {
            // Where one that rested was gone, others may be too.
            let process =
                if is_again { self.start(haste).await.map_err(Error::start) } else { self.take(haste).await };
            let mut process = process?;
            match process.ask(order, &mut inputs, max_body_bytes).await {
                Ok(Answer::Panicked(words)) => {
                    tracing::error!(panic = words, "a decoder panicked");
                    self.lose(process, haste, "panicked");
                    return Ok(Answer::Panicked(words));
                }
                Ok(answer) if order.is_answered_by(&answer) => {
                    self.give_back(process, haste);
                    return Ok(answer);
                }
                Ok(answer) => {
                    self.lose(process, haste, "died");
                    return Err(unheard_of(&answer));
                }
                Err(Failure::NotBegun) => self.lose(process, haste, "gone"),
                Err(Failure::Overran) => {
                    tracing::warn!("a worker took too long and was killed");
                    self.lose(process, haste, "overran");
                    return Err(Error::Render(variant::Error::Timeout));
                }
                Err(Failure::Died(how)) => {
                    tracing::error!(how, "a worker died at its work");
                    self.lose(process, haste, "died");
                    return Err(Error::Died);
                }
            }
        }
        Err(Error::start(io::Error::other("workers end as soon as they have begun")))
    }

    /// A worker that rests, or a new one.
    async fn take(self: &Arc<Self>, haste: Haste) -> Result<Process, Error> {
        loop {
            let Some(mut process) = self.resting.lock()[haste as usize].pop() else { break };
            if process.is_alive() {
                return Ok(process);
            }
            self.lose(process, haste, "gone");
        }
        self.start(haste).await.map_err(Error::start)
    }

    async fn start(self: &Arc<Self>, haste: Haste) -> io::Result<Process> {
        let began = Instant::now();
        let setup = Setup { max_bytes: self.max_bytes, niceness: NICENESS[haste as usize] };
        let process = Process::start(&self.program, &setup).await.inspect_err(|error| {
            tracing::error!(%error, program = %self.program.display(), "a worker cannot be started");
        })?;
        self.alive.fetch_add(1, Ordering::Relaxed);
        metrics::histogram!("darkroom_worker_start_seconds").record(began.elapsed());
        self.tell_once(&process.missing);
        self.watch();
        Ok(process)
    }

    /// Says once what the kernel lacks.
    fn tell_once(&self, missing: &[String]) {
        if self.has_told.swap(true, Ordering::Relaxed) {
            return;
        }
        for part in ["seccomp", "landlock"] {
            let lacks = missing.iter().any(|missing| missing.starts_with(part));
            metrics::gauge!("darkroom_worker_sandbox", "part" => part).set(if lacks { 0.0 } else { 1.0 });
        }
        if !missing.is_empty() {
            tracing::warn!(missing = missing.join(", "), "this kernel shuts workers in less than others do");
        }
    }

    /// Lets a worker rest, or ends it where it has done enough.
    fn give_back(self: &Arc<Self>, mut process: Process, haste: Haste) {
        if process.jobs >= self.max_jobs {
            return self.lose(process, haste, "old");
        }
        process.rested_at = Instant::now();
        self.resting.lock()[haste as usize].push(process);
    }

    /// Ends a worker, and warms up another in its place.
    fn lose(self: &Arc<Self>, process: Process, haste: Haste, reason: &'static str) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
        metrics::counter!("darkroom_worker_ends_total", "reason" => reason).increment(1);
        let pool = self.clone();
        self.runtime.spawn(async move {
            let fresh = async {
                if pool.resting.lock()[haste as usize].is_empty() {
                    pool.start(haste).await.ok()
                } else {
                    None
                }
            };
            let ((), fresh) = tokio::join!(process.end(), fresh);
            if let Some(fresh) = fresh {
                pool.give_back(fresh, haste);
            }
        });
    }

    /// Looks for idle workers for as long as there is a pool.
    fn watch(self: &Arc<Self>) {
        if self.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let pool = Arc::downgrade(self);
        self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(idle) = Weak::upgrade(&pool).map(|pool| pool.idle()) else { return };
                if idle.is_empty() {
                    continue;
                }
                for process in idle {
                    process.end().await;
                }
                // What the server itself had for that work goes back as well; it is not for the async runtime to wait for.
                let _ = tokio::task::spawn_blocking(trim_memory).await;
            }
        });
    }

    /// Takes away those that had nothing to do for a while.
    fn idle(&self) -> Vec<Process> {
        let mut idle = Vec::new();
        for resting in self.resting.lock().iter_mut() {
            idle.extend(resting.extract_if(.., |process| process.rested_at.elapsed() >= IDLE));
        }
        self.alive.fetch_sub(idle.len(), Ordering::Relaxed);
        metrics::counter!("darkroom_worker_ends_total", "reason" => "idle").increment(idle.len() as u64);
        idle
    }
}

/// Copies those inputs of an order that are no worker's yet to where one can read them, and lets them go. Large ones are
/// copied beside the async runtime.
async fn sealed(inputs: Vec<Given>) -> Result<Vec<Sealed>, Error> {
    let bytes: usize = inputs.iter().map(Given::to_copy).sum();
    let seal = move || inputs.into_iter().map(Given::sealed).collect();
    if bytes <= SMALL_BYTES {
        seal()
    } else {
        tokio::task::spawn_blocking(seal).await.map_err(|_| Error::Gone)?
    }
}

/// An answer that does not belong to its order.
pub(crate) fn unheard_of(answer: &Answer) -> Error {
    tracing::error!(answer = answer.kind(), "a worker gave an answer that nobody asked for");
    Error::Died
}
