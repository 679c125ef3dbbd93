//! Rotating a signing key: a new one signs from now on, the old one verifies until the overlap ends.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{KeyEntry, Rotation};
use domain::{SigningKeyId, sentence};

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::keys::{is_live, live_key};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

/// The overlaps that can be chosen, in seconds, with their words. The third is chosen at first.
pub(crate) const OVERLAPS: [(u64, &str); 4] =
    [(3_600, "1 hour"), (86_400, "1 day"), (604_800, "7 days"), (2_592_000, "30 days")];

/// The overlap that is chosen at first.
pub(crate) const DEFAULT_OVERLAP_S: u64 = OVERLAPS[2].0;

#[derive(Template)]
#[template(path = "key_rotate.html")]
struct KeyRotatePage {
    shell: Shell,
    name: String,
    new_name: String,
    error: String,
    /// Seconds, words, whether it is chosen.
    overlaps: Vec<(u64, &'static str, bool)>,
}

/// `GET …/keys/{key}/rotate`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let key = live_key(&member, &request).await?;
    let keys = member.visit.dashboard.catalog().signing_keys(&member.account.id).await?;
    let offered = next_name(key.id.as_str(), &keys);
    form(&member, &key, StatusCode::OK, offered, DEFAULT_OVERLAP_S, String::new())
}

/// `POST …/keys/{key}/rotate`.
pub(crate) async fn rotate(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let key = live_key(&member, &request).await?;
    let new_name = fields.get("new_name").trim().to_owned();
    let overlap_s =
        OVERLAPS.iter().map(|(seconds, _)| *seconds).find(|s| s.to_string() == fields.get("overlap"));
    let overlap_s = overlap_s.unwrap_or(DEFAULT_OVERLAP_S);
    match turn(&member, &key, &new_name, overlap_s).await? {
        Ok(()) => reply::done(&member.visit, &member.path("keys"), Toast::KeyRotated),
        Err(why) => {
            form(&member, &key, StatusCode::UNPROCESSABLE_ENTITY, new_name, overlap_s, sentence(&why))
        }
    }
}

/// Rotates, or says what is wrong with the name.
async fn turn(
    member: &Member,
    key: &KeyEntry,
    new_name: &str,
    overlap_s: u64,
) -> Result<Result<(), String>, Failure> {
    let new_id: SigningKeyId = match new_name.parse() {
        Ok(id) => id,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let rotation = Rotation { new_id: Some(new_id), overlap: Duration::from_secs(overlap_s) };
    let catalog = member.visit.dashboard.catalog();
    match catalog.rotate_signing_key(&member.account.id, &key.id, rotation, &member.actor()).await {
        Ok(_) => Ok(Ok(())),
        Err(catalog::Error::Exists) => Ok(Err("there is a signing key of this name".into())),
        Err(error @ (catalog::Error::TooMany { .. } | catalog::Error::Invalid(..))) => {
            catalog::count_refusal(&error);
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn form(
    member: &Member,
    key: &KeyEntry,
    status: StatusCode,
    new_name: String,
    overlap_s: u64,
    error: String,
) -> Outcome {
    let page = KeyRotatePage {
        shell: Shell::inside(member, "keys", format!("Rotate {}", key.id)),
        name: key.id.to_string(),
        new_name,
        error,
        overlaps: OVERLAPS.map(|(seconds, words)| (seconds, words, seconds == overlap_s)).to_vec(),
    };
    reply::page(&member.visit, status, &page)
}

/// `web-2` after `web`, `web-3` after `web-2`: the first number that is free.
fn next_name(name: &str, keys: &[KeyEntry]) -> String {
    let numbered = name.rsplit_once('-').and_then(|(base, number)| Some((base, number.parse::<u32>().ok()?)));
    let (base, number) = numbered.unwrap_or((name, 1));
    let taken = |name: &str| keys.iter().any(|key| key.id.as_str() == name && is_live(key));
    let names = (number.saturating_add(1)..).map(|number| format!("{base}-{number}"));
    names.take(1_000).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::{Secret, Timestamp};
    use signing::KeyState;

    use super::*;

    fn key(name: &str, state: KeyState) -> KeyEntry {
        let (secret, created_at) = (Secret::new("0123456789abcdef"), Timestamp::from_seconds(0));
        KeyEntry { id: name.parse().unwrap(), secret, state, signs: false, created_at }
    }

    #[test]
    fn the_next_name_counts_on_and_never_takes_a_live_one() {
        let keys = [key("web-2", KeyState::Active), key("web-3", KeyState::Revoked)];
        let check = |name, next| assert_eq!(next_name(name, &keys), next);
        check("default", "default-2");
        check("web", "web-3");
        check("web-2", "web-3");
        check("web-2026", "web-2027");
        check("ios-app", "ios-app-2");
    }
}
