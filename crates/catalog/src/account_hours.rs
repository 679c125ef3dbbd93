//! What an account delivered in the last 24 hours, and how much of it with options in the URL: what the question before
//! closing these says. Counted by `tally.rs`, written by `counters.rs`.

use domain::AccountId;

use crate::counters::AccountHour;
use crate::database::query;
use crate::tally::hour_of;
use crate::{Catalog, Error};

/// Deliveries of an account within the last 24 hours; an hour counts whole, refusals do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptionsUse {
    /// All of them.
    pub requests: u64,
    /// Those with options in the URL.
    pub with_options: u64,
    /// Those of them for which no signature was looked at. Of a URL that is open to everyone nobody asks whether it
    /// carries one.
    pub unsigned: u64,
}

/// Hours of a day.
const HOURS: i64 = 24;

impl Catalog {
    /// How much of what an account delivers has options in its URL. May lag by what other processes counted within the
    /// last minute.
    pub async fn options_use(&self, account: &AccountId) -> Result<OptionsUse, Error> {
        let _whole = self.inner.flushing.read().await;
        let after = hour_of(self.now()) - HOURS;
        let question =
            query("select options, signed, requests from account_hours where account = $1 and hour > $2");
        let rows = question.bind(&account.as_bytes()[..]).bind(after).fetch_all(&self.inner.database).await?;
        let mut used = OptionsUse::default();
        for row in &rows {
            let (options, signed): (i64, i64) = (row.try_get("options")?, row.try_get("signed")?);
            used.add(options != 0, signed != 0, row.try_get::<i64>("requests")?.unsigned_abs());
        }
        self.inner.tally.look(|counts| {
            for (kind, sum) in &counts.answers {
                let hour = AccountHour::of(kind).filter(|hour| hour.account == *account && hour.hour > after);
                if let Some(hour) = hour {
                    used.add(hour.options, hour.signed, sum.requests);
                }
            }
        });
        Ok(used)
    }
}

impl OptionsUse {
    fn add(&mut self, options: bool, signed: bool, requests: u64) {
        self.requests += requests;
        self.with_options += if options { requests } else { 0 };
        self.unsigned += if options && !signed { requests } else { 0 };
    }
}
