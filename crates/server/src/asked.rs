//! One request, as its id, the metrics, the traces and the log tell it. Decides nothing about the answer.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use domain::RequestId;
use metrics::{Counter, Histogram};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::Empty;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::masked::masked;
use crate::recorder;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The part of the house that a request goes to, as metrics and traces name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Bytes for browsers.
    Delivery,
    /// JSON for programs.
    Api,
    /// Pages for people, with what they load.
    Dashboard,
    /// Probes, and what is at no address.
    Other,
}

impl Door {
    const COUNT: usize = 4;

    /// The door of a path that is no delivery.
    pub(crate) fn of(path: &str) -> Door {
        let first = path.split('/').nth(1).unwrap_or_default();
        match first {
            "storage" => Door::Api,
            _ if api::Api::answers(path) => Door::Api,
            "dashboard" | "static" | "" => Door::Dashboard,
            _ => Door::Other,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Door::Delivery => "delivery",
            Door::Api => "api",
            Door::Dashboard => "dashboard",
            Door::Other => "other",
        }
    }
}

/// A request that is being answered.
pub(crate) struct Asked {
    door: Door,
    id: HeaderValue,
    /// The peer is a proxy of ours.
    trusted: bool,
    /// None where nobody wants to know how long it took.
    began: Option<Instant>,
    watched: Option<Box<Watched>>,
    in_flight: Option<InFlight>,
}

/// What the log and the traces know of a request. A hit has none: nobody reads of it unless that is wished.
struct Watched {
    /// Puts the request's id on every line of the log.
    log: Span,
    /// Goes to the collector of traces; nothing where there is none.
    trace: Span,
    method: Method,
    target: String,
    address: Option<IpAddr>,
}

impl Asked {
    /// Begins. `trusted` says that the peer is a proxy of ours, whose id and trace are gone on with.
    pub(crate) fn begin(request: &ServiceRequest, door: Door, trusted: bool) -> Asked {
        let id = trusted.then(|| given_id(request.headers())).flatten().unwrap_or_else(random_id);
        let watched =
            (door != Door::Delivery || hits_are_watched()).then(|| watch(request, door, &id, trusted));
        let began = (watched.is_some() || recorder::is_on()).then(Instant::now);
        Asked { door, id, trusted, began, watched, in_flight: None }
    }

    /// The request's id, for whoever writes it down.
    pub(crate) fn id(&self) -> RequestId {
        RequestId(text(&self.id).to_owned())
    }

    /// Notes who asks, for the line of the log.
    pub(crate) fn by(&mut self, address: Option<IpAddr>) {
        if let Some(watched) = &mut self.watched {
            watched.address = address;
        }
    }

    /// Does what is done at once within the request's spans.
    pub(crate) fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.watched {
            Some(watched) => watched.log.in_scope(|| watched.trace.in_scope(work)),
            None => work(),
        }
    }

    /// The request takes longer than a look into memory: it is in flight, and its lines in the log have its id. Gives
    /// the spans that its work runs in, the inner one first.
    pub(crate) fn wait(&mut self, request: &ServiceRequest) -> (Span, Span) {
        self.in_flight = Some(InFlight::begin());
        let (door, id, trusted) = (self.door, &self.id, self.trusted);
        let watched = self.watched.get_or_insert_with(|| watch(request, door, id, trusted));
        (watched.trace.clone(), watched.log.clone())
    }

    /// Ends: the answer gets the request's id, metrics, traces and log get the answer's status.
    pub(crate) fn end(self, status: StatusCode, headers: &mut HeaderMap, route: Option<&str>) {
        let seconds = self.began.map(|began| began.elapsed().as_secs_f64());
        if let (Some(seconds), true) = (seconds, recorder::is_on()) {
            let answers = answers(self.door, status);
            answers.total.increment(1);
            answers.seconds.record(seconds);
        }
        if let Some(watched) = self.watched {
            watched.end(self.door, status, seconds.unwrap_or_default(), route);
        }
        headers.insert(REQUEST_ID, self.id);
    }
}

impl Watched {
    fn end(self, door: Door, status: StatusCode, seconds: f64, route: Option<&str>) {
        let Watched { log, trace, method, target, address } = self;
        trace.record("http.response.status_code", status.as_u16());
        if let Some(route) = route {
            trace.record("http.route", route);
        }
        if status.is_server_error() {
            trace.record("otel.status_code", "ERROR");
        }
        let (path, status, ms) = (target.as_str(), status.as_u16(), (seconds * 1e6).round() / 1e3);
        let address = address.map(|ip| ip.to_string()).unwrap_or_default();
        log.in_scope(|| {
            if is_quiet(door, path) {
                tracing::debug!(target: "access", %method, path, status, ms, address, "request");
            } else {
                tracing::info!(target: "access", %method, path, status, ms, address, "request");
            }
        });
    }
}

/// Requests that wait for more than memory right now.
pub(crate) fn in_flight() -> i64 {
    IN_FLIGHT.load(Ordering::Relaxed)
}

static IN_FLIGHT: AtomicI64 = AtomicI64::new(0);

struct InFlight;

impl InFlight {
    fn begin() -> InFlight {
        IN_FLIGHT.fetch_add(1, Ordering::Relaxed);
        InFlight
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A line for each picture would cost more than a picture from memory does, and bury the rest; probes and static files
/// tell nothing.
fn is_quiet(door: Door, path: &str) -> bool {
    matches!(door, Door::Delivery | Door::Other) || path.starts_with("/static/")
}

/// Whether anyone wants to hear of deliveries that memory answers: a collector of traces, or who logs every access.
fn hits_are_watched() -> bool {
    tracing::span_enabled!(target: "span", Level::INFO) || tracing::enabled!(target: "access", Level::DEBUG)
}

fn watch(request: &ServiceRequest, door: Door, id: &HeaderValue, trusted: bool) -> Box<Watched> {
    let target = masked(request.uri().path_and_query().map_or("/", |target| target.as_str()));
    let log = tracing::error_span!(target: "request", "request", request_id = text(id));
    let trace = log.in_scope(|| trace(request, door, text(id), &target, trusted));
    Box::new(Watched { log, trace, method: request.method().clone(), target, address: None })
}

/// The span of a request as OpenTelemetry's conventions name its fields; the path without its query.
fn trace(request: &ServiceRequest, door: Door, id: &str, target: &str, trusted: bool) -> Span {
    let (method, door) = (request.method().as_str(), door.word());
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let span = tracing::info_span!(
        target: "span", "request",
        otel.name = format_args!("{method} {door}"), otel.kind = "server", otel.status_code = Empty,
        request_id = id, door, http.request.method = method, url.path = path,
        http.route = Empty, http.response.status_code = Empty,
    );
    if trusted && !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract(&Given(request.headers()));
        // Fails only for a span that no collector will see.
        let _ = span.set_parent(parent);
    }
    span
}

/// The headers of a request, as the propagator of traces reads them (W3C Trace Context).
struct Given<'a>(&'a HeaderMap);

impl Extractor for Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(REQUEST_ID)?;
    RequestId::is_fit(value.to_str().ok()?).then(|| value.clone())
}

fn random_id() -> HeaderValue {
    HeaderValue::from_str(&RequestId::random().0).unwrap_or(HeaderValue::from_static("-"))
}

fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or("-")
}

/// What is counted of one status at one door.
struct Answers {
    total: Counter,
    seconds: Histogram,
}

/// Statuses of HTTP, from 100 on.
const STATUSES: usize = 500;

/// Handles are made once for each door and status: to look one up in the recorder for each request would cost more
/// than all else that is counted of a hit.
static ANSWERS: [[OnceLock<Answers>; STATUSES]; Door::COUNT] =
    [const { [const { OnceLock::new() }; STATUSES] }; Door::COUNT];

fn answers(door: Door, status: StatusCode) -> &'static Answers {
    let at = usize::from(status.as_u16()).saturating_sub(100).min(STATUSES - 1);
    ANSWERS[door as usize][at].get_or_init(|| {
        let (door, status) = (door.word(), status.as_u16().to_string());
        Answers {
            total: metrics::counter!("darkroom_requests_total", "door" => door, "status" => status.clone()),
            seconds: metrics::histogram!("darkroom_request_seconds", "door" => door, "status" => status),
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn every_address_of_the_front_door_has_its_door() {
        for (path, door) in [
            ("/client/v4/accounts", Door::Api),
            ("/api/v1/keys", Door::Api),
            ("/images/v1", Door::Api),
            ("/dashboard/login", Door::Dashboard),
            ("/static/app.css", Door::Dashboard),
            ("/", Door::Dashboard),
            ("/healthz", Door::Other),
            ("/nowhere/at/all", Door::Other),
            ("", Door::Dashboard),
        ] {
            assert_eq!(Door::of(path), door, "{path}");
        }
    }

    #[test]
    fn an_id_is_taken_from_a_trusted_proxy_only_and_only_if_it_is_one() {
        let id = |given: &str, trusted| {
            let request = TestRequest::default().insert_header(("x-request-id", given)).to_srv_request();
            Asked::begin(&request, Door::Api, trusted).id().0
        };
        assert_eq!(id("edge-7f.3_a", true), "edge-7f.3_a");
        assert_ne!(id("edge-7f.3_a", false), "edge-7f.3_a");
        for unfit in ["", "a b", "a\"b", &"x".repeat(129)] {
            let made = id(unfit, true);
            assert!(made.len() == 16 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{unfit}: {made}");
        }
    }

    #[test]
    fn every_answer_gets_the_requests_id() {
        let request = TestRequest::default().to_srv_request();
        let mut headers = HeaderMap::new();
        let asked = Asked::begin(&request, Door::Delivery, false);
        let id = asked.id().0;
        asked.end(StatusCode::OK, &mut headers, None);
        assert_eq!(headers.get(REQUEST_ID).unwrap().to_str().unwrap(), id);
    }

    #[test]
    fn what_waits_is_in_flight_until_it_ends() {
        let request = TestRequest::default().to_srv_request();
        let before = in_flight();
        let mut asked = Asked::begin(&request, Door::Other, false);
        let _spans = asked.wait(&request);
        assert!(in_flight() > before);
        drop(asked);
    }
}
