//! Revoking a key of another system: what it will break. The name of one that is in use is typed first.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::VerifyingKeyEntry;
use domain::Timestamp;
use signing::KeyState;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::delivery::schemes::path;
use crate::pages::key_reveal::check_fresh;
use crate::pages::key_revoke::damage;
use crate::pages::used::Used;
use crate::pages::verifying_keys::live_key;
use crate::reply::{self, Outcome};
use crate::scheme_words::about;
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words;

#[derive(Template)]
#[template(path = "verifying_key_revoke.html")]
struct VerifyingKeyRevokePage {
    shell: Shell,
    name: String,
    scheme: &'static str,
    back: String,
    path: String,
    last_used: Option<Used>,
    /// Within the last 24 hours, and within seven days.
    day: String,
    week: String,
    /// The latest end of its URLs, `6 Dec 2026`; empty where none was seen.
    latest_expiry: String,
    damage: String,
    /// It was used lately, so its name must be typed.
    asks_name: bool,
    /// It can be retired instead.
    retires: bool,
    typed: String,
    error: String,
    asks_password: bool,
    /// Whose password, for password managers.
    email: String,
    password_error: String,
}

/// `GET …/delivery/keys/{key}/revoke`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let key = live_key(&member, &request).await?;
    let page = page(&member, &key).await?;
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/delivery/keys/{key}/revoke`.
pub(crate) async fn revoke(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let key = live_key(&member, &request).await?;
    let mut page = page(&member, &key).await?;
    page.typed = fields.get("confirm").trim().to_owned();
    if page.asks_name && page.typed != key.name.as_str() {
        page.error = format!("Type {} to confirm.", key.name);
    } else if let Some(refusal) = check_fresh(&member, &fields).await? {
        page.password_error = refusal;
    }
    if !page.error.is_empty() || !page.password_error.is_empty() {
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let catalog = member.visit.dashboard.catalog();
    catalog.revoke_verifying_key(&member.account.id, &key.name, &member.actor()).await?;
    reply::done(&member.visit, &page.back, Toast::VerifyingKeyRevoked)
}

async fn page(member: &Member, key: &VerifyingKeyEntry) -> Result<VerifyingKeyRevokePage, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let usage = catalog.signing_key_usage(&member.account.id).await?.remove(&key.name).unwrap_or_default();
    let expiry = |exp_s| words::date(Timestamp::from_seconds(exp_s));
    Ok(VerifyingKeyRevokePage {
        shell: Shell::inside(member, "delivery", format!("Revoke {}", key.name)),
        name: key.name.to_string(),
        scheme: about(key.scheme).title,
        back: path(member, key.scheme),
        path: member.path(&format!("delivery/keys/{}", key.name)),
        last_used: usage.last.as_ref().map(Used::of),
        day: words::number(usage.requests_24h()),
        week: words::number(usage.requests_7d()),
        latest_expiry: usage.latest_exp_s.map(expiry).unwrap_or_default(),
        damage: damage(&usage),
        asks_name: usage.requests_24h() > 0,
        retires: key.state == KeyState::Active,
        typed: String::new(),
        error: String::new(),
        asks_password: !member.visit.is_fresh()?,
        email: member.email(),
        password_error: String::new(),
    })
}
