//! Revoking a signing key: what it will break, and what breaks less. The name of a key that is in use is typed first,
//! since nothing brings it back.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{KeyEntry, KeyUsage};
use domain::Timestamp;
use signing::KeyState;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::keys::{is_live, live_key};
use crate::pages::used::Used;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words::{self, Moment};

#[derive(Template)]
#[template(path = "key_revoke.html")]
struct KeyRevokePage {
    shell: Shell,
    name: String,
    last_used: Option<Used>,
    /// Within the last 24 hours.
    requests: String,
    /// The latest end of its URLs, `6 Dec 2026`; empty where none was seen.
    latest_expiry: String,
    /// What will happen, from what has happened.
    damage: String,
    /// It was used lately, so its name must be typed.
    asks_name: bool,
    /// It can be rotated instead.
    rotates: bool,
    typed: String,
    error: String,
    /// The password was not checked lately, so it is asked for.
    asks_password: bool,
    /// Whose password, for password managers.
    email: String,
    password_error: String,
    /// No other key of the account verifies.
    last: bool,
    /// The end of its overlap, where one runs.
    retires: Option<Moment>,
}

/// `GET …/keys/{key}/revoke`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let key = live_key(&member, &request).await?;
    let page = page(&member, &key).await?;
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/keys/{key}/revoke`.
pub(crate) async fn revoke(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let key = live_key(&member, &request).await?;
    let mut page = page(&member, &key).await?;
    page.typed = fields.get("confirm").trim().to_owned();
    if page.asks_name && page.typed != key.id.as_str() {
        page.error = format!("Type {} to confirm.", key.id);
    } else if let Some(refusal) = super::key_reveal::check_fresh(&member, &fields).await? {
        page.password_error = refusal;
    }
    if !page.error.is_empty() || !page.password_error.is_empty() {
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    member.visit.dashboard.catalog().revoke_signing_key(&member.account.id, &key.id, &member.actor()).await?;
    reply::done(&member.visit, &member.path("keys"), Toast::KeyRevoked)
}

async fn page(member: &Member, key: &KeyEntry) -> Result<KeyRevokePage, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let keys = catalog.signing_keys(&member.account.id).await?;
    let usage = catalog.signing_key_usage(&member.account.id).await?.remove(&key.id).unwrap_or_default();
    let expiry = |exp_s| words::date(Timestamp::from_seconds(exp_s));
    Ok(KeyRevokePage {
        shell: Shell::inside(member, "keys", format!("Revoke {}", key.id)),
        name: key.id.to_string(),
        last_used: usage.last.as_ref().map(Used::of),
        requests: words::number(usage.requests_24h()),
        latest_expiry: usage.latest_exp_s.map(expiry).unwrap_or_default(),
        damage: damage(&usage),
        asks_name: usage.requests_24h() > 0,
        rotates: key.state == KeyState::Active,
        typed: String::new(),
        error: String::new(),
        asks_password: !member.visit.is_fresh()?,
        email: member.email(),
        password_error: String::new(),
        last: !keys
            .iter()
            .any(|other| other.id != key.id && other.state == KeyState::Active && is_live(other)),
        retires: match key.state {
            KeyState::Retiring { verify_until } => Some(Moment::new(verify_until)),
            _ => None,
        },
    })
}

/// What the last 24 hours say of what is to come.
pub(crate) fn damage(usage: &KeyUsage) -> String {
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
