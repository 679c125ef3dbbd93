//! What stands before the router: limits of heads, who asks, which host answers what, and the way to delivery.

use std::future::{Future, Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use delivery::{Answer, Delivery, Outside};
use domain::{Accepts, Limit, Problem, Reached, Visitor};
use futures_util::future::Either;
use signing::TargetLimits;
use tracing::Instrument as _;

use crate::Config;
use crate::address::Addresses;
use crate::asked::{Asked, Door};
use crate::readiness::{Readiness, alive};
use crate::refusal::Refusal;

/// The front. Clones share everything.
#[derive(Clone)]
pub(crate) struct Front {
    delivery: Delivery,
    rules: Arc<Rules>,
    readiness: Readiness,
}

/// What the front goes by.
pub(crate) struct Rules {
    max_head_bytes: usize,
    max_headers: usize,
    target: TargetLimits,
    addresses: Addresses,
    /// Hosts of API with dashboard, and of delivery, where the two differ.
    hosts: Option<(String, String)>,
    /// The hosts that visitors ask by https, as the configuration names them.
    https_hosts: Vec<String>,
}

type Boxed = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;
pub(crate) type Passed = Either<Ready<Result<ServiceResponse, Error>>, Boxed>;

impl Rules {
    pub(crate) fn new(config: &Config, public_url: &str, delivery_url: &str) -> Rules {
        let host = |url: &str| url.split_once("://").map_or(url, |(_, host)| host).to_owned();
        let hosts = (host(public_url), host(delivery_url));
        Rules {
            max_head_bytes: config.max_head_bytes,
            max_headers: config.max_headers,
            target: config.target.clone(),
            addresses: Addresses::new(config.trusted_proxies.clone()),
            hosts: (hosts.0 != hosts.1).then_some(hosts),
            https_hosts: [public_url, delivery_url]
                .into_iter()
                .filter_map(|url| url.strip_prefix("https://").map(str::to_owned))
                .collect(),
        }
    }

    /// Refuses a head that passes a limit. Delivery refuses its own targets, and names the reason; they are counted
    /// here all the same.
    fn refuses_head(&self, request: &ServiceRequest, delivers: bool) -> Option<Refusal> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        if let Some(limit) = self.target.passed(target) {
            let (problem, told) = match limit {
                "max_query_pairs" => (Problem::BadRequest, "the URL has too many pairs in its query"),
                _ => (Problem::TargetTooLong, "the URL is too long"),
            };
            let refusal = Refusal::of_limit(problem, Limit::of(limit), told);
            if delivers {
                catalog::count_refusal(&refusal);
                return None;
            }
            return Some(refusal);
        }
        let headers = request.headers();
        let (mut head, mut largest) = (target.len(), 0);
        for (name, value) in headers {
            head += name.as_str().len() + value.len() + 4;
            largest = largest.max(value.len());
        }
        // No client of ours needs a single header as large as half of a whole head.
        let fat = largest > self.max_head_bytes / 2 || head > self.max_head_bytes;
        let limit = if fat { "max_head_bytes" } else { "max_headers" };
        let told = "the request's head is too large";
        (fat || headers.len() > self.max_headers)
            .then(|| Refusal::of_limit(Problem::HeadTooLarge, Limit::of(limit), told))
    }

    /// Where delivery has a host of its own, each host answers its own paths only.
    fn refuses_host(&self, request: &ServiceRequest, delivers: bool) -> bool {
        let Some((public, delivery)) = &self.hosts else { return false };
        let host =
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let wrong = if delivers { public } else { delivery };
        host.eq_ignore_ascii_case(wrong)
    }

    /// Whether the peer is a trusted proxy: then what its headers say of visitor, request and trace counts.
    fn is_proxied(&self, request: &HttpRequest) -> bool {
        request.peer_addr().is_some_and(|peer| self.addresses.is_proxy(peer.ip()))
    }

    /// Who asks.
    fn visitor(&self, request: &HttpRequest) -> Visitor {
        let address = self.address(request);
        let address_counts = address.is_some_and(|ip| self.addresses.tells_apart(ip));
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Visitor { address, address_counts, accepts: Accepts::parse(accept.unwrap_or_default()) }
    }

    /// The address of who asks: the socket's peer, or behind a trusted proxy whom it names.
    fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        match peer {
            Some(ip) if self.addresses.is_proxy(ip) => self.forwarded(request).or(peer),
            _ => peer,
        }
    }

    /// How a request came, as the outside sees it: by what a trusted proxy says, else by the host that it names, whose
    /// scheme the configuration knows. Signatures of some schemes hold both.
    fn outside<'r>(&self, request: &'r HttpRequest) -> Outside<'r> {
        let is_proxied = self.is_proxied(request);
        let told = |name| if is_proxied { last_entry(request.headers(), name) } else { None };
        let own = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = told("x-forwarded-host").or_else(own).or_else(|| request.uri().host()).unwrap_or_default();
        let is_https = match told("x-forwarded-proto") {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => self.https_hosts.iter().any(|known| known.eq_ignore_ascii_case(host)),
        };
        Outside { host: host.into(), is_https, address: self.address(request) }
    }

    /// The rightmost forwarded address that is no trusted proxy. What stands left of an entry that cannot be read is
    /// the visitor's own word: then there is none.
    fn forwarded(&self, request: &HttpRequest) -> Option<IpAddr> {
        let values: Vec<_> = request.headers().get_all("x-forwarded-for").collect();
        for entry in values.into_iter().rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
        {
            let address = forwarded_address(std::str::from_utf8(entry).ok()?.trim())?;
            if !self.addresses.is_proxy(address) {
                return Some(address);
            }
        }
        None
    }
}

impl Front {
    pub(crate) fn new(delivery: Delivery, rules: Rules, readiness: Readiness) -> Front {
        Front { delivery, rules: Arc::new(rules), readiness }
    }

    /// Who asks.
    pub(crate) fn visitor(&self, request: &HttpRequest) -> Visitor {
        self.rules.visitor(request)
    }

    /// Whether the server is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.readiness.is_stopping()
    }

    /// Answers a request, or passes it on to the routes.
    pub(crate) fn pass<S, B>(&self, request: ServiceRequest, routes: &S) -> Passed
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        let delivers = self.delivery.takes(request.request());
        let asked = self.begin(&request, delivers);
        if let Some(refusal) = self.rules.refuses_head(&request, delivers) {
            return refuse(asked, request, &refusal);
        }
        if self.rules.refuses_host(&request, delivers) {
            return refuse(asked, request, &Refusal::nothing());
        }
        if delivers {
            return self.deliver(asked, request);
        }
        match request.path() {
            "/healthz" | "/health" | "/readyz" => self.probe(asked, request),
            _ => Either::Right(self.route(asked, request, routes)),
        }
    }

    /// Refuses before any look at the request; the answer has its id and is counted as any other.
    pub(crate) fn refuse(&self, request: ServiceRequest, refusal: &Refusal) -> Passed {
        let asked = self.begin(&request, self.delivery.takes(request.request()));
        refuse(asked, request, refusal)
    }

    fn begin(&self, request: &ServiceRequest, delivers: bool) -> Asked {
        let door = if delivers { Door::Delivery } else { Door::of(request.uri().path()) };
        Asked::begin(request, door, self.rules.is_proxied(request.request()))
    }

    fn deliver(&self, asked: Asked, request: ServiceRequest) -> Passed {
        let outside = || self.rules.outside(request.request());
        match asked.in_scope(|| self.delivery.answer(request.request(), outside)) {
            Answer::Ready(response) => now(asked, request, response),
            Answer::Nothing => refuse(asked, request, &Refusal::nothing()),
            Answer::Later(answer) => {
                let path = request.uri().path().to_owned();
                Either::Right(Self::later(asked, request, async move {
                    answer.await.unwrap_or_else(|| {
                        let mut response = Refusal::nothing().answer(&path);
                        guard(response.headers_mut());
                        response
                    })
                }))
            }
        }
    }

    /// Probes wait for no worker and for no turn.
    fn probe(&self, asked: Asked, request: ServiceRequest) -> Passed {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return refuse(asked, request, &Refusal::wrong_method());
        }
        if request.path() != "/readyz" {
            return now(asked, request, healthy());
        }
        let readiness = self.readiness.clone();
        Either::Right(Self::later(asked, request, async move {
            let mut response = readiness.answer().await;
            guard(response.headers_mut());
            response
        }))
    }

    /// An answer that has to be waited for, within the spans of its request.
    fn later(
        mut asked: Asked,
        request: ServiceRequest,
        answer: impl Future<Output = HttpResponse> + 'static,
    ) -> Boxed {
        let (trace, log) = asked.wait(&request);
        Box::pin(async move {
            let mut response = answer.instrument(trace).instrument(log).await;
            asked.end(response.status(), response.headers_mut(), None);
            Ok(request.into_response(response))
        })
    }

    fn route<S, B>(&self, mut asked: Asked, request: ServiceRequest, routes: &S) -> Boxed
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        let visitor = self.rules.visitor(request.request());
        asked.by(visitor.address);
        let (trace, log) = asked.wait(&request);
        let Outside { host, is_https, .. } = self.rules.outside(request.request());
        let reached = Reached { host: host.into_owned(), is_https };
        request.extensions_mut().insert(reached);
        request.extensions_mut().insert(visitor);
        request.extensions_mut().insert(asked.id());
        let answer = asked.in_scope(|| routes.call(request));
        Box::pin(async move {
            let mut response = answer.instrument(trace).instrument(log).await?.map_into_boxed_body();
            guard(response.headers_mut());
            let (status, route) = (response.status(), response.request().match_pattern());
            asked.end(status, response.headers_mut(), route.as_deref());
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

/// The last entry of a header that proxies write lists in: what the nearest one says. What stands before it may be the
/// visitor's own word.
fn last_entry<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let last = headers.get_all(name).last()?.to_str().ok()?;
    last.rsplit(',').next().map(str::trim).filter(|entry| !entry.is_empty())
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse().map(IpAddr::V6).ok(),
        None => text.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip())).ok(),
    };
    address.map(|address| address.to_canonical())
}

fn refuse(asked: Asked, request: ServiceRequest, refusal: &Refusal) -> Passed {
    let mut response = refusal.answer(request.uri().path());
    guard(response.headers_mut());
    now(asked, request, response)
}

fn now(asked: Asked, request: ServiceRequest, mut response: HttpResponse) -> Passed {
    asked.end(response.status(), response.headers_mut(), None);
    Either::Left(ready(Ok(request.into_response(response))))
}

fn healthy() -> HttpResponse {
    let mut response = alive();
    guard(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use domain::Fault as _;

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
        rules(proxies).visitor(request.request())
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
    fn a_forwarded_address_may_have_a_port_and_brackets() {
        let check = |forwarded: &str, expected: &str| {
            let asked = visitor(&["10.0.0.0/8"], "10.0.0.1", forwarded);
            assert_eq!(asked.address, Some(expected.parse().unwrap()), "{forwarded}");
            assert_eq!(asked.address_counts, expected != "10.0.0.1", "{forwarded}");
        };
        check("192.0.2.1, 203.0.113.9:4711", "203.0.113.9");
        check("192.0.2.1,[2001:db8::9]:4711", "2001:db8::9");
        check("[2001:db8::9]", "2001:db8::9");
        check("2001:db8::9", "2001:db8::9");
        check("203.0.113.9, 10.0.0.2:80", "203.0.113.9");
        check("::ffff:203.0.113.9", "203.0.113.9");
        for unreadable in ["unknown", "_hidden", "", "203.0.113.9:", "[203.0.113.9]", "[2001:db8::9", "é"] {
            check(&format!("192.0.2.1, {unreadable}"), "10.0.0.1");
            check(&format!("192.0.2.1, {unreadable}, 10.0.0.2"), "10.0.0.1");
        }
    }

    #[test]
    fn forwarded_addresses_are_read_over_all_headers_from_the_last_on() {
        let request = TestRequest::default()
            .peer_addr("10.0.0.1:1".parse().unwrap())
            .append_header(("x-forwarded-for", "192.0.2.1"))
            .append_header(("x-forwarded-for", "192.0.2.2, 203.0.113.9"))
            .append_header(("x-forwarded-for", "10.0.0.2"))
            .to_srv_request();
        let asked = rules(&["10.0.0.0/8"]).visitor(request.request());
        assert_eq!(asked.address, Some("203.0.113.9".parse().unwrap()));
    }

    #[test]
    fn a_proxy_itself_is_nobody_that_a_limit_counts() {
        for forwarded in ["", "10.0.0.2", "unknown"] {
            assert!(!visitor(&["10.0.0.0/8"], "10.0.0.1", forwarded).address_counts, "{forwarded}");
        }
    }

    #[test]
    fn a_loopback_peer_tells_nobody_apart_until_a_proxy_is_trusted() {
        assert!(!visitor(&[], "127.0.0.1", "").address_counts);
        assert!(visitor(&[], "203.0.113.9", "").address_counts);
        assert!(visitor(&["127.0.0.1"], "127.0.0.1", "203.0.113.9").address_counts);
    }

    #[test]
    fn host_and_scheme_are_those_that_the_visitor_sees() {
        let config = |proxies: &[&str]| {
            let mut config = Config::new("data".into());
            config.trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
            Rules::new(&config, "http://app.example", "https://img.example")
        };
        let check = |proxies: &[&str], headers: &[(&'static str, &str)], expected: (&str, bool)| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, &header| request.append_header(header))
                .peer_addr("10.0.0.1:1".parse().unwrap())
                .to_srv_request();
            let rules = config(proxies);
            let outside = rules.outside(request.request());
            assert_eq!((&*outside.host, outside.is_https), expected, "{headers:?}");
        };
        let behind = ["10.0.0.0/8"];
        check(&[], &[("host", "img.example")], ("img.example", true));
        check(&[], &[("host", "IMG.example")], ("IMG.example", true));
        check(&[], &[("host", "app.example")], ("app.example", false));
        check(&[], &[("host", "other.example:8080")], ("other.example:8080", false));
        check(&[], &[], ("", false));
        let forged =
            [("host", "a.example"), ("x-forwarded-host", "img.example"), ("x-forwarded-proto", "https")];
        check(&[], &forged, ("a.example", false));
        check(&behind, &forged, ("img.example", true));
        check(&behind, &[("host", "img.example"), ("x-forwarded-proto", "http")], ("img.example", false));
        let list =
            [("x-forwarded-host", "forged.example, cdn.example"), ("x-forwarded-proto", "http, HTTPS")];
        check(&behind, &list, ("cdn.example", true));
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
        assert_eq!(healthy().headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    }

    #[test]
    fn a_head_past_its_limits_is_refused() {
        let rules = rules(&[]);
        let refuses = |request: &ServiceRequest, delivers| {
            let refusal = rules.refuses_head(request, delivers)?;
            Some((refusal.problem().status(), refusal.limit().map_or("", |limit| limit.name)))
        };
        let long = TestRequest::with_uri(&format!("/{}", "x".repeat(8200))).to_srv_request();
        assert_eq!(refuses(&long, false), Some((414, "max_target_bytes")));
        assert_eq!(refuses(&long, true), None, "delivery says it in its own words");
        let pairs = TestRequest::with_uri(&format!("/?{}", "a&".repeat(64))).to_srv_request();
        assert_eq!(refuses(&pairs, false), Some((400, "max_query_pairs")));
        let too_large = Some((431, "max_head_bytes"));
        let fat = TestRequest::default().insert_header(("x-fat", "y".repeat(40_000))).to_srv_request();
        assert_eq!(refuses(&fat, true), too_large);
        let cookies = TestRequest::default().insert_header(("cookie", "a=b; ".repeat(6500))).to_srv_request();
        assert_eq!(refuses(&cookies, false), too_large);
        let accepts = TestRequest::default().insert_header(("accept", "a/b;q=1,".repeat(2040)));
        assert_eq!(refuses(&accepts.to_srv_request(), true), None);
        assert_eq!(refuses(&TestRequest::default().to_srv_request(), false), None);
    }
}
