//! Retiring a key of another system: it verifies until the overlap ends.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use signing::KeyState;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::delivery::schemes::path;
use crate::pages::key_rotate::{DEFAULT_OVERLAP_S, OVERLAPS};
use crate::pages::verifying_keys::live_key;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "verifying_key_retire.html")]
struct VerifyingKeyRetirePage {
    shell: Shell,
    name: String,
    back: String,
    /// Seconds, words, whether it is chosen.
    overlaps: Vec<(u64, &'static str, bool)>,
}

/// `GET …/delivery/keys/{key}/retire`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let key = live_key(&member, &request).await?;
    let page = VerifyingKeyRetirePage {
        shell: Shell::inside(&member, "delivery", format!("Retire {}", key.name)),
        name: key.name.to_string(),
        back: path(&member, key.scheme),
        overlaps: OVERLAPS.map(|(seconds, words)| (seconds, words, seconds == DEFAULT_OVERLAP_S)).to_vec(),
    };
    reply::page(&member.visit, StatusCode::OK, &page)
}

/// `POST …/delivery/keys/{key}/retire` with `overlap` in seconds.
pub(crate) async fn retire(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let key = live_key(&member, &request).await?;
    if key.state != KeyState::Active {
        let sentence = format!("{} is retiring already.", key.name);
        return Err(Failure::refused(StatusCode::CONFLICT, "refused", sentence));
    }
    let offered = OVERLAPS.iter().map(|(seconds, _)| *seconds);
    let overlap_s = offered.into_iter().find(|seconds| seconds.to_string() == fields.get("overlap"));
    let overlap = Duration::from_secs(overlap_s.unwrap_or(DEFAULT_OVERLAP_S));
    let catalog = member.visit.dashboard.catalog();
    catalog.retire_verifying_key(&member.account.id, &key.name, overlap, &member.actor()).await?;
    reply::done(&member.visit, &path(&member, key.scheme), Toast::VerifyingKeyRetired)
}
