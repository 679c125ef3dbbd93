//! Revoking a signing key. Its name is typed first, since nothing brings it back.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::KeyEntry;

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::keys::{is_live, live_key};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "key_revoke.html")]
struct KeyRevokePage {
    shell: Shell,
    name: String,
    typed: String,
    error: String,
    /// The password was not checked lately, so it is asked for.
    asks_password: bool,
    /// Whose password, for password managers.
    email: String,
    password_error: String,
    /// No other key of the account verifies.
    last: bool,
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
    if page.typed != key.id.as_str() {
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
    let keys = member.visit.dashboard.catalog().signing_keys(&member.account.id).await?;
    Ok(KeyRevokePage {
        shell: Shell::inside(member, "keys", format!("Revoke {}", key.id)),
        name: key.id.to_string(),
        typed: String::new(),
        error: String::new(),
        asks_password: !member.visit.is_fresh()?,
        email: member.email(),
        password_error: String::new(),
        last: !keys
            .iter()
            .any(|other| other.id != key.id && other.state == signing::KeyState::Active && is_live(other)),
    })
}
