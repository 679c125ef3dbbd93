//! What a request shows of itself, as far as a signature may depend on it. Nothing of it is copied.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderValue};
use signing::{Headers, Request, Target};

/// How a request came, as the outside sees it.
#[derive(Debug, Clone, Default)]
pub struct Outside<'r> {
    /// The host that the visitor named, with the port where one was.
    pub host: Cow<'r, str>,
    /// Whether the visitor asked by https.
    pub is_https: bool,
    /// The visitor's address.
    pub address: Option<IpAddr>,
}

impl Outside<'_> {
    /// The same, kept for later.
    pub(crate) fn kept(self) -> Outside<'static> {
        Outside { host: self.host.into_owned().into(), ..self }
    }

    /// A request for a target, as a verdict needs it.
    pub(crate) fn shows<'s>(
        &'s self,
        request: &'s HttpRequest,
        headers: &'s Head<'s>,
        target: Target<'s>,
    ) -> Request<'s> {
        Request {
            method: request.method().as_str(),
            host: &self.host,
            is_https: self.is_https,
            headers,
            client_ip: self.address,
            ..Request::get(target)
        }
    }
}

/// The headers of a request.
pub(crate) struct Head<'r>(&'r HeaderMap);

impl<'r> Head<'r> {
    pub(crate) fn of(request: &'r HttpRequest) -> Self {
        Head(request.headers())
    }
}

impl Headers for Head<'_> {
    fn get(&self, lower_case_name: &str) -> Option<Cow<'_, str>> {
        let is_cookie = lower_case_name == "cookie";
        let mut values = self.0.get_all(lower_case_name).map(|value| text(value, is_cookie));
        let first = values.next()?;
        let joint = if is_cookie { "; " } else { ", " };
        Some(values.fold(first, |joined, value| Cow::Owned(format!("{joined}{joint}{value}"))))
    }

    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let named = |name: &str| Some((name.to_owned().into(), self.get(name)?));
        self.0.keys().filter_map(|name| named(name.as_str())).collect()
    }
}

/// The text of a header. What is no text names no host, and must not count as nothing said; of cookies one that is none
/// takes nothing from the others.
fn text(value: &HeaderValue, is_cookie: bool) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => text.into(),
        Err(_) if is_cookie => String::from_utf8_lossy(value.as_bytes()),
        Err(_) => "?".into(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    #[test]
    fn headers_of_one_name_are_one_and_cookies_keep_their_own_joint() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cookie", &b"a=\xff"[..]),
            ("cookie", b"imgtoken=1"),
            ("referer", b"https://shop.example/\xff"),
            ("x-note", b"one"),
            ("x-note", b"two"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        let head = Head(&headers);
        let get = |name| head.get(name).map(Cow::into_owned);
        assert_eq!(get("cookie").as_deref(), Some("a=\u{fffd}; imgtoken=1"));
        assert_eq!(get("x-note").as_deref(), Some("one, two"));
        assert_eq!(get("referer").as_deref(), Some("?"), "it names no host");
        assert_eq!(get("origin"), None);
        assert_eq!(head.all().len(), 3);
    }
}
