//! What a request shows of itself, as far as a signature may depend on it: kept, since a decision may have to wait.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use signing::{DeliveryUrl, Headers, Policy, Request, Target};

/// Who asks for a signed URL. Everything else shows nothing: there it is not asked.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// A signature or a token is there.
    pub(crate) is_signed: bool,
    /// The client's address.
    pub(crate) address: Option<IpAddr>,
    referer: Option<HeaderValue>,
    origin: Option<HeaderValue>,
    cookies: Vec<HeaderValue>,
}

impl Shown {
    /// What a request for a URL shows. The address is asked only where it is needed.
    pub(crate) fn of(
        request: &HttpRequest,
        url: &DeliveryUrl,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Shown {
        if !url.has_signature() && !has_token_cookie(request) {
            return Shown::default();
        }
        let header = |name: HeaderName| request.headers().get(name).cloned();
        Shown {
            is_signed: true,
            address: address(),
            referer: header(header::REFERER),
            origin: header(header::ORIGIN),
            cookies: request.headers().get_all(header::COOKIE).cloned().collect(),
        }
    }

    /// The request for a URL, as a verdict needs it.
    pub(crate) fn request<'s>(&'s self, url: &'s DeliveryUrl) -> Request<'s> {
        Request { headers: self, client_ip: self.address, ..Request::get(Target::Delivery(url)) }
    }
}

impl Headers for Shown {
    fn get(&self, lower_case_name: &str) -> Option<Cow<'_, str>> {
        let text = |value: &Option<HeaderValue>| -> Option<Cow<'_, str>> {
            // What is no text names no host, and must not count as nothing said.
            value.as_ref().map(|value| value.to_str().unwrap_or("?").to_owned().into())
        };
        match lower_case_name {
            "referer" => text(&self.referer),
            "origin" => text(&self.origin),
            "cookie" if self.cookies.is_empty() => None,
            "cookie" => {
                let cookies = self.cookies.iter().filter_map(|cookies| cookies.to_str().ok());
                Some(cookies.collect::<Vec<_>>().join("; ").into())
            }
            _ => None,
        }
    }

    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let named = |name: &'static str| self.get(name).map(|value| (name.into(), value));
        ["referer", "origin", "cookie"].into_iter().filter_map(named).collect()
    }
}

fn has_token_cookie(request: &HttpRequest) -> bool {
    let names_token = |cookies: &HeaderValue| {
        cookies.to_str().is_ok_and(|cookies| {
            cookies.split(';').any(|cookie| cookie.trim_start().starts_with(Policy::TOKEN_COOKIE))
        })
    };
    request.headers().get_all(header::COOKIE).any(names_token)
}
