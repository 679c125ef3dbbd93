//! What the questions before a key is revoked have in common, whichever of the two kinds it is: how it is used, what will
//! break, and its name and a password that are typed first.

use catalog::KeyUsage;
use domain::{SigningKeyId, Timestamp};

use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::key_reveal::check_fresh;
use crate::pages::used::Used;
use crate::words;

/// The question about one key.
pub(crate) struct Revocation {
    pub(crate) name: String,
    pub(crate) last_used: Option<Used>,
    /// Within the last 24 hours, and within seven days.
    pub(crate) day: String,
    pub(crate) week: String,
    /// The latest end of its URLs, `6 Dec 2026`; empty where none was seen.
    pub(crate) latest_expiry: String,
    /// What will happen, from what has happened.
    pub(crate) damage: String,
    /// It was used lately, so its name must be typed.
    pub(crate) asks_name: bool,
    pub(crate) typed: String,
    pub(crate) error: String,
    /// The password was not checked lately, so it is asked for.
    pub(crate) asks_password: bool,
    /// Whose password, for password managers.
    pub(crate) email: String,
    pub(crate) password_error: String,
}

impl Revocation {
    /// The question, with nothing typed yet.
    pub(crate) async fn of(member: &Member, name: &SigningKeyId) -> Result<Revocation, Failure> {
        let catalog = member.visit.dashboard.catalog();
        let usage = catalog.signing_key_usage(&member.account.id).await?.remove(name).unwrap_or_default();
        let expiry = |exp_s| words::date(Timestamp::from_seconds(exp_s));
        Ok(Revocation {
            name: name.to_string(),
            last_used: usage.last.as_ref().map(Used::of),
            day: words::number(usage.requests_24h()),
            week: words::number(usage.requests_7d()),
            latest_expiry: usage.latest_exp_s.map(expiry).unwrap_or_default(),
            damage: damage(&usage),
            asks_name: usage.requests_24h() > 0,
            typed: String::new(),
            error: String::new(),
            asks_password: !member.visit.is_fresh()?,
            email: member.email(),
            password_error: String::new(),
        })
    }

    /// Whether what was typed answers it; what does not is noted beside its field.
    pub(crate) async fn is_answered(&mut self, member: &Member, fields: &Fields) -> Result<bool, Failure> {
        self.typed = fields.get("confirm").trim().to_owned();
        if self.asks_name && self.typed != self.name {
            self.error = format!("Type {} to confirm.", self.name);
        } else if let Some(refusal) = check_fresh(member, fields).await? {
            self.password_error = refusal;
        }
        Ok(self.error.is_empty() && self.password_error.is_empty())
    }
}

/// What the last 24 hours say of what is to come.
fn damage(usage: &KeyUsage) -> String {
    let told = |requests: u64| words::count(requests, "request");
    match usage.requests_24h() {
        0 => "No requests in the last 24 hours carried a signature from it.".into(),
        requests if requests < 24 => {
            format!("At the rate of the last 24 hours, about {} a day will fail.", told(requests))
        }
        requests => {
            let an_hour = told((requests + 12) / 24);
            format!("At the rate of the last 24 hours, about {an_hour} an hour will fail.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_damage_is_told_at_the_rate_of_the_last_24_hours() {
        let check = |requests, words: &str| {
            let usage = KeyUsage { days: [9, 9, 9, 9, 9, 9, requests], ..KeyUsage::default() };
            assert!(damage(&usage).contains(words), "{requests}: {}", damage(&usage));
        };
        check(0, "No requests in the last 24 hours");
        check(1, "about 1 request a day");
        check(12, "about 12 requests a day");
        check(24, "about 1 request an hour");
        check(1_204, "about 50 requests an hour");
        check(240_000, "about 10,000 requests an hour");
    }
}
