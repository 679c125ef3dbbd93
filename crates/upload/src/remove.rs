//! Removing images, and sweeping what a crash left.

use std::time::Duration;

use catalog::{Actor, Doomed};
use domain::{AccountId, ImageId, ObjectId};
use storage::{Listed, Prefix};

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
        self.finish_removals_until(|| false).await
    }

    /// The same, ended early where `is_stopping` says so. A place that cannot be freed is in nobody's way: those behind
    /// it are freed, and then the first failure is the answer.
    pub async fn finish_removals_until(&self, is_stopping: impl Fn() -> bool) -> Result<u64, Error> {
        let (mut freed, mut last, mut failure) = (0, 0, None);
        loop {
            let doomed = self.catalog.doomed(last, DOOMED_AT_ONCE).await?;
            let Some(end) = doomed.last() else { return failure.map_or(Ok(freed), Err) };
            last = end.id;
            for place in &doomed {
                if is_stopping() {
                    return Ok(freed);
                }
                match self.finish_removal(place).await {
                    Ok(true) => freed += 1,
                    Ok(false) => return failure.map_or(Ok(freed), Err),
                    Err(error) if is_of_the_place(&error) => failure = failure.or(Some(error)),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Deletes those of these objects that are at least that old and belong to no row; asks for the row again just
    /// before deleting. Returns how many places were freed: those that a hold keeps are not.
    pub async fn remove_orphans(&self, listed: &[Listed], min_age: Duration) -> Result<u64, Error> {
        let youngest_s = self.clock.now().minus(min_age).as_seconds();
        let old: Vec<(&Prefix, AccountId, ObjectId)> = listed
            .iter()
            .filter(|listed| listed.written_s <= youngest_s)
            .map(|listed| (&listed.prefix, listed.prefix.parts()))
            .map(|(prefix, (_, account, object))| (prefix, account, object))
            .collect();
        let objects: Vec<ObjectId> = old.iter().map(|(_, _, object)| *object).collect();
        let owned = self.catalog.owned_objects(&objects).await?;
        let mut freed = 0;
        for (prefix, account, object) in old {
            if owned.contains(&object) || self.catalog.owns_object(&account, &object).await? {
                continue;
            }
            if self.catalog.removals_held().await? {
                return Ok(freed);
            }
            self.storage.delete_prefix(prefix).await?;
            tracing::info!(prefix = prefix.as_str(), "swept objects that belong to no image");
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
        self.catalog.forget_doomed(doomed).await?;
        Ok(true)
    }
}

/// Whether a failure is of one place. Where the storage or the database is gone the others fail, too.
fn is_of_the_place(error: &Error) -> bool {
    matches!(error, Error::Storage(failure) if !matches!(failure, storage::Error::Unavailable(_)))
}
