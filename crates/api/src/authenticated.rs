//! Who asks: an API token from the request's headers, the account it acts for, and what it may do.

use std::time::Instant;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{HttpMessage as _, HttpRequest};
use catalog::{Actor, ApiToken, Scope};
use domain::{AccountId, RequestId, TooOften, Visitor};

use crate::Api;
use crate::error::Failure;

/// A request whose token is known, alive and within its rate.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) token: ApiToken,
    pub(crate) actor: Actor,
}

impl Authenticated {
    /// Reads and checks the credentials of a request.
    pub(crate) async fn of(api: &Api, request: &HttpRequest) -> Result<Self, Failure> {
        let value = credentials(request.headers())?;
        let token = api.catalog.token(value).await?.ok_or_else(Failure::refused_credentials)?;
        api.rate.count(token.id.clone(), Instant::now()).map_err(|wait| {
            let told = format!("this token may ask {} times a second", api.rate.most());
            TooOften::new("max_api_requests_per_s", wait, told)
        })?;
        Ok(Authenticated { actor: actor(&token, request), token })
    }

    /// The account that the token acts for. It alone decides; what a path names must be the same.
    pub(crate) fn account(&self) -> &AccountId {
        &self.token.account
    }

    /// Refuses an account that is not the token's as if it were not there.
    pub(crate) fn enter(&self, account: &str, path: &str) -> Result<(), Failure> {
        match account.parse::<AccountId>() {
            Ok(id) if id == self.token.account => Ok(()),
            _ => Err(Failure::no_route(path)),
        }
    }

    /// Asks for one of these scopes. A refusal is noted: somebody may be trying what a token can do.
    pub(crate) async fn require(&self, api: &Api, scopes: &[Scope]) -> Result<(), Failure> {
        if scopes.iter().any(|scope| self.may(*scope)) {
            return Ok(());
        }
        let word = |wanted: &Scope| {
            Scope::ALL.iter().find(|(scope, _)| scope == wanted).map_or("", |(_, word)| word)
        };
        let target = format!("scope:{}", scopes.first().map_or("", word));
        api.catalog.record(Some(self.account()), &self.actor, "api.request", &target, "refused").await?;
        Err(Failure::forbidden())
    }

    /// Whether the token has a scope.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.token.scopes.has(scope)
    }
}

/// The token among the headers. A key with an e-mail is a token too: the e-mail says nothing (contract 1.3).
fn credentials(headers: &HeaderMap) -> Result<&str, Failure> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let text = authorization.to_str().map_err(|_| Failure::malformed_credentials())?;
        let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
        let value = value.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || !is_token_like(value) {
            return Err(Failure::malformed_credentials());
        }
        return Ok(value);
    }
    match headers.get("x-auth-key").map(|key| key.to_str()) {
        Some(Ok(key)) if is_token_like(key.trim()) => Ok(key.trim()),
        Some(_) => Err(Failure::refused_credentials()),
        None => Err(Failure::no_credentials()),
    }
}

fn is_token_like(value: &str) -> bool {
    (1..=512).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn actor(token: &ApiToken, request: &HttpRequest) -> Actor {
    let extensions = request.extensions();
    let visitor = extensions.get::<Visitor>().copied();
    let address =
        visitor.and_then(|visitor| visitor.address).or_else(|| request.peer_addr().map(|peer| peer.ip()));
    let request_id = extensions.get::<RequestId>().map(|id| id.0.clone());
    Actor { name: format!("token:{} {}", token.id, token.label), address, request_id }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use domain::Problem;

    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<String, Problem> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        credentials(&headers).map(str::to_owned).map_err(|failure| failure.problem())
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_key_with_an_email() {
        for pairs in [
            &[("authorization", "Bearer drk_abc")][..],
            &[("authorization", "bearer drk_abc ")],
            &[("x-auth-email", "a@example.org"), ("x-auth-key", "drk_abc")],
            &[("x-auth-key", "drk_abc")],
        ] {
            assert_eq!(read(pairs).as_deref(), Ok("drk_abc"), "{pairs:?}");
        }
    }

    #[test]
    fn missing_malformed_and_odd_credentials_are_told_apart() {
        assert_eq!(read(&[]), Err(Problem::CredentialsMissing));
        assert_eq!(read(&[("x-auth-email", "a@example.org")]), Err(Problem::CredentialsMissing));
        for value in ["", "Bearer", "Bearer ", "Basic abc", "drk_abc", "Bearer a b"] {
            assert_eq!(read(&[("authorization", value)]), Err(Problem::CredentialsMalformed), "{value}");
        }
        assert_eq!(read(&[("x-auth-key", "")]), Err(Problem::CredentialsRefused));
    }
}
