//! A new signing key under a name of one's own.

use actix_web::http::StatusCode;
use askama::Template;
use catalog::Role;
use domain::{SigningKeyId, sentence};

use crate::body::Posted;
use crate::member::Member;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "key_new.html")]
struct KeyNewPage {
    shell: Shell,
    name: String,
    error: String,
}

/// `GET …/keys/new`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Admin)?;
    form(&member, StatusCode::OK, "", String::new())
}

/// `POST …/keys/new`.
pub(crate) async fn create(member: Member, Posted(fields): Posted) -> Outcome {
    member.require(Role::Admin)?;
    let name = fields.get("name").trim();
    let wrong = |why: &str| form(&member, StatusCode::UNPROCESSABLE_ENTITY, name, sentence(why));
    let id: SigningKeyId = match name.parse() {
        Ok(id) => id,
        Err(why) => return wrong(&format!("{why}")),
    };
    match member.visit.dashboard.catalog().create_signing_key(&member.account.id, &id, &member.actor()).await
    {
        Ok(_) => reply::done(&member.visit, &member.path("keys"), Toast::KeyCreated),
        Err(catalog::Error::Exists) => wrong("there is a signing key of this name"),
        Err(error @ (catalog::Error::TooMany { .. } | catalog::Error::Invalid(..))) => {
            catalog::count_refusal(&error);
            wrong(&error.to_string())
        }
        Err(error) => Err(error.into()),
    }
}

fn form(member: &Member, status: StatusCode, name: &str, error: String) -> Outcome {
    let shell = Shell::inside(member, "keys", "Create a signing key");
    reply::page(&member.visit, status, &KeyNewPage { shell, name: name.to_owned(), error })
}
