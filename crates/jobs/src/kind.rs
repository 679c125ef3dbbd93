//! The kinds of work in the queue. Those that there are now are periodic: one row each, which comes again when its time
//! has passed.
//!
//! Removals are not queued one by one. The table of doomed places is their queue already: a place is noted in the
//! transaction that takes the row away, the request deletes the objects right after, and what it could not do is found
//! there, so a second row for each removal would cost a write and tell nothing more.

use std::time::Duration;

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
    /// Forgets sessions, wrong passwords, idempotency keys and counters that are past their time.
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

    /// How long after it was done it is done again; none where once is enough.
    pub(crate) fn every(self) -> Option<Duration> {
        match self {
            Kind::Removals | Kind::Renditions => Some(Duration::from_secs(60)),
            Kind::Orphans | Kind::Expired => Some(Duration::from_secs(60 * 60)),
        }
    }

    /// Does it once; returns what the next time needs to know.
    pub(crate) async fn run(self, work: &Work, payload: &Value, stopping: &Stopping) -> Result<Value, Error> {
        match self {
            Kind::Removals => {
                let freed = work.uploads.finish_removals_until(|| stopping.is_so()).await?;
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
            Kind::Expired => drop(work.forget_expired().await?),
        }
        if stopping.is_so() { Err(Error::Stopping) } else { Ok(json!({})) }
    }
}

/// The day of no original, where a check of the storage writes: what is there and old is of a process that was killed.
const DAY_OF_PROBES: i64 = 0;

/// Sweeps the last days, and those since the last time where no process ran for longer; and what checks of the storage
/// left.
async fn orphans(work: &Work, payload: &Value, stopping: &Stopping) -> Result<Value, Error> {
    let today = work.clock.now().as_days();
    let last = payload["swept_to_day"].as_i64().unwrap_or(today).min(today);
    work.sweep_objects(DAY_OF_PROBES..=DAY_OF_PROBES, ORPHAN_AGE, stopping).await?;
    work.sweep_objects(last - ORPHAN_DAYS..=i64::MAX, ORPHAN_AGE, stopping).await?;
    work.give_up_unfinished(ORPHAN_AGE).await;
    Ok(json!({ "swept_to_day": today }))
}
