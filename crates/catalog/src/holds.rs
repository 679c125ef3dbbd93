//! Holds: while there is one, no object of a removed image is deleted, because somebody copies what an earlier state
//! of the rows owns. A hold ends by itself, so that one whose holder died does not last.

use std::time::Duration;

use crate::Error;
use crate::catalog::Catalog;
use crate::database::{Lock, query};

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
        let clock = self.shared_clock();
        let mut ended = query("delete from holds where held_until < ");
        clock.push_now(&mut ended);
        ended.execute(writing.db()).await?;
        let mut hold = query("insert into holds (held_until) values (");
        clock.push_after(&mut hold, length);
        hold.push(") returning id");
        let id = hold.scalar().fetch_one(writing.db()).await?;
        self.commit(writing).await?;
        Ok(Hold { id })
    }

    /// Lets a hold last that long from now on. False where it had ended: then objects may be gone.
    pub async fn renew_hold(&self, hold: &Hold, length: Duration) -> Result<bool, Error> {
        let mut writing = self.begin(Lock::House).await?;
        let clock = self.shared_clock();
        let mut renewal = query("update holds set held_until = ");
        clock.push_after(&mut renewal, length);
        renewal.push(" where id = ").push_bind(hold.id).push(" and held_until > ");
        clock.push_now(&mut renewal);
        let renewed = renewal.execute(writing.db()).await?;
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
        let mut held = query("select exists (select 1 from holds where held_until > ");
        self.shared_clock().push_now(&mut held);
        held.push(")");
        Ok(held.scalar().fetch_one(&self.inner.database).await?)
    }
}
