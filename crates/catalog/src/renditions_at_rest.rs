//! The renditions that lie in storage: what each weighs and when it was last asked for. A rendition can be made again,
//! so a row may be missing or one too many: what is read is noted again, what was longest unused goes first.

use std::collections::HashSet;

use domain::{ObjectId, Timestamp};

use crate::Error;
use crate::catalog::{Catalog, Writing};
use crate::database::{Connection, Lock, Row, query, query_scalar};
use crate::doomed::{self, Doomed};
use crate::ledger::AtRest;
use crate::rows::{account_id, bytes, object_id, time};

/// What all of them add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AtRestTotal {
    /// How many there are.
    pub renditions: u64,
    /// What they weigh.
    pub bytes: u64,
}

/// Rows that one transaction writes.
const BATCH: usize = 500;

/// How exactly the last access is kept: what was asked for within this time before is as good as now.
const USED_NOTED_EVERY_S: u64 = 30;

impl Catalog {
    /// Notes a rendition that was put into storage. Waits for nothing: the row comes with [`Catalog::flush_at_rest`].
    /// Returns the bytes that were put and wait for that.
    pub fn note_at_rest(&self, rendition: AtRest) -> u64 {
        self.inner.at_rest.note(rendition, true)
    }

    /// Notes a rendition that was found in storage: it adds nothing to what lies there.
    pub fn note_found_at_rest(&self, rendition: AtRest) {
        self.inner.at_rest.note(rendition, false);
    }

    /// Writes the rows of what was noted. Where that fails what is left waits for the next time.
    pub async fn flush_at_rest(&self) -> Result<(), Error> {
        let _alone = self.inner.at_rest.writing.lock().await;
        let all = self.inner.at_rest.take();
        for (at, batch) in all.chunks(BATCH).enumerate() {
            if let Err(error) = self.insert_at_rest(batch).await {
                for left in &all[at * BATCH..] {
                    self.note_at_rest(left.clone());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Notes renditions that lie in storage; those that have a row are only younger after it. The objects of one whose
    /// image is gone meanwhile are doomed: it was put after they were deleted. At most some hundred at once.
    pub async fn insert_at_rest(&self, renditions: &[AtRest]) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Renditions).await?;
        let mut added = AtRestTotal::default();
        let mut dead = HashSet::new();
        for rendition in renditions {
            if dead.contains(&rendition.object) || !is_owned(writing.db(), rendition).await? {
                if dead.insert(rendition.object) {
                    let AtRest { account, object, day, .. } = rendition;
                    doomed::insert(writing.db(), account, object, *day).await?;
                }
            } else if insert(writing.db(), rendition).await? {
                added.renditions += 1;
                added.bytes += rendition.bytes;
            }
        }
        add_to_total(&mut writing, added.renditions as i64, added.bytes as i64).await?;
        self.commit(writing).await
    }

    /// Notes that renditions were asked for just now, by object and digest. Those without a row are left out.
    pub async fn note_renditions_used(&self, used: &[(ObjectId, [u8; 16])]) -> Result<(), Error> {
        for batch in used.chunks(BATCH) {
            let mut writing = self.begin(Lock::Renditions).await?;
            let now = writing.now;
            let before = now.minus(std::time::Duration::from_secs(USED_NOTED_EVERY_S));
            for (object, digest) in batch {
                query(
                    "update renditions_at_rest set used_at = $3
                     where object = $1 and digest = $2 and used_at < $4",
                )
                .bind(&object.as_bytes()[..])
                .bind(&digest[..])
                .bind(now.as_micros())
                .bind(before.as_micros())
                .execute(writing.db())
                .await?;
            }
            self.commit(writing).await?;
        }
        Ok(())
    }

    /// Whether a rendition lies at rest, as far as rows and what waits to be written know. What another process kept
    /// within the last minute may not be known yet.
    pub async fn is_at_rest(&self, object: &ObjectId, digest: &[u8; 16]) -> Result<bool, Error> {
        if self.inner.at_rest.holds(object, digest) {
            return Ok(true);
        }
        let row = query_scalar(
            "select exists (select 1 from renditions_at_rest where object = $1 and digest = $2)",
        );
        Ok(row.bind(&object.as_bytes()[..]).bind(&digest[..]).fetch_one(&self.inner.database).await?)
    }

    /// What lies at rest, as far as rows know.
    pub async fn at_rest_total(&self) -> Result<AtRestTotal, Error> {
        let total = query("select renditions, bytes from renditions_total where id = 1");
        let row = total.fetch_one(&self.inner.database).await?;
        Ok(AtRestTotal {
            renditions: row.try_get::<i64>("renditions")?.unsigned_abs(),
            bytes: row.try_get::<i64>("bytes")?.unsigned_abs(),
        })
    }

    /// Those that nobody asked for since that time, the longest unused first.
    pub async fn unused_renditions(&self, since: Timestamp, limit: u32) -> Result<Vec<AtRest>, Error> {
        let rows = query("select * from renditions_at_rest where used_at < $1 order by used_at limit $2")
            .bind(since.as_micros())
            .bind(limit)
            .fetch_all(&self.inner.database)
            .await?;
        rows.iter().map(at_rest).collect()
    }

    /// The rows of the renditions of these objects.
    pub async fn renditions_of(&self, objects: &[ObjectId]) -> Result<Vec<AtRest>, Error> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = query("select * from renditions_at_rest where object in (");
        for (at, object) in objects.iter().enumerate() {
            asked.push(if at == 0 { "" } else { ", " }).push_bind(&object.as_bytes()[..]);
        }
        asked.push(")");
        asked.fetch_all(&self.inner.database).await?.iter().map(at_rest).collect()
    }

    /// Forgets renditions that were deleted from storage, but for those that were asked for or put again since these
    /// rows were read. Returns what went.
    pub async fn forget_renditions(&self, deleted: &[AtRest]) -> Result<AtRestTotal, Error> {
        let mut gone = AtRestTotal::default();
        let mut writing = self.begin(Lock::Renditions).await?;
        for rendition in deleted {
            let bytes: Option<i64> = query_scalar(
                "delete from renditions_at_rest where object = $1 and digest = $2 and used_at = $3
                 returning bytes",
            )
            .bind(&rendition.object.as_bytes()[..])
            .bind(&rendition.digest[..])
            .bind(rendition.used_at.as_micros())
            .fetch_optional(writing.db())
            .await?;
            if let Some(bytes) = bytes {
                gone.renditions += 1;
                gone.bytes += bytes.unsigned_abs();
            }
        }
        add_to_total(&mut writing, -(gone.renditions as i64), -(gone.bytes as i64)).await?;
        self.commit(writing).await?;
        Ok(gone)
    }

    /// Forgets a doomed place once its objects are gone, and with it the renditions that lay there.
    pub async fn forget_doomed(&self, place: &Doomed) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Renditions).await?;
        query("delete from doomed where id = $1").bind(place.id).execute(writing.db()).await?;
        remove(&mut writing, &place.object).await?;
        self.commit(writing).await
    }
}

/// Forgets all renditions of an object.
async fn remove(writing: &mut Writing, object: &ObjectId) -> Result<(), Error> {
    let removed = query("delete from renditions_at_rest where object = $1 returning bytes");
    let rows = removed.bind(&object.as_bytes()[..]).fetch_all(writing.db()).await?;
    let weights = rows.iter().map(|row| row.try_get::<i64>("bytes"));
    let bytes = weights.sum::<Result<i64, _>>()?;
    add_to_total(writing, -(rows.len() as i64), -bytes).await
}

async fn add_to_total(writing: &mut Writing, renditions: i64, bytes: i64) -> Result<(), Error> {
    if renditions != 0 {
        query("update renditions_total set renditions = renditions + $1, bytes = bytes + $2 where id = 1")
            .bind(renditions)
            .bind(bytes)
            .execute(writing.db())
            .await?;
    }
    Ok(())
}

async fn is_owned(db: &mut Connection, rendition: &AtRest) -> Result<bool, Error> {
    let owned = query_scalar("select exists (select 1 from images where object = $1)");
    Ok(owned.bind(&rendition.object.as_bytes()[..]).fetch_one(db).await?)
}

/// Inserts a row; true where it is new. One that is there keeps its weight: the same recipe makes the same bytes.
async fn insert(db: &mut Connection, rendition: &AtRest) -> Result<bool, Error> {
    let inserted = query(
        "insert into renditions_at_rest (object, digest, account, day, bytes, used_at)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(&rendition.object.as_bytes()[..])
    .bind(&rendition.digest[..])
    .bind(&rendition.account.as_bytes()[..])
    .bind(rendition.day)
    .bind(rendition.bytes as i64)
    .bind(rendition.used_at.as_micros())
    .execute(&mut *db)
    .await?;
    if inserted > 0 {
        return Ok(true);
    }
    query("update renditions_at_rest set used_at = $3 where object = $1 and digest = $2 and used_at < $3")
        .bind(&rendition.object.as_bytes()[..])
        .bind(&rendition.digest[..])
        .bind(rendition.used_at.as_micros())
        .execute(db)
        .await?;
    Ok(false)
}

fn at_rest(row: &Row) -> Result<AtRest, Error> {
    Ok(AtRest {
        account: account_id(row, "account")?,
        object: object_id(row, "object")?,
        day: row.try_get("day")?,
        digest: bytes(row, "digest")?,
        bytes: row.try_get::<i64>("bytes")?.unsigned_abs(),
        used_at: time(row, "used_at")?,
    })
}
