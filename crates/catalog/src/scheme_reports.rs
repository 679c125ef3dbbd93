//! What schemes in report mode would have said: counted in memory where a request is judged, summed up by the day in a
//! table. The modes stand in `schemes.rs`.

use std::collections::BTreeMap;

use domain::{AccountId, Timestamp};
use hashbrown::HashMap;
use signing::Scheme;

use crate::counters::{whole, write};
use crate::database::{Lock, query};
use crate::rows::time;
use crate::shards::{Held, Shards};
use crate::{Catalog, Error};

/// Verdicts that half a shard tells apart: of more the rest is lost, which takes thousands of accounts that report at once.
const MAX_ENTRIES: usize = 4_096;

/// The most days that a report is of.
const MAX_DAYS: u32 = 366;

/// What report mode found since the last flush. Whoever notes waits for nobody.
pub struct SchemeReports {
    shards: Shards<Found>,
}

/// How often a scheme said the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedVerdict {
    /// `ok`, or the reason of a refusal.
    pub verdict: String,
    /// How often.
    pub requests: u64,
    /// When the last time.
    pub last_at: Timestamp,
}

/// Account, scheme, day since 1970, verdict.
type Key = (AccountId, &'static str, i64, &'static str);

#[derive(Default)]
struct Found(HashMap<Key, (u64, Timestamp)>);

impl Held for Found {
    const FILLING: usize = MAX_ENTRIES / 4 * 3;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn add_all(&mut self, other: Found) {
        other.0.into_iter().for_each(|(key, (requests, last_at))| self.add(key, requests, last_at));
    }
}

impl Found {
    fn add(&mut self, key: Key, requests: u64, last_at: Timestamp) {
        if let Some(known) = self.0.get_mut(&key) {
            *known = (known.0 + requests, known.1.max(last_at));
        } else if self.0.len() < MAX_ENTRIES {
            self.0.insert(key, (requests, last_at));
        }
    }
}

impl SchemeReports {
    pub(crate) fn new() -> SchemeReports {
        SchemeReports { shards: Shards::new() }
    }

    /// Notes what a scheme in report mode said of a request: `ok`, or the reason for which it would refuse it.
    pub fn note(&self, account: AccountId, scheme: Scheme, verdict: &'static str, now: Timestamp) {
        let key = (account, scheme.name(), now.as_days(), verdict);
        self.shards.count(|found| found.add(key, 1, now));
    }
}

impl std::fmt::Debug for SchemeReports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SchemeReports(…)")
    }
}

impl Catalog {
    /// What report mode found in this process since the last flush.
    pub fn reports(&self) -> &SchemeReports {
        &self.inner.reports
    }

    /// Writes what report mode found into its table; what cannot be written is kept for the next time.
    pub async fn flush_reports(&self) -> Result<(), Error> {
        let _alone = self.inner.flushing.write().await;
        let taken = self.inner.reports.shards.take();
        let mut sums = BTreeMap::<Key, (u64, Timestamp)>::new();
        for (key, (requests, last_at)) in taken.iter().flat_map(|found| &found.0) {
            let sum = sums.entry(*key).or_insert((0, *last_at));
            *sum = (sum.0 + requests, sum.1.max(*last_at));
        }
        if sums.is_empty() {
            return Ok(());
        }
        let written = self.write_reports(&sums).await;
        // What may have been written must not be written twice.
        if written.as_ref().is_err_and(|error| !matches!(error, Error::Unknown(_))) {
            self.inner.reports.shards.put_back(taken);
        }
        written
    }

    async fn write_reports(&self, sums: &BTreeMap<Key, (u64, Timestamp)>) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let insert = "insert into scheme_report_days (account, scheme, day, verdict, requests, last_at)";
        let add = "on conflict (account, scheme, day, verdict) do update set
            requests = scheme_report_days.requests + excluded.requests,
            last_at = case when excluded.last_at >= scheme_report_days.last_at
                then excluded.last_at else scheme_report_days.last_at end";
        let rows: Vec<_> = sums.iter().collect();
        write(writing.db(), insert, add, &rows, |((account, scheme, day, verdict), (requests, last_at))| {
            [
                account.as_bytes().as_slice().into(),
                (*scheme).into(),
                (*day).into(),
                (*verdict).into(),
                whole(*requests).into(),
                last_at.as_micros().into(),
            ]
        })
        .await?;
        self.commit(writing).await
    }

    /// What report mode found of a scheme today and in the days before, so many in all (at most 366): the most frequent
    /// verdict first. What other processes have found comes within a minute.
    pub async fn scheme_report(
        &self,
        account: &AccountId,
        scheme: Scheme,
        days: u32,
    ) -> Result<Vec<ReportedVerdict>, Error> {
        let after = self.now().as_days() - i64::from(days.clamp(1, MAX_DAYS));
        let _whole = self.inner.flushing.read().await;
        let rows = query(
            "select verdict, cast(sum(requests) as bigint) as requests, max(last_at) as last_at
             from scheme_report_days where account = $1 and scheme = $2 and day > $3 group by verdict",
        );
        let rows = rows.bind(&account.as_bytes()[..]).bind(scheme.name()).bind(after);
        let mut found = BTreeMap::<String, (u64, Timestamp)>::new();
        for row in &rows.fetch_all(&self.inner.database).await? {
            let requests = row.try_get::<i64>("requests")?.unsigned_abs();
            found.insert(row.try_get("verdict")?, (requests, time(row, "last_at")?));
        }
        self.inner.reports.shards.look(|held| {
            for ((of, name, day, verdict), (requests, last_at)) in &held.0 {
                if of == account && *name == scheme.name() && *day > after {
                    let sum = found.entry((*verdict).to_owned()).or_insert((0, *last_at));
                    *sum = (sum.0 + requests, sum.1.max(*last_at));
                }
            }
        });
        let told = |(verdict, (requests, last_at))| ReportedVerdict { verdict, requests, last_at };
        let mut report: Vec<ReportedVerdict> = found.into_iter().map(told).collect();
        report.sort_by_key(|reported| std::cmp::Reverse(reported.requests));
        Ok(report)
    }
}
