//! What the tally holds, written into tables that add up over processes: by account and day, image and day, signing key
//! and hour, API token and hour. Who reads them stands in `usage.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use domain::{AccountId, ObjectId, SigningKeyId, Timestamp};

use crate::database::{Connection, Lock, Value, query, query_scalar};
use crate::fetch_log::minute_of;
use crate::tally::{Counts, FLEXIBLE, Kind, Outcome, Sum, Tally, hour_of};
use crate::{Catalog, Error};

/// How long counters of an hour, and those of a day, are kept.
const DAY: Duration = Duration::from_secs(86_400);
const HOURS_KEPT: Duration = Duration::from_secs(8 * 86_400);
const DAYS_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// Rows that one statement writes: texts of two lengths only, so that the database keeps both prepared.
const AT_ONCE: [usize; 2] = [50, 1];

/// Rows past their time that one transaction removes.
const PRUNED_AT_ONCE: u32 = 1_000;

/// Hours of a day.
const HOURS: i64 = 24;

impl Catalog {
    /// What was counted in this process since the last flush.
    pub fn tally(&self) -> &Tally {
        &self.inner.tally
    }

    /// Writes what was counted into its tables, in one transaction, and notes which renditions were asked for. What
    /// cannot be written is kept for the next time. Returns how many deliveries and requests it were. To be called at
    /// least once a minute, and whenever [`Tally::filling`] returns.
    pub async fn flush_tally(&self) -> Result<u64, Error> {
        // Nobody reads while something is neither here nor there.
        let _alone = self.inner.flushing.write().await;
        let taken = self.inner.tally.take();
        if taken.iter().all(Counts::is_empty) {
            return Ok(0);
        }
        let sums = Sums::of(&taken);
        if let Err(error) = self.write_sums(&sums).await {
            // What may have been written must not be written twice.
            if !matches!(error, Error::Unknown(_)) {
                self.inner.tally.put_back(taken);
            }
            return Err(error);
        }
        let (coarse, lost) = (sum(&taken, |counts| counts.coarse), sum(&taken, |counts| counts.lost));
        if coarse + lost > 0 {
            tracing::warn!(
                coarse,
                lost,
                "more was asked than memory counts apart: by variant only, or not at all"
            );
        }
        let used: Vec<_> = sums.used.iter().copied().collect();
        self.note_renditions_used(&used).await?;
        Ok(sums.requests)
    }

    /// Removes counters that are past their time, some at once, so that nobody waits long for their end. Returns how
    /// many rows went.
    pub async fn prune_counters(&self) -> Result<u64, Error> {
        let now = self.now();
        let (hour, day) = (hour_of(now.minus(HOURS_KEPT)), hour_of(now.minus(DAYS_KEPT)) / HOURS);
        let minute = minute_of(now.minus(DAY * self.inner.config.fetch_log_days));
        let mut gone = 0;
        for (table, key, time, before) in [
            ("signing_key_hours", "account, name, hour", "hour", hour),
            ("api_token_hours", "token, hour", "hour", hour),
            ("account_hours", "account, hour, options, signed", "hour", hour),
            ("account_days", "account, day, variant, result, format", "day", day),
            ("image_days", "object, day", "day", day),
            ("scheme_report_days", "account, scheme, day, verdict", "day", day),
            ("fetches", "account, minute, digest", "minute", minute),
        ] {
            let statement = format!(
                "delete from {table} where ({key}) in (select {key} from {table} where {time} < $1 limit $2)"
            );
            loop {
                let pruned = self.prune(statement.clone(), before).await?;
                gone += pruned;
                if pruned < PRUNED_AT_ONCE.into() {
                    break;
                }
            }
        }
        Ok(gone + self.prune_fetches().await?)
    }

    /// Removes the oldest fetches of all accounts, where there are more than are kept.
    async fn prune_fetches(&self) -> Result<u64, Error> {
        let most = self.inner.config.max_fetch_log_rows;
        if most == 0 {
            return Ok(0);
        }
        let kept =
            query_scalar::<i64>("select count(*) from fetches").fetch_one(&self.inner.database).await?;
        let excess = kept.unsigned_abs().saturating_sub(most);
        let statement = "delete from fetches where (account, minute, digest) in
            (select account, minute, digest from fetches where minute < $1 order by minute limit $2)";
        let mut gone = 0;
        while gone < excess {
            let batch = (excess - gone).min(PRUNED_AT_ONCE.into());
            let pruned = self.prune_some(statement.to_owned(), i64::MAX, batch).await?;
            if pruned == 0 {
                break;
            }
            gone += pruned;
        }
        Ok(gone)
    }

    async fn prune(&self, statement: String, before: i64) -> Result<u64, Error> {
        self.prune_some(statement, before, PRUNED_AT_ONCE.into()).await
    }

    async fn prune_some(&self, statement: String, before: i64, most: u64) -> Result<u64, Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let gone = query(statement).bind(before).bind(whole(most)).execute(writing.db()).await?;
        self.commit(writing).await?;
        Ok(gone)
    }

    /// Rows are locked in the order of their keys, so that two processes wait for each other in no circle.
    async fn write_sums(&self, sums: &Sums<'_>) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let db = writing.db();
        write_account_days(db, sums).await?;
        write_account_hours(db, sums).await?;
        write_image_days(db, sums).await?;
        write_key_hours(db, sums).await?;
        write_key_uses(db, sums).await?;
        write_token_hours(db, sums).await?;
        for (token, last_at) in &sums.token_uses {
            query("update api_tokens set last_used_at = $2 where id = $1 and coalesce(last_used_at, 0) < $2")
                .bind(*token)
                .bind(last_at.as_micros())
                .execute(&mut *db)
                .await?;
        }
        self.commit(writing).await
    }
}

fn sum(taken: &[Counts], of: impl Fn(&Counts) -> u64) -> u64 {
    taken.iter().map(of).sum()
}

/// Account, day, variant, result, format.
type AccountDay<'t> = (AccountId, i64, &'t str, &'static str, &'static str);

/// What was delivered for an account within an hour is told apart by two questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountHour {
    pub(crate) account: AccountId,
    pub(crate) hour: i64,
    /// The URL carried options.
    pub(crate) options: bool,
    /// A signature was needed and right.
    pub(crate) signed: bool,
}

impl AccountHour {
    /// Where answers of a kind belong; nowhere if they were refusals or uploads.
    pub(crate) fn of(kind: &Kind<Box<str>, SigningKeyId>) -> Option<AccountHour> {
        let is_delivery = !matches!(kind.outcome, Outcome::Refused(_) | Outcome::Stored);
        let (options, signed) = (&*kind.variant == FLEXIBLE, kind.key.is_some());
        is_delivery.then_some(AccountHour { account: kind.account, hour: kind.hour, options, signed })
    }
}

/// Counts of all threads, summed up by the keys of the tables.
#[derive(Default)]
struct Sums<'t> {
    requests: u64,
    account_days: BTreeMap<AccountDay<'t>, (u64, u64)>,
    account_hours: BTreeMap<AccountHour, u64>,
    image_days: BTreeMap<(ObjectId, i64), (AccountId, u64, u64)>,
    key_hours: BTreeMap<(AccountId, &'t SigningKeyId, i64), u64>,
    key_uses: BTreeMap<(AccountId, &'t SigningKeyId), KeyUse<'t>>,
    token_hours: BTreeMap<(&'t str, i64), u64>,
    token_uses: BTreeMap<&'t str, Timestamp>,
    used: BTreeSet<(ObjectId, [u8; 16])>,
}

/// The last use of a signing key, and the latest end among its URLs.
struct KeyUse<'t> {
    at: Timestamp,
    variant: &'t str,
    address: Option<IpAddr>,
    latest_exp_s: Option<i64>,
}

impl<'t> Sums<'t> {
    fn of(taken: &'t [Counts]) -> Sums<'t> {
        let mut sums = Sums::default();
        for (kind, sum) in taken.iter().flat_map(|counts| &counts.answers) {
            sums.add_answers(kind, sum);
        }
        for ((token, hour), asked) in taken.iter().flat_map(|counts| &counts.tokens) {
            sums.requests += asked.requests;
            *sums.token_hours.entry((token, *hour)).or_default() += asked.requests;
            let last = sums.token_uses.entry(token).or_insert(asked.last_at);
            *last = asked.last_at.max(*last);
        }
        sums
    }

    fn add_answers(&mut self, kind: &'t Kind<Box<str>, SigningKeyId>, sum: &Sum) {
        self.requests += sum.requests;
        let day = kind.hour.div_euclid(HOURS);
        let format = kind.format.map_or("", |format| format.media_type().trim_start_matches("image/"));
        let key = (kind.account, day, &*kind.variant, kind.outcome.word(), format);
        let (requests, bytes) = self.account_days.entry(key).or_default();
        (*requests, *bytes) = (*requests + sum.requests, *bytes + sum.sent_bytes);
        if let Some(hour) = AccountHour::of(kind) {
            *self.account_hours.entry(hour).or_default() += sum.requests;
        }
        if let Some(object) = kind.object {
            let (_, requests, bytes) = self.image_days.entry((object, day)).or_insert((kind.account, 0, 0));
            (*requests, *bytes) = (*requests + sum.requests, *bytes + sum.sent_bytes);
            self.used.extend(kind.digest.map(|digest| (object, digest)));
        }
        if let Some(id) = &kind.key {
            *self.key_hours.entry((kind.account, id, kind.hour)).or_default() += sum.requests;
            self.add_key_use(kind.account, id, &kind.variant, sum);
        }
    }

    fn add_key_use(&mut self, account: AccountId, id: &'t SigningKeyId, variant: &'t str, sum: &Sum) {
        let now =
            KeyUse { at: sum.last_at, variant, address: sum.last_address, latest_exp_s: sum.latest_exp_s };
        match self.key_uses.entry((account, id)) {
            std::collections::btree_map::Entry::Vacant(vacant) => _ = vacant.insert(now),
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let latest_exp_s = known.get().latest_exp_s.max(now.latest_exp_s);
                if known.get().at < now.at {
                    known.insert(now);
                }
                known.get_mut().latest_exp_s = latest_exp_s;
            }
        }
    }
}

async fn write_account_days(db: &mut Connection, sums: &Sums<'_>) -> Result<(), Error> {
    let insert = "insert into account_days (account, day, variant, result, format, requests, bytes)";
    let add = "on conflict (account, day, variant, result, format) do update set
                   requests = account_days.requests + excluded.requests, bytes = account_days.bytes + excluded.bytes";
    let rows: Vec<_> = sums.account_days.iter().collect();
    write(db, insert, add, &rows, |((account, day, variant, result, format), (requests, bytes))| {
        [
            account.as_bytes().as_slice().into(),
            (*day).into(),
            (*variant).into(),
            (*result).into(),
            (*format).into(),
            whole(*requests).into(),
            whole(*bytes).into(),
        ]
    })
    .await
}

async fn write_account_hours(db: &mut Connection, sums: &Sums<'_>) -> Result<(), Error> {
    let insert = "insert into account_hours (account, hour, options, signed, requests)";
    let add = "on conflict (account, hour, options, signed) do update set
                   requests = account_hours.requests + excluded.requests";
    let rows: Vec<_> = sums.account_hours.iter().collect();
    write(db, insert, add, &rows, |(at, requests)| {
        let account = at.account.as_bytes().as_slice().into();
        [
            account,
            at.hour.into(),
            i64::from(at.options).into(),
            i64::from(at.signed).into(),
            whole(**requests).into(),
        ]
    })
    .await
}

async fn write_image_days(db: &mut Connection, sums: &Sums<'_>) -> Result<(), Error> {
    let insert = "insert into image_days (object, day, account, requests, bytes)";
    let add = "on conflict (object, day) do update set
                   requests = image_days.requests + excluded.requests, bytes = image_days.bytes + excluded.bytes";
    let rows: Vec<_> = sums.image_days.iter().collect();
    write(db, insert, add, &rows, |((object, day), (account, requests, bytes))| {
        [
            object.as_bytes().as_slice().into(),
            (*day).into(),
            account.as_bytes().as_slice().into(),
            whole(*requests).into(),
            whole(*bytes).into(),
        ]
    })
    .await
}

async fn write_key_hours(db: &mut Connection, sums: &Sums<'_>) -> Result<(), Error> {
    let insert = "insert into signing_key_hours (account, name, hour, requests)";
    let add = "on conflict (account, name, hour) do update set
                   requests = signing_key_hours.requests + excluded.requests";
    let rows: Vec<_> = sums.key_hours.iter().collect();
    write(db, insert, add, &rows, |((account, id, hour), requests)| {
        [account.as_bytes().as_slice().into(), id.as_str().into(), (*hour).into(), whole(**requests).into()]
    })
    .await
}

async fn write_key_uses(db: &mut Connection, sums: &Sums<'_>) -> Result<(), Error> {
    let insert = "insert into signing_key_uses (account, name, used_at, variant, address, latest_exp_s)";
    // Another process may have written a later use already.
    let put = "on conflict (account, name) do update set
        variant = case when excluded.used_at >= signing_key_uses.used_at
            then excluded.variant else signing_key_uses.variant end,
        address = case when excluded.used_at >= signing_key_uses.used_at
            then excluded.address else signing_key_uses.address end,
        used_at = case when excluded.used_at >= signing_key_uses.used_at
            then excluded.used_at else signing_key_uses.used_at end,
        latest_exp_s = case when excluded.latest_exp_s > coalesce(signing_key_uses.latest_exp_s, 0)
            then excluded.latest_exp_s else signing_key_uses.latest_exp_s end";
    let rows: Vec<_> = sums.key_uses.iter().collect();
    write(db, insert, put, &rows, |((account, id), used)| {
        [
            account.as_bytes().as_slice().into(),
            id.as_str().into(),
            used.at.as_micros().into(),
            used.variant.into(),
            used.address.map(|address| address.to_string()).into(),
            used.latest_exp_s.into(),
        ]
    })
    .await
}

async fn write_token_hours(db: &mut Connection, sums: &Sums<'_>) -> Result<(), Error> {
    let insert = "insert into api_token_hours (token, hour, requests)";
    let add =
        "on conflict (token, hour) do update set requests = api_token_hours.requests + excluded.requests";
    let rows: Vec<_> = sums.token_hours.iter().collect();
    write(db, insert, add, &rows, |((token, hour), requests)| {
        [(*token).into(), (*hour).into(), whole(**requests).into()]
    })
    .await
}

/// Writes rows, many with one statement.
pub(crate) async fn write<R, const N: usize>(
    db: &mut Connection,
    insert: &str,
    on_conflict: &str,
    mut rows: &[R],
    values: impl Fn(&R) -> [Value; N],
) -> Result<(), Error> {
    for at_once in AT_ONCE {
        while rows.len() >= at_once {
            let (batch, rest) = rows.split_at(at_once);
            let mut statement = query(format!("{insert} "));
            statement.push_rows(batch.iter().map(&values)).push(" ").push(on_conflict);
            statement.execute(&mut *db).await?;
            rows = rest;
        }
    }
    Ok(())
}

/// A count as the database holds it.
pub(crate) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
