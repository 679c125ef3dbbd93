//! One delivery, from the raw target to an answer. A straight stair: parse, decide, fetch, dress.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use catalog::{Admission, Answered, Catalog, Counted, Outcome, Rights, UNKNOWN};
use domain::{Accepts, Clock, Fault, Problem, Timestamp};
use renditions::{Original, Rendered, Renditions};
use signing::{DeliveryUrl, TargetLimits};
use variant::{Format, Limits, Recipe};

use crate::dress::{self, Tag};
use crate::route::is_delivery;
use crate::shown::Shown;

/// Limits of this door.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What a rendition may be at most.
    pub limits: Limits,
    /// What a request target may be at most.
    pub target: TargetLimits,
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

/// Who asks, as far as an answer or its count depends on it.
#[derive(Clone, Copy)]
struct Asking {
    accepts: Accepts,
    /// HEAD: the answer goes out without its body.
    is_head: bool,
    /// Known for signed URLs only: the list of signing keys shows who used one last.
    address: Option<IpAddr>,
}

/// What is left to do once the decision has fallen.
enum Decided {
    Done(HttpResponse),
    Refused(catalog::Error),
    Render(Box<Leave>),
}

/// What came of a delivery that was allowed.
struct Told<'r> {
    outcome: Outcome,
    /// What was read for it, with its digest.
    read: Option<([u8; 16], &'r Rendered)>,
    format: Format,
    now: Timestamp,
}

/// A delivery that was allowed and whose rendition is not in memory.
struct Leave {
    admission: Admission,
    recipe: Recipe,
    tag: Tag,
    /// What it counts under.
    variant: Box<str>,
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

    /// Answers a request that this door takes. Whose address it comes from is asked only where that is noted.
    pub fn answer(&self, request: &HttpRequest, address: impl FnOnce() -> Option<IpAddr>) -> Answer {
        let accepts = accepts(request);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Answer::Ready(dress::method_not_allowed(accepts));
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let url = match DeliveryUrl::parse_within(target, &self.config.target) {
            Ok(url) => url,
            Err(error) => return Answer::Ready(dress::refusal(&error, accepts)),
        };
        let shown = Shown::of(request, &url, address);
        let asking = Asking { accepts, is_head: request.method() == Method::HEAD, address: shown.address };
        let known_tag = request.headers().get(header::IF_NONE_MATCH);
        let decided = self
            .catalog
            .rights_in_memory(&url)
            .map(|rights| self.decide(&rights, &url, &shown, asking, known_tag));
        match decided {
            Some(Decided::Done(response)) => Answer::Ready(response),
            Some(Decided::Render(leave)) => {
                let door = self.clone();
                Answer::Later(Box::pin(async move { door.render(*leave, asking).await }))
            }
            // Memory alone never refuses: that would tell, by its haste, an image that it knows from one that is not.
            Some(Decided::Refused(_)) | None => {
                let (door, known_tag) = (self.clone(), known_tag.cloned());
                Answer::Later(Box::pin(async move { door.look_up(url, shown, asking, known_tag).await }))
            }
        }
    }

    async fn look_up(
        &self,
        url: DeliveryUrl,
        shown: Shown,
        asking: Asking,
        known_tag: Option<header::HeaderValue>,
    ) -> HttpResponse {
        let rights = match self.catalog.rights_of(&url, shown.is_signed).await {
            Ok(rights) => rights,
            Err(error) => return dress::refusal(&error, asking.accepts),
        };
        match self.decide(&rights, &url, &shown, asking, known_tag.as_ref()) {
            Decided::Done(response) => response,
            Decided::Refused(error) => self.refuse(rights.counted(&url), &error, asking),
            Decided::Render(leave) => self.render(*leave, asking).await,
        }
    }

    /// Every decision about one delivery; reads memory only. What is done by that is counted.
    fn decide(
        &self,
        rights: &Rights,
        url: &DeliveryUrl,
        shown: &Shown,
        asking: Asking,
        known_tag: Option<&header::HeaderValue>,
    ) -> Decided {
        let now = self.clock.now();
        let admission = match rights.admit_request(url, &shown.request(url), now) {
            Ok(admission) => admission,
            Err(error) => return Decided::Refused(error),
        };
        let counted = rights.counted(url);
        let limits = &self.config.limits;
        let recipe = match variant::settle(&admission.options, &admission.facts, asking.accepts, limits) {
            Ok(recipe) => recipe,
            Err(error) => return Decided::Done(self.refuse(counted, &error, asking)),
        };
        let digest = recipe.digest();
        let tag = Tag::new(&admission.object, &digest);
        if known_tag.is_some_and(|known| tag.is_in(known)) {
            let (outcome, format) = (Outcome::NotModified, recipe.encoding.format());
            self.count(counted, asking, &admission, Told { outcome, read: None, format, now });
            return Decided::Done(dress::not_modified(&admission, &recipe, &tag, now));
        }
        match self.renditions.in_memory(&admission.object, &digest) {
            Some(rendered) => {
                let read = Some((digest, &*rendered));
                let told = Told { outcome: Outcome::Hit, read, format: rendered.format, now };
                self.count(counted, asking, &admission, told);
                Decided::Done(dress::delivered(&admission, &recipe, &tag, &rendered, now))
            }
            None => {
                let variant = counted.map_or(UNKNOWN, |counted| counted.variant).into();
                Decided::Render(Box::new(Leave { admission, recipe, tag, variant }))
            }
        }
    }

    async fn render(&self, leave: Leave, asking: Asking) -> HttpResponse {
        let Leave { admission, recipe, tag, variant } = leave;
        let counted = Some(Counted { account: admission.account, variant: &variant });
        let rendered = self.renditions.fetch(&Original::admitted(&admission), &recipe).await;
        // Rendering takes time: a link that ended meanwhile is not answered.
        let now = self.clock.now();
        if let Err(error) = dress::still_valid(&admission, now) {
            return self.refuse(counted, &error, asking);
        }
        match rendered {
            Ok(rendered) => {
                let read = Some((recipe.digest(), &*rendered));
                let told = Told { outcome: Outcome::Miss, read, format: rendered.format, now };
                self.count(counted, asking, &admission, told);
                dress::delivered(&admission, &recipe, &tag, &rendered, now)
            }
            Err(error) => self.refuse(counted, &error, asking),
        }
    }

    fn count(&self, of: Option<Counted<'_>>, asking: Asking, admission: &Admission, told: Told<'_>) {
        let Some(of) = of else { return };
        let sent = told.read.filter(|_| !asking.is_head);
        let answer = Answered {
            of,
            outcome: told.outcome,
            format: Some(told.format),
            sent_bytes: sent.map_or(0, |(_, rendered)| rendered.bytes.len() as u64),
            object: Some(&admission.object),
            digest: told.read.map(|(digest, _)| digest),
            signed: admission.signed.as_ref(),
            address: asking.address,
        };
        self.catalog.tally().count(&answer, told.now);
    }

    /// A refusal, counted where the account is known.
    fn refuse(&self, of: Option<Counted<'_>>, fault: &dyn Fault, asking: Asking) -> HttpResponse {
        if let Some(of) = of {
            let outcome = Outcome::Refused(reason(fault));
            let answer = Answered {
                of,
                outcome,
                format: None,
                sent_bytes: 0,
                object: None,
                digest: None,
                signed: None,
                address: None,
            };
            self.catalog.tally().count(&answer, self.clock.now());
        }
        dress::refusal(fault, asking.accepts)
    }
}

/// The word under which a refusal is counted: the reason of a refused signature, else one of a few.
fn reason(fault: &dyn Fault) -> &'static str {
    fault.reason().unwrap_or(match fault.problem() {
        Problem::ImageMissing => "image_missing",
        Problem::VariantDenied | Problem::VariantMissing => "variant_missing",
        Problem::FlexibleOff => "flexible_off",
        Problem::OptionsInvalid => "options_invalid",
        Problem::Busy => "busy",
        problem if problem.status() >= 500 => "failed",
        _ => "refused",
    })
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
