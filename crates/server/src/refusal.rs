//! What the server refuses by itself, before any door was asked; it is told as the door of that address tells its own.

use std::fmt;

use actix_web::http::{ConnectionType, StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use api::Api;
use domain::{Fault, Limit, Problem, capitalised};

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: Problem,
    limit: Option<Limit>,
    told: &'static str,
}

impl Refusal {
    /// Something passes a limit.
    pub(crate) fn of_limit(problem: Problem, limit: Limit, told: &'static str) -> Refusal {
        Refusal { problem, limit: Some(limit), told }
    }

    /// No door has this address.
    pub(crate) fn nothing() -> Refusal {
        Refusal { problem: Problem::RouteMissing, limit: None, told: "there is nothing at this address" }
    }

    /// The address of a probe was asked for something else than to be read.
    pub(crate) fn wrong_method() -> Refusal {
        let told = "this address answers GET and HEAD only";
        Refusal { problem: Problem::MethodNotAllowed, limit: None, told }
    }

    /// The answer at this path. Counted, where it is one of a limit.
    pub(crate) fn answer(&self, path: &str) -> HttpResponse {
        let mut response = match Api::answers(path) {
            true => Api::refuse(path, self),
            false => {
                catalog::count_refusal(self);
                self.text()
            }
        };
        if self.problem == Problem::Busy {
            // One connection less of too many.
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }

    fn text(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        response.content_type("text/plain; charset=utf-8");
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.insert_header((header::ALLOW, "GET, HEAD"));
        }
        let Some(limit) = self.limit else {
            return response.body(format!("{}\n", capitalised(self.told)));
        };
        if let Some(wait_s) = limit.retry_after_s {
            response.insert_header((header::RETRY_AFTER, wait_s));
        }
        let code = self.problem.delivery_code();
        response.insert_header(("cf-images", format!("err={code}")));
        response.body(format!("ERROR {code}: {}\n", capitalised(self.told)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.told)
    }
}

impl std::error::Error for Refusal {}

impl Fault for Refusal {
    fn problem(&self) -> Problem {
        self.problem
    }

    fn limit(&self) -> Option<Limit> {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::body::MessageBody as _;
    use serde_json::Value;

    use super::*;

    /// Status, and when to come back.
    fn told(response: &HttpResponse) -> (u16, &str) {
        let wait = response.headers().get(header::RETRY_AFTER).expect("it says when to come back");
        (response.status().as_u16(), wait.to_str().unwrap())
    }

    fn body(response: HttpResponse) -> String {
        let bytes = response.into_body().try_into_bytes().expect("it is whole");
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn each_address_is_refused_in_the_words_of_its_door() {
        let limit = Limit::for_now("max_refusals_per_minute", Duration::from_secs(7));
        let refusal =
            || Refusal::of_limit(Problem::TooManyRequests, limit, "your address was refused too often");
        for path in ["/client/v4/accounts", "/api/v1/keys", "/images/v1", "/client"] {
            let answer = refusal().answer(path);
            assert_eq!(told(&answer), (429, "7"), "{path}");
            let told: Value = serde_json::from_str(&body(answer)).unwrap();
            assert_eq!(told["errors"][0]["code"], 10429, "{path}");
            assert_eq!(told["errors"][0]["message"], "Your address was refused too often", "{path}");
        }
        let answer = refusal().answer("/storage/a/b");
        assert_eq!(told(&answer), (429, "7"));
        assert!(body(answer).contains("<Code>SlowDown</Code><Message>Your address was refused too often."));
        for path in ["/dashboard/login", "/", "/imagesque", "/cheeW4oKsx5ljh8e8BoL2A/cat/public"] {
            let answer = refusal().answer(path);
            assert_eq!(told(&answer), (429, "7"), "{path}");
            assert_eq!(body(answer), "ERROR 9422: Your address was refused too often\n", "{path}");
        }
    }

    #[test]
    fn what_is_at_no_address_is_no_route_of_the_api_and_nothing_elsewhere() {
        let told: Value = serde_json::from_str(&body(Refusal::nothing().answer("/api/v9/x"))).unwrap();
        assert_eq!(
            (told["errors"][0]["code"].as_i64(), told["errors"][1]["code"].as_i64()),
            (Some(7003), Some(7000))
        );
        assert_eq!(body(Refusal::nothing().answer("/nowhere")), "There is nothing at this address\n");
    }
}
