//! A refusal as S3 tells it, since clients read it so: XML with a code, and our own reason in `x-image-auth`.

use std::error::Error;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use catalog::{StorageFetch, StorageRights};
use domain::{Fault, Problem, Timestamp, sentence};

/// Bytes of a path that an answer repeats.
const MAX_SHOWN_PATH: usize = 2_048;

/// A refusal on its way to the client. Boxed, since it goes through many hands and is rare.
#[derive(Debug)]
pub(super) struct Refused(Box<Told>);

#[derive(Debug)]
struct Told {
    status: u16,
    code: &'static str,
    message: String,
    /// The stable reason of a refused signature.
    reason: Option<&'static str>,
    /// A header that belongs to this refusal.
    header: Option<(header::HeaderName, HeaderValue)>,
    /// What only the log learns, where the failure is ours.
    cause: Option<String>,
}

impl Refused {
    /// One with a code of S3's and a text of ours.
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Refused(Box::new(Told { status, code, message, reason: None, header: None, cause: None }))
    }

    /// Something that S3 has and this house has not, named.
    pub(super) fn not_built(what: &str) -> Self {
        Refused::new(501, "NotImplemented", format!("This server does not know {what} in storage's form."))
    }

    /// A value that cannot be taken.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Refused::new(400, "InvalidArgument", message)
    }

    /// A condition of the request that does not hold.
    pub(super) fn unmet() -> Self {
        Refused::new(412, "PreconditionFailed", "The original is not the one that was meant.")
    }

    /// The methods that an address takes.
    pub(super) fn wrong_method(allowed: &'static str) -> Self {
        let refused = Refused::new(405, "MethodNotAllowed", format!("This address takes {allowed}."));
        refused.with(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// No such byte is in an original of so many.
    pub(super) fn range(len: u64) -> Self {
        let refused = Refused::new(416, "InvalidRange", "The original has no such bytes.");
        match HeaderValue::from_str(&format!("bytes */{len}")) {
            Ok(value) => refused.with(header::CONTENT_RANGE, value),
            Err(_) => refused,
        }
    }

    /// Any fault of the floors below. Counted, where it is one of a limit or of a signature.
    pub(super) fn of(fault: &dyn Fault) -> Self {
        let (problem, reason) = (fault.problem(), fault.reason());
        catalog::count_refusal(fault);
        if let Some(reason) = reason {
            metrics::counter!("darkroom_signature_refusals_total", "reason" => reason).increment(1);
        }
        let code = reason.map_or_else(|| code_of(problem), |reason| code_of_reason(reason, problem));
        let told = match reason {
            Some("missing_signature") => "An original is given and taken by signed requests only.".to_owned(),
            _ => sentence(&fault.to_string()),
        };
        let mut refused = Refused::new(problem.status(), code, told);
        refused.0.reason = reason;
        refused.0.cause = (problem.status() >= 500).then(|| chain(fault));
        let wait_s = fault.limit().and_then(|limit| limit.retry_after_s);
        match problem.status() {
            429 | 503 => refused.with(header::RETRY_AFTER, HeaderValue::from(wait_s.unwrap_or(1))),
            _ => refused,
        }
    }

    /// Where an account wants refusals to say nothing, one of a signature says no more than that it is one.
    pub(super) fn collapsed(self, collapses: bool) -> Self {
        if !collapses || self.0.status != 403 || self.0.reason.is_none() {
            return self;
        }
        let mut told = Refused::new(403, "AccessDenied", "This request is not let in.");
        told.0.reason = Some("forbidden");
        told
    }

    /// The word under which it is counted.
    pub(super) fn word(&self) -> &'static str {
        match self.0.code {
            _ if self.0.reason.is_some() => self.0.reason.unwrap_or_default(),
            "NoSuchKey" => "image_missing",
            _ if self.0.status >= 500 => "failed",
            _ => "refused",
        }
    }

    /// Writes it to the log, where the failure is ours.
    pub(super) fn log(&self) {
        match &self.0.cause {
            // Whose outage it is tells so once.
            Some(cause) if matches!(self.0.status, 503 | 507) => {
                tracing::debug!(status = self.0.status, cause, "not possible right now");
            }
            Some(cause) => tracing::error!(status = self.0.status, cause, "failed"),
            None => tracing::debug!(status = self.0.status, code = self.0.code, "refused"),
        }
    }

    /// The answer. A path has no secret in it; the query, which may, is not repeated.
    pub(super) fn respond(&self, path: &str, request_id: &str) -> HttpResponse {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        response.content_type("application/xml");
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(reason) = self.0.reason {
            response.insert_header(("x-image-auth", HeaderValue::from_static(reason)));
        }
        if let Some(header) = self.0.header.clone() {
            response.insert_header(header);
        }
        let shown: String = path.chars().take(MAX_SHOWN_PATH).collect();
        let fields = [
            ("Code", self.0.code),
            ("Message", &self.0.message),
            ("Resource", &shown),
            ("RequestId", request_id),
        ];
        response.body(xml("Error", &fields))
    }

    fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }
}

impl<E: Fault> From<E> for Refused {
    fn from(fault: E) -> Self {
        Refused::of(&fault)
    }
}

/// A document of one element with these texts.
pub(super) fn xml(name: &str, fields: &[(&str, &str)]) -> String {
    let fields: String =
        fields.iter().map(|(name, text)| format!("<{name}>{}</{name}>", escaped(text))).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name}>{fields}</{name}>")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no such characters, not even escaped.
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// S3's code of a refused signature. The status stays that of the reason (signing-schemes 10).
fn code_of_reason(reason: &str, problem: Problem) -> &'static str {
    match reason {
        "bad_signature" => "SignatureDoesNotMatch",
        "unknown_key" | "key_revoked" => "InvalidAccessKeyId",
        "request_time_skewed" => "RequestTimeTooSkewed",
        "payload_mismatch" => "XAmzContentSHA256Mismatch",
        "unsupported_payload" => "NotImplemented",
        "malformed_policy" => "InvalidPolicyDocument",
        "bad_path" => "InvalidURI",
        "target_too_long" => "KeyTooLongError",
        _ if problem == Problem::SignatureMalformed => "AuthorizationQueryParametersError",
        _ if problem.status() == 503 => "ServiceUnavailable",
        _ => "AccessDenied",
    }
}

fn code_of(problem: Problem) -> &'static str {
    match problem {
        Problem::ImageMissing => "NoSuchKey",
        Problem::Exists => "ObjectAlreadyExists",
        Problem::TooLarge | Problem::TooLargeForServer => "EntityTooLarge",
        Problem::TooSlow => "RequestTimeout",
        Problem::Aborted => "IncompleteBody",
        Problem::NotAForm => "MalformedPOSTRequest",
        Problem::MethodNotAllowed => "MethodNotAllowed",
        Problem::TooManyRequests => "SlowDown",
        Problem::AccountLimit => "QuotaExceeded",
        Problem::RouteMissing => "NoSuchBucket",
        Problem::TargetTooLong => "KeyTooLongError",
        problem if problem.passes() => "ServiceUnavailable",
        problem if problem.status() >= 500 => "InternalError",
        problem if problem.status() == 403 => "AccessDenied",
        _ => "InvalidRequest",
    }
}

fn chain(fault: &dyn Fault) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = Error::source(error);
    }
    text
}

/// An answer as whoever asked gets it, once it is noted who that was: a refusal may have to say nothing.
pub(super) fn noted(
    answered: Result<HttpResponse, Refused>,
    rights: &StorageRights,
    mut fetch: StorageFetch,
    now: Timestamp,
) -> Result<HttpResponse, Refused> {
    fetch.refused = answered.as_ref().err().map(Refused::word);
    rights.note(&fetch, now);
    answered.map_err(|refused| refused.collapsed(rights.collapses()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_code_that_clients_of_s3_know() {
        for error in signing::Error::ALL {
            let refused = Refused::of(error);
            assert_eq!(refused.0.status, error.problem().status(), "{error}");
            assert!(refused.0.code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{error}");
            assert_eq!(Some(refused.word()), error.reason());
        }
        let code = |error: signing::Error| Refused::of(&error).0.code;
        assert_eq!(code(signing::Error::BadSignature), "SignatureDoesNotMatch");
        assert_eq!(code(signing::Error::Expired), "AccessDenied");
        assert_eq!(code(signing::Error::UnknownKey), "InvalidAccessKeyId");
        assert_eq!(code(signing::Error::MalformedParam), "AuthorizationQueryParametersError");
    }

    #[test]
    fn a_stranger_s_text_cannot_break_out_of_its_element() {
        let text = xml("Error", &[("Resource", "/storage/<a>&\"b\"\u{1}]]>")]);
        assert!(
            text.ends_with("<Error><Resource>/storage/&lt;a&gt;&amp;&quot;b&quot;?]]&gt;</Resource></Error>")
        );
    }
}
