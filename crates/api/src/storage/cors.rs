//! Pages of other hosts may ask: the signature is the right, and no cookie is ever looked at.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// What a page may read of an answer.
const EXPOSED: &str = "ETag, Content-Length, Content-Range, Content-Type, Last-Modified, Location, x-amz-request-id, x-image-auth";

/// Headers that a page may send, where it does not say which it will.
const USUAL_HEADERS: &str = "authorization, content-md5, content-type, range";

/// Bytes of names that an answer repeats.
const MAX_NAMES_BYTES: usize = 1_024;

/// Seconds for which browsers keep this.
const MAX_AGE_S: &str = "600";

/// What a browser wants to know before it sends a page's request, with the names of the headers that it wishes to send.
pub(super) fn preflight(wished: Option<&str>) -> HttpResponse {
    let wished = wished.filter(|names| are_names(names));
    let wished = wished.and_then(|names| HeaderValue::from_str(names).ok());
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT, POST"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            wished.unwrap_or(HeaderValue::from_static(USUAL_HEADERS)),
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S))
        .insert_header((header::VARY, "Access-Control-Request-Headers"))
        .finish()
}

/// Lets every page read an answer.
pub(super) fn open(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    let own = header::HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(own, HeaderValue::from_static("cross-origin"));
}

/// Whether a text is a list of names of headers.
fn are_names(text: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b',' | b' ');
    text.len() <= MAX_NAMES_BYTES && text.bytes().all(of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_repeated() {
        assert!(are_names("content-type,x-amz-date, x_y"));
        assert!(!are_names("a: b") && !are_names("a\r\nb") && !are_names(&"a".repeat(1_025)));
    }
}
