//! The log of fetches: which key, subject and token id fetched what, when and with which verdict. What this process has
//! noted since the last flush stands in `fetch_log.rs`; here it goes into its table, and pages show both.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::{AccountId, SigningKeyId, Timestamp};

use crate::counters::{whole, write};
use crate::database::{Lock, Query, Row, query};
use crate::fetch_log::{Fetch, FetchLog, Noted, OK, Times, minute_of};
use crate::page::{List, Page, Place, Spot};
use crate::rows::time;
use crate::{Catalog, Error};

/// Which fetches; all conditions hold at once.
#[derive(Debug, Clone, Default)]
pub struct FetchFilter {
    /// From the minute of this time on.
    pub from: Option<Timestamp>,
    /// Before this time, the minute that it lies in counted whole.
    pub to: Option<Timestamp>,
    /// Of the image with this id.
    pub image: Option<String>,
    /// By URLs that this key signed.
    pub key: Option<String>,
    /// By URLs that were issued for this subject.
    pub subject: Option<String>,
    /// By the token with this id.
    pub token_id: Option<String>,
    /// With this verdict: `ok`, the reason of a refusal, or `refused` for any.
    pub verdict: Option<String>,
    /// Where the page begins: an earlier page's `next` or `previous` as text.
    pub after: Option<String>,
    /// At most so many: 1 to 1,000.
    pub limit: u32,
}

/// Fetches of one minute that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchEntry {
    /// When that minute began.
    pub minute: Timestamp,
    /// The image; none where there was none, or where so much was fetched that it is not told.
    pub image: Option<String>,
    /// The variant: empty for options in the URL, `?` for what is no variant of the account.
    pub variant: String,
    /// The scheme's name.
    pub scheme: String,
    /// The key that signed, where that was proved.
    pub key: Option<SigningKeyId>,
    /// For whom it was issued, where that was proved.
    pub subject: Option<String>,
    /// The token's id, where that was proved.
    pub token_id: Option<String>,
    /// `ok`, or the reason of the refusal.
    pub verdict: String,
    /// How often.
    pub requests: u64,
    /// When the last time.
    pub last_at: Timestamp,
    /// For whom the last time.
    pub last_address: Option<IpAddr>,
}

/// The most fetches of a page.
const MAX_PAGE: u32 = 1_000;

/// The word for every verdict but `ok`.
const REFUSED: &str = "refused";

impl Catalog {
    /// What was fetched by this process since the last flush.
    pub fn fetches(&self) -> &FetchLog {
        &self.inner.fetches
    }

    /// Writes what was fetched into its table. What cannot be written is kept for the next time. Returns how many fetches
    /// it were. To be called at least once a minute, and whenever [`FetchLog::filling`] returns.
    pub async fn flush_fetches(&self) -> Result<u64, Error> {
        // Nobody reads while something is neither here nor there.
        let _alone = self.inner.flushing.write().await;
        let taken = self.inner.fetches.take();
        let sums = sums(&taken);
        if sums.is_empty() {
            return Ok(0);
        }
        if let Err(error) = self.write_fetches(&sums).await {
            // What may have been written must not be written twice.
            if !matches!(error, Error::Unknown(_)) {
                self.inner.fetches.put_back(taken);
            }
            return Err(error);
        }
        let count = |of: fn(&Noted) -> u64| taken.iter().map(of).sum::<u64>();
        let (coarse, lost) = (count(|noted| noted.coarse), count(|noted| noted.lost));
        if coarse + lost > 0 {
            tracing::warn!(
                coarse,
                lost,
                "more was fetched than memory tells apart: by key only, or not at all"
            );
        }
        Ok(sums.values().map(|(_, times)| times.requests).sum())
    }

    async fn write_fetches(&self, sums: &Sums<'_>) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let insert =
            "insert into fetches (account, minute, digest, image, variant, scheme, key_name, subject,
                          token_id, verdict, requests, last_at, last_address)";
        // Another process may have written a later one already.
        let add = "on conflict (account, minute, digest) do update set
            requests = fetches.requests + excluded.requests,
            last_address = case when excluded.last_at >= fetches.last_at
                then excluded.last_address else fetches.last_address end,
            last_at = case when excluded.last_at >= fetches.last_at
                then excluded.last_at else fetches.last_at end";
        let rows: Vec<_> = sums.iter().collect();
        write(writing.db(), insert, add, &rows, |((account, minute, digest), (fetch, times))| {
            [
                account.as_bytes().as_slice().into(),
                (*minute).into(),
                (*digest).into(),
                fetch.image.into(),
                fetch.variant.into(),
                fetch.scheme.name().into(),
                fetch.key_name.into(),
                fetch.subject.into(),
                fetch.token_id.into(),
                fetch.verdict.into(),
                whole(times.requests).into(),
                times.last_at.as_micros().into(),
                times.last_address.map(|address| address.to_string()).into(),
            ]
        })
        .await?;
        self.commit(writing).await
    }

    /// A page of fetches, the newest minute first. A foreign or altered `after` is `Invalid`. What other processes have
    /// noted comes within a minute.
    pub async fn fetches_page(
        &self,
        account: &AccountId,
        filter: &FetchFilter,
    ) -> Result<Page<FetchEntry>, Error> {
        let after = filter.after.as_deref().map(|text| self.read_cursor(List::Fetches, account, text));
        let after = after.transpose()?;
        let page = self.fetches_from(account, filter, after).await?;
        if page.items.is_empty() && after.is_some_and(|after| after.backwards) {
            // Everything before the place has gone: the list begins here now.
            return self.fetches_from(account, filter, None).await;
        }
        Ok(page)
    }

    async fn fetches_from(
        &self,
        account: &AccountId,
        filter: &FetchFilter,
        after: Option<Place>,
    ) -> Result<Page<FetchEntry>, Error> {
        let limit = filter.limit.clamp(1, MAX_PAGE);
        let _whole = self.inner.flushing.read().await;
        let rows = page_question(account, filter, after, limit).fetch_all(&self.inner.database).await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            found.insert((row.try_get("minute")?, row.try_get("digest")?), entry(row)?);
        }
        self.add_noted(account, filter, after, &mut found);
        let mut found: Vec<(Spot, FetchEntry)> = found.into_iter().collect();
        if !after.is_some_and(|after| after.backwards) {
            found.sort_by_key(|(spot, _)| Reverse(*spot));
        }
        // One more than is shown came from the table, so nothing that it holds beyond that belongs here.
        found.truncate(limit as usize + 1);
        Ok(self.page(List::Fetches, account, found, after, limit))
    }

    /// Adds what this process still holds.
    fn add_noted(
        &self,
        account: &AccountId,
        filter: &FetchFilter,
        after: Option<Place>,
        found: &mut BTreeMap<Spot, FetchEntry>,
    ) {
        self.inner.fetches.look(|noted| {
            let of_account = noted.fetches.iter().filter(|(kept, _)| kept.account == *account);
            let wanted = of_account.map(|(kept, times)| (kept.lent(), times));
            for (fetch, times) in wanted.filter(|(fetch, _)| filter.fits(fetch)) {
                let spot = (fetch.minute, fetch.digest());
                if after.is_none_or(|after| after.is_before(spot)) {
                    let held = || FetchEntry::of(fetch);
                    found.entry(spot).or_insert_with(held).add(times);
                }
            }
        });
    }
}

/// Fetches of all threads, summed up by the key of the table.
type Sums<'t> = BTreeMap<(AccountId, i64, i64), (Fetch<'t>, Times)>;

fn sums(taken: &[Noted]) -> Sums<'_> {
    let mut sums = Sums::new();
    for (kept, times) in taken.iter().flat_map(|noted| &noted.fetches) {
        let fetch = kept.lent();
        let of_key = sums.entry((fetch.account, fetch.minute, fetch.digest()));
        of_key.and_modify(|(_, known)| known.add(times)).or_insert((fetch, *times));
    }
    sums
}

impl Place {
    /// Whether an item of the newest first comes after this place, in the way that it is read.
    fn is_before(self, spot: Spot) -> bool {
        if self.backwards { spot > self.spot } else { spot < self.spot }
    }
}

impl FetchFilter {
    /// The first and the last minute.
    fn minutes(&self) -> (i64, i64) {
        let last = |to: Timestamp| minute_of(Timestamp::from_micros(to.as_micros().saturating_sub(1)));
        (self.from.map_or(i64::MIN, minute_of), self.to.map_or(i64::MAX, last))
    }

    /// Whether what was noted meets every condition; as the question to the table has them.
    fn fits(&self, fetch: &Fetch<'_>) -> bool {
        let (first, last) = self.minutes();
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        let verdict = match self.verdict.as_deref() {
            Some(REFUSED) => fetch.verdict != OK,
            verdict => verdict.is_none_or(|verdict| verdict == fetch.verdict),
        };
        (first..=last).contains(&fetch.minute)
            && is(&self.image, fetch.image)
            && is(&self.key, fetch.key_name)
            && is(&self.subject, fetch.subject)
            && is(&self.token_id, fetch.token_id)
            && verdict
    }

    fn push(&self, question: &mut Query) {
        let (first, last) = self.minutes();
        question.push(" and minute >= ").push_bind(first).push(" and minute <= ").push_bind(last);
        let columns = [
            ("image", &self.image),
            ("key_name", &self.key),
            ("subject", &self.subject),
            ("token_id", &self.token_id),
        ];
        for (column, wanted) in columns {
            if let Some(wanted) = wanted {
                // The second half is what the column's index demands.
                question.push(&format!(" and {column} = ")).push_bind(wanted);
                question.push(&format!(" and {column} <> ''"));
            }
        }
        if let Some(verdict) = self.verdict.as_deref().filter(|verdict| *verdict != REFUSED) {
            question.push(" and verdict = ").push_bind(verdict);
        }
        if self.verdict.as_deref().is_some_and(|verdict| verdict != OK) {
            question.push(" and verdict <> 'ok'");
        }
    }
}

/// The question for a page: one row more than it shows, to know whether there is a next.
fn page_question(account: &AccountId, filter: &FetchFilter, after: Option<Place>, limit: u32) -> Query {
    let backwards = after.is_some_and(|after| after.backwards);
    let (sign, direction) = if backwards { (">", "asc") } else { ("<", "desc") };
    let mut question = query("select * from fetches where account = ");
    question.push_bind(&account.as_bytes()[..]);
    filter.push(&mut question);
    if let Some(Place { spot: (minute, digest), .. }) = after {
        question.push(&format!(" and (minute, digest) {sign} ("));
        question.push_bind(minute).push(", ").push_bind(digest).push(")");
    }
    question.push(&format!(" order by minute {direction}, digest {direction} limit ")).push_bind(limit + 1);
    question
}

impl FetchEntry {
    /// An entry for what was noted, not counted yet.
    fn of(fetch: Fetch<'_>) -> FetchEntry {
        let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        FetchEntry {
            minute: Timestamp::from_seconds(fetch.minute.saturating_mul(60)),
            image: told(fetch.image),
            variant: fetch.variant.to_string(),
            scheme: fetch.scheme.name().to_owned(),
            key: fetch.key_name.parse().ok(),
            subject: told(fetch.subject),
            token_id: told(fetch.token_id),
            verdict: fetch.verdict.to_owned(),
            requests: 0,
            last_at: Timestamp::from_micros(i64::MIN),
            last_address: None,
        }
    }

    fn add(&mut self, times: &Times) {
        self.requests += times.requests;
        if times.last_at >= self.last_at {
            (self.last_at, self.last_address) = (times.last_at, times.last_address);
        }
    }
}

fn entry(row: &Row) -> Result<FetchEntry, Error> {
    let told = |column| Ok::<_, Error>(Some(row.try_get::<String>(column)?).filter(|text| !text.is_empty()));
    Ok(FetchEntry {
        minute: Timestamp::from_seconds(row.try_get::<i64>("minute")?.saturating_mul(60)),
        image: told("image")?,
        variant: row.try_get("variant")?,
        scheme: row.try_get("scheme")?,
        key: row.try_get::<&str>("key_name")?.parse().ok(),
        subject: told("subject")?,
        token_id: told("token_id")?,
        verdict: row.try_get("verdict")?,
        requests: row.try_get::<i64>("requests")?.unsigned_abs(),
        last_at: time(row, "last_at")?,
        last_address: row.try_get::<Option<&str>>("last_address")?.and_then(|address| address.parse().ok()),
    })
}

/// The texts of the questions for pages, each way, for those who ask how they are answered.
#[cfg(test)]
pub(crate) fn questions(account: &AccountId, filter: &FetchFilter) -> Vec<String> {
    let place = |backwards| Some(Place { backwards, spot: (1, 1) });
    let places = [None, place(false), place(true)];
    places.map(|after| page_question(account, filter, after, 60).text().to_owned()).to_vec()
}
