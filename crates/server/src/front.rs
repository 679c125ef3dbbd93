//! What stands before the router: limits of heads, who asks, which host answers what, and the way to delivery.

use std::future::{Future, Ready, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage as _, HttpResponse, HttpResponseBuilder};
use delivery::{Answer, Delivery};
use domain::{Accepts, RequestId, Visitor};
use futures_util::future::Either;
use signing::DeliveryUrl;

use crate::Config;
use crate::config::Network;

/// The front. Clones share everything.
#[derive(Clone)]
pub(crate) struct Front {
    delivery: Delivery,
    rules: Arc<Rules>,
}

/// What the front goes by.
pub(crate) struct Rules {
    max_head_bytes: usize,
    max_headers: usize,
    trusted_proxies: Vec<Network>,
    /// Hosts of API with dashboard, and of delivery, where the two differ.
    hosts: Option<(String, String)>,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type Boxed = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;
type Passed = Either<Ready<Result<ServiceResponse, Error>>, Boxed>;

impl Rules {
    pub(crate) fn new(config: &Config, public_url: &str, delivery_url: &str) -> Rules {
        let host = |url: &str| url.split_once("://").map_or(url, |(_, host)| host).to_owned();
        let hosts = (host(public_url), host(delivery_url));
        Rules {
            max_head_bytes: config.max_head_bytes,
            max_headers: config.max_headers,
            trusted_proxies: config.trusted_proxies.clone(),
            hosts: (hosts.0 != hosts.1).then_some(hosts),
        }
    }

    /// The status for a head that passes a limit. Delivery measures its own targets, and names the reason.
    fn refuses_head(&self, request: &ServiceRequest, delivers: bool) -> Option<StatusCode> {
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        let headers = request.headers();
        if target > DeliveryUrl::MAX_TARGET_BYTES && !delivers {
            return Some(StatusCode::URI_TOO_LONG);
        }
        let (mut head, mut largest) = (target, 0);
        for (name, value) in headers {
            head += name.as_str().len() + value.len() + 4;
            largest = largest.max(value.len());
        }
        // No client of ours needs a single header as large as half of a whole head.
        let fat = largest > self.max_head_bytes / 2;
        (fat || head > self.max_head_bytes || headers.len() > self.max_headers)
            .then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    }

    /// Where delivery has a host of its own, each host answers its own paths only.
    fn refuses_host(&self, request: &ServiceRequest, delivers: bool) -> bool {
        let Some((public, delivery)) = &self.hosts else { return false };
        let host =
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let wrong = if delivers { public } else { delivery };
        host.eq_ignore_ascii_case(wrong)
    }

    /// Who asks: the socket's peer, or the rightmost forwarded address that is no trusted proxy.
    fn visitor(&self, request: &ServiceRequest) -> Visitor {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        let trusted = |ip: IpAddr| self.trusted_proxies.iter().any(|network| network.contains(ip));
        let address = match peer {
            Some(ip) if trusted(ip) => forwarded(request).into_iter().rev().find(|ip| !trusted(*ip)).or(peer),
            _ => peer,
        };
        let address_counts = match address {
            Some(ip) => !self.trusted_proxies.is_empty() || is_global(ip),
            None => false,
        };
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Visitor { address, address_counts, accepts: Accepts::parse(accept.unwrap_or_default()) }
    }
}

impl Front {
    pub(crate) fn new(delivery: Delivery, rules: Rules) -> Front {
        Front { delivery, rules: Arc::new(rules) }
    }

    /// Answers a request, or passes it on to the routes.
    pub(crate) fn pass<S, B>(&self, request: ServiceRequest, routes: &S) -> Passed
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        let delivers = self.delivery.takes(request.request());
        if let Some(status) = self.rules.refuses_head(&request, delivers) {
            return now(request, refused(status));
        }
        if self.rules.refuses_host(&request, delivers) {
            return now(request, refused(StatusCode::NOT_FOUND));
        }
        if delivers {
            return self.deliver(request);
        }
        if matches!(request.path(), "/healthz" | "/health") {
            let asks = matches!(*request.method(), Method::GET | Method::HEAD);
            return now(request, if asks { healthy() } else { refused(StatusCode::METHOD_NOT_ALLOWED) });
        }
        Either::Right(self.route(request, routes))
    }

    fn deliver(&self, request: ServiceRequest) -> Passed {
        match self.delivery.answer(request.request()) {
            Answer::Ready(response) => now(request, response),
            Answer::Later(answer) => {
                Either::Right(Box::pin(async move { Ok(request.into_response(answer.await)) }))
            }
        }
    }

    fn route<S, B>(&self, request: ServiceRequest, routes: &S) -> Boxed
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        let visitor = self.rules.visitor(&request);
        let id = RequestId::random();
        let line = Line::begin(&request, &id, &visitor);
        request.extensions_mut().insert(visitor);
        request.extensions_mut().insert(id.clone());
        let answer = routes.call(request);
        Box::pin(async move {
            let mut response = answer.await?.map_into_boxed_body();
            if let Ok(value) = HeaderValue::from_str(&id.0) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            guard(response.headers_mut());
            line.end(response.status());
            Ok(response)
        })
    }
}

/// What every answer says that does not say otherwise: no cache keeps it, no browser guesses its type or runs it.
fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// One line of the log for one request that is no delivery.
struct Line {
    method: Method,
    target: String,
    id: String,
    address: Option<IpAddr>,
    began: Instant,
}

impl Line {
    fn begin(request: &ServiceRequest, id: &RequestId, visitor: &Visitor) -> Line {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        Line {
            method: request.method().clone(),
            target: masked(target),
            id: id.0.clone(),
            address: visitor.address,
            began: Instant::now(),
        }
    }

    fn end(self, status: StatusCode) {
        let Line { method, target, id, address, began } = self;
        let (status, ms) = (status.as_u16(), began.elapsed().as_millis() as u64);
        let address = address.map(|ip| ip.to_string()).unwrap_or_default();
        if target.starts_with("/static/") || target.starts_with("/readyz") {
            tracing::debug!(%method, path = target, status, ms, id, address, "request");
        } else {
            tracing::info!(%method, path = target, status, ms, id, address, "request");
        }
    }
}

/// A target with every value that gives a right cut to its first 8 characters; a setup code is not that long.
/// Signatures and API tokens are found wherever someone put them: within another URL, or in a path by mistake.
fn masked(target: &str) -> String {
    without_rights(&without_values(target))
}

/// Cuts each run of 64 hex digits, which is a signature's length, and each run that begins as an API token does.
fn without_rights(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for word in target.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
        let run = word.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        let hex = run.bytes().rev().take_while(u8::is_ascii_hexdigit).count();
        let kept = match run.find("drk_") {
            Some(at) => at + "drk_".len(),
            None if hex >= 64 => run.len() - 64 + 8,
            None => run.len(),
        };
        out.push_str(&run[..kept]);
        if kept < run.len() {
            out.push('…');
        }
        out.push_str(&word[run.len()..]);
    }
    out
}

fn without_values(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some(("code", _)) => "code=…".to_owned(),
            Some((name @ ("sig" | "ticket" | "url"), value)) if value.len() > 8 => {
                format!("{name}={}…", value.chars().take(8).collect::<String>())
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

fn forwarded(request: &ServiceRequest) -> Vec<IpAddr> {
    let values = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|ip| ip.trim().parse::<IpAddr>().ok())
        .map(|ip| ip.to_canonical())
        .collect()
}

/// Whether an address tells one visitor from another: not loopback, private or link-local.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified())
        }
    }
}

fn now(request: ServiceRequest, response: HttpResponse) -> Passed {
    Either::Left(ready(Ok(request.into_response(response))))
}

fn healthy() -> HttpResponse {
    let mut response = HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n");
    guard(response.headers_mut());
    response
}

fn refused(status: StatusCode) -> HttpResponse {
    let text = match status {
        StatusCode::URI_TOO_LONG => "ERROR 9432: The URL is too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "ERROR 9432: The request's head is too large",
        StatusCode::METHOD_NOT_ALLOWED => "This address answers GET and HEAD only",
        _ => "There is nothing at this address",
    };
    let mut response = HttpResponseBuilder::new(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.insert_header((header::ALLOW, "GET, HEAD"));
    }
    let mut response = response.content_type("text/plain; charset=utf-8").body(format!("{text}\n"));
    guard(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn rules(proxies: &[&str]) -> Rules {
        let mut config = Config::new("data".into());
        config.trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        Rules::new(&config, "http://a.example", "http://a.example")
    }

    fn visitor(proxies: &[&str], peer: &str, forwarded: &str) -> Visitor {
        let request = TestRequest::default()
            .peer_addr(format!("{peer}:1").parse().unwrap())
            .insert_header(("x-forwarded-for", forwarded))
            .to_srv_request();
        rules(proxies).visitor(&request)
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(visitor(&[], "198.51.100.1", "203.0.113.9").address, ip("198.51.100.1"));
        let proxies = ["10.0.0.0/8"];
        assert_eq!(
            visitor(&proxies, "10.0.0.1", "192.0.2.1, 203.0.113.9, 10.0.0.2").address,
            ip("203.0.113.9")
        );
        assert_eq!(visitor(&proxies, "10.0.0.1", "").address, ip("10.0.0.1"));
        assert_eq!(visitor(&proxies, "198.51.100.1", "203.0.113.9").address, ip("198.51.100.1"));
    }

    #[test]
    fn a_loopback_peer_tells_nobody_apart_until_a_proxy_is_trusted() {
        assert!(!visitor(&[], "127.0.0.1", "").address_counts);
        assert!(visitor(&[], "203.0.113.9", "").address_counts);
        assert!(visitor(&["127.0.0.1"], "127.0.0.1", "203.0.113.9").address_counts);
    }

    #[test]
    fn the_log_never_holds_a_whole_signature_or_code() {
        assert_eq!(masked("/a?exp=1&sig=0123456789abcdef"), "/a?exp=1&sig=01234567…");
        assert_eq!(masked("/dashboard/setup?code=K7QM-2RFD"), "/dashboard/setup?code=…");
        assert_eq!(masked("/plain"), "/plain");
        let sig = "0123456789abcdef".repeat(4);
        let within = format!("/dashboard/login?next=%2Fa%3Fexp%3D1%26sig%3D{sig}&x=1");
        assert_eq!(masked(&within), "/dashboard/login?next=%2Fa%3Fexp%3D1%26sig%3D01234567…&x=1");
        let token = "drk_1SV8vc2L2gjXe4XdsEc5UQrv_2S3zbttgCDOnr4iW4EJS_1ot";
        assert_eq!(masked(&format!("/accounts?token={token}&page=2")), "/accounts?token=drk_…&page=2");
        assert_eq!(masked(&format!("/{token}/x%2F{token}")), "/drk_…/x%2Fdrk_…");
        let id = "/dashboard/38a54450866babd4682e63e88ca5e185/image?id=3bc4a77e-3ce5-4134-8747-cf4fc6258287";
        assert_eq!(masked(id), id);
    }

    #[test]
    fn where_hosts_differ_each_answers_its_own_paths_only() {
        let config = Config::new("data".into());
        let rules = Rules::new(&config, "https://app.example", "https://img.example");
        let at = |host: &str| TestRequest::default().insert_header(("host", host)).to_srv_request();
        assert!(rules.refuses_host(&at("app.example"), true));
        assert!(rules.refuses_host(&at("img.example"), false));
        assert!(!rules.refuses_host(&at("img.example"), true));
        assert!(!rules.refuses_host(&at("app.example"), false));
    }

    #[test]
    fn an_answer_that_says_nothing_of_it_is_neither_kept_nor_run() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        guard(&mut headers);
        assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "private, no-cache");
        assert_eq!(headers.get(header::X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
        assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
        for answer in [healthy(), refused(StatusCode::NOT_FOUND), refused(StatusCode::METHOD_NOT_ALLOWED)] {
            assert_eq!(answer.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
        }
    }

    #[test]
    fn a_head_past_its_limits_is_refused() {
        let rules = rules(&[]);
        let long = TestRequest::with_uri(&format!("/{}", "x".repeat(8200))).to_srv_request();
        assert_eq!(rules.refuses_head(&long, false), Some(StatusCode::URI_TOO_LONG));
        let fat = TestRequest::default().insert_header(("x-fat", "y".repeat(40_000))).to_srv_request();
        assert_eq!(rules.refuses_head(&fat, true), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        let cookies = TestRequest::default().insert_header(("cookie", "a=b; ".repeat(6500))).to_srv_request();
        assert_eq!(rules.refuses_head(&cookies, false), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        let accepts = TestRequest::default().insert_header(("accept", "a/b;q=1,".repeat(2040)));
        assert_eq!(rules.refuses_head(&accepts.to_srv_request(), true), None);
        assert_eq!(rules.refuses_head(&TestRequest::default().to_srv_request(), false), None);
    }
}
