//! What a browser is told once its form was accepted: where to go on, or by which status, as the signed fields wish.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use catalog::Image;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use signing::StorageAddress;

use super::asked::Asked;
use super::entity;
use super::refused::xml;

/// The longest address to go on to, in bytes.
const MAX_REDIRECT_BYTES: usize = 2_048;

/// The wished outcome.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// On to this page.
    Redirect(String),
    /// A status: 200, 201 with a document, or 204.
    Status(StatusCode),
}

impl Outcome {
    /// Reads the fields. As in S3, an address that is none and a status that is not known count as if they were not there.
    pub(super) fn read(fields: &[(String, String)]) -> Self {
        let field = |wanted: &str| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
        };
        let redirect = field("success_action_redirect").or_else(|| field("redirect"));
        if let Some(url) = redirect.filter(|url| is_page(url)) {
            return Outcome::Redirect(url.to_owned());
        }
        Outcome::Status(match field("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        })
    }

    /// The answer about a new image.
    pub(super) fn answer(&self, asked: &Asked<'_>, account: &str, image: &Image) -> HttpResponse {
        let tag = entity::tag(&image.sha256);
        let place = format!("{}/{account}/{}", StorageAddress::MOUNT, image.id.to_path());
        let location = asked.url(&place);
        match self {
            Outcome::Redirect(url) => {
                let url = with_pairs(url, &[("bucket", account), ("key", image.id.as_str()), ("etag", &tag)]);
                let mut response = HttpResponse::SeeOther();
                put(&mut response, header::LOCATION, &url);
                put(&mut response, header::ETAG, &tag);
                response.finish()
            }
            Outcome::Status(status) => {
                let mut response = HttpResponseBuilder::new(*status);
                put(&mut response, header::LOCATION, &location);
                put(&mut response, header::ETAG, &tag);
                if *status != StatusCode::CREATED {
                    return response.finish();
                }
                let fields = [
                    ("Location", location.as_str()),
                    ("Bucket", account),
                    ("Key", image.id.as_str()),
                    ("ETag", &tag),
                ];
                response.content_type("application/xml").body(xml("PostResponse", &fields))
            }
        }
    }
}

fn put(response: &mut HttpResponseBuilder, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.insert_header((name, value));
    }
}

/// Whether a text is the whole address of a page that a browser fetches, and nothing that it runs.
fn is_page(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).map(str::len);
    let host_at = rest.map(|rest| lower.len() - rest);
    let has_host =
        host_at.is_some_and(|at| !url[at..].is_empty() && !url[at..].starts_with(['/', '?', '#', '\\']));
    has_host
        && url.len() <= MAX_REDIRECT_BYTES
        && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// An address with more pairs in its query, before its fragment.
fn with_pairs(url: &str, pairs: &[(&str, &str)]) -> String {
    let (page, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let joint = match page.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{page}{joint}{}{fragment}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Outcome {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Outcome::read(&fields)
    }

    #[test]
    fn the_wished_status_is_given_where_it_is_known() {
        let status = |text| read(&[("Success_Action_Status", text)]);
        assert_eq!(status("200"), Outcome::Status(StatusCode::OK));
        assert_eq!(status("201"), Outcome::Status(StatusCode::CREATED));
        for other in ["204", "302", "", "teapot"] {
            assert_eq!(status(other), Outcome::Status(StatusCode::NO_CONTENT), "{other}");
        }
    }

    #[test]
    fn a_browser_goes_on_to_pages_only() {
        for url in ["https://a.example/done?x=1#y", "http://a.example", "HTTPS://A.example:8443/"] {
            assert_eq!(read(&[("success_action_redirect", url)]), Outcome::Redirect(url.into()), "{url}");
        }
        for url in [
            "javascript:alert(1)",
            "//a.example",
            "/done",
            "https://",
            "https:///x",
            "http://\\a",
            "https://a.example/\r\nset-cookie: x=y",
            "https://a.example/ä",
            "data:text/html,x",
            "",
        ] {
            let outcome = read(&[("success_action_redirect", url), ("success_action_status", "200")]);
            assert_eq!(outcome, Outcome::Status(StatusCode::OK), "{url}");
        }
    }

    #[test]
    fn what_was_stored_is_told_in_the_query() {
        let check = |url: &str, expected: &str| {
            assert_eq!(with_pairs(url, &[("key", "a/b &c"), ("etag", "\"1\"")]), expected);
        };
        check("https://a.example/d", "https://a.example/d?key=a%2Fb%20%26c&etag=%221%22");
        check("https://a.example/d?x=1#top", "https://a.example/d?x=1&key=a%2Fb%20%26c&etag=%221%22#top");
        check("https://a.example/d?", "https://a.example/d?key=a%2Fb%20%26c&etag=%221%22");
    }
}
