//! One job from the queue, done under its lease: renewed while it runs, dropped where it is lost.

use std::time::{Duration, Instant};

use catalog::{Catalog, ClaimedJob, JobEnd};
use domain::Clock;
use renditions::Renditions;
use serde_json::Value;
use storage::Storage;
use upload::Uploads;

use crate::kind::next_try;
use crate::stopping::Stopping;
use crate::{Error, Kind};

/// How long a job is held without a word of its holder: as long as one is idle whose holder died.
pub(crate) const LEASE: Duration = Duration::from_secs(20);

/// How often its holder says a word.
const RENEWED_EVERY: Duration = Duration::from_secs(5);

/// What the work is done with.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) uploads: Uploads,
    pub(crate) renditions: Renditions,
    pub(crate) clock: Clock,
}

impl Work {
    /// Takes the job that is due longest and does it; false where none is due.
    pub(crate) async fn do_next(&self, stopping: &Stopping) -> Result<bool, Error> {
        let words = Kind::ALL.map(Kind::word);
        let Some(job) = self.catalog.claim_jobs(&words, 1, LEASE).await?.pop() else { return Ok(false) };
        let Some(kind) = Kind::of(&job.kind) else { return Ok(false) };
        let done = tokio::select! {
            done = kind.run(self, &job.payload, stopping) => done,
            () = self.lose(&job) => {
                tracing::warn!(kind = kind.word(), "another process has taken over a job that was held too long");
                count(kind, "lost");
                return Ok(true);
            }
        };
        self.end(kind, &job, done).await?;
        Ok(true)
    }

    /// Renews the lease; returns when it is lost, or may be.
    async fn lose(&self, job: &ClaimedJob) {
        let mut renewed_at = Instant::now();
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            let asked_at = Instant::now();
            match self.catalog.renew_job(job, LEASE).await {
                Ok(true) => renewed_at = asked_at,
                Ok(false) => return,
                Err(_) if renewed_at.elapsed() >= LEASE => return,
                Err(_) => {}
            }
        }
    }

    async fn end(&self, kind: Kind, job: &ClaimedJob, done: Result<Value, Error>) -> Result<(), Error> {
        let now = self.clock.now();
        let end = match done {
            Ok(payload) => {
                count(kind, "done");
                JobEnd::Again(now.plus(kind.every()), payload)
            }
            Err(Error::Stopping) => JobEnd::PutDown,
            Err(error) => {
                count(kind, "failed");
                tracing::warn!(
                    kind = kind.word(),
                    attempts = job.attempts,
                    ?error,
                    "a job failed and is tried again"
                );
                JobEnd::Retry(next_try(now, job.attempts, rand::random()), error.to_string())
            }
        };
        self.catalog.end_job(job, &end).await?;
        Ok(())
    }
}

fn count(kind: Kind, result: &'static str) {
    metrics::counter!("darkroom_jobs_total", "kind" => kind.word(), "result" => result).increment(1);
}
