//! How signing keys and API tokens are used: what the tables say, and what this process has counted since. Other
//! processes' counts come within a minute.

use std::collections::HashMap;
use std::net::IpAddr;

use domain::{AccountId, SigningKeyId, Timestamp};

use crate::database::{Connection, Row, query};
use crate::rows::{maybe_time, parsed, time};
use crate::tally::{Kind, Sum, hour_of};
use crate::{Catalog, Error};

/// How a signing key is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// The last delivery that it signed.
    pub last: Option<LastUse>,
    /// Deliveries in each of the last seven times 24 hours, the oldest first. An hour counts whole.
    pub days: [u64; 7],
    /// The latest end of its URLs that was seen, in unix seconds.
    pub latest_exp_s: Option<i64>,
}

/// The last delivery that a signing key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// In which variant; empty for options in the URL.
    pub variant: String,
    /// For whom, where that is known.
    pub address: Option<IpAddr>,
}

/// How an API token is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// The last request.
    pub last_at: Option<Timestamp>,
    /// Requests in each of the last seven times 24 hours, the oldest first. An hour counts whole.
    pub days: [u64; 7],
}

/// Hours of a day.
const HOURS: i64 = 24;

impl KeyUsage {
    /// Deliveries within the last 24 hours.
    pub fn requests_24h(&self) -> u64 {
        self.days[6]
    }

    /// Deliveries within seven days.
    pub fn requests_7d(&self) -> u64 {
        self.days.iter().sum()
    }
}

impl TokenUsage {
    /// Requests within the last 24 hours.
    pub fn requests_24h(&self) -> u64 {
        self.days[6]
    }

    /// Requests within seven days.
    pub fn requests_7d(&self) -> u64 {
        self.days.iter().sum()
    }
}

impl Catalog {
    /// How the keys of an account are used, signing and verifying ones, by name. What an older key of the same name
    /// signed does not count, but for the hour in which the new one was made.
    pub async fn signing_key_usage(
        &self,
        account: &AccountId,
    ) -> Result<HashMap<SigningKeyId, KeyUsage>, Error> {
        let _whole = self.inner.flushing.read().await;
        let hour = hour_of(self.now());
        let mut reader = self.inner.database.snapshot().await?;
        let (made, mut all) = load_keys(&mut reader, account, hour).await?;
        drop(reader);
        self.inner.tally.look(|counts| {
            for (kind, sum) in &counts.answers {
                let of_key = kind.key.as_ref().filter(|_| kind.account == *account);
                if let Some(usage) = of_key.and_then(|id| all.get_mut(id)) {
                    usage.add(kind, sum, hour);
                }
            }
        });
        for (id, usage) in &mut all {
            let is_of_another =
                usage.last.as_ref().is_some_and(|last| made.get(id).is_some_and(|made| last.at < *made));
            if is_of_another {
                *usage = KeyUsage::default();
            }
        }
        Ok(all)
    }

    /// How the API tokens of an account are used, by id.
    pub async fn token_usage(&self, account: &AccountId) -> Result<HashMap<String, TokenUsage>, Error> {
        let _whole = self.inner.flushing.read().await;
        let hour = hour_of(self.now());
        let mut reader = self.inner.database.snapshot().await?;
        let mut all = load_tokens(&mut reader, account, hour).await?;
        drop(reader);
        self.inner.tally.look(|counts| {
            for ((id, at), asked) in &counts.tokens {
                if let Some(usage) = all.get_mut(&**id) {
                    add(&mut usage.days, *at, hour, asked.requests);
                    usage.last_at = usage.last_at.max(Some(asked.last_at));
                }
            }
        });
        Ok(all)
    }
}

impl KeyUsage {
    fn add(&mut self, kind: &Kind<Box<str>, SigningKeyId>, sum: &Sum, now_hour: i64) {
        add(&mut self.days, kind.hour, now_hour, sum.requests);
        self.latest_exp_s = self.latest_exp_s.max(sum.latest_exp_s);
        if self.last.as_ref().is_none_or(|last| last.at <= sum.last_at) {
            let (at, variant, address) = (sum.last_at, kind.variant.to_string(), sum.last_address);
            self.last = Some(LastUse { at, variant, address });
        }
    }
}

/// Puts requests of an hour into its day, counted back from now.
fn add(days: &mut [u64; 7], hour: i64, now_hour: i64, requests: u64) {
    let back = now_hour.saturating_sub(hour).max(0) / HOURS;
    if let Some(day) = usize::try_from(back).ok().and_then(|back| 6_usize.checked_sub(back)) {
        days[day] += requests;
    }
}

/// When each key was made, and its use.
type Keys = (HashMap<SigningKeyId, Timestamp>, HashMap<SigningKeyId, KeyUsage>);

async fn load_keys(db: &mut Connection, account: &AccountId, now_hour: i64) -> Result<Keys, Error> {
    let keys = query(
        "select k.name, k.created_at, u.used_at, u.variant, u.address, u.latest_exp_s
         from (select account, name, created_at from signing_keys where account = $1
             union all select account, name, created_at from verifying_keys where account = $1) k
         left join signing_key_uses u on u.account = k.account and u.name = k.name",
    );
    let keys = keys.bind(&account.as_bytes()[..]).fetch_all(&mut *db).await?;
    let (mut made, mut all) = (HashMap::new(), HashMap::new());
    for row in &keys {
        let id: SigningKeyId = parsed(row, "name")?;
        made.insert(id.clone(), time(row, "created_at")?);
        let usage =
            KeyUsage { last: last_use(row)?, days: [0; 7], latest_exp_s: row.try_get("latest_exp_s")? };
        all.insert(id, usage);
    }
    let hours = query("select name, hour, requests from signing_key_hours where account = $1 and hour > $2");
    let hours = hours.bind(&account.as_bytes()[..]).bind(now_hour - 7 * HOURS).fetch_all(db).await?;
    for row in &hours {
        let (id, hour): (SigningKeyId, i64) = (parsed(row, "name")?, row.try_get("hour")?);
        let is_of_another = made.get(&id).is_none_or(|made| hour < hour_of(*made));
        if let Some(usage) = all.get_mut(&id).filter(|_| !is_of_another) {
            add(&mut usage.days, hour, now_hour, row.try_get::<i64>("requests")?.unsigned_abs());
        }
    }
    Ok((made, all))
}

fn last_use(row: &Row) -> Result<Option<LastUse>, Error> {
    let Some(at) = maybe_time(row, "used_at")? else { return Ok(None) };
    let address = row.try_get::<Option<&str>>("address")?.and_then(|address| address.parse().ok());
    Ok(Some(LastUse { at, variant: row.try_get("variant")?, address }))
}

async fn load_tokens(
    db: &mut Connection,
    account: &AccountId,
    now_hour: i64,
) -> Result<HashMap<String, TokenUsage>, Error> {
    let tokens = query("select id, last_used_at from api_tokens where account = $1");
    let tokens = tokens.bind(&account.as_bytes()[..]).fetch_all(&mut *db).await?;
    let mut all = HashMap::new();
    for row in &tokens {
        let last_at = maybe_time(row, "last_used_at")?;
        all.insert(row.try_get("id")?, TokenUsage { last_at, days: [0; 7] });
    }
    let hours = query(
        "select h.token, h.hour, h.requests from api_token_hours h join api_tokens t on t.id = h.token
         where t.account = $1 and h.hour > $2",
    );
    let hours = hours.bind(&account.as_bytes()[..]).bind(now_hour - 7 * HOURS).fetch_all(db).await?;
    for row in &hours {
        if let Some(usage) = all.get_mut(row.try_get::<&str>("token")?) {
            add(
                &mut usage.days,
                row.try_get("hour")?,
                now_hour,
                row.try_get::<i64>("requests")?.unsigned_abs(),
            );
        }
    }
    Ok(all)
}
