//! Revoking a signing key: what it will break, and what breaks less. The name of a key that is in use is typed first,
//! since nothing brings it back.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::KeyEntry;
use signing::KeyState;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::keys::{is_live, live_key};
use crate::pages::revocation::Revocation;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words::Moment;

#[derive(Template)]
#[template(path = "key_revoke.html")]
struct KeyRevokePage {
    shell: Shell,
    key: Revocation,
    /// It can be rotated instead.
    rotates: bool,
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
    if !page.key.is_answered(&member, &fields).await? {
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    member.visit.dashboard.catalog().revoke_signing_key(&member.account.id, &key.id, &member.actor()).await?;
    reply::done(&member.visit, &member.path("keys"), Toast::KeyRevoked)
}

async fn page(member: &Member, key: &KeyEntry) -> Result<KeyRevokePage, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let keys = catalog.signing_keys(&member.account.id).await?;
    Ok(KeyRevokePage {
        shell: Shell::inside(member, "keys", format!("Revoke {}", key.id)),
        key: Revocation::of(member, &key.id).await?,
        rotates: key.state == KeyState::Active,
        last: !keys
            .iter()
            .any(|other| other.id != key.id && other.state == KeyState::Active && is_live(other)),
        retires: match key.state {
            KeyState::Retiring { verify_until } => Some(Moment::new(verify_until)),
            _ => None,
        },
    })
}
