//! Signing in and out.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use askama::Template;
use catalog::SignInVerdict;
use domain::{Fault as _, Secret};
use serde_json::json;

use crate::body::Posted;
use crate::csrf;
use crate::error::Failure;
use crate::fields::Fields;
use crate::pages::home::own_path;
use crate::reply::{self, Outcome};
use crate::session;
use crate::shell::Shell;
use crate::visit::Visit;

/// What a wrong e-mail and a wrong password are both told.
const WRONG: &str = "E-mail or password is wrong.";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    email: String,
    next: String,
    /// Why it did not work.
    refusal: Option<Refusal>,
}

struct Refusal {
    sentence: &'static str,
    /// Seconds until another try is looked at; none where it may be now.
    wait_s: Option<u64>,
}

/// `GET /dashboard/login`.
pub(crate) async fn show(visit: Visit, request: actix_web::HttpRequest) -> Outcome {
    let query = Fields::parse(request.query_string());
    let next = own_path(query.get("next"));
    if visit.signed_in.is_some() {
        return Ok(reply::see_other(next));
    }
    if !visit.dashboard.catalog().has_people().await? {
        return Ok(reply::see_other("/dashboard/setup"));
    }
    form(&visit, StatusCode::OK, "", next, None)
}

/// `POST /dashboard/login`: a session, or the one sentence that tells nothing.
pub(crate) async fn sign_in(visit: Visit, Posted(fields): Posted) -> Outcome {
    let (email, next) = (fields.get("email").trim(), own_path(fields.get("next")));
    let password = Secret::new(fields.get("password"));
    let visitor = &visit.visitor;
    let catalog = visit.dashboard.catalog();
    let refusal =
        match catalog.check_password(email, &password, visitor.address, visitor.address_counts).await? {
            SignInVerdict::Right(person) => return welcome_in(&visit, &person, next).await,
            SignInVerdict::Wrong => {
                note_refusal(&visit, "session.start", email).await?;
                Refusal { sentence: WRONG, wait_s: None }
            }
            SignInVerdict::Wait(too_often) => {
                catalog::count_refusal(&too_often);
                let wait_s = too_often.limit().and_then(|limit| limit.retry_after_s);
                Refusal { sentence: "Too many wrong tries.", wait_s }
            }
        };
    refuse(&visit, email, next, refusal)
}

/// `POST /dashboard/logout`.
pub(crate) async fn sign_out(visit: Visit, Posted(_): Posted) -> Outcome {
    if let Some(signed_in) = &visit.signed_in {
        visit.dashboard.catalog().end_session(signed_in.value.reveal(), &visit.actor()).await?;
    }
    let mut response = reply::see_other("/dashboard/login");
    response.add_cookie(&session::ended(visit.dashboard.config())).map_err(Failure::broken)?;
    Ok(response)
}

/// Notes a password that was not taken in the audit log: a guess is only seen by who reads it there.
pub(crate) async fn note_refusal(visit: &Visit, act: &str, email: &str) -> Result<(), Failure> {
    let actor = match &visit.signed_in {
        Some(_) => visit.actor(),
        None => visit.actor_named("sign-in".into()),
    };
    Ok(visit.dashboard.catalog().record(None, &actor, act, &format!("person:{email}"), "refused").await?)
}

/// A new session for a person; one that the browser had before is over.
pub(crate) async fn welcome_in(visit: &Visit, person: &catalog::Person, next: &str) -> Outcome {
    let catalog = visit.dashboard.catalog();
    let actor = visit.actor_named(format!("person:{}", person.email));
    if let Some(signed_in) = &visit.signed_in {
        catalog.end_session(signed_in.value.reveal(), &actor).await?;
    }
    let started = catalog.start_session(person, &actor).await?;
    let mut response = if visit.wants_json {
        reply::json(StatusCode::OK, &json!({ "ok": true, "csrf": csrf::token(&started.session.csrf) }))
    } else {
        reply::see_other(next)
    };
    response.add_cookie(&session::cookie(visit.dashboard.config(), &started)).map_err(Failure::broken)?;
    reply::no_store(&mut response);
    Ok(response)
}

fn form(visit: &Visit, status: StatusCode, email: &str, next: &str, refusal: Option<Refusal>) -> Outcome {
    let shell = Shell::outside(visit, "login", "Sign in");
    reply::page(visit, status, &LoginPage { shell, email: email.into(), next: next.into(), refusal })
}

/// The form once more, or JSON for a script; whoever has to wait is told so by the status, too.
fn refuse(visit: &Visit, email: &str, next: &str, refusal: Refusal) -> Outcome {
    let wait_s = refusal.wait_s;
    let status = match wait_s {
        Some(_) => StatusCode::TOO_MANY_REQUESTS,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut response = match visit.wants_json {
        true => refuse_script(status, &refusal),
        false => form(visit, status, email, next, Some(refusal))?,
    };
    if let Some(wait_s) = wait_s {
        response.headers_mut().insert(RETRY_AFTER, wait_s.into());
    }
    Ok(response)
}

fn refuse_script(status: StatusCode, refusal: &Refusal) -> HttpResponse {
    let code = if refusal.wait_s.is_some() { "wait" } else { "wrong" };
    let error = match refusal.wait_s {
        Some(wait_s) => format!("{} Try again in {wait_s} s.", refusal.sentence),
        None => refusal.sentence.to_owned(),
    };
    let body = json!({ "ok": false, "code": code, "error": error, "wait_s": refusal.wait_s, "retry": false });
    reply::json(status, &body)
}
