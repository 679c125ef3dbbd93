//! One request to this door: how a verdict sees it, and what every answer has.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use catalog::{Actor, StorageLeave};
use domain::{Reached, RequestId, Visitor};
use signing::{Headers, Payload, Request, Target};

use super::cors;
use crate::Api;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The headers that a signature may hold. What CloudFront puts in on the way is none of the client's.
struct Sent<'r>(&'r HeaderMap);

/// One request.
pub(super) struct Asked<'r> {
    pub(super) api: &'r Api,
    pub(super) request: &'r HttpRequest,
    sent: Sent<'r>,
    reached: Reached,
    request_id: String,
    address: Option<IpAddr>,
}

impl<'r> Asked<'r> {
    pub(super) fn new(api: &'r Api, request: &'r HttpRequest) -> Self {
        let extensions = request.extensions();
        let reached = extensions.get::<Reached>().cloned().unwrap_or_else(|| reached(request));
        let request_id = extensions.get::<RequestId>().map_or_else(|| "-".to_owned(), |id| id.0.clone());
        let address = extensions.get::<Visitor>().and_then(|visitor| visitor.address);
        let address = address.or_else(|| request.peer_addr().map(|peer| peer.ip()));
        Asked { api, request, sent: Sent(request.headers()), reached, request_id, address }
    }

    /// The request as a verdict needs it.
    pub(super) fn signed(&self, payload: Payload) -> Request<'_> {
        Request {
            method: self.request.method().as_str(),
            is_https: self.reached.is_https,
            host: &self.reached.host,
            target: Target::Raw(self.request.uri().path_and_query().map_or("/", |target| target.as_str())),
            headers: &self.sent,
            client_ip: self.address,
            country: None,
            payload,
        }
    }

    /// Who asks.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The request's id.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The text of a header, where it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Every header as name and value; what is no text is left out.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.request.headers().iter();
        headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// What the client says of its body's length, in bytes.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|text| text.parse().ok())
    }

    /// Who acts by a leave, for the audit log.
    pub(super) fn actor(&self, leave: &StorageLeave) -> Actor {
        let signed = &leave.signed;
        Actor {
            name: format!("key:{} {}", signed.key, signed.scheme.name()),
            address: self.address,
            request_id: Some(self.request_id.clone()),
        }
    }

    /// The whole URL of a path here, as the outside sees it.
    pub(super) fn url(&self, path: &str) -> String {
        let scheme = if self.reached.is_https { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.reached.host)
    }

    /// Puts in what every answer has.
    pub(super) fn finish(&self, response: &mut HttpResponse) {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        cors::open(headers);
    }
}

impl Headers for Sent<'_> {
    fn get(&self, lower_case_name: &str) -> Option<Cow<'_, str>> {
        let values: Vec<&str> = self.0.get_all(lower_case_name).map(text).collect();
        let joint = if lower_case_name == "cookie" { "; " } else { ", " };
        (!values.is_empty()).then(|| values.join(joint).into())
    }

    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let own = self.0.iter().filter(|(name, _)| !name.as_str().starts_with("x-amz-cf-"));
        own.map(|(name, value)| (name.as_str().into(), text(value).into())).collect()
    }
}

/// What is no text is signed by nobody, and must not count as nothing said.
fn text(value: &HeaderValue) -> &str {
    std::str::from_utf8(value.as_bytes()).unwrap_or("?")
}

/// How the server was reached, where nobody before this door has said it.
fn reached(request: &HttpRequest) -> Reached {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    Reached { host: host.unwrap_or_default().to_owned(), is_https: false }
}
