//! Forgetting what is past its time: sessions, wrong passwords, idempotency keys, uses of URLs. Nothing that still counts is here:
//! every question looks at the time itself.

use crate::Error;
use crate::catalog::Catalog;
use crate::database::{Lock, query};
use crate::{sessions, sign_in};

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Sessions.
    pub sessions: u64,
    /// Counts of wrong passwords.
    pub sign_in_failures: u64,
    /// Idempotency keys.
    pub idempotency_keys: u64,
    /// Counters of uses whose URLs have ended.
    pub uses: u64,
}

/// Idempotency keys, or counters of uses, that one transaction takes away.
const BATCH: u32 = 500;

impl Catalog {
    /// Forgets what is past its time.
    pub async fn forget_expired(&self) -> Result<Expired, Error> {
        let mut writing = self.begin(Lock::People).await?;
        let now = writing.now;
        let mut expired = Expired {
            sessions: sessions::forget_expired(writing.db(), now).await?,
            sign_in_failures: sign_in::forget_expired(writing.db(), now).await?,
            ..Expired::default()
        };
        self.commit(writing).await?;
        loop {
            let forgotten = self.forget_idempotency_keys().await?;
            expired.idempotency_keys += forgotten;
            if forgotten < BATCH.into() {
                break;
            }
        }
        loop {
            let forgotten = self.forget_uses(BATCH).await?;
            expired.uses += forgotten;
            if forgotten < BATCH.into() {
                return Ok(expired);
            }
        }
    }

    async fn forget_idempotency_keys(&self) -> Result<u64, Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let oldest = self.oldest_idempotency(writing.now);
        let forgotten = query(
            "update images set idempotency_key = null, idempotency_digest = null
             where idempotency_key is not null and number in (
                 select number from images where idempotency_key is not null and uploaded_at < $1
                 order by uploaded_at limit $2)",
        )
        .bind(oldest.as_micros())
        .bind(BATCH)
        .execute(writing.db())
        .await?;
        self.commit(writing).await?;
        Ok(forgotten)
    }
}
