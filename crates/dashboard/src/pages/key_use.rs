//! Choosing the signing key that signs.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use crate::body::Posted;
use crate::member::Member;
use crate::pages::keys::live_key;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "key_use.html")]
struct KeyUsePage {
    shell: Shell,
    name: String,
}

/// `GET …/keys/{key}/use`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let key = live_key(&member, &request).await?;
    let shell = Shell::inside(&member, "keys", format!("Sign with {}", key.id));
    reply::page(&member.visit, StatusCode::OK, &KeyUsePage { shell, name: key.id.to_string() })
}

/// `POST …/keys/{key}/use`.
pub(crate) async fn choose(member: Member, request: HttpRequest, Posted(_): Posted) -> Outcome {
    let key = live_key(&member, &request).await?;
    member.visit.dashboard.catalog().use_signing_key(&member.account.id, &key.id, &member.actor()).await?;
    reply::done(&member.visit, &member.path("keys"), Toast::KeyChosen)
}
