//! Every header of a delivery or a refusal is set here (contract 6.4 and 10).

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use catalog::{Admission, Corp};
use domain::{Accepts, Fault, ObjectId, Problem, RequestHeader, Timestamp, capitalised};
use renditions::Rendered;
use sha2::{Digest, Sha256};
use variant::Recipe;

const POLICY: HeaderValue = HeaderValue::from_static(domain::IMAGE_POLICY);
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const IMAGE_AUTH: HeaderName = HeaderName::from_static("x-image-auth");
const CF_IMAGES: HeaderName = HeaderName::from_static("cf-images");

/// How long what stands in for a rendition may be kept, in seconds (contract R-63).
pub(crate) const MEANWHILE_TTL_S: u32 = 60;

/// The reason that stands for all where an account wants none to be told.
const FORBIDDEN: &str = "forbidden";

/// A rendition's entity tag: an opaque hash of object id, recipe and engine version.
#[derive(Clone)]
pub(crate) struct Tag(HeaderValue);

/// What a weak tag begins with.
const WEAK: &str = "W/";

impl Tag {
    /// The tag; a weak one where the same recipe may have made other bytes before, that look alike.
    pub(crate) fn new(object: &ObjectId, digest: &[u8; 16], is_exact: bool) -> Tag {
        let hash = Sha256::new().chain_update(object.as_bytes()).chain_update(digest).finalize();
        let mut text = *b"W/\"00000000000000000000000000000000\"";
        // 16 bytes always fill 32 digits.
        let _ = hex::encode_to_slice(&hash[..16], &mut text[3..35]);
        let text = if is_exact { &text[WEAK.len()..] } else { &text[..] };
        Tag(HeaderValue::from_bytes(text).unwrap_or(HeaderValue::from_static("\"\"")))
    }

    /// Whether an `If-None-Match` names this tag, by weak comparison (RFC 9110, 13.1.2).
    pub(crate) fn is_in(&self, known: &HeaderValue) -> bool {
        known == self.0
            || known.to_str().is_ok_and(|known| {
                let own = self.0.as_bytes();
                let own = own.strip_prefix(WEAK.as_bytes()).unwrap_or(own);
                known
                    .split(',')
                    .map(str::trim)
                    .any(|tag| tag == "*" || tag.strip_prefix(WEAK).unwrap_or(tag).as_bytes() == own)
            })
    }
}

/// 200 with the rendition.
pub(crate) fn delivered(
    admission: &Admission,
    recipe: &Recipe,
    tag: &Tag,
    rendered: &Rendered,
    now: Timestamp,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    cache_headers(&mut response, admission, recipe, tag, now);
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(rendered.format.media_type())));
    response.insert_header((header::CONTENT_DISPOSITION, disposition(rendered.format)));
    response.insert_header((CF_IMAGES, HeaderValue::from_static("internal=ok")));
    for warning in &recipe.warnings {
        if let Ok(value) = HeaderValue::from_str(&format!("cf-images 299 \"{}\"", printable(warning))) {
            response.append_header((header::WARNING, value));
        }
    }
    response.body(rendered.bytes.clone())
}

/// 304: the visitor has it, and may have it still.
pub(crate) fn not_modified(
    admission: &Admission,
    recipe: &Recipe,
    tag: &Tag,
    now: Timestamp,
) -> HttpResponse {
    let mut response = HttpResponse::NotModified();
    cache_headers(&mut response, admission, recipe, tag, now);
    response.finish()
}

/// 302: the bucket has the rendition. Nobody keeps that, since where it leads ends soon.
pub(crate) fn elsewhere(admission: &Admission, recipe: &Recipe, url: &str) -> HttpResponse {
    let mut response = HttpResponse::Found();
    if let Ok(url) = HeaderValue::from_str(url) {
        response.insert_header((header::LOCATION, url));
    }
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")));
    vary(&mut response, recipe);
    common_headers(&mut response, admission.corp);
    response.finish()
}

/// What a bucket is to say of a rendition that is fetched at last at a moment: how it is shown, and how long it may be kept.
pub(crate) fn lent_words(admission: &Admission, rendered: &Rendered, at: Timestamp) -> (String, String) {
    let text = |value: HeaderValue| value.to_str().unwrap_or_default().to_owned();
    (text(disposition(rendered.format)), text(cache_control(admission, at)))
}

/// The refusal of a link that ended while its rendition was made.
pub(crate) fn still_valid(admission: &Admission, now: Timestamp) -> Result<(), signing::Error> {
    match admission.signed.as_ref().and_then(|signed| signed.expires_s) {
        Some(expires_s) if now.as_seconds() >= expires_s => Err(signing::Error::Expired),
        _ => Ok(()),
    }
}

/// A failure, in the contract's text form, or as JSON where `Accept` names it. Where refusals are to collapse, one of a
/// signature says no more than that it is one.
pub(crate) fn refusal(fault: &dyn Fault, accepts: Accepts, collapses: bool) -> HttpResponse {
    let problem = fault.problem();
    if problem.passes() {
        // Whose outage it is tells so once; a line for each visitor would fill the disk just then.
        tracing::debug!(error = %chain(fault), "a delivery is not possible right now");
    } else if problem.status() >= 500 {
        tracing::error!(error = %chain(fault), "a delivery failed");
    }
    count(fault, problem);
    let mut response = refused(problem);
    if problem.status() == 503 {
        let retry_after_s = fault.limit().and_then(|limit| limit.retry_after_s);
        response.insert_header((header::RETRY_AFTER, retry_after_s.unwrap_or(1)));
    }
    let (reason, text) = match fault.reason() {
        Some(_) if collapses && problem == Problem::SignatureRefused => {
            (Some(FORBIDDEN), "Forbidden".to_owned())
        }
        Some(reason) if !accepts.json => (Some(reason), told_to_all(problem, fault)),
        reason => (reason, capitalised(&fault.to_string())),
    };
    if let Some(reason) = reason {
        response.insert_header((IMAGE_AUTH, HeaderValue::from_static(reason)));
    }
    body(response, problem, reason, &text, accepts)
}

/// What the text of a refusal says where a header gives the reason: one sentence for all of a status, so that a body tells
/// nothing apart.
fn told_to_all(problem: Problem, fault: &dyn Fault) -> String {
    match problem {
        Problem::SignatureMalformed => {
            "The URL is not written as a signed one is: x-image-auth says why".into()
        }
        Problem::SignatureRefused => "The URL does not open this image: x-image-auth says why".into(),
        _ => capitalised(&fault.to_string()),
    }
}

/// Counts a refusal, where it is one of a signature or of a limit.
fn count(fault: &dyn Fault, problem: Problem) {
    let of_signature = matches!(problem, Problem::SignatureMalformed | Problem::SignatureRefused);
    if let (true, Some(reason)) = (of_signature, fault.reason()) {
        metrics::counter!("darkroom_signature_refusals_total", "reason" => reason).increment(1);
    }
    catalog::count_refusal(fault);
}

/// 405 for anything but GET and HEAD.
pub(crate) fn method_not_allowed(accepts: Accepts) -> HttpResponse {
    let mut response = refused(Problem::MethodNotAllowed);
    response.insert_header((header::ALLOW, HeaderValue::from_static("GET, HEAD")));
    body(response, Problem::MethodNotAllowed, None, "Images are delivered by GET and HEAD", accepts)
}

fn cache_headers(
    response: &mut HttpResponseBuilder,
    admission: &Admission,
    recipe: &Recipe,
    tag: &Tag,
    now: Timestamp,
) {
    response.insert_header((header::CACHE_CONTROL, cache_control(admission, now)));
    response.insert_header((header::ETAG, tag.0.clone()));
    vary(response, recipe);
    common_headers(response, admission.corp);
}

/// Names the request headers that had a say, so that no cache answers one visitor with what is another's.
fn vary(response: &mut HttpResponseBuilder, recipe: &Recipe) {
    let value = match recipe.varies.as_slice() {
        [] => return,
        [RequestHeader::Accept] => HeaderValue::from_static("Accept"),
        several => {
            let names: Vec<&str> = several.iter().map(|header| header.name()).collect();
            HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("*"))
        }
    };
    response.insert_header((header::VARY, value));
}

/// What needed a signature is private and ends with its URL; all else is public for its time (contract 6.4). What may be
/// used a number of times is kept by nobody.
fn cache_control(admission: &Admission, now: Timestamp) -> HeaderValue {
    let mut text = String::with_capacity(64);
    let written = match &admission.signed {
        // What stands in for something else is not kept beyond its time either.
        None if admission.ttl_s <= MEANWHILE_TTL_S => write!(text, "public, max-age={}", admission.ttl_s),
        None => write!(text, "public, max-age={}, stale-while-revalidate=7200", admission.ttl_s),
        Some(signed) if !signed.uses.is_empty() => return HeaderValue::from_static("no-store"),
        Some(signed) => {
            let left_s = signed.expires_s.map_or(i64::MAX, |end| end.saturating_sub(now.as_seconds()).max(0));
            write!(text, "private, max-age={}", left_s.min(i64::from(admission.ttl_s)))
        }
    };
    match written {
        Ok(()) => HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-store")),
        Err(_) => HeaderValue::from_static("no-store"),
    }
}

fn common_headers(response: &mut HttpResponseBuilder, corp: Corp) {
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    response.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    response.insert_header((header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
    response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
    response.insert_header((CORP, HeaderValue::from_static(corp.word())));
}

fn disposition(format: variant::Format) -> HeaderValue {
    HeaderValue::from_static(match format {
        variant::Format::Jpeg => "inline; filename=\"image.jpg\"",
        variant::Format::Png => "inline; filename=\"image.png\"",
        variant::Format::Webp => "inline; filename=\"image.webp\"",
        variant::Format::Gif => "inline; filename=\"image.gif\"",
        variant::Format::Avif => "inline; filename=\"image.avif\"",
        variant::Format::Jxl => "inline; filename=\"image.jxl\"",
        variant::Format::Heic => "inline; filename=\"image.heic\"",
        variant::Format::Svg => "inline; filename=\"image.svg\"",
        variant::Format::Json => "inline; filename=\"image.json\"",
    })
}

fn refused(problem: Problem) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if let Ok(value) = HeaderValue::from_str(&format!("err={}", problem.delivery_code())) {
        response.insert_header((CF_IMAGES, value));
    }
    common_headers(&mut response, Corp::CrossOrigin);
    response
}

fn body(
    mut response: HttpResponseBuilder,
    problem: Problem,
    reason: Option<&str>,
    text: &str,
    accepts: Accepts,
) -> HttpResponse {
    let code = problem.delivery_code();
    if accepts.json {
        let name = reason.map_or_else(|| code.to_string(), str::to_owned);
        return response.json(serde_json::json!({ "error": { "code": name, "message": text } }));
    }
    response.content_type("text/plain; charset=utf-8").body(format!("ERROR {code}: {text}"))
}

/// A text that a quoted string in a header can hold.
fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' }).collect()
}

/// An error with its causes, for the log.
fn chain(error: &dyn Fault) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_alone_in_a_list_weak_and_by_star() {
        for is_exact in [true, false] {
            let tag = Tag::new(&ObjectId::from_bytes([1; 16]), &[2; 16], is_exact);
            let own = tag.0.to_str().unwrap().to_owned();
            assert_eq!(own.starts_with(WEAK), !is_exact);
            let bare = own.trim_start_matches(WEAK);
            let check = |known: &str, found| {
                assert_eq!(tag.is_in(&HeaderValue::from_str(known).unwrap()), found, "{known}");
            };
            check(&own, true);
            check(bare, true);
            check(&format!("W/{bare}"), true);
            check(&format!("\"a\", {own}"), true);
            check("*", true);
            check("\"a\"", false);
            check("", false);
            check(bare.trim_matches('"'), false);
        }
    }

    /// Counts the lines that a log of level `info` would have.
    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl tracing::Subscriber for Lines {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() <= tracing::Level::INFO
        }

        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn an_outage_makes_no_line_for_each_visitor_and_a_failure_of_ours_does() {
        let check = |fault: catalog::Error, status: u16, expected: usize| {
            let lines = Lines::default();
            let answer = tracing::subscriber::with_default(lines.clone(), || {
                refusal(&fault, Accepts::default(), false)
            });
            let logged = lines.0.load(std::sync::atomic::Ordering::Relaxed);
            assert_eq!((answer.status().as_u16(), logged), (status, expected), "{fault}");
        };
        check(catalog::Error::RightsUnavailable, 503, 0);
        check(catalog::Error::Busy, 503, 0);
        check(catalog::Error::MasterKey, 500, 1);
        check(catalog::Error::ImageMissing, 404, 0);
    }

    #[test]
    fn where_refusals_collapse_one_of_a_signature_says_no_more_than_that() {
        let check = |error: signing::Error, collapses, status: u16, reason: &str| {
            let answer = refusal(&error, Accepts::default(), collapses);
            let told = answer.headers().get(IMAGE_AUTH).and_then(|value| value.to_str().ok());
            assert_eq!((answer.status().as_u16(), told), (status, Some(reason)), "{error}");
        };
        check(signing::Error::Expired, true, 403, "forbidden");
        check(signing::Error::UnknownKey, true, 403, "forbidden");
        check(signing::Error::UnknownKey, false, 403, "unknown_key");
        check(signing::Error::BadPath, true, 400, "bad_path");
        check(signing::Error::ReplayStoreUnavailable, true, 503, "replay_store_unavailable");
    }

    #[test]
    fn two_originals_never_share_a_tag() {
        let one = Tag::new(&ObjectId::from_bytes([1; 16]), &[2; 16], true);
        let two = Tag::new(&ObjectId::from_bytes([2; 16]), &[2; 16], true);
        assert_ne!(one.0, two.0);
    }

    #[test]
    fn a_warning_cannot_break_out_of_its_header() {
        assert_eq!(printable("a\"b\\c\r\nd"), "a?b?c??d");
    }
}
