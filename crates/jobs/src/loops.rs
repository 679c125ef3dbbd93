//! What a process does over and over while it serves. A failure is told once, and again when it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::stopping::Stopping;
use crate::work::Work;
use crate::{Error, Kind};

/// How often the queue is asked for jobs that are due.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// How long to wait where the database does not answer.
const RETRIED_AFTER: Duration = Duration::from_secs(5);

/// How often the audit log is sealed.
const SEALED_EVERY: Duration = Duration::from_secs(1);

/// How often counts and rows of renditions are written, where there is not so much that it is sooner.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// How often the free disk is looked at, where nobody asks for room.
const LOOKED_EVERY: Duration = Duration::from_secs(10);

/// How often gauges are set.
const SHOWN_EVERY: Duration = Duration::from_secs(15);

/// What a loop could not do the last time, so that a bad day makes two lines in the log, not thousands.
struct Trouble {
    what: &'static str,
    is_on: bool,
}

impl Trouble {
    fn with(what: &'static str) -> Trouble {
        Trouble { what, is_on: false }
    }

    /// Notes what came of it; returns whether it went well.
    fn note<T>(&mut self, done: &Result<T, Error>) -> bool {
        match done {
            Err(error) if !self.is_on => tracing::warn!(?error, "{} failed and is tried again", self.what),
            Ok(_) if self.is_on => tracing::info!("{} works again", self.what),
            _ => {}
        }
        self.is_on = done.is_err();
        done.is_ok()
    }
}

/// Takes jobs from the queue, one after the other.
pub(crate) async fn take_jobs(work: Work, due: Arc<Notify>, mut stopping: Stopping) {
    let mut trouble = Trouble::with("taking jobs from the queue");
    while !stopping.is_so() {
        let done = work.do_next(&stopping).await;
        trouble.note(&done);
        match done {
            Ok(true) => {}
            Ok(false) => tokio::select! {
                () = due.notified() => {}
                () = stopping.wait(ASKED_EVERY) => {}
            },
            Err(_) => stopping.wait(RETRIED_AFTER).await,
        }
    }
}

/// Writes down what this process has counted, kept and found, and sees to it that renditions over the budget go.
pub(crate) async fn write_down(work: Work, due: Arc<Notify>, mut stopping: Stopping) {
    let mut trouble = Trouble::with("writing down what was counted");
    let mut pause = WRITTEN_EVERY;
    while !stopping.is_so() {
        tokio::select! {
            () = work.renditions.pressed() => {}
            () = work.catalog.tally().filling() => {}
            () = work.catalog.fetches().filling() => {}
            () = stopping.wait(pause) => {}
        }
        let written = write_and_call(&work, &due).await;
        trouble.note(&written);
        pause = match written {
            Ok(false) => WRITTEN_EVERY,
            // Whoever removes renditions right now may have begun before these were written.
            Ok(true) => ASKED_EVERY,
            Err(_) => {
                // What presses is still there, and would be tried again at once.
                stopping.wait(RETRIED_AFTER).await;
                Duration::ZERO
            }
        };
    }
}

/// Writes down; where more lies at rest than should, calls for its removal and returns true.
async fn write_and_call(work: &Work, due: &Notify) -> Result<bool, Error> {
    work.write_down().await?;
    let is_over_budget = work.renditions.is_over_budget().await?;
    if is_over_budget {
        work.catalog.bring_forward(Kind::Renditions.word()).await?;
        due.notify_one();
    }
    Ok(is_over_budget)
}

/// Seals what is new in the audit log.
pub(crate) async fn seal(work: Work, mut stopping: Stopping) {
    let mut trouble = Trouble::with("sealing the audit log");
    while !stopping.is_so() {
        trouble.note(&work.catalog.seal_audit().await.map_err(Error::from));
        stopping.wait(SEALED_EVERY).await;
    }
}

/// Makes room on the disk where somebody asks for it, or little is left. Not by the queue: that is written to the disk
/// which is full.
pub(crate) async fn make_room(work: Work, mut stopping: Stopping) {
    let Some(disk) = work.storage.disk() else { return };
    let mut trouble = Trouble::with("making room on the disk");
    while !stopping.is_so() {
        tokio::select! {
            () = disk.asked() => {}
            () = stopping.wait(LOOKED_EVERY) => {}
        }
        let made = async {
            let missing_bytes = disk.missing_bytes().await?;
            if missing_bytes > 0 {
                // Rows that are not written yet are of renditions that may go, too; where that fails others go.
                let _ = work.catalog.flush_at_rest().await;
                let gone = work.renditions.make_room(missing_bytes).await?;
                let (renditions, bytes) = (gone.renditions, gone.bytes);
                if renditions > 0 {
                    tracing::info!(
                        renditions,
                        bytes,
                        missing_bytes,
                        "removed renditions: the disk is nearly full"
                    );
                }
            }
            Ok(())
        };
        trouble.note(&made.await);
        disk.made_room();
    }
}

/// Sets the gauges.
pub(crate) async fn show_how_it_stands(work: Work, mut stopping: Stopping) {
    let mut trouble = Trouble::with("reading how the queue stands");
    while !stopping.is_so() {
        trouble.note(&show(&work).await);
        stopping.wait(SHOWN_EVERY).await;
    }
}

async fn show(work: &Work) -> Result<(), Error> {
    for counts in work.catalog.job_counts().await? {
        let kind = counts.kind;
        metrics::gauge!("darkroom_jobs_waiting", "kind" => kind.clone()).set(counts.waiting as f64);
        metrics::gauge!("darkroom_jobs_failing", "kind" => kind.clone()).set(counts.failing as f64);
        metrics::gauge!("darkroom_jobs_given_up", "kind" => kind).set(counts.given_up as f64);
    }
    metrics::gauge!("darkroom_removals_waiting").set(work.catalog.doomed_count().await? as f64);
    let total = work.catalog.at_rest_total().await?;
    metrics::gauge!("darkroom_renditions_at_rest").set(total.renditions as f64);
    metrics::gauge!("darkroom_renditions_at_rest_bytes").set(total.bytes as f64);
    Ok(())
}
