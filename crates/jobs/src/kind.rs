//! The kinds of work in the queue, all of them periodic: one row each, which comes again when its time has passed.
//!
//! Removals are not queued one by one. The table of doomed places is their queue already: a place is noted in the
//! transaction that takes the row away, the request deletes the objects right after, and what it could not do is found
//! there, so a second row for each removal would cost a write and tell nothing more.

use std::time::Duration;

use domain::Timestamp;
use serde_json::{Value, json};

use crate::Error;
use crate::stopping::Stopping;
use crate::work::Work;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Deletes the objects of removed images that a crash, a hold or the storage left.
    Removals,
    /// Deletes objects of the last days that belong to no row.
    Orphans,
    /// Keeps renditions at rest within their budget.
    Renditions,
    /// Forgets sessions, wrong passwords and idempotency keys that are past their time.
    Expired,
}

/// How old an object without a row has to be: an upload that runs has no row yet.
pub(crate) const ORPHAN_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Days before today that the periodic sweep looks at.
const ORPHAN_DAYS: i64 = 2;

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::Removals, Kind::Orphans, Kind::Renditions, Kind::Expired];

    /// Its word in the queue, which is the key of its row too.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Removals => "removals",
            Kind::Orphans => "orphans",
            Kind::Renditions => "renditions",
            Kind::Expired => "expired",
        }
    }

    /// The kind of a word.
    pub(crate) fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// How long after it was done it is done again.
    pub(crate) fn every(self) -> Duration {
        match self {
            Kind::Removals | Kind::Renditions => Duration::from_secs(60),
            Kind::Orphans | Kind::Expired => Duration::from_secs(60 * 60),
        }
    }

    /// Does it once; returns what the next time needs to know.
    pub(crate) async fn run(self, work: &Work, payload: &Value, stopping: &Stopping) -> Result<Value, Error> {
        match self {
            Kind::Removals => {
                let freed = work.uploads.finish_removals().await?;
                if freed > 0 {
                    tracing::info!(places = freed, "finished removals that were cut short");
                }
            }
            Kind::Orphans => return orphans(work, payload, stopping).await,
            Kind::Renditions => {
                let gone = work.renditions.keep_to_budget(|| stopping.is_so()).await?;
                if gone.renditions > 0 {
                    let (renditions, bytes) = (gone.renditions, gone.bytes);
                    tracing::info!(renditions, bytes, "removed renditions that nobody asked for longest");
                }
            }
            Kind::Expired => drop(work.catalog.forget_expired().await?),
        }
        if stopping.is_so() { Err(Error::Stopping) } else { Ok(json!({})) }
    }
}

/// Sweeps the last days, and those since the last time where no process ran for longer.
async fn orphans(work: &Work, payload: &Value, stopping: &Stopping) -> Result<Value, Error> {
    let today = work.clock.now().as_days();
    let last = payload["swept_to_day"].as_i64().unwrap_or(today).min(today);
    work.sweep_objects(last - ORPHAN_DAYS, ORPHAN_AGE, stopping).await?;
    Ok(json!({ "swept_to_day": today }))
}

/// When a failed job is tried again: twice as long after each time, from 10 seconds to an hour, and a random part of
/// that more or less, so that many that failed together do not come back together.
pub(crate) fn next_try(now: Timestamp, attempts: u32, part: f64) -> Timestamp {
    const FIRST_S: f64 = 10.0;
    const LONGEST_S: f64 = 3_600.0;
    let wait_s = (FIRST_S * 2_f64.powi(attempts.clamp(1, 30) as i32 - 1)).min(LONGEST_S);
    now.plus(Duration::from_secs_f64(wait_s * (0.5 + part.clamp(0.0, 1.0))))
}
