//! The signing keys of an account: which one signs, which still verify.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{KeyEntry, KeyUsage, Role};
use domain::Timestamp;
use signing::KeyState;

use crate::error::Failure;
use crate::member::Member;
use crate::pages::used::Used;
use crate::pages::verifying_keys::{self, VerifyingRow};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::spark::Spark;
use crate::words::{self, Moment};

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    shell: Shell,
    rows: Vec<Row>,
    /// The key that signs.
    default: String,
    /// Keys on their way out.
    retiring: Vec<Retiring>,
    /// Where delivery URLs of the account begin, for the examples.
    example: String,
    /// Why no key can be made; empty where one can.
    full: String,
    /// Keys of other services.
    foreign: Vec<VerifyingRow>,
}

/// A key as the list shows it.
struct Row {
    name: String,
    path: String,
    tag: Tag,
    tail: String,
    created: Moment,
    last: Option<Used>,
    /// Within the last 24 hours, and within seven days.
    requests: String,
    requests_7d: String,
    week: Spark,
    /// It verifies, so its value is still worth something.
    live: bool,
    /// It can be rotated, chosen, revoked.
    active: bool,
    signs: bool,
}

/// A key's state in a word, with the class of its tag.
struct Tag {
    word: String,
    class: &'static str,
}

/// A key whose overlap runs.
struct Retiring {
    name: String,
    until: Moment,
    /// `In the last 24 hours 1,204 requests (3%) still carried a signature from web-2025.`
    still: String,
}

/// `GET …/keys`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Admin)?;
    let keys = member.visit.dashboard.catalog().signing_keys(&member.account.id).await?;
    let usage = member.visit.dashboard.catalog().signing_key_usage(&member.account.id).await?;
    let usage_of = |key: &KeyEntry| usage.get(&key.id).cloned().unwrap_or_default();
    let own = keys.iter().filter_map(|key| usage.get(&key.id));
    let all = own.map(KeyUsage::requests_24h).sum();
    let now = member.visit.dashboard.now();
    let config = member.visit.dashboard.config();
    let page = KeysPage {
        shell: Shell::inside(&member, "keys", "Signing keys"),
        rows: keys.iter().map(|key| Row::of(&member, key, &usage_of(key), now)).collect(),
        default: keys.iter().find(|key| key.signs).map(|key| key.id.to_string()).unwrap_or_default(),
        retiring: keys
            .iter()
            .filter_map(|key| Retiring::of(key, usage_of(key).requests_24h(), all))
            .collect(),
        example: format!("{}/{}", config.delivery_url, member.account.hash),
        full: full(&keys, config.max_signing_keys),
        foreign: verifying_keys::rows(&member, None).await?,
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// The key that a path names, among those that verify.
pub(crate) async fn live_key(member: &Member, request: &HttpRequest) -> Result<KeyEntry, Failure> {
    member.require(Role::Admin)?;
    let keys = member.visit.dashboard.catalog().signing_keys(&member.account.id).await?;
    let name = request.match_info().query("key");
    let key = keys.into_iter().find(|key| key.id.as_str() == name && is_live(key));
    key.ok_or_else(|| {
        Failure::Missing(format!("There is no signing key of this name in {}.", member.account.display_name))
    })
}

/// Whether a key verifies.
pub(crate) fn is_live(key: &KeyEntry) -> bool {
    matches!(key.state, KeyState::Active | KeyState::Retiring { .. })
}

/// `8 of 8 signing keys. Revoke one to make another.`, or nothing.
pub(crate) fn full(keys: &[KeyEntry], max: u32) -> String {
    let live = keys.iter().filter(|key| is_live(key)).count();
    if live < max as usize {
        String::new()
    } else {
        format!("{live} of {max} signing keys. Revoke one to make another.")
    }
}

impl Row {
    fn of(member: &Member, key: &KeyEntry, usage: &KeyUsage, now: Timestamp) -> Row {
        Row {
            name: key.id.to_string(),
            path: member.path(&format!("keys/{}", key.id)),
            tag: Tag::of(key, now),
            tail: key.secret.tail(),
            created: Moment::new(key.created_at),
            last: usage.last.as_ref().map(Used::of),
            requests: words::number(usage.requests_24h()),
            requests_7d: words::number(usage.requests_7d()),
            week: Spark::new(&usage.days, "Requests in the last seven times 24 hours, the oldest first"),
            live: is_live(key),
            active: key.state == KeyState::Active,
            signs: key.signs,
        }
    }
}

impl Tag {
    fn of(key: &KeyEntry, now: Timestamp) -> Tag {
        let (word, class) = match key.state {
            KeyState::Active if key.signs => ("Default".to_owned(), "accent"),
            KeyState::Active => ("Active".into(), "plain"),
            KeyState::Retiring { verify_until } => {
                (format!("Retiring in {}", words::span(verify_until.since(now))), "warn")
            }
            KeyState::Retired => ("Retired".into(), "faint"),
            KeyState::Revoked => ("Revoked".into(), "faint"),
        };
        Tag { word, class }
    }
}

impl Retiring {
    fn of(key: &KeyEntry, requests: u64, all: u64) -> Option<Retiring> {
        let KeyState::Retiring { verify_until } = key.state else { return None };
        let share = (requests * 100).div_ceil(all.max(1));
        let told = match requests {
            0 => "no requests carried".to_owned(),
            _ => format!("{} ({share}%) still carried", words::count(requests, "request")),
        };
        let still = format!("In the last 24 hours {told} a signature from {}.", key.id);
        Some(Retiring { name: key.id.to_string(), until: Moment::new(verify_until), still })
    }
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::*;

    fn key(state: KeyState, signs: bool) -> KeyEntry {
        let created_at = Timestamp::from_seconds(0);
        KeyEntry {
            id: "web".parse().unwrap(),
            secret: Secret::new("0123456789abcdef"),
            state,
            signs,
            created_at,
        }
    }

    #[test]
    fn a_tag_says_where_a_key_is_in_its_life() {
        let now = Timestamp::from_seconds(1_000);
        let check = |state, signs, word| assert_eq!(Tag::of(&key(state, signs), now).word, word);
        check(KeyState::Active, true, "Default");
        check(KeyState::Active, false, "Active");
        check(KeyState::Retiring { verify_until: Timestamp::from_seconds(4_600) }, false, "Retiring in 1 h");
        check(KeyState::Retired, false, "Retired");
        check(KeyState::Revoked, false, "Revoked");
    }

    #[test]
    fn only_keys_that_verify_count_against_the_limit() {
        let keys =
            [key(KeyState::Active, true), key(KeyState::Revoked, false), key(KeyState::Retired, false)];
        assert_eq!(full(&keys, 2), "");
        assert_eq!(full(&keys, 1), "1 of 1 signing keys. Revoke one to make another.");
    }
}
