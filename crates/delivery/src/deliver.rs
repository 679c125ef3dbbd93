//! One delivery, from the raw target to an answer. A straight stair: parse, decide, fetch, dress.

use std::future::Future;
use std::pin::Pin;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use catalog::{Admission, Catalog, Rights};
use domain::{Accepts, Clock};
use renditions::{Original, Renditions};
use signing::DeliveryUrl;
use variant::{Limits, Recipe};

use crate::dress::{self, Tag};
use crate::route::is_delivery;

/// Limits of this door.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What a rendition may be at most.
    pub limits: Limits,
}

/// The door for browsers. Clones share everything.
#[derive(Clone)]
pub struct Delivery {
    config: Config,
    catalog: Catalog,
    renditions: Renditions,
    clock: Clock,
}

/// An answer that is there, or one that has to be waited for.
pub enum Answer {
    /// Answered from memory: no future was boxed.
    Ready(HttpResponse),
    /// Rows, storage or a render are needed first.
    Later(Pin<Box<dyn Future<Output = HttpResponse>>>),
}

/// What is left to do once the decision has fallen.
enum Decided {
    Done(HttpResponse),
    Refused(catalog::Error),
    Render(Box<Leave>),
}

/// A delivery that was allowed and whose rendition is not in memory.
struct Leave {
    admission: Admission,
    recipe: Recipe,
    tag: Tag,
}

impl Delivery {
    /// Deliveries from this catalog and these renditions.
    pub fn new(config: Config, catalog: Catalog, renditions: Renditions, clock: Clock) -> Self {
        Delivery { config, catalog, renditions, clock }
    }

    /// Whether a request is this door's, by its raw path and method.
    pub fn takes(&self, request: &HttpRequest) -> bool {
        is_delivery(request.uri().path()) && !matches!(*request.method(), Method::POST | Method::OPTIONS)
    }

    /// Answers a request that this door takes.
    pub fn answer(&self, request: &HttpRequest) -> Answer {
        let accepts = accepts(request);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Answer::Ready(dress::method_not_allowed(accepts));
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let url = match DeliveryUrl::parse(target) {
            Ok(url) => url,
            Err(error) => return Answer::Ready(dress::refusal(&error, accepts)),
        };
        let known_tag = request.headers().get(header::IF_NONE_MATCH);
        let decided =
            self.catalog.rights_in_memory(&url).map(|rights| self.decide(&rights, &url, accepts, known_tag));
        match decided {
            Some(Decided::Done(response)) => Answer::Ready(response),
            Some(Decided::Render(leave)) => {
                let door = self.clone();
                Answer::Later(Box::pin(async move { door.render(*leave, accepts).await }))
            }
            // Memory alone never refuses: that would tell, by its haste, an image that it knows from one that is not.
            Some(Decided::Refused(_)) | None => {
                let (door, known_tag) = (self.clone(), known_tag.cloned());
                Answer::Later(Box::pin(async move { door.look_up(url, accepts, known_tag).await }))
            }
        }
    }

    async fn look_up(
        &self,
        url: DeliveryUrl,
        accepts: Accepts,
        known_tag: Option<header::HeaderValue>,
    ) -> HttpResponse {
        let rights = match self.catalog.rights(&url).await {
            Ok(rights) => rights,
            Err(error) => return dress::refusal(&error, accepts),
        };
        match self.decide(&rights, &url, accepts, known_tag.as_ref()) {
            Decided::Done(response) => response,
            Decided::Refused(error) => dress::refusal(&error, accepts),
            Decided::Render(leave) => self.render(*leave, accepts).await,
        }
    }

    /// Every decision about one delivery; reads memory only.
    fn decide(
        &self,
        rights: &Rights,
        url: &DeliveryUrl,
        accepts: Accepts,
        known_tag: Option<&header::HeaderValue>,
    ) -> Decided {
        let now = self.clock.now();
        let admission = match rights.admit(url, now) {
            Ok(admission) => admission,
            Err(error) => return Decided::Refused(error),
        };
        let recipe = match variant::settle(&admission.options, &admission.facts, accepts, &self.config.limits)
        {
            Ok(recipe) => recipe,
            Err(error) => return Decided::Done(dress::refusal(&error, accepts)),
        };
        let digest = recipe.digest();
        let tag = Tag::new(&admission.object, &digest);
        if known_tag.is_some_and(|known| tag.is_in(known)) {
            return Decided::Done(dress::not_modified(&admission, &recipe, &tag, now));
        }
        match self.renditions.in_memory(&admission.object, &digest) {
            Some(rendered) => Decided::Done(dress::delivered(&admission, &recipe, &tag, &rendered, now)),
            None => Decided::Render(Box::new(Leave { admission, recipe, tag })),
        }
    }

    async fn render(&self, leave: Leave, accepts: Accepts) -> HttpResponse {
        let Leave { admission, recipe, tag } = leave;
        let rendered = self.renditions.fetch(&Original::admitted(&admission), &recipe).await;
        // Rendering takes time: a link that ended meanwhile is not answered.
        let now = self.clock.now();
        if let Err(error) = dress::still_valid(&admission, now) {
            return dress::refusal(&error, accepts);
        }
        match rendered {
            Ok(rendered) => dress::delivered(&admission, &recipe, &tag, &rendered, now),
            Err(error) => dress::refusal(&error, accepts),
        }
    }
}

/// `Accept`, reduced to what can change an answer.
fn accepts(request: &HttpRequest) -> Accepts {
    let mut accepts = Accepts::default();
    for value in request.headers().get_all(header::ACCEPT) {
        let one = Accepts::parse(value.to_str().unwrap_or_default());
        accepts = Accepts {
            webp: accepts.webp || one.webp,
            webp_refused: accepts.webp_refused || one.webp_refused,
            json: accepts.json || one.json,
        };
    }
    accepts
}
