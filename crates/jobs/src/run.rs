//! What each kind of work does when its time has come.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stopping::Stopping;
use crate::work::Work;
use crate::{Error, Kind};

/// How old an object without a row has to be: an upload that runs has no row yet.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Days before today that the periodic sweep looks at.
const ORPHAN_DAYS: i64 = 2;

/// The day of no original, where a check of the storage writes: what is there and old is of a process that was killed.
const DAY_OF_PROBES: i64 = 0;

impl Work {
    /// Does work of a kind once; returns what the next time needs to know.
    pub(crate) async fn run(&self, kind: Kind, payload: &Value, stopping: &Stopping) -> Result<Value, Error> {
        match kind {
            Kind::Removals => {
                let freed = self.uploads.finish_removals_until(|| stopping.is_so()).await?;
                if freed > 0 {
                    tracing::info!(places = freed, "finished removals that were cut short");
                }
            }
            Kind::Orphans => return self.sweep_orphans(payload, stopping).await,
            Kind::Renditions => {
                let gone = self.renditions.keep_to_budget(|| stopping.is_so()).await?;
                if gone.renditions > 0 {
                    let (renditions, bytes) = (gone.renditions, gone.bytes);
                    tracing::info!(renditions, bytes, "removed renditions that nobody asked for longest");
                }
            }
            Kind::Expired => drop(self.forget_expired().await?),
        }
        if stopping.is_so() { Err(Error::Stopping) } else { Ok(json!({})) }
    }

    /// Sweeps the last days, and those since the last time where no process ran for longer; and what checks of the storage
    /// left.
    async fn sweep_orphans(&self, payload: &Value, stopping: &Stopping) -> Result<Value, Error> {
        let today = self.clock.now().as_days();
        let last = payload["swept_to_day"].as_i64().unwrap_or(today).min(today);
        self.sweep_objects(DAY_OF_PROBES..=DAY_OF_PROBES, ORPHAN_AGE, stopping).await?;
        self.sweep_objects(last - ORPHAN_DAYS..=i64::MAX, ORPHAN_AGE, stopping).await?;
        self.give_up_unfinished(ORPHAN_AGE).await;
        Ok(json!({ "swept_to_day": today }))
    }
}
