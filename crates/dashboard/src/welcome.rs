//! The first and the last to see each request: finds the session, refuses forms of other sites, makes pages of
//! failures, and dresses every answer in the policy of the dashboard.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse};

use crate::error::Failure;
use crate::member::Member;
use crate::pages::failure;
use crate::toast::Toast;
use crate::visit::Visit;
use crate::{Dashboard, csrf};

/// The one policy of all pages: no inline script or style, no other host, no string that becomes a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'; require-trusted-types-for 'script'; trusted-types app";

/// Leads a request to its page and the answer out again.
pub(crate) async fn welcome<B: MessageBody + 'static>(
    dashboard: Dashboard,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.method() == Method::HEAD {
        // The HTTP layer knows that it was HEAD and sends no body.
        request.head_mut().method = Method::GET;
    }
    let (visit, refusal) = match Visit::new(dashboard, request.request()).await {
        Ok(visit) => (visit.clone(), refuse(&visit, &request)),
        Err((visit, failure)) => (visit, Some(failure)),
    };
    request.extensions_mut().insert(visit.clone());
    let mut answer = match refusal {
        Some(refusal) => {
            let page = failure::answer(&visit, None, &refusal);
            request.into_response(page)
        }
        None => with_page(&visit, next.call(request).await?.map_into_boxed_body()).await,
    };
    dress(answer.headers_mut());
    end_toast(&visit, answer.response_mut());
    Ok(answer)
}

/// Refuses what another site sends.
fn refuse(visit: &Visit, request: &ServiceRequest) -> Option<Failure> {
    let changes = *request.method() != Method::GET;
    let foreign = changes && !csrf::is_same_origin(request.headers(), &visit.dashboard.config().public_url);
    foreign.then_some(Failure::StaleForm)
}

/// Puts a page in the place of a failure.
async fn with_page(visit: &Visit, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let Some(error) = answer.response().error() else { return answer };
    let other;
    let failure = match error.as_error::<Failure>() {
        Some(failure) => failure,
        None => {
            other =
                Failure::refused(error.error_response().status(), "refused", "This request is malformed.");
            &other
        }
    };
    if let Failure::Broken(error) = failure {
        log(&**error);
    }
    let member = answer.request().extensions().get::<Member>().cloned();
    let page = failure::answer(visit, member.as_ref(), failure);
    if let (Failure::Role { .. }, Some(member)) = (failure, &member) {
        note_role(member).await;
    }
    answer.into_response(page)
}

/// Notes that somebody tried what the role does not allow: no page leads there.
async fn note_role(member: &Member) {
    let (account, actor) = (Some(&member.account.id), member.actor());
    let target = format!("role:{}", member.role.word());
    let catalog = member.visit.dashboard.catalog();
    let noted = catalog.record(account, &actor, "dashboard.request", &target, "refused");
    if let Err(error) = noted.await {
        tracing::warn!(%error, "a refusal cannot be noted in the audit log");
    }
}

fn log(error: &(dyn std::error::Error + 'static)) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    tracing::error!(error = %text, "a page failed");
}

/// Headers that every answer carries unless it has its own.
fn dress(headers: &mut HeaderMap) {
    let defaults: [(HeaderName, &'static str); 6] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (CACHE_CONTROL, "private, no-cache"),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// A toast that a page has shown is over.
fn end_toast(visit: &Visit, response: &mut HttpResponse) {
    let is_page =
        response.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if is_page && visit.toast.is_some() {
        // A cookie of ours is always a valid header.
        let _ = response.add_cookie(&Toast::ended(visit.dashboard.config()));
    }
}
