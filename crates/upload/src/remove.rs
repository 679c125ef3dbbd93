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

    /// Deletes the objects of images whose removal a crash cut short, or a hold kept. Returns how many places were
    /// freed; those that a hold keeps now stay noted.
    pub async fn finish_removals(&self) -> Result<u64, Error> {
        let mut freed = 0;
        loop {
            let doomed = self.catalog.doomed(DOOMED_AT_ONCE).await?;
            if doomed.is_empty() {
                return Ok(freed);
            }
            for place in &doomed {
                if !self.finish_removal(place).await? {
                    return Ok(freed);
                }
                freed += 1;
            }
        }
    }

    /// Deletes objects that are at least that old and belong to no row; re-checks the row just before deleting.
    /// Returns how many places were freed: those that a hold keeps are not.
    pub async fn sweep_orphans(&self, min_age: Duration) -> Result<u64, Error> {
        let youngest_s = self.clock.now().minus(min_age).as_seconds();
        let mut freed = 0;
        let mut listing = self.storage.list().await?;
        while let Some(listed) = listing.next().await.transpose()? {
            let (_, account, object) = listed.prefix.parts();
            if listed.written_s > youngest_s || self.catalog.owns_object(&account, &object).await? {
                continue;
            }
            if self.catalog.removals_held().await? {
                return Ok(freed);
            }
            self.storage.delete_prefix(&listed.prefix).await?;
            tracing::info!(prefix = listed.prefix.as_str(), "swept objects that belong to no image");
            freed += 1;
        }
        Ok(freed)
    }

    /// Deletes the objects of a removed image. False where a hold keeps them: asked after the row is gone, so a copy of
    /// the rows that was made under a hold either has no such row, or its objects stay.
    async fn finish_removal(&self, doomed: &Doomed) -> Result<bool, Error> {
        if self.catalog.removals_held().await? {
            return Ok(false);
        }
        self.storage.delete_prefix(&Prefix::new(doomed.day, &doomed.account, &doomed.object)).await?;
        self.catalog.forget_doomed(doomed.id).await?;
        Ok(true)
    }
}
