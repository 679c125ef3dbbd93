//! How much each variant of an account is used: what its list shows, and the question before deleting one.

use std::collections::HashMap;

use domain::AccountId;

use crate::database::query;
use crate::tally::hour_of;
use crate::{Catalog, Error, Outcome};

/// Deliveries of a variant; refusals do not count. A day counts whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VariantUse {
    /// Within the last thirty days.
    pub requests: u64,
    /// Today and yesterday.
    pub lately: u64,
}

const HOURS: i64 = 24;
const DAYS: i64 = 30;

/// The words of what was delivered.
const DELIVERED: [Outcome; 3] = [Outcome::Hit, Outcome::Miss, Outcome::NotModified];

impl Catalog {
    /// How often each variant of an account was delivered, by name. May lag by what other processes counted within the
    /// last minute.
    pub async fn variant_use(&self, account: &AccountId) -> Result<HashMap<Box<str>, VariantUse>, Error> {
        let _whole = self.inner.flushing.read().await;
        let today = hour_of(self.now()).div_euclid(HOURS);
        let question = query(
            "select variant, day, result, cast(sum(requests) as bigint) as requests from account_days
             where account = $1 and day > $2 group by variant, day, result",
        );
        let rows =
            question.bind(&account.as_bytes()[..]).bind(today - DAYS).fetch_all(&self.inner.database).await?;
        let mut used: HashMap<Box<str>, VariantUse> = HashMap::new();
        let mut add = |variant: &str, day: i64, result: &str, requests: u64| {
            if DELIVERED.iter().any(|outcome| outcome.word() == result) && day > today - DAYS {
                let sum = used.entry(variant.into()).or_default();
                sum.requests += requests;
                sum.lately += if day >= today - 1 { requests } else { 0 };
            }
        };
        for row in &rows {
            let (variant, result): (&str, &str) = (row.try_get("variant")?, row.try_get("result")?);
            add(variant, row.try_get("day")?, result, row.try_get::<i64>("requests")?.unsigned_abs());
        }
        self.inner.tally.look(|counts| {
            for (kind, sum) in counts.answers.iter().filter(|(kind, _)| kind.account == *account) {
                add(&kind.variant, kind.hour.div_euclid(HOURS), kind.outcome.word(), sum.requests);
            }
        });
        Ok(used)
    }

    /// The most variants that an account may have.
    pub fn max_variants(&self) -> u32 {
        self.inner.config.max_variants
    }
}
