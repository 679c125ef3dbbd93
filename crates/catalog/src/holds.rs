//! Holds: while there is one, no object of a removed image is deleted, because somebody copies what an earlier state
//! of the rows owns. A hold ends by itself, so that one whose holder died does not last.

use std::time::Duration;

use crate::Error;
use crate::catalog::Catalog;
use crate::database::{Lock, query, query_scalar};

/// A hold on the objects of removed images.
#[derive(Debug)]
pub struct Hold {
    id: i64,
}

impl Catalog {
    /// Begins to hold objects back for so long. What a copy of the rows that is made after this owns stays in storage
    /// until the hold ends: whoever deletes objects asks [`Catalog::removals_held`] after the row is gone.
    pub async fn hold_removals(&self, length: Duration) -> Result<Hold, Error> {
        let mut writing = self.begin(Lock::House).await?;
        let until = writing.now.plus(length).as_micros();
        query("delete from holds where held_until < $1")
            .bind(writing.now.as_micros())
            .execute(writing.db())
            .await?;
        let id = query_scalar("insert into holds (held_until) values ($1) returning id").bind(until);
        let id = id.fetch_one(writing.db()).await?;
        self.commit(writing).await?;
        Ok(Hold { id })
    }

    /// Lets a hold last that long from now on. False where it had ended: then objects may be gone.
    pub async fn renew_hold(&self, hold: &Hold, length: Duration) -> Result<bool, Error> {
        let mut writing = self.begin(Lock::House).await?;
        let (now, until) = (writing.now.as_micros(), writing.now.plus(length).as_micros());
        let renewed = query("update holds set held_until = $2 where id = $1 and held_until > $3");
        let renewed = renewed.bind(hold.id).bind(until).bind(now).execute(writing.db()).await?;
        self.commit(writing).await?;
        Ok(renewed == 1)
    }

    /// Ends a hold.
    pub async fn release_hold(&self, hold: Hold) -> Result<(), Error> {
        let mut writing = self.begin(Lock::House).await?;
        query("delete from holds where id = $1").bind(hold.id).execute(writing.db()).await?;
        self.commit(writing).await
    }

    /// Whether objects of removed images must stay for now.
    pub async fn removals_held(&self) -> Result<bool, Error> {
        let held = query_scalar("select exists (select 1 from holds where held_until > $1)");
        Ok(held.bind(self.now().as_micros()).fetch_one(&self.inner.database).await?)
    }
}
