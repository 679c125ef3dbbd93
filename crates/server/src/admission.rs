//! Who is let in to the front: not connections beyond their number, not an address that was refused too often. Probes
//! always are. While the server stops, each answer is the last one of its connection.

use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::{Error, HttpRequest};
use domain::{Limit, Problem, Rate, source};
use futures_util::future::Either;

use crate::connections::{Connection, InFlight, Standing, until_sent};
use crate::front::{Front, Passed};
use crate::refusal::Refusal;

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
        if let Some(refusal) = self.refuses(request.request()) {
            return self.front.refuse(request, &refusal);
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

    fn refuses(&self, request: &HttpRequest) -> Option<Refusal> {
        let moment = Duration::from_secs(1);
        let (limit, told) = match Connection::standing(request) {
            Standing::Welcome => return self.refuses_address(request),
            Standing::OverAll => ("max_connections", "the server has as many connections as it takes"),
            Standing::OverAddress => {
                ("max_address_connections", "your address has as many connections as it may have")
            }
        };
        (!is_probe(request)).then(|| Refusal::of_limit(Problem::Busy, Limit::for_now(limit, moment), told))
    }

    fn refuses_address(&self, request: &HttpRequest) -> Option<Refusal> {
        let now = Instant::now();
        if !self.refusals.anybody_waits(now) || is_probe(request) {
            return None;
        }
        let wait = self.refusals.wait(&self.counted(request)?, now)?;
        let limit = Limit::for_now("max_refusals_per_minute", wait);
        Some(Refusal::of_limit(Problem::TooManyRequests, limit, "your address was refused too often"))
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
