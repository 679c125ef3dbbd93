//! The forms of an answer: a page, JSON for a script, a way to go on.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderValue, LOCATION, VARY};
use askama::Template;
use serde::Serialize;

use crate::error::Failure;
use crate::gzip::packed;
use crate::toast::Toast;
use crate::visit::Visit;

/// What a page's handler comes to.
pub(crate) type Outcome = Result<HttpResponse, Failure>;

/// Pages below this many bytes fit into one packet and are not compressed.
const MIN_COMPRESSED_BYTES: usize = 1_200;

/// A page.
pub(crate) fn page(visit: &Visit, status: StatusCode, template: &impl Template) -> Outcome {
    let html = template.render().map_err(Failure::broken)?;
    let mut response = HttpResponse::build(status);
    response.content_type("text/html; charset=utf-8").insert_header((VARY, "accept-encoding, cookie"));
    if visit.gzip && html.len() > MIN_COMPRESSED_BYTES {
        let packed = packed(html.as_bytes()).map_err(Failure::broken)?;
        return Ok(response.insert_header((CONTENT_ENCODING, "gzip")).body(packed));
    }
    Ok(response.body(html))
}

/// A page that shows a secret: no cache keeps it.
pub(crate) fn secret_page(visit: &Visit, template: &impl Template) -> Outcome {
    let mut response = page(visit, StatusCode::OK, template)?;
    no_store(&mut response);
    Ok(response)
}

/// Keeps an answer out of every cache.
pub(crate) fn no_store(response: &mut HttpResponse) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// JSON for a script of ours.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).json(value)
}

/// On to another page, after a form.
pub(crate) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// On to another page, which says what was done.
pub(crate) fn done(visit: &Visit, path: &str, toast: Toast) -> Outcome {
    let mut response = see_other(path);
    response.add_cookie(&toast.cookie(visit.dashboard.config())).map_err(Failure::broken)?;
    Ok(response)
}
