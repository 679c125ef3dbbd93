//! Who is let in to the front: not connections beyond their number, not an address that was refused too often. Probes
//! always are. While the server stops, each answer is the last one of its connection.

use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, StatusCode, header};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder};
use domain::{Limit, Problem, Rate, source};
use futures_util::future::Either;
use serde_json::json;

use crate::connections::{Connection, InFlight, Standing, until_sent};
use crate::front::{Front, Passed};

/// The admission. Clones share everything.
#[derive(Clone)]
pub(crate) struct Admission {
    front: Front,
    refusals: Arc<Rate<IpAddr>>,
}

impl Admission {
    /// Lets requests in to this front; an address may be refused so often a minute.
    pub(crate) fn new(front: Front, max_refusals_per_minute: u32) -> Self {
        let refusals = Arc::new(Rate::new(max_refusals_per_minute, Duration::from_secs(60)));
        Admission { front, refusals }
    }

    /// Refuses a request, or leads it to the front and its answer out again.
    pub(crate) fn pass<S, B>(&self, request: ServiceRequest, routes: &S) -> Passed
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        if let Some((problem, limit, sentence)) = self.refuses(request.request()) {
            metrics::counter!("darkroom_limit_refusals_total", "limit" => limit.name).increment(1);
            let response = refusal(request.path(), problem, limit, sentence);
            return self.front.send(request, response);
        }
        let in_flight = Connection::begin(request.request());
        match self.front.pass(request, routes) {
            Either::Left(answer) => {
                Either::Left(ready(answer.into_inner().map(|answer| self.lead_out(answer, in_flight))))
            }
            Either::Right(answer) => {
                let this = self.clone();
                Either::Right(Box::pin(
                    async move { answer.await.map(|answer| this.lead_out(answer, in_flight)) },
                ))
            }
        }
    }

    fn refuses(&self, request: &HttpRequest) -> Option<(Problem, Limit, &'static str)> {
        let moment = Duration::from_secs(1);
        let (limit, sentence) = match Connection::standing(request) {
            Standing::Welcome => return self.refuses_address(request),
            Standing::OverAll => ("max_connections", "The server has as many connections as it takes"),
            Standing::OverAddress => {
                ("max_address_connections", "Your address has as many connections as it may have")
            }
        };
        (!is_probe(request)).then(|| (Problem::Busy, Limit::for_now(limit, moment), sentence))
    }

    fn refuses_address(&self, request: &HttpRequest) -> Option<(Problem, Limit, &'static str)> {
        let now = Instant::now();
        if !self.refusals.anybody_waits(now) || is_probe(request) {
            return None;
        }
        let wait = self.refusals.wait(&self.counted(request)?, now)?;
        let limit = Limit::for_now("max_refusals_per_minute", wait);
        Some((Problem::TooManyRequests, limit, "Your address was refused too often"))
    }

    /// The address that a request counts for, where it tells visitors apart.
    fn counted(&self, request: &HttpRequest) -> Option<IpAddr> {
        let visitor = self.front.visitor(request);
        visitor.address.filter(|_| visitor.address_counts).map(source)
    }

    fn lead_out(&self, mut answer: ServiceResponse, in_flight: Option<InFlight>) -> ServiceResponse {
        if matches!(answer.status().as_u16(), 401 | 403 | 404) {
            // Counted after it was answered: the next one is told.
            if let Some(address) = self.counted(answer.request()) {
                let _ = self.refusals.count(address, Instant::now());
            }
        }
        let over = Connection::standing(answer.request()) != Standing::Welcome;
        if over || self.front.is_stopping() {
            answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        until_sent(answer, in_flight)
    }
}

fn is_probe(request: &HttpRequest) -> bool {
    matches!(request.path(), "/healthz" | "/health" | "/readyz")
}

/// A refusal as each door tells its own. The connection of one that is over a limit ends with it.
fn refusal(path: &str, problem: Problem, limit: Limit, sentence: &str) -> HttpResponse {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = HttpResponseBuilder::new(status);
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::RETRY_AFTER, limit.retry_after_s.unwrap_or(1)));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.force_close();
    }
    if path.starts_with("/client/") {
        let error = json!({ "code": problem.api_code(), "message": sentence });
        return response.json(
            json!({ "result": null, "success": false, "errors": [error], "messages": [], "result_info": null }),
        );
    }
    let code = problem.delivery_code();
    response
        .insert_header(("cf-images", format!("err={code}")))
        .content_type("text/plain; charset=utf-8")
        .body(format!("ERROR {code}: {sentence}\n"))
}
