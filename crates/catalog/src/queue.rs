//! The queue of work: jobs that wait for their time, and those that somebody does under a lease. A lease that its
//! holder does not renew ends, and another takes the job: so each is done at least once, by one at a time, whatever the
//! clocks of their machines say. What the work is stands in the crate `jobs`.

use std::time::Duration;

use domain::{AccountId, Timestamp};
use serde_json::Value;

use crate::Error;
use crate::catalog::Catalog;
use crate::database::{Connection, Kind, Lock, Query, Row, query};
use crate::rows::{account_id, json, json_text};
use crate::shared_clock::SharedClock;

/// Work to be put into the queue.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What kind of work: a word that the crate `jobs` knows.
    pub kind: &'static str,
    /// Where it is given, there is at most one job of this key.
    pub key: Option<String>,
    /// The account that it is for, if it is for one.
    pub account: Option<AccountId>,
    /// What the work needs to know.
    pub payload: Value,
    /// When it is due.
    pub due_at: Timestamp,
}

/// A job that this process has taken, for as long as its lease lasts.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Its row.
    pub id: i64,
    /// What kind of work.
    pub kind: String,
    /// The account that it is for.
    pub account: Option<AccountId>,
    /// What the work needs to know.
    pub payload: Value,
    /// How often it was taken since it last went well, this time included.
    pub attempts: u32,
    lease: Vec<u8>,
}

/// What becomes of a job that its holder is done with.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEnd {
    /// It is done and gone.
    Done,
    /// It is done, and due again at that time, with that payload.
    Again(Timestamp, Value),
    /// It was put down half-way without a fault: whoever takes it next goes on. Not counted as an attempt.
    PutDown,
    /// It failed; it is tried again at that time. The text is safe to show.
    Retry(Timestamp, String),
    /// It failed for good: it stays where people see it, and nobody takes it any more.
    GivenUp(String),
}

/// How the jobs of one kind stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCounts {
    /// The kind.
    pub kind: String,
    /// Those whose time has come and that nobody does.
    pub waiting: u64,
    /// Those that failed the last time and will be tried again.
    pub failing: u64,
    /// Those that were given up.
    pub given_up: u64,
    /// What one of the failed said last.
    pub last_error: Option<String>,
}

/// Characters of an error that are kept.
const MAX_ERROR_CHARS: usize = 500;

impl Catalog {
    /// Puts work into the queue. False where there is a job of its key already, which stays as it is.
    pub async fn enqueue(&self, new: NewJob) -> Result<bool, Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let (clock, now) = (self.shared_clock(), writing.now);
        let is_new = enqueue(writing.db(), new, clock, now).await?;
        self.commit(writing).await?;
        Ok(is_new)
    }

    /// Takes up to so many jobs of these kinds whose time has come, the longest due first. Nobody else gets them
    /// before the lease ends.
    pub async fn claim_jobs(
        &self,
        kinds: &[&str],
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        // Most of the time there is nothing, and SQLite's one writer need not be asked for that.
        let mut any = query("select exists (select 1 from jobs where ");
        due(&mut any, kinds, self.shared_clock()).push(")");
        if !any.scalar::<bool>().fetch_one(&self.inner.database).await? {
            return Ok(Vec::new());
        }
        let mut writing = self.begin(Lock::Rows).await?;
        let claim = claim(kinds, limit, lease, self.shared_clock(), writing.db().kind());
        let rows = claim.fetch_all(writing.db()).await?;
        self.commit(writing).await?;
        let mut jobs = rows.iter().map(claimed).collect::<Result<Vec<_>, Error>>()?;
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }

    /// Lets a lease last that long from now on. False where another has the job by now: then it is no longer ours.
    pub async fn renew_job(&self, job: &ClaimedJob, lease: Duration) -> Result<bool, Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let mut renewal = query("update jobs set due_at = ");
        self.shared_clock().push_after(&mut renewal, lease);
        let renewed = held(renewal, job).execute(writing.db()).await?;
        self.commit(writing).await?;
        Ok(renewed > 0)
    }

    /// Ends a lease. False where another has the job by now: then this end does not count.
    pub async fn end_job(&self, job: &ClaimedJob, end: &JobEnd) -> Result<bool, Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let ended = ending(job, end, self.shared_clock()).execute(writing.db()).await?;
        self.commit(writing).await?;
        Ok(ended > 0)
    }

    /// Makes the job of a key due now, unless somebody does it at this moment, or it failed and waits for its next try.
    pub async fn bring_forward(&self, key: &str) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let (mut forward, clock) = (query("update jobs set due_at = "), self.shared_clock());
        clock.push_now(&mut forward);
        forward
            .push(" where key = ")
            .push_bind(key)
            .push(" and lease is null and attempts = 0 and due_at > ");
        clock.push_now(&mut forward);
        forward.execute(writing.db()).await?;
        self.commit(writing).await
    }

    /// How the queue stands, kind by kind.
    pub async fn job_counts(&self) -> Result<Vec<JobCounts>, Error> {
        let mut counting = query("select kind, count(case when failed_at is null and due_at <= ");
        self.shared_clock().push_now(&mut counting);
        counting.push(
            " then 1 end) as waiting,
                 count(case when failed_at is null and last_error is not null then 1 end) as failing,
                 count(failed_at) as given_up,
                 max(last_error) as last_error
             from jobs group by kind order by kind",
        );
        counting.fetch_all(&self.inner.database).await?.iter().map(counts).collect()
    }
}

/// Puts work into the queue.
async fn enqueue(
    db: &mut Connection,
    new: NewJob,
    clock: SharedClock,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut insert = query(
        "insert into jobs (kind, key, account, payload, created_at, due_at) values ($1, $2, $3, $4, $5, ",
    )
    .bind(new.kind)
    .bind(&new.key)
    .bind(new.account.map(|account| account.as_bytes().to_vec()))
    .bind(json_text(&new.payload))
    .bind(now.as_micros());
    clock.push(&mut insert, new.due_at);
    insert.push(") on conflict do nothing");
    Ok(insert.execute(db).await? > 0)
}

/// The statement that takes jobs. On PostgreSQL those that another is taking at this moment are passed over; SQLite
/// has one writer at a time.
fn claim(kinds: &[&str], limit: u32, lease: Duration, clock: SharedClock, database: Kind) -> Query {
    let mut claim = query("with next as materialized (select id from jobs where ");
    due(&mut claim, kinds, clock).push(" order by due_at, id limit ").push_bind(limit);
    if database == Kind::Postgres {
        claim.push(" for update skip locked");
    }
    claim.push(") update jobs set attempts = attempts + 1, lease = ");
    claim.push_bind(rand::random::<[u8; 16]>().to_vec()).push(", due_at = ");
    clock.push_after(&mut claim, lease);
    claim.push(" where id in (select id from next) returning id, kind, account, payload, attempts, lease");
    claim
}

/// The condition of being due.
fn due<'q>(query: &'q mut Query, kinds: &[&str], clock: SharedClock) -> &'q mut Query {
    query.push("failed_at is null and due_at <= ");
    clock.push_now(query);
    query.push(" and kind in ").push_list(kinds.iter().copied())
}

/// The statement for one job, as long as its lease is ours.
fn held(mut statement: Query, job: &ClaimedJob) -> Query {
    statement.push(" where id = ").push_bind(job.id).push(" and lease = ").push_bind(&job.lease);
    statement
}

/// The statement that ends a lease.
fn ending(job: &ClaimedJob, end: &JobEnd, clock: SharedClock) -> Query {
    let mut ending = query(match end {
        JobEnd::Done => "delete from jobs",
        JobEnd::Again(..) => "update jobs set lease = null, attempts = 0, last_error = null, due_at = ",
        JobEnd::PutDown => "update jobs set lease = null, attempts = attempts - 1, due_at = ",
        JobEnd::Retry(..) => "update jobs set lease = null, due_at = ",
        JobEnd::GivenUp(_) => "update jobs set lease = null, failed_at = ",
    });
    match end {
        JobEnd::Done => {}
        JobEnd::Again(at, _) | JobEnd::Retry(at, _) => clock.push(&mut ending, *at),
        JobEnd::PutDown | JobEnd::GivenUp(_) => clock.push_now(&mut ending),
    }
    match end {
        JobEnd::Done | JobEnd::PutDown => {}
        JobEnd::Again(_, payload) => _ = ending.push(", payload = ").push_bind(json_text(payload)),
        JobEnd::Retry(_, error) | JobEnd::GivenUp(error) => {
            ending.push(", last_error = ").push_bind(kept(error));
        }
    }
    held(ending, job)
}

fn kept(error: &str) -> String {
    error.chars().take(MAX_ERROR_CHARS).collect()
}

fn claimed(row: &Row) -> Result<ClaimedJob, Error> {
    let has_account = row.try_get::<Option<&[u8]>>("account")?.is_some();
    Ok(ClaimedJob {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        account: has_account.then(|| account_id(row, "account")).transpose()?,
        payload: json(row, "payload")?,
        attempts: row.try_get::<i64>("attempts")?.clamp(0, u32::MAX.into()) as u32,
        lease: row.try_get("lease")?,
    })
}

fn counts(row: &Row) -> Result<JobCounts, Error> {
    let number = |column: &str| row.try_get::<i64>(column).map(i64::unsigned_abs);
    Ok(JobCounts {
        kind: row.try_get("kind")?,
        waiting: number("waiting")?,
        failing: number("failing")?,
        given_up: number("given_up")?,
        last_error: row.try_get("last_error")?,
    })
}
