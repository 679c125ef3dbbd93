//! The renditions that lie in storage: what each weighs and when it was last asked for. A rendition can be made again,
//! so a row may be missing or one too many: what is read is noted again, what was longest unused goes first.

use std::collections::{BTreeMap, HashSet};

use domain::{ObjectId, Timestamp};

use crate::Error;
use crate::catalog::{Catalog, Writing};
use crate::database::{Connection, Lock, Row, Value, query, query_scalar};
use crate::doomed::{self, Doomed};
use crate::images;
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

/// Rows that one statement writes.
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
        let objects: HashSet<ObjectId> = renditions.iter().map(|rendition| rendition.object).collect();
        let objects: Vec<ObjectId> = objects.into_iter().collect();
        let owned = images::owned_objects(writing.db(), &objects).await?;
        let (alive, dead): (Vec<_>, Vec<_>) =
            renditions.iter().partition(|rendition| owned.contains(&rendition.object));
        let places: BTreeMap<_, _> = dead.into_iter().map(|dead| (dead.object, dead)).collect();
        for AtRest { account, object, day, .. } in places.into_values() {
            doomed::insert(writing.db(), account, object, *day).await?;
        }
        if !alive.is_empty() {
            let added = insert(writing.db(), &alive).await?;
            make_younger(writing.db(), &alive).await?;
            add_to_total(&mut writing, added.renditions as i64, added.bytes as i64).await?;
        }
        self.commit(writing).await
    }

    /// Notes that renditions were asked for just now, by object and digest. Those without a row are left out.
    pub async fn note_renditions_used(&self, used: &[(ObjectId, [u8; 16])]) -> Result<(), Error> {
        for batch in used.chunks(BATCH) {
            let mut writing = self.begin(Lock::Renditions).await?;
            let now = writing.now;
            let before = now.minus(std::time::Duration::from_secs(USED_NOTED_EVERY_S));
            let mut note = query("update renditions_at_rest set used_at = ");
            note.push_bind(now.as_micros()).push(" where used_at < ").push_bind(before.as_micros());
            note.push(" and (object, digest) in (");
            note.push_rows(batch.iter().map(|(object, digest)| [bound(object.as_bytes()), bound(digest)]));
            note.push(")");
            note.execute(writing.db()).await?;
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
        let mut asked = query("select * from renditions_at_rest where object in ");
        asked.push_list(objects.iter().map(|object| &object.as_bytes()[..]));
        asked.fetch_all(&self.inner.database).await?.iter().map(at_rest).collect()
    }

    /// Forgets renditions that were deleted from storage, but for those that were asked for or put again since these
    /// rows were read. Returns what went.
    pub async fn forget_renditions(&self, deleted: &[AtRest]) -> Result<AtRestTotal, Error> {
        if deleted.is_empty() {
            return Ok(AtRestTotal::default());
        }
        let mut writing = self.begin(Lock::Renditions).await?;
        let mut forget = query("delete from renditions_at_rest where (object, digest, used_at) in (");
        forget.push_rows(deleted.iter().map(used));
        forget.push(") returning bytes");
        let gone = sum(&forget.fetch_all(writing.db()).await?)?;
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
    let gone = sum(&removed.bind(&object.as_bytes()[..]).fetch_all(writing.db()).await?)?;
    add_to_total(writing, -(gone.renditions as i64), -(gone.bytes as i64)).await
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

/// Inserts the rows that are not there yet; returns what they add. One that is there keeps its weight: the same recipe
/// makes the same bytes.
async fn insert(db: &mut Connection, renditions: &[&AtRest]) -> Result<AtRestTotal, Error> {
    let mut insert = query("insert into renditions_at_rest (object, digest, account, day, bytes, used_at) ");
    insert.push_rows(renditions.iter().map(|it| {
        let (account, day, bytes) = (bound(it.account.as_bytes()), it.day.into(), (it.bytes as i64).into());
        [bound(it.object.as_bytes()), bound(&it.digest), account, day, bytes, it.used_at.as_micros().into()]
    }));
    insert.push(" on conflict do nothing returning bytes");
    sum(&insert.fetch_all(db).await?)
}

/// Rows that were used longer ago than that say so no more.
async fn make_younger(db: &mut Connection, renditions: &[&AtRest]) -> Result<(), Error> {
    let mut update = query("update renditions_at_rest as kept set used_at = used.column3 from (");
    update.push_rows(renditions.iter().copied().map(used));
    // Both databases name the columns of bare values so.
    update.push(") as used where kept.object = used.column1 and kept.digest = used.column2 and kept.used_at < used.column3");
    update.execute(db).await?;
    Ok(())
}

/// Which rendition, and when it was used.
fn used(rendition: &AtRest) -> [Value; 3] {
    let AtRest { object, digest, used_at, .. } = rendition;
    [bound(object.as_bytes()), bound(digest), used_at.as_micros().into()]
}

fn bound(bytes: &[u8]) -> Value {
    bytes.into()
}

/// How many rows there are, and what they weigh.
fn sum(rows: &[Row]) -> Result<AtRestTotal, Error> {
    let weights = rows.iter().map(|row| row.try_get::<i64>("bytes"));
    let bytes = weights.sum::<Result<i64, _>>()?.unsigned_abs();
    Ok(AtRestTotal { renditions: rows.len() as u64, bytes })
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
