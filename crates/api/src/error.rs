//! A failure as this door tells it: the envelope, its status and its headers. Any fault of the floors below becomes
//! one by `?`.

use std::error::Error;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use domain::{Fault, Problem, capitalised};
use serde_json::{Value, json};

use crate::envelope;

/// A failure on its way to the client. Boxed, since it goes through many hands and is rare.
#[derive(Debug)]
pub(crate) struct Failure(Box<Told>);

#[derive(Debug)]
struct Told {
    problem: Problem,
    message: String,
    /// Entries of the envelope beside the first one.
    more: Vec<Value>,
    /// The chain inside the first entry.
    chain: Option<Value>,
    /// The place in the body that the first entry is about.
    pointer: Option<String>,
    /// Names the methods, where the method was wrong.
    allow: Option<String>,
    /// Upload failures carry their code in the text too: clients in the field search for it (contract R-06).
    of_upload: bool,
    /// What only the log learns.
    cause: Option<String>,
    /// Whole seconds after which it is worth trying again, where a limit says so.
    retry_after_s: Option<u64>,
}

/// Tells clients not to try again: they would send a duplicate three times (contract R-08).
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Bytes of a path that a message repeats.
const MAX_SHOWN_PATH: usize = 200;

impl Failure {
    /// A failure with a text of its own.
    pub(crate) fn new(problem: Problem, message: impl Into<String>) -> Self {
        let message = message.into();
        // The floors below write their texts in lower case, the contract's begin with a capital; what begins with a
        // field's name keeps it as it is.
        let message = if problem.api_code() == 5400 { message } else { capitalised(&message) };
        Failure(Box::new(Told {
            problem,
            message,
            more: Vec::new(),
            chain: None,
            pointer: None,
            allow: None,
            of_upload: false,
            cause: None,
            retry_after_s: None,
        }))
    }

    /// A field, name or value is wrong; the text says which and what would be right.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Failure::new(Problem::BadRequest, message)
    }

    /// No such route, or no such account: the two look alike (contract 2.1).
    pub(crate) fn no_route(path: &str) -> Self {
        let shown: String = path.chars().take(MAX_SHOWN_PATH).collect();
        let message = format!("Could not route to {shown}, perhaps your object identifier is invalid?");
        let second = json!({"code": 7000, "message": "No route for that URI"});
        Failure::new(Problem::RouteMissing, message).with(|told| told.more.push(second))
    }

    /// The route is there, the method is not.
    pub(crate) fn wrong_method(allowed: &[&str]) -> Self {
        let allow = allowed.join(", ");
        let message = format!("this method is not allowed here; allowed: {allow}");
        Failure::new(Problem::MethodNotAllowed, message).with(|told| told.allow = Some(allow))
    }

    /// No credentials at all.
    pub(crate) fn no_credentials() -> Self {
        let message = "Missing X-Auth-Key, X-Auth-Email or Authorization headers";
        Failure::new(Problem::CredentialsMissing, message)
    }

    /// An `Authorization` header that is none of ours.
    pub(crate) fn malformed_credentials() -> Self {
        let chain = json!([{"code": 6111, "message": "Invalid format for Authorization header"}]);
        let failure = Failure::new(Problem::CredentialsMalformed, "Invalid request headers");
        failure.with(|told| told.chain = Some(chain))
    }

    /// A token that is unknown, expired or revoked.
    pub(crate) fn refused_credentials() -> Self {
        Failure::new(Problem::CredentialsRefused, "Authentication error")
    }

    /// A token without the scope. Same text: who has no right learns no more.
    pub(crate) fn forbidden() -> Self {
        Failure::new(Problem::Forbidden, "Authentication error")
    }

    /// The same failure, told as one of an upload.
    pub(crate) fn of_upload(self) -> Self {
        self.with(|told| told.of_upload = true)
    }

    /// The place in the body that it is about, as a JSON pointer.
    pub(crate) fn at(self, pointer: &str) -> Self {
        self.with(|told| told.pointer = Some(pointer.to_owned()))
    }

    /// The same failure with another one told after it.
    pub(crate) fn also(self, other: Self) -> Self {
        self.with(|told| told.more.extend(other.entries()))
    }

    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The entries of the envelope.
    pub(crate) fn entries(&self) -> Vec<Value> {
        std::iter::once(self.0.entry()).chain(self.0.more.iter().cloned()).collect()
    }

    /// The public failure.
    #[cfg(test)]
    pub(crate) fn problem(&self) -> Problem {
        self.0.problem
    }

    fn with(mut self, change: impl FnOnce(&mut Told)) -> Self {
        change(&mut self.0);
        self
    }

    /// Writes the failure to the log: with its cause where it is ours, for a closer look only where it is not. What was
    /// asked stands in the front's line with the same id, where secrets are masked.
    pub(crate) fn log(&self) {
        let Told { problem, message, cause, .. } = &*self.0;
        let (status, code) = (problem.status(), problem.api_code());
        match cause {
            // Whose outage it is tells so once; a line for each request would fill the disk just then.
            Some(cause) if problem.passes() => {
                tracing::debug!(status, code, cause, "not possible right now: {message:?}");
            }
            Some(cause) if status >= 500 => {
                tracing::error!(status, code, cause, "failed: {message:?}");
            }
            // The front writes a line for each request; a refusal is none of our troubles, and its text may repeat what
            // was asked.
            _ => tracing::debug!(status, code, "refused"),
        }
    }

    /// The answer.
    pub(crate) fn respond(&self) -> HttpResponse {
        let Told { problem, allow, retry_after_s, .. } = &*self.0;
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = envelope::failed(status, self.entries());
        let headers = response.headers_mut();
        match problem.status() {
            409 => _ = headers.insert(SHOULD_RETRY, HeaderValue::from_static("false")),
            429 | 503 => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s.unwrap_or(1)));
            }
            _ => {}
        }
        if let Some(allow) = allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl Told {
    /// Its own entry of the envelope.
    fn entry(&self) -> Value {
        let mut entry = json!({"code": self.problem.api_code(), "message": self.text()});
        if let Some(chain) = &self.chain {
            entry["error_chain"] = chain.clone();
        }
        if let Some(pointer) = &self.pointer {
            entry["source"] = json!({"pointer": pointer});
        }
        entry
    }

    fn text(&self) -> String {
        if self.of_upload || self.problem == Problem::Exists {
            return format!("ERROR {}: {}", self.problem.api_code(), self.message);
        }
        self.message.clone()
    }
}

impl<E: Fault> From<E> for Failure {
    fn from(fault: E) -> Self {
        Failure::of(&fault)
    }
}

impl Failure {
    /// Any fault, as this door tells it. Counted, where it is one of a limit.
    pub(crate) fn of(fault: &dyn Fault) -> Self {
        let mut cause = fault.to_string();
        let mut source = fault.source();
        while let Some(error) = source {
            cause = format!("{cause}: {error}");
            source = Error::source(error);
        }
        catalog::count_refusal(fault);
        let retry_after_s = fault.limit().and_then(|limit| limit.retry_after_s);
        Failure::new(fault.problem(), fault.to_string()).with(|told| {
            told.cause = Some(cause);
            told.retry_after_s = retry_after_s;
        })
    }
}
