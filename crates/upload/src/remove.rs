//! Removing images, and sweeping what a crash left.

use std::time::Duration;

use catalog::Actor;
use domain::{AccountId, ImageId};

use crate::{Error, Uploads};

impl Uploads {
    /// Removes an image: the row and its prefix's note in one transaction, the objects right after.
    pub async fn remove(&self, _account: &AccountId, _id: &ImageId, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }

    /// Deletes the objects of images whose removal a crash cut short. Returns how many places were freed.
    pub async fn finish_removals(&self) -> Result<u64, Error> {
        todo!()
    }

    /// Deletes objects that are at least that old and belong to no row; re-checks the row just before deleting.
    /// Returns how many places were freed.
    pub async fn sweep_orphans(&self, _min_age: Duration) -> Result<u64, Error> {
        todo!()
    }
}
