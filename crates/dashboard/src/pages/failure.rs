//! The page, or the JSON, of whatever went wrong.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError as _};
use askama::Template;
use serde_json::json;

use crate::error::Failure;
use crate::member::Member;
use crate::pages::home::login_path;
use crate::reply;
use crate::shell::Shell;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    shell: Shell,
    sentence: String,
    request_id: String,
    /// Where the one link leads.
    back: String,
    back_label: &'static str,
}

/// The answer to a failed request.
pub(crate) fn answer(visit: &Visit, member: Option<&Member>, failure: &Failure) -> HttpResponse {
    let mut answer = told(visit, member, failure);
    if let Some(seconds) = failure.retry_after_s() {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn told(visit: &Visit, member: Option<&Member>, failure: &Failure) -> HttpResponse {
    if visit.wants_json || (visit.is_swap && matches!(failure, Failure::SignedOut)) {
        return for_script(visit, failure);
    }
    if matches!(failure, Failure::SignedOut) {
        return reply::see_other(&login_path(&visit.here));
    }
    let page = FailurePage {
        shell: member.map_or_else(
            || Shell::outside(visit, "failure", title(failure)),
            |member| Shell::inside(member, "failure", title(failure)),
        ),
        sentence: failure.to_string(),
        request_id: visit.request_id.clone(),
        back: member.map_or_else(|| "/dashboard".into(), |member| member.path("images")),
        back_label: if member.is_some() { "Back to the images" } else { "Back to the dashboard" },
    };
    reply::page(visit, failure.status_code(), &page)
        .unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
}

fn for_script(visit: &Visit, failure: &Failure) -> HttpResponse {
    let body = json!({
        "ok": false,
        "code": failure.code(),
        "error": failure.to_string(),
        "retry": failure.may_retry(),
        "request_id": visit.request_id,
    });
    reply::json(failure.status_code(), &body)
}

fn title(failure: &Failure) -> &'static str {
    match failure.status_code() {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong",
        StatusCode::SERVICE_UNAVAILABLE => "Busy",
        _ => "Not done",
    }
}
