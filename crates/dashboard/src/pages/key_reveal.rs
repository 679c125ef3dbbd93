//! Showing the value of a signing key: to admins, after a password that was checked lately, noted in the audit log.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, REFRESH};
use askama::Template;
use catalog::SignInVerdict;
use domain::Secret;
use serde_json::json;

use crate::body::Posted;
use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::keys::live_key;
use crate::pages::login::note_refusal;
use crate::reply::{self, Outcome};
use crate::shell::Shell;

/// How long a value is shown, in seconds.
const SHOWN_S: u32 = 30;

#[derive(Template)]
#[template(path = "key_reveal.html")]
struct KeyRevealPage {
    shell: Shell,
    name: String,
    /// The value; without it the page asks for the password.
    value: Option<String>,
    asks_password: bool,
    /// Whose password, for password managers.
    email: String,
    error: String,
    shown_s: u32,
}

/// `GET …/keys/{key}/reveal`: asks.
pub(crate) async fn ask(member: Member, request: HttpRequest) -> Outcome {
    let key = live_key(&member, &request).await?;
    form(&member, key.id.as_str(), StatusCode::OK, String::new())
}

/// `POST …/keys/{key}/reveal`: shows. A script that copies says so, and gets the value as JSON.
pub(crate) async fn reveal(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let key = live_key(&member, &request).await?;
    if let Some(refusal) = check_fresh(&member, &fields).await? {
        if member.visit.wants_json {
            let body = json!({ "ok": false, "code": "password", "error": refusal, "retry": false });
            return Ok(reply::json(StatusCode::UNPROCESSABLE_ENTITY, &body));
        }
        if fields.find("password").is_none() {
            // The list's button knows of no password: nothing is wrong yet.
            return form(&member, key.id.as_str(), StatusCode::OK, String::new());
        }
        return form(&member, key.id.as_str(), StatusCode::UNPROCESSABLE_ENTITY, refusal);
    }
    let act = if fields.get("copy").is_empty() { "key.reveal" } else { "key.copy" };
    let catalog = member.visit.dashboard.catalog();
    catalog
        .record(Some(&member.account.id), &member.actor(), act, &format!("key:{}", key.id), "done")
        .await?;
    show(&member, key.id.as_str(), &key.secret)
}

/// Why the password must be typed, or typed again; none where it was checked lately or is right now. Whoever has typed
/// too many wrong ones has to wait, which is a failure.
pub(crate) async fn check_fresh(member: &Member, fields: &Fields) -> Result<Option<String>, Failure> {
    if member.visit.is_fresh()? {
        return Ok(None);
    }
    let signed_in = member.visit.signed_in()?;
    let password = fields.get("password");
    if password.is_empty() {
        return Ok(Some("Enter your password to go on.".into()));
    }
    let (catalog, visitor) = (member.visit.dashboard.catalog(), &member.visit.visitor);
    let (email, password) = (&signed_in.session.person.email, Secret::new(password));
    match catalog.check_password(email, &password, visitor.address, visitor.address_counts).await? {
        SignInVerdict::Right(_) => {
            catalog.refresh_password_check(signed_in.value.reveal()).await?;
            Ok(None)
        }
        SignInVerdict::Wrong => {
            note_refusal(&member.visit, "session.password", email).await?;
            Ok(Some("This password is wrong.".into()))
        }
        SignInVerdict::Wait(too_often) => Err(too_often.into()),
    }
}

fn show(member: &Member, name: &str, secret: &Secret) -> Outcome {
    if member.visit.wants_json {
        let mut response = reply::json(StatusCode::OK, &json!({ "ok": true, "value": secret.reveal() }));
        reply::no_store(&mut response);
        return Ok(response);
    }
    let page = KeyRevealPage { value: Some(secret.reveal().to_owned()), ..blank(member, name) };
    let mut response = reply::secret_page(&member.visit, &page)?;
    let back = format!("{SHOWN_S}; url={}", member.path("keys"));
    response.headers_mut().insert(REFRESH, HeaderValue::from_str(&back).map_err(Failure::broken)?);
    Ok(response)
}

fn form(member: &Member, name: &str, status: StatusCode, error: String) -> Outcome {
    let page = KeyRevealPage { asks_password: !member.visit.is_fresh()?, error, ..blank(member, name) };
    reply::page(&member.visit, status, &page)
}

fn blank(member: &Member, name: &str) -> KeyRevealPage {
    KeyRevealPage {
        shell: Shell::inside(member, "keys", format!("Value of {name}")),
        name: name.to_owned(),
        value: None,
        asks_password: false,
        email: member.email(),
        error: String::new(),
        shown_s: SHOWN_S,
    }
}
