//! One walk over what lies in storage: objects without a row go, renditions without a row get one.

use std::future;
use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::TryStreamExt as _;

use crate::Error;
use crate::stopping::Stopping;
use crate::work::Work;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Removed images whose objects went.
    pub removals: u64,
    /// Places that belonged to no image and went.
    pub orphans: u64,
    /// Renditions that nobody knew of, and that count from now on.
    pub found_renditions: u64,
    /// Renditions that went because they were over the budget, or idle for too long.
    pub removed_renditions: u64,
    /// Sessions, wrong passwords, idempotency keys, uses and counters that were past their time.
    pub expired: u64,
}

/// Prefixes that are held against the rows in one go.
const CHUNK: usize = 256;

impl Work {
    /// Everything at once, whatever its day.
    pub(crate) async fn sweep(&self, min_age: Duration, stopping: &Stopping) -> Result<Swept, Error> {
        let removals = self.uploads.finish_removals_until(|| stopping.is_so()).await?;
        let mut swept = self.sweep_objects(0..=i64::MAX, min_age, stopping).await?;
        swept.removals = removals;
        self.give_up_unfinished(min_age).await;
        self.catalog.flush_at_rest().await?;
        swept.removed_renditions = self.renditions.keep_to_budget(|| stopping.is_so()).await?.renditions;
        swept.expired = self.forget_expired().await?;
        Ok(swept)
    }

    /// Forgets rows that are past their time; returns how many.
    pub(crate) async fn forget_expired(&self) -> Result<u64, Error> {
        let expired = self.catalog.forget_expired().await?;
        let counters = self.catalog.prune_counters().await?;
        let forgotten = expired.sessions + expired.sign_in_failures + expired.idempotency_keys + expired.uses;
        Ok(forgotten + counters)
    }

    /// Gives up uploads in parts that a process left half done. Not every S3 server can list them, and the rest of a sweep
    /// is none the worse for it.
    pub(crate) async fn give_up_unfinished(&self, min_age: Duration) {
        match self.storage.remove_unfinished(self.clock.now().minus(min_age).as_seconds()).await {
            Ok(0) => {}
            Ok(uploads) => tracing::info!(uploads, "half-done uploads in parts were given up"),
            Err(error) => tracing::warn!(?error, "half-done uploads in parts cannot be given up"),
        }
    }

    /// The objects of those days. Of earlier ones nothing is read, of later ones no more than comes with the last.
    pub(crate) async fn sweep_objects(
        &self,
        days: RangeInclusive<i64>,
        min_age: Duration,
        stopping: &Stopping,
    ) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let began = self.clock.now();
        let listing = self.storage.list_from((*days.start()).max(0)).await?;
        let listing =
            listing.try_take_while(|listed| future::ready(Ok(listed.prefix.parts().0 <= *days.end())));
        let mut chunks = std::pin::pin!(listing.try_chunks(CHUNK));
        while let Some(listed) = chunks.try_next().await.map_err(|cut| cut.1)? {
            if stopping.is_so() {
                return Err(Error::Stopping);
            }
            swept.orphans += self.uploads.remove_orphans(&listed, min_age).await?;
            swept.found_renditions += self.renditions.note_listed(&listed, began).await?;
        }
        Ok(swept)
    }
}
