//! The forms of an answer: a page, JSON for a script, a way to go on.

pub(crate) mod toast;

use std::io::Write as _;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION, VARY,
};
use askama::Template;
use serde::Serialize;

use crate::error::Failure;
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
        let packed = gzip(html.as_bytes()).map_err(Failure::broken)?;
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
pub(crate) fn done(visit: &Visit, path: &str, toast: toast::Toast) -> Outcome {
    let mut response = see_other(path);
    response.add_cookie(&toast.cookie(visit.dashboard.config())).map_err(Failure::broken)?;
    Ok(response)
}

/// Whether a client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|codings| {
        codings.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    })
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 4), flate2::Compression::new(6));
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        let check = |value: &'static str, takes| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), takes, "{value}");
        };
        check("gzip, deflate, br, zstd", true);
        check("br;q=1, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("br", false);
        check("", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
