//! Keys of foreign schemes as rows of a list, and finding the one that a path names.

use actix_web::HttpRequest;
use catalog::{KeyUsage, Role, VerifyingKeyEntry};
use domain::Timestamp;
use signing::{KeyState, Scheme};

use crate::error::Failure;
use crate::member::Member;
use crate::pages::delivery::schemes;
use crate::pages::used::Used;
use crate::scheme_words::{about, kind};
use crate::words::{self, Moment};

/// A verifying key as lists show it.
pub(crate) struct VerifyingRow {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) scheme: &'static str,
    pub(crate) scheme_path: String,
    pub(crate) kind: &'static str,
    /// How URLs name it; empty where they do not.
    pub(crate) id: String,
    pub(crate) tag: String,
    pub(crate) tag_class: &'static str,
    pub(crate) created: Moment,
    pub(crate) last: Option<Used>,
    pub(crate) day: String,
    pub(crate) week: String,
    /// It verifies.
    pub(crate) live: bool,
    /// It can be retired.
    pub(crate) active: bool,
}

/// The keys of an account, or those of one scheme.
pub(crate) async fn rows(member: &Member, of: Option<Scheme>) -> Result<Vec<VerifyingRow>, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let keys = catalog.verifying_keys(&member.account.id).await?;
    let usage = catalog.signing_key_usage(&member.account.id).await?;
    let now = member.visit.dashboard.now();
    let wanted = keys.iter().filter(|key| of.is_none_or(|scheme| key.scheme == scheme));
    Ok(wanted.map(|key| row(member, key, usage.get(&key.name), now)).collect())
}

fn row(member: &Member, key: &VerifyingKeyEntry, usage: Option<&KeyUsage>, now: Timestamp) -> VerifyingRow {
    let (tag, tag_class) = tag(key, now);
    VerifyingRow {
        name: key.name.to_string(),
        path: member.path(&format!("delivery/keys/{}", key.name)),
        scheme: about(key.scheme).title,
        scheme_path: schemes::path(member, key.scheme),
        kind: kind(key.kind),
        id: key.id.clone(),
        tag,
        tag_class,
        created: Moment::new(key.created_at),
        last: usage.and_then(|usage| usage.last.as_ref()).map(Used::of),
        day: words::number(usage.map_or(0, KeyUsage::requests_24h)),
        week: words::number(usage.map_or(0, KeyUsage::requests_7d)),
        live: is_live(key),
        active: key.state == KeyState::Active,
    }
}

fn tag(key: &VerifyingKeyEntry, now: Timestamp) -> (String, &'static str) {
    match key.state {
        KeyState::Active => match key.verify_from.filter(|from| *from > now) {
            Some(from) => (format!("Begins in {}", words::span(from.since(now))), "plain"),
            None => ("Active".into(), "plain"),
        },
        KeyState::Retiring { verify_until } => {
            (format!("Retiring in {}", words::span(verify_until.since(now))), "warn")
        }
        KeyState::Retired => ("Retired".into(), "faint"),
        KeyState::Revoked => ("Revoked".into(), "faint"),
    }
}

/// Whether a key verifies, or will.
pub(crate) fn is_live(key: &VerifyingKeyEntry) -> bool {
    matches!(key.state, KeyState::Active | KeyState::Retiring { .. })
}

/// The key that a path names, among those that verify.
pub(crate) async fn live_key(member: &Member, request: &HttpRequest) -> Result<VerifyingKeyEntry, Failure> {
    member.require(Role::Admin)?;
    let keys = member.visit.dashboard.catalog().verifying_keys(&member.account.id).await?;
    let name = request.match_info().query("key");
    let key = keys.into_iter().find(|key| key.name.as_str() == name && is_live(key));
    key.ok_or_else(|| {
        Failure::Missing(format!(
            "There is no such key of another service in {}.",
            member.account.display_name
        ))
    })
}
