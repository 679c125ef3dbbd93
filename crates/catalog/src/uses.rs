//! Counters of uses: how often each URL that may be used a number of times was used. They are in the database alone, so
//! that no two processes let one use through twice and no crash forgets one.

use std::time::Duration;

use domain::{AccountId, Timestamp};
use signing::Uses;

use crate::database::{Lock, overdue, query, query_scalar};
use crate::{Catalog, Error};

/// How long a visitor waits for a counter.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much longer than its URL a counter is kept: a machine whose clock is ahead must not forget what counts for others.
const KEPT_AFTER: Duration = Duration::from_secs(86_400);

impl Catalog {
    /// Takes one use of each counter, all or none; they are taken for good when this returns. `AlreadyUsed` where one has
    /// none left, `ReplayStoreUnavailable` where that cannot be said, or not within three seconds: then a use may be gone,
    /// and nothing may be served.
    pub async fn consume_uses(&self, account: &AccountId, uses: &[Uses]) -> Result<(), Error> {
        let consumed = tokio::time::timeout(PATIENCE, self.consume(account, uses)).await;
        match consumed.unwrap_or_else(|_| Err(overdue().into())) {
            Err(Error::Signature(refused)) => Err(refused.into()),
            Err(error) => {
                tracing::warn!(?error, "uses cannot be counted right now");
                Err(signing::Error::ReplayStoreUnavailable.into())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn consume(&self, account: &AccountId, uses: &[Uses]) -> Result<(), Error> {
        // Whoever comes again with what is used up waits for nobody who writes.
        for uses in uses {
            let used = query_scalar::<i64>("select used from token_uses where account = $1 and counter = $2")
                .bind(&account.as_bytes()[..])
                .bind(&uses.counter[..])
                .fetch_optional(&self.inner.database)
                .await?;
            uses.admit(used.unwrap_or(0).unsigned_abs())?;
        }
        // Rows are locked in one order, so that two with the same counters wait in no circle.
        let mut ordered: Vec<&Uses> = uses.iter().collect();
        ordered.sort_unstable_by_key(|uses| uses.counter);
        let mut writing = self.begin(Lock::Rows).await?;
        for uses in ordered {
            let consumed = query(
                "insert into token_uses (account, counter, used, until_s) values ($1, $2, 1, $4)
                 on conflict (account, counter) do update set used = token_uses.used + 1
                     where token_uses.used < $3",
            );
            let consumed = consumed
                .bind(&account.as_bytes()[..])
                .bind(&uses.counter[..])
                .bind(i64::try_from(uses.most).unwrap_or(i64::MAX))
                .bind(uses.until_s)
                .execute(writing.db())
                .await?;
            if consumed == 0 {
                return Err(signing::Error::AlreadyUsed.into());
            }
        }
        self.commit(writing).await
    }

    /// Forgets counters, at most so many, whose URLs ended a day ago. Returns how many went.
    pub(crate) async fn forget_uses(&self, at_most: u32) -> Result<u64, Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let before: Timestamp = writing.now.minus(KEPT_AFTER);
        let forgotten = query(
            "delete from token_uses where (account, counter) in (
                 select account, counter from token_uses where until_s < $1 limit $2)",
        );
        let forgotten = forgotten.bind(before.as_seconds()).bind(at_most).execute(writing.db()).await?;
        self.commit(writing).await?;
        Ok(forgotten)
    }
}
