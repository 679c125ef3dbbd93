//! Seals over the audit log: a chain for each account, so that whoever edits, removes or inserts a row behind the
//! program's back is found. What belongs to no account has a chain too. Writing the log itself stands in `audit.rs`.
//!
//! What is not found: whoever can write to the database may take away the newest seals of all, down to any one of them,
//! and then edit, remove or insert rows behind that one, which the program seals anew as if they had just come. A row
//! that is inserted behind the last seal is sealed, too. Against that help copies of the seals that are kept elsewhere.

use std::fmt;

use domain::{AccountId, Timestamp};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::database::{Connection, Lock, Row, query, query_scalar};
use crate::rows::time;
use crate::{Catalog, Error};

/// How the audit log of an account stands against its seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChain {
    /// The account; none for what belongs to no account.
    pub account: Option<AccountId>,
    /// Rows that seals cover and that are as they were, up to the first seal that does not fit.
    pub sealed: u64,
    /// Rows since the last seal, which nothing covers yet.
    pub unsealed: u64,
    /// The first seal that does not fit.
    pub broken: Option<BrokenSeal>,
}

/// A seal that does not fit the rows it was put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenSeal {
    /// Rows of the log after this id, which the seal before it ends with; the least number for the first seal …
    pub after: i64,
    /// … up to this one.
    pub last: i64,
    /// When it was put.
    pub sealed_at: Timestamp,
    /// How many rows it was put on.
    pub rows: u64,
    /// How many there are.
    pub found: u64,
}

impl fmt::Display for BrokenSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BrokenSeal { last, rows, found, .. } = self;
        let what = match rows.cmp(found) {
            std::cmp::Ordering::Greater => "rows were removed",
            std::cmp::Ordering::Less => "rows were inserted",
            std::cmp::Ordering::Equal => "a row was edited, or a seal edited or removed",
        };
        let at = self.sealed_at.to_rfc3339();
        write!(f, "{what}: the seal of {at} covers {rows} rows up to id {last}, there are {found}")
    }
}

/// How far this process has looked at the log.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// The newest row that the last look has seen.
    newest: i64,
    /// When every account was last looked at.
    whole_at: Option<Timestamp>,
}

/// Rows that one seal covers at most.
const MAX_ROWS: u32 = 1_000;

/// Seals that one transaction puts at most.
const MAX_CHAINS: usize = 50;

/// Seals that are checked at once.
const MAX_SEALS: u32 = 100;

/// How often every account is looked at, not only those with new rows: on PostgreSQL a row of one account may be seen
/// after a newer one of another.
const WHOLE_EVERY_S: u64 = 60;

/// The accounts with rows in the log, or in the table of its seals, found by as many steps through its index as there are accounts.
fn accounts_in(table: &str) -> String {
    format!(
        "with recursive found (account) as (
            select (select account from {table} where account is not null order by account limit 1)
            union all
            select (select a.account from {table} a where a.account > found.account order by a.account limit 1)
            from found where found.account is not null
        ) select account from found where account is not null"
    )
}

/// An account as the table of seals names it: empty for what belongs to none.
type Chain = Vec<u8>;

/// What a seal is put on, but for the rows.
struct Seal<'a> {
    id: i64,
    at: Timestamp,
    chain: &'a [u8],
    /// The digest of the seal before it in its chain.
    before: &'a [u8],
    /// The digest of the seal with the id before its own, of whatever chain: so no end of one chain can be cut off
    /// behind which another goes on.
    neighbour: &'a [u8],
}

/// The end of a chain.
#[derive(Debug, Clone)]
struct End {
    last_row: i64,
    digest: Vec<u8>,
}

impl Catalog {
    /// Seals what is new in the audit log; returns how many rows. To be called once a second, by any process.
    pub async fn seal_audit(&self) -> Result<u64, Error> {
        let mut looked = self.inner.looked.lock().await;
        let mut reader = self.inner.database.snapshot().await?;
        let newest: i64 =
            query_scalar("select coalesce(max(id), 0) from audit").fetch_one(&mut reader).await?;
        let now = self.now();
        let is_whole = looked.whole_at.is_none_or(|at| now.since(at).as_secs() >= WHOLE_EVERY_S);
        let chains = if is_whole {
            chains(&mut reader).await?
        } else if newest > looked.newest {
            chains_after(&mut reader, looked.newest).await?
        } else {
            return Ok(0);
        };
        let mut due = Vec::new();
        for chain in chains {
            if has_unsealed(&mut reader, &chain).await? {
                due.push(chain);
            }
        }
        drop(reader);
        let mut sealed = 0;
        while !due.is_empty() {
            let some: Vec<Chain> = due.drain(..due.len().min(MAX_CHAINS)).collect();
            let (rows, more) = self.seal_some(&some).await?;
            sealed += rows;
            due.extend(more);
        }
        *looked = Looked { newest, whole_at: if is_whole { Some(now) } else { looked.whole_at } };
        Ok(sealed)
    }

    /// Compares the whole log with its seals, account by account; first what belongs to none.
    pub async fn verify_audit(&self) -> Result<Vec<AuditChain>, Error> {
        let mut reader = self.inner.database.snapshot().await?;
        let mut all = chains(&mut reader).await?;
        // Seals may have lost all their rows.
        let sealed = query(accounts_in("audit_seals")).scalar::<Chain>();
        all.extend(sealed.fetch_all(&mut reader).await?);
        all.sort();
        all.dedup();
        let key = self.seal_key();
        let mut checked = Vec::new();
        for chain in &all {
            checked.push(check(&mut reader, &key, chain).await?);
        }
        Ok(checked)
    }

    /// Seals the new rows of some accounts, those of each with one seal, in one transaction. Returns how many rows, and
    /// which accounts may have more. Rows of an account are written under its lock, so that none with a lower id can
    /// come after those that are seen here.
    async fn seal_some(&self, chains: &[Chain]) -> Result<(u64, Vec<Chain>), Error> {
        let key = self.seal_key();
        let mut writing = self.begin(Lock::Seals).await?;
        let now = writing.now;
        let (mut sealed, mut more) = (0, Vec::new());
        for chain in chains {
            let rows = seal_one(writing.db(), &key, chain, now).await?;
            sealed += rows;
            if rows == u64::from(MAX_ROWS) {
                more.push(chain.clone());
            }
        }
        self.commit(writing).await?;
        Ok((sealed, more))
    }

    /// The key of the seals. It comes from the database's own secret, which stays when the master key is rotated.
    fn seal_key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.inner.own_secret)
            .expand(b"darkroom audit seals", &mut *key)
            .expect("HKDF gives 32 bytes");
        key
    }
}

/// Puts a seal on the next rows of a chain, if there are any; returns how many.
async fn seal_one(db: &mut Connection, key: &[u8; 32], chain: &Chain, now: Timestamp) -> Result<u64, Error> {
    let end = end(db, chain).await?;
    let rows = rows(db, chain, end.last_row, i64::MAX, MAX_ROWS).await?;
    let Some(last) = rows.last() else { return Ok(0) };
    let (id, neighbour) = newest_seal(db).await?;
    let seal = Seal { id: id + 1, at: now, chain, before: &end.digest, neighbour: &neighbour };
    query(
        "insert into audit_seals (id, account, at, last_row, row_count, digest) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(seal.id)
    .bind(chain)
    .bind(now.as_micros())
    .bind(last.try_get::<i64>("id")?)
    .bind(rows.len() as i64)
    .bind(seal.digest(key, &rows)?)
    .execute(db)
    .await?;
    Ok(rows.len() as u64)
}

/// Every chain with rows, in order: the one of no account is first.
async fn chains(db: &mut Connection) -> Result<Vec<Chain>, Error> {
    let mut chains = vec![Chain::new()];
    chains.extend(query(accounts_in("audit")).scalar::<Chain>().fetch_all(db).await?);
    Ok(chains)
}

/// The chains with rows after this id.
async fn chains_after(db: &mut Connection, id: i64) -> Result<Vec<Chain>, Error> {
    let rows = query("select distinct account from audit where id > $1").bind(id).fetch_all(db).await?;
    rows.iter().map(|row| Ok(row.try_get::<Option<Chain>>(0)?.unwrap_or_default())).collect()
}

async fn has_unsealed(db: &mut Connection, chain: &Chain) -> Result<bool, Error> {
    let end = end(db, chain).await?;
    Ok(!rows(db, chain, end.last_row, i64::MAX, 1).await?.is_empty())
}

/// Where a chain ends so far.
async fn end(db: &mut Connection, chain: &Chain) -> Result<End, Error> {
    let newest =
        query("select last_row, digest from audit_seals where account = $1 order by last_row desc limit 1");
    let Some(row) = newest.bind(chain).fetch_optional(db).await? else { return Ok(End::start()) };
    Ok(End { last_row: row.try_get("last_row")?, digest: row.try_get("digest")? })
}

/// The rows of a chain after one id, up to another and with it.
async fn rows(
    db: &mut Connection,
    chain: &Chain,
    after: i64,
    last: i64,
    limit: u32,
) -> Result<Vec<Row>, Error> {
    let mut asked = query("select * from audit where id > ");
    asked.push_bind(after).push(" and id <= ").push_bind(last);
    if chain.is_empty() {
        asked.push(" and account is null");
    } else {
        asked.push(" and account = ").push_bind(chain);
    }
    // The account stands first, as in the index: PostgreSQL would not see that `is null` leaves one order.
    asked.push(" order by account, id limit ").push_bind(limit);
    Ok(asked.fetch_all(db).await?)
}

impl Seal<'_> {
    /// Over what it follows and every column of the rows, each with its length before it, so that no two logs read the
    /// same.
    fn digest(&self, key: &[u8; 32], rows: &[Row]) -> Result<Vec<u8>, Error> {
        let mut seal = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
        let mut part = |bytes: &[u8]| {
            seal.update(&(bytes.len() as u64).to_be_bytes());
            seal.update(bytes);
        };
        part(&self.id.to_be_bytes());
        part(&self.at.as_micros().to_be_bytes());
        [self.chain, self.before, self.neighbour].into_iter().for_each(&mut part);
        part(&(rows.len() as u64).to_be_bytes());
        for row in rows {
            part(&row.try_get::<i64>("id")?.to_be_bytes());
            part(&row.try_get::<i64>("at")?.to_be_bytes());
            for column in ["actor", "address", "request_id", "act", "target", "result"] {
                let text: Option<String> = row.try_get(column)?;
                part(&[u8::from(text.is_some())]);
                part(text.unwrap_or_default().as_bytes());
            }
        }
        Ok(seal.finalize().into_bytes().to_vec())
    }
}

/// The number and the digest of the newest seal of any chain; 0 and nothing where there is none.
async fn newest_seal(db: &mut Connection) -> Result<(i64, Vec<u8>), Error> {
    let newest = query("select id, digest from audit_seals order by id desc limit 1");
    let Some(row) = newest.fetch_optional(db).await? else { return Ok((0, Vec::new())) };
    Ok((row.try_get("id")?, row.try_get("digest")?))
}

/// Walks a chain from its start to the first seal that does not fit.
async fn check(db: &mut Connection, key: &[u8; 32], chain: &Chain) -> Result<AuditChain, Error> {
    let account = <[u8; 16]>::try_from(chain.as_slice()).ok().map(AccountId::from_bytes);
    let (mut end, mut sealed, mut broken) = (End::start(), 0, None);
    while broken.is_none() {
        let seals = seals(db, chain, end.last_row).await?;
        if seals.is_empty() {
            break;
        }
        for seal in &seals {
            broken = fits(db, key, chain, &mut end, seal).await?;
            if broken.is_some() {
                break;
            }
            sealed += seal.try_get::<i64>("row_count")?.unsigned_abs();
        }
    }
    let newest = self::end(db, chain).await?;
    let unsealed = count_after(db, chain, newest.last_row).await?;
    Ok(AuditChain { account, sealed, unsealed, broken })
}

/// Holds one seal against its rows, and goes on to its end where it fits.
async fn fits(
    db: &mut Connection,
    key: &[u8; 32],
    chain: &Chain,
    end: &mut End,
    seal: &Row,
) -> Result<Option<BrokenSeal>, Error> {
    let (last, put): (i64, i64) = (seal.try_get("last_row")?, seal.try_get("row_count")?);
    // One more than there should be is enough to know.
    let rows = rows(db, chain, end.last_row, last, MAX_ROWS + 1).await?;
    let neighbour = seal.try_get::<Option<Vec<u8>>>("neighbour")?.unwrap_or_default();
    let (id, at) = (seal.try_get("id")?, time(seal, "at")?);
    let found = Seal { id, at, chain, before: &end.digest, neighbour: &neighbour }.digest(key, &rows)?;
    if found != seal.try_get::<&[u8]>("digest")? || rows.len() as i64 != put {
        let (after, rows, found) = (end.last_row, put.unsigned_abs(), rows.len() as u64);
        return Ok(Some(BrokenSeal { after, last, sealed_at: at, rows, found }));
    }
    *end = End { last_row: last, digest: found };
    Ok(None)
}

/// The next seals of a chain after a row.
async fn seals(db: &mut Connection, chain: &Chain, after: i64) -> Result<Vec<Row>, Error> {
    let next = query(
        "select s.*, n.digest as neighbour from audit_seals s left join audit_seals n on n.id = s.id - 1
         where s.account = $1 and s.last_row > $2 order by s.last_row limit $3",
    );
    Ok(next.bind(chain).bind(after).bind(MAX_SEALS).fetch_all(db).await?)
}

async fn count_after(db: &mut Connection, chain: &Chain, after: i64) -> Result<u64, Error> {
    let mut asked = query("select count(*) from audit where id > ");
    asked.push_bind(after);
    if chain.is_empty() {
        asked.push(" and account is null");
    } else {
        asked.push(" and account = ").push_bind(chain);
    }
    Ok(asked.scalar::<i64>().fetch_one(db).await?.unsigned_abs())
}

impl End {
    /// Before the first row, whatever id somebody may give one.
    fn start() -> End {
        End { last_row: i64::MIN, digest: Vec::new() }
    }
}
