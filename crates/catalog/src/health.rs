//! Questions of those who check or copy a whole house: every original that the rows own, totals that do not add up,
//! secrets that do not open, and what the database finds wrong with itself.

use domain::{AccountId, Handle, ImageId, ObjectId};

use crate::Error;
use crate::accounts::Totals;
use crate::catalog::Catalog;
use crate::database::{Connection, Kind, Row, query, query_scalar};
use crate::rows::{account_id, bytes, object_id, parsed};
use crate::{schemes, signing_keys, verifying_keys};

/// An original that a row owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedOriginal {
    /// The row's number: the place from which the next question goes on.
    pub number: i64,
    /// Its account.
    pub account: AccountId,
    /// The account's handle, for people.
    pub handle: Handle,
    /// Its image.
    pub image: ImageId,
    /// Its random name in storage.
    pub object: ObjectId,
    /// The day on which it came (days since 1970).
    pub day: i64,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// An account whose running totals are not what its images add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongTotals {
    /// The account's handle.
    pub handle: Handle,
    /// What the account's row says.
    pub kept: Totals,
    /// What its images add up to.
    pub counted: Totals,
}

/// The most problems of the database's own finding that are told.
const MAX_PROBLEMS: i64 = 100;

impl Catalog {
    /// Originals with a row number above `after`, in order of that number, at most `limit`. Drafts have none.
    pub async fn owned_originals(&self, after: i64, limit: u32) -> Result<Vec<OwnedOriginal>, Error> {
        owned_originals(&mut self.inner.database.acquire().await?, after, limit).await
    }

    /// How many originals the rows own, and how many bytes those have.
    pub async fn owned_totals(&self) -> Result<Totals, Error> {
        owned_totals(&mut self.inner.database.acquire().await?).await
    }

    /// Accounts whose running totals do not add up.
    pub async fn wrong_totals(&self) -> Result<Vec<WrongTotals>, Error> {
        let rows = query(
            "select a.handle, a.images as kept_images, a.bytes as kept_bytes,
                 count(i.number) as images, cast(coalesce(sum(i.bytes), 0) as bigint) as bytes
             from accounts a left join images i on i.account = a.id and i.facts is not null
             group by a.id, a.handle, a.images, a.bytes
             having a.images <> count(i.number) or a.bytes <> coalesce(sum(i.bytes), 0)
             order by a.handle",
        );
        let rows = rows.fetch_all(&self.inner.database).await?;
        let wrong = |row: &Row| {
            Ok(WrongTotals {
                handle: parsed(row, "handle")?,
                kept: totals(row, "kept_images", "kept_bytes")?,
                counted: totals(row, "images", "bytes")?,
            })
        };
        rows.iter().map(wrong).collect()
    }

    /// Stored secrets that the master key does not open, as people call them; none where all is well.
    pub async fn unreadable_secrets(&self) -> Result<Vec<String>, Error> {
        let mut reader = self.inner.database.snapshot().await?;
        let sealer = self.sealer(&mut reader).await?;
        let mut unreadable = signing_keys::unreadable(&mut reader, &sealer).await?;
        unreadable.extend(verifying_keys::unreadable(&mut reader, &sealer).await?);
        unreadable.extend(schemes::unreadable(&mut reader, &sealer).await?);
        Ok(unreadable)
    }

    /// How many places are doomed and not freed yet.
    pub async fn doomed_count(&self) -> Result<u64, Error> {
        let count: i64 = query_scalar("select count(*) from doomed").fetch_one(&self.inner.database).await?;
        Ok(count.unsigned_abs())
    }

    /// What the database finds wrong with its own pages, indexes and references; nothing where all is well.
    /// PostgreSQL keeps its own checksums and refuses what is damaged, so there is no such question to it.
    pub async fn integrity_problems(&self) -> Result<Vec<String>, Error> {
        integrity_problems(&mut self.inner.database.acquire().await?).await
    }
}

pub(crate) async fn owned_originals(
    db: &mut Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<OwnedOriginal>, Error> {
    let rows = query(
        "select i.number, i.account, a.handle, i.id, i.object, i.day, i.bytes, i.sha256
         from images i join accounts a on a.id = i.account
         where i.number > $1 and i.facts is not null order by i.number limit $2",
    );
    let rows = rows.bind(after).bind(limit).fetch_all(db).await?;
    let original = |row: &Row| {
        Ok(OwnedOriginal {
            number: row.try_get("number")?,
            account: account_id(row, "account")?,
            handle: parsed(row, "handle")?,
            image: parsed(row, "id")?,
            object: object_id(row, "object")?,
            day: row.try_get("day")?,
            bytes: row.try_get::<i64>("bytes")?.unsigned_abs(),
            sha256: bytes(row, "sha256")?,
        })
    };
    rows.iter().map(original).collect()
}

pub(crate) async fn owned_totals(db: &mut Connection) -> Result<Totals, Error> {
    let row = query(
        "select count(*) as images, cast(coalesce(sum(bytes), 0) as bigint) as bytes
         from images where facts is not null",
    );
    Ok(totals(&row.fetch_one(db).await?, "images", "bytes")?)
}

pub(crate) async fn integrity_problems(db: &mut Connection) -> Result<Vec<String>, Error> {
    if db.kind() == Kind::Postgres {
        return Ok(Vec::new());
    }
    let check =
        query_scalar("select integrity_check from pragma_integrity_check limit $1").bind(MAX_PROBLEMS);
    let mut problems: Vec<String> = check.fetch_all(&mut *db).await?;
    problems.retain(|problem| problem != "ok");
    let orphans = query(
        "select \"table\" as name, count(*) as missing from pragma_foreign_key_check group by \"table\"",
    );
    for row in orphans.fetch_all(db).await? {
        let (table, rows) = (row.try_get::<String>("name")?, row.try_get::<i64>("missing")?);
        problems.push(format!("{rows} rows of {table} refer to rows that are not there"));
    }
    Ok(problems)
}

fn totals(row: &Row, images: &str, bytes: &str) -> Result<Totals, sqlx::Error> {
    Ok(Totals { images: row.try_get(images)?, bytes: row.try_get(bytes)? })
}
