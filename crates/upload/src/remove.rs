//! Removing images, and sweeping what a crash left.

use std::time::Duration;

use catalog::{Actor, Doomed};
use domain::{AccountId, ImageId};
use futures_util::StreamExt as _;
use storage::Prefix;

use crate::{Error, Uploads};

/// Doomed places that are looked up at once.
const DOOMED_AT_ONCE: u32 = 100;

impl Uploads {
    /// Removes an image: the row and its prefix's note in one transaction, the objects right after. Objects that
    /// cannot be deleted now stay noted; they go at the next start or sweep.
    pub async fn remove(&self, account: &AccountId, id: &ImageId, actor: &Actor) -> Result<(), Error> {
        let doomed = self.catalog.remove_image(account, id, actor).await?;
        if let Err(error) = self.finish_removal(&doomed).await {
            tracing::warn!(%error, account = %doomed.account, object = %doomed.object, "objects of a removed image stay for the sweep");
        }
        Ok(())
    }

    /// Deletes the objects of images whose removal a crash cut short. Returns how many places were freed.
    pub async fn finish_removals(&self) -> Result<u64, Error> {
        let mut freed = 0;
        loop {
            let doomed = self.catalog.doomed(DOOMED_AT_ONCE).await?;
            if doomed.is_empty() {
                return Ok(freed);
            }
            for place in &doomed {
                self.finish_removal(place).await?;
                freed += 1;
            }
        }
    }

    /// Deletes objects that are at least that old and belong to no row; re-checks the row just before deleting.
    /// Returns how many places were freed.
    pub async fn sweep_orphans(&self, min_age: Duration) -> Result<u64, Error> {
        let youngest_s = self.clock.now().minus(min_age).as_seconds();
        let mut freed = 0;
        let mut listing = self.storage.list().await?;
        while let Some(listed) = listing.next().await.transpose()? {
            let (_, account, object) = listed.prefix.parts();
            if listed.written_s > youngest_s || self.catalog.owns_object(&account, &object).await? {
                continue;
            }
            self.storage.delete_prefix(&listed.prefix).await?;
            tracing::info!(prefix = listed.prefix.as_str(), "swept objects that belong to no image");
            freed += 1;
        }
        Ok(freed)
    }

    async fn finish_removal(&self, doomed: &Doomed) -> Result<(), Error> {
        self.storage.delete_prefix(&Prefix::new(doomed.day, &doomed.account, &doomed.object)).await?;
        Ok(self.catalog.forget_doomed(doomed.id).await?)
    }
}
