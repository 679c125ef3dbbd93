//! Revoking a key of another system: what it will break. The name of one that is in use is typed first.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::VerifyingKeyEntry;
use signing::KeyState;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::delivery::schemes::path;
use crate::pages::revocation::Revocation;
use crate::pages::verifying_keys::live_key;
use crate::reply::{self, Outcome};
use crate::scheme_words::about;
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "verifying_key_revoke.html")]
struct VerifyingKeyRevokePage {
    shell: Shell,
    key: Revocation,
    scheme: &'static str,
    back: String,
    path: String,
    /// It can be retired instead.
    retires: bool,
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
    if !page.key.is_answered(&member, &fields).await? {
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let catalog = member.visit.dashboard.catalog();
    catalog.revoke_verifying_key(&member.account.id, &key.name, &member.actor()).await?;
    reply::done(&member.visit, &page.back, Toast::VerifyingKeyRevoked)
}

async fn page(member: &Member, key: &VerifyingKeyEntry) -> Result<VerifyingKeyRevokePage, Failure> {
    Ok(VerifyingKeyRevokePage {
        shell: Shell::inside(member, "delivery", format!("Revoke {}", key.name)),
        key: Revocation::of(member, &key.name).await?,
        scheme: about(key.scheme).title,
        back: path(member, key.scheme),
        path: member.path(&format!("delivery/keys/{}", key.name)),
        retires: key.state == KeyState::Active,
    })
}
