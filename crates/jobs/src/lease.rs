//! One job from the queue, done under its lease: renewed while it runs, dropped where it is lost.

use std::time::{Duration, Instant};

use catalog::{ClaimedJob, JobEnd};
use domain::Timestamp;
use serde_json::Value;

use crate::stopping::Stopping;
use crate::work::Work;
use crate::{Error, Kind};

/// How long a job is held without a word of its holder: as long as one is idle whose holder died.
pub(crate) const LEASE: Duration = Duration::from_secs(20);

/// How often its holder says a word.
const RENEWED_EVERY: Duration = Duration::from_secs(5);

/// How often work that is done once is tried before it is given up: over some eight hours.
const MAX_ATTEMPTS: u32 = 15;

/// How long work that is done once waits at most for its next try.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The same for periodic work: what it looks after grows on meanwhile, so it goes on soon after what failed is back.
const LONGEST_OF_PERIODIC: Duration = Duration::from_secs(5 * 60);

impl Work {
    /// Takes the job that is due longest and does it; false where none is due.
    pub(crate) async fn do_next(&self, stopping: &Stopping) -> Result<bool, Error> {
        let words = Kind::ALL.map(Kind::word);
        let Some(job) = self.catalog.claim_jobs(&words, 1, LEASE).await?.pop() else { return Ok(false) };
        let Some(kind) = Kind::of(&job.kind) else { return Ok(false) };
        let done = tokio::select! {
            done = self.run(kind, &job.payload, stopping) => done,
            () = self.lose(&job) => {
                tracing::warn!(kind = kind.word(), "a job is dropped: another process has it by now, or the database is gone");
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
        if let Err(error) = &done
            && !matches!(error, Error::Stopping)
        {
            tracing::warn!(kind = kind.word(), attempts = job.attempts, ?error, "a job failed");
        }
        let end = end_of(done, kind.every(), job.attempts, self.clock.now(), rand::random());
        let result = match &end {
            JobEnd::Done | JobEnd::Again(..) => "done",
            JobEnd::Retry(..) => "failed",
            JobEnd::GivenUp(_) => "given_up",
            JobEnd::PutDown => "put_down",
        };
        count(kind, result);
        self.catalog.end_job(job, &end).await?;
        Ok(())
    }
}

/// What becomes of a job after so many attempts. Work that is done once is given up after [`MAX_ATTEMPTS`]; periodic work
/// never is, since what it looks after grows on.
fn end_of(
    done: Result<Value, Error>,
    every: Option<Duration>,
    attempts: u32,
    now: Timestamp,
    part: f64,
) -> JobEnd {
    match (done, every) {
        (Ok(payload), Some(every)) => JobEnd::Again(now.plus(every), payload),
        (Ok(_), None) => JobEnd::Done,
        (Err(Error::Stopping), _) => JobEnd::PutDown,
        (Err(error), None) if attempts >= MAX_ATTEMPTS => JobEnd::GivenUp(error.to_string()),
        (Err(error), every) => {
            let longest = if every.is_some() { LONGEST_OF_PERIODIC } else { LONGEST };
            JobEnd::Retry(next_try(now, attempts, longest, part), error.to_string())
        }
    }
}

/// When a failed job is tried again: twice as long after each time, from 10 seconds to the longest, and up to half of
/// that more or less by chance, so that many that failed together do not come back together.
fn next_try(now: Timestamp, attempts: u32, longest: Duration, part: f64) -> Timestamp {
    const FIRST_S: f64 = 10.0;
    let wait_s = (FIRST_S * 2_f64.powi(attempts.clamp(1, 30) as i32 - 1)).min(longest.as_secs_f64());
    now.plus(Duration::from_secs_f64(wait_s * (0.5 + part.clamp(0.0, 1.0))))
}

fn count(kind: Kind, result: &'static str) {
    metrics::counter!("darkroom_jobs_total", "kind" => kind.word(), "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn failure() -> Result<Value, Error> {
        Err(Error::Storage(storage::Error::Damaged))
    }

    #[test]
    fn work_that_is_done_once_is_given_up_in_the_end_and_periodic_work_never() {
        let text = failure().unwrap_err().to_string();
        let once = |done, attempts| end_of(done, None, attempts, NOW, 0.5);
        assert_eq!(once(Ok(json!(1)), 3), JobEnd::Done);
        assert!(matches!(once(failure(), MAX_ATTEMPTS - 1), JobEnd::Retry(_, said) if said == text));
        assert_eq!(once(failure(), MAX_ATTEMPTS), JobEnd::GivenUp(text));
        let every = Duration::from_secs(60);
        let again = |done, attempts| end_of(done, Some(every), attempts, NOW, 0.5);
        assert_eq!(again(Ok(json!(1)), 3), JobEnd::Again(NOW.plus(every), json!(1)));
        assert!(matches!(again(failure(), 1_000), JobEnd::Retry(..)));
        assert_eq!(again(Err(Error::Stopping), 1_000), JobEnd::PutDown);
    }

    #[test]
    fn a_failed_job_waits_longer_each_time_up_to_an_hour_and_not_like_its_neighbours() {
        let wait_s = |attempts, part| next_try(NOW, attempts, LONGEST, part).since(NOW).as_secs();
        assert_eq!([1, 2, 3, 4].map(|attempts| wait_s(attempts, 0.5)), [10, 20, 40, 80]);
        assert_eq!((wait_s(10, 0.5), wait_s(u32::MAX, 0.5), wait_s(0, 0.5)), (3_600, 3_600, 10));
        assert_eq!((wait_s(1, 0.0), wait_s(1, 1.0)), (5, 15));
    }

    #[test]
    fn periodic_work_is_tried_again_within_minutes_however_often_it_failed() {
        for (every, longest) in [(Some(Duration::from_secs(60)), 300), (None, 3_600)] {
            let JobEnd::Retry(at, _) = end_of(failure(), every, MAX_ATTEMPTS - 1, NOW, 0.5) else {
                panic!("it is tried again");
            };
            assert_eq!(at.since(NOW).as_secs(), longest);
        }
    }
}
