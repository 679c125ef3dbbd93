//! One request as the pages see it: who asks, from where, and in which form the answer is wanted.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use catalog::Actor;
use domain::{RequestId, Visitor};

use crate::Dashboard;
use crate::error::Failure;
use crate::gzip::accepts_gzip;
use crate::session::{self, SignedIn};
use crate::theme::Theme;
use crate::toast::Toast;

/// How long a checked password stays fresh for acts that ask for it.
const FRESH_FOR: Duration = Duration::from_secs(10 * 60);

/// A request to the dashboard. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Visit(Rc<Facts>);

/// What is known of the request before any page looks at it.
pub(crate) struct Facts {
    pub(crate) dashboard: Dashboard,
    pub(crate) signed_in: Option<SignedIn>,
    pub(crate) visitor: Visitor,
    pub(crate) request_id: String,
    pub(crate) theme: Theme,
    pub(crate) toast: Option<Toast>,
    /// A script wants JSON.
    pub(crate) wants_json: bool,
    /// A script wants a page to take a part of.
    pub(crate) is_swap: bool,
    pub(crate) gzip: bool,
    /// Path and query.
    pub(crate) here: String,
}

impl Visit {
    /// Takes a request in: reads its cookies and finds its session.
    pub(crate) async fn new(dashboard: Dashboard, request: &HttpRequest) -> Result<Visit, (Visit, Failure)> {
        let (signed_in, failure) = match session::find(&dashboard, request).await {
            Ok(signed_in) => (signed_in, None),
            Err(failure) => (None, Some(failure)),
        };
        let headers = request.headers();
        let visit = Visit(Rc::new(Facts {
            signed_in,
            visitor: request.extensions().get().copied().unwrap_or_default(),
            request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            theme: Theme::of(request),
            toast: Toast::of(request),
            wants_json: wants_json(headers),
            is_swap: headers.contains_key("x-swap"),
            gzip: accepts_gzip(headers),
            here: request.uri().path_and_query().map_or_else(String::new, |here| here.as_str().to_owned()),
            dashboard,
        }));
        match failure {
            None => Ok(visit),
            Some(failure) => Err((visit, failure)),
        }
    }

    /// The session, or the failure that leads to the sign-in page.
    pub(crate) fn signed_in(&self) -> Result<&SignedIn, Failure> {
        self.0.signed_in.as_ref().ok_or(Failure::SignedOut)
    }

    /// Whether the password was checked within the last ten minutes.
    pub(crate) fn is_fresh(&self) -> Result<bool, Failure> {
        let checked_at = self.signed_in()?.session.password_checked_at;
        Ok(self.dashboard.now().since(checked_at) < FRESH_FOR)
    }

    /// Who acts, for the audit log; none yet where nobody has signed in.
    pub(crate) fn actor(&self) -> Actor {
        let email = self.0.signed_in.as_ref().map(|signed_in| &signed_in.session.person.email);
        self.actor_named(email.map_or_else(String::new, |email| format!("person:{email}")))
    }

    /// An actor of this request under a name.
    pub(crate) fn actor_named(&self, name: String) -> Actor {
        Actor { name, address: self.0.visitor.address, request_id: Some(self.0.request_id.clone()) }
    }
}

impl Deref for Visit {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl FromRequest for Visit {
    type Error = Failure;
    type Future = Ready<Result<Visit, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            request
                .extensions()
                .get::<Visit>()
                .cloned()
                .ok_or_else(|| Failure::bug("a page without a welcome")),
        )
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| {
        accept
            .split(',')
            .any(|range| range.split(';').next().is_some_and(|named| named.trim() == "application/json"))
    })
}
