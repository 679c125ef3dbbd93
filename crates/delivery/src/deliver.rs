//! One delivery, from the raw target to an answer. A straight stair: parse, decide, fetch, dress.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use catalog::{
    Admission, Answered, Catalog, Counted, Fetched, Judgement, Mount, Outcome, Rights, UNKNOWN, Wanted,
};
use domain::{Accepts, AccountId, Clock, Fault, Hints, ObjectId, Problem, SigningKeyId, Timestamp};
use renditions::{Original, Rendered, Renditions, Terms};
use signing::{Request, Scheme, ShortText, Signer, TargetLimits, Verified};
use variant::{Format, Limits, Recipe};

use crate::dress::{self, Tag};
use crate::hints::{accepts, hints};
use crate::route::{Address, is_delivery};
use crate::shown::{Head, Outside};

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
    /// Rows, storage or a render are needed first. None in the end where there is nothing at this address.
    Later(Pin<Box<dyn Future<Output = Option<HttpResponse>>>>),
    /// There is nothing at this address: its mount is given to nobody.
    Nothing,
}

/// Who asks, as far as an answer or its count depends on it.
#[derive(Clone, Copy)]
struct Asking {
    accepts: Accepts,
    /// HEAD: the answer goes out without its body.
    is_head: bool,
    /// Known where a signature may be needed only: the list of signing keys shows who used one last.
    address: Option<IpAddr>,
}

/// A request that has to wait, with all that a verdict may need of it.
struct Visit {
    request: HttpRequest,
    outside: Outside<'static>,
    asking: Asking,
    judgement: Judgement,
}

/// What is to be decided: a request for what is wanted, under the rights that concern it.
#[derive(Clone, Copy)]
struct Plea<'p> {
    request: &'p HttpRequest,
    rights: &'p Rights,
    wanted: Wanted<'p>,
    shown: &'p Request<'p>,
    judgement: &'p Judgement,
}

/// Whom an answer concerns.
#[derive(Clone, Copy)]
struct Concerned<'a> {
    /// None where the account is unknown.
    counted: Option<Counted<'a>>,
    /// The image that was asked for, where it is there: no stranger's text is kept.
    image: &'a str,
    /// The account wants refusals to say nothing.
    collapses: bool,
}

/// What is known of the signature of a request that is noted; nothing where none was looked at.
#[derive(Clone, Copy)]
struct Signature<'a> {
    /// In which it was looked for.
    scheme: Scheme,
    /// What is proved: all of them none where it is wrong.
    key: Option<&'a SigningKeyId>,
    subject: Option<&'a str>,
    token_id: Option<&'a str>,
}

/// What is left to do once the decision has fallen.
enum Decided {
    Done(HttpResponse),
    Refused(catalog::Error),
    Wait(Box<Waiting>),
    /// Nothing is decided yet: the originals of these images, which are to be laid over, have to be looked up.
    Lacks(AccountId, Vec<String>),
}

/// Why there is no recipe.
enum Unsettled {
    Refused(variant::Error),
    /// The originals of these images are not known yet.
    Lacks(Vec<String>),
}

/// A delivery that was allowed.
#[derive(Clone)]
struct Leave {
    admission: Admission,
    recipe: Recipe,
    digest: [u8; 16],
    tag: Tag,
}

/// What is there of the rendition.
enum Found {
    /// The visitor has it.
    AtVisitor,
    /// It is in memory.
    Here(Arc<Rendered>),
    /// Storage or a render are needed.
    Nowhere,
}

/// A delivery that was allowed and has to wait: for its rendition, or until its use is counted.
struct Waiting {
    leave: Leave,
    found: Found,
    /// What the visitor has, where another rendition may yet be the answer.
    known_tag: Option<header::HeaderValue>,
    account: AccountId,
    /// What it counts under.
    variant: Box<str>,
    image: Box<str>,
    collapses: bool,
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

    /// Answers a request that this door takes. How it came is asked only where a signature may depend on that.
    pub fn answer<'r>(&self, request: &'r HttpRequest, outside: impl Fn() -> Outside<'r>) -> Answer {
        let (target, limits) = (target_of(request), &self.config.target);
        let Some(mount) = Mount::of_path(request.uri().path()) else {
            return self.answer_at(Address::read(target, limits), request, outside);
        };
        match self.catalog.mount_account_in_memory(mount) {
            Some(Some(account)) => {
                let address = Address::read_mounted(mount, account, target, limits);
                self.answer_at(address, request, outside)
            }
            Some(None) => Answer::Nothing,
            None => {
                let (door, visit) = (self.clone(), Visit::of(request, outside(), Judgement::default()));
                Answer::Later(Box::pin(async move { door.look_up_mount(mount, visit).await }))
            }
        }
    }

    fn answer_at<'r>(
        &self,
        address: Result<Address, signing::Error>,
        request: &'r HttpRequest,
        outside: impl Fn() -> Outside<'r>,
    ) -> Answer {
        let address = match self.readable(address, request) {
            Ok(address) => address,
            Err(refusal) => return Answer::Ready(*refusal),
        };
        let judgement = Judgement::default();
        match self.decide_at_once(address.wanted(), request, &outside, &judgement) {
            Some(Decided::Done(response)) => Answer::Ready(response),
            Some(Decided::Wait(waiting)) => {
                let (door, asking) = (self.clone(), Asking { address: outside().address, ..asking(request) });
                Answer::Later(Box::pin(async move { Some(door.finish(*waiting, asking).await) }))
            }
            // Memory alone never refuses: that would tell, by its haste, an image that it knows from one that is not. Nor is a
            // signature judged a second time then, which would tell it too.
            Some(Decided::Refused(_) | Decided::Lacks(..)) | None => {
                let (door, visit) = (self.clone(), Visit::of(request, outside(), judgement));
                Answer::Later(Box::pin(async move { Some(door.look_up(&address, &visit).await) }))
            }
        }
    }

    /// The address of a request that may be read, by GET and HEAD only.
    fn readable(
        &self,
        address: Result<Address, signing::Error>,
        request: &HttpRequest,
    ) -> Result<Address, Box<HttpResponse>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Box::new(dress::method_not_allowed(accepts(request))));
        }
        address.map_err(|error| Box::new(dress::refusal(&error, accepts(request), false)))
    }

    /// The decision from memory alone. Where no signature can matter, nothing of the request but its URL is looked at.
    fn decide_at_once<'r>(
        &self,
        wanted: Wanted<'_>,
        request: &'r HttpRequest,
        outside: &impl Fn() -> Outside<'r>,
        judgement: &Judgement,
    ) -> Option<Decided> {
        let rights = self.catalog.rights_in_memory(wanted)?;
        let asking = asking(request);
        if !rights.depend_on_request(wanted) {
            // What a signature is worth is not asked, of what is shown as little as this least of all.
            let (shown, judgement) = (Request::get(wanted.target()), Judgement::default());
            let plea = Plea { request, rights: &rights, wanted, shown: &shown, judgement: &judgement };
            return Some(self.decide(plea, asking, None));
        }
        let (outside, headers) = (outside(), Head::of(request));
        let asking = Asking { address: outside.address, ..asking };
        let shown = outside.shows(request, &headers, wanted.target());
        let plea = Plea { request, rights: &rights, wanted, shown: &shown, judgement };
        Some(self.decide(plea, asking, None))
    }

    async fn look_up_mount(&self, mount: Mount, visit: Visit) -> Option<HttpResponse> {
        let account = match self.catalog.mount_account(mount).await {
            Ok(account) => account?,
            Err(error) => return Some(dress::refusal(&error, visit.asking.accepts, false)),
        };
        let target = target_of(&visit.request);
        let address = Address::read_mounted(mount, account, target, &self.config.target);
        match self.readable(address, &visit.request) {
            Ok(address) => Some(self.look_up(&address, &visit).await),
            Err(refusal) => Some(*refusal),
        }
    }

    async fn look_up(&self, address: &Address, visit: &Visit) -> HttpResponse {
        let (wanted, headers, asking) = (address.wanted(), Head::of(&visit.request), visit.asking);
        let (shown, judgement) =
            (visit.outside.shows(&visit.request, &headers, wanted.target()), &visit.judgement);
        let rights = match self.catalog.rights_of(wanted, &shown, judgement).await {
            Ok(rights) => rights,
            Err(error) => return dress::refusal(&error, asking.accepts, false),
        };
        let plea = Plea { request: &visit.request, rights: &rights, wanted, shown: &shown, judgement };
        let mut decided = self.decide(plea, asking, None);
        if let Decided::Lacks(account, ids) = &decided {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            decided = match self.catalog.overlay_objects(account, &ids).await {
                Ok(objects) => self.decide(plea, asking, Some(&objects)),
                Err(error) => Decided::Refused(error),
            };
        }
        let of = Concerned::of(&rights, wanted);
        match decided {
            Decided::Done(response) => response,
            Decided::Wait(waiting) => self.finish(*waiting, asking).await,
            Decided::Refused(error) => {
                self.report(plea, Err(&error));
                let signer = judgement.signer();
                self.refuse(of, plea.signature(&error, signer.as_ref()), &error, asking)
            }
            // Not with all of them given.
            Decided::Lacks(..) => self.refuse(of, None, &renditions::Error::OverlayMissing, asking),
        }
    }

    /// Every decision about one delivery; reads memory only. What is done by that is counted.
    fn decide(&self, plea: Plea<'_>, asking: Asking, overlays: Option<&[ObjectId]>) -> Decided {
        let now = self.clock.now();
        let Plea { request, rights, wanted, shown, judgement } = plea;
        let known_tag = request.headers().get(header::IF_NONE_MATCH);
        let admission = match rights.admit_request(wanted, shown, judgement, now) {
            Ok(admission) => admission,
            Err(error) => return Decided::Refused(error),
        };
        let settled =
            match self.settle(&admission, hints(request, asking.accepts, &admission.options), overlays) {
                Err(Unsettled::Lacks(ids)) => return Decided::Lacks(admission.account, ids),
                Err(Unsettled::Refused(error)) => Err(error),
                Ok(recipe) => Ok(recipe),
            };
        self.report(plea, Ok(&admission));
        let of = Concerned::of(rights, wanted);
        let recipe = match settled {
            Ok(recipe) => recipe,
            Err(error) => {
                return Decided::Done(self.refuse(of, Signature::of(&admission), &error, asking));
            }
        };
        let (leave, found) = self.for_now(Leave::new(admission, recipe), known_tag);
        match found {
            Found::AtVisitor if !leave.spends(asking) => {
                Decided::Done(self.tell_not_modified(of, &leave, asking, now))
            }
            Found::Here(rendered) if !leave.spends(asking) && !leave.may_be_lent(&rendered, asking) => {
                Decided::Done(self.tell(of, &leave, Outcome::Hit, &rendered, asking, now))
            }
            found => Decided::Wait(Box::new(Waiting::new(leave, found, of, known_tag))),
        }
    }

    /// The recipe of a delivery that was allowed, with the originals of what it lays over.
    fn settle(
        &self,
        admission: &Admission,
        hints: Hints,
        overlays: Option<&[ObjectId]>,
    ) -> Result<Recipe, Unsettled> {
        let limits = &self.config.limits;
        let (options, facts) = (&admission.options, &admission.facts);
        let mut recipe = variant::settle(options, facts, admission.focal_point, &hints, limits)
            .map_err(Unsettled::Refused)?;
        if recipe.overlays.is_empty() {
            return Ok(recipe);
        }
        let ids: Vec<&str> = recipe.overlay_images().collect();
        let known = match overlays {
            Some(overlays) => Some(overlays.to_vec()),
            None => self.catalog.overlay_objects_in_memory(&admission.account, &ids),
        };
        let Some(objects) = known.filter(|objects| objects.len() == ids.len()) else {
            return Err(Unsettled::Lacks(ids.into_iter().map(str::to_owned).collect()));
        };
        let objects: Vec<String> = objects.iter().map(ObjectId::to_string).collect();
        recipe.place_overlays(&objects);
        Ok(recipe)
    }

    /// What is found at once of a delivery that was allowed; where nothing is and the rendition is known to be on its way,
    /// of what stands in for it.
    fn for_now(&self, leave: Leave, known_tag: Option<&header::HeaderValue>) -> (Leave, Found) {
        let found = self.found(&leave, known_tag);
        let is_awaited = matches!(found, Found::Nowhere)
            && leave.recipe.meanwhile.is_some()
            && self.renditions.is_awaited(&leave.admission.object, &leave.digest);
        if !is_awaited {
            return (leave, found);
        }
        let leave = leave.meanwhile();
        let found = self.found(&leave, known_tag);
        (leave, found)
    }

    fn found(&self, leave: &Leave, known_tag: Option<&header::HeaderValue>) -> Found {
        if known_tag.is_some_and(|known| leave.tag.is_in(known)) {
            return Found::AtVisitor;
        }
        let known = self.renditions.in_memory(&leave.admission.object, &leave.digest);
        known.map_or(Found::Nowhere, Found::Here)
    }

    /// What is there of a rendition in whose place another may be served: it, or that other, from now on the one that was
    /// allowed. Nobody waits for the first to be made.
    async fn look(&self, waiting: &mut Waiting) -> Result<(), renditions::Error> {
        if !matches!(waiting.found, Found::Nowhere) || waiting.leave.recipe.meanwhile.is_none() {
            return Ok(());
        }
        let Leave { admission, recipe, .. } = &waiting.leave;
        match self.renditions.find_or_begin(&Original::admitted(admission), recipe).await? {
            Some(rendered) => waiting.found = Found::Here(rendered),
            None => {
                waiting.leave = waiting.leave.clone().meanwhile();
                waiting.found = self.found(&waiting.leave, waiting.known_tag.as_ref());
            }
        }
        Ok(())
    }

    /// Gets what is missing, counts the use of a URL that has so many, and answers.
    async fn finish(&self, mut waiting: Waiting, asking: Asking) -> HttpResponse {
        if let Err(error) = self.look(&mut waiting).await {
            return self.refuse(waiting.of(), Signature::of(&waiting.leave.admission), &error, asking);
        }
        let (leave, of) = (&waiting.leave, waiting.of());
        let admission = &leave.admission;
        let (rendered, outcome) = match &waiting.found {
            Found::AtVisitor => (None, Outcome::NotModified),
            Found::Here(rendered) => (Some(Arc::clone(rendered)), Outcome::Hit),
            Found::Nowhere => {
                match self.renditions.fetch(&Original::admitted(admission), &leave.recipe).await {
                    Ok(rendered) => (Some(rendered), Outcome::Miss),
                    Err(error) => return self.refuse(of, Signature::of(admission), &error, asking),
                }
            }
        };
        let now = match self.permit(admission, leave.spends(asking)).await {
            Ok(now) => now,
            Err(error) => return self.refuse(of, Signature::of(admission), &error, asking),
        };
        match rendered {
            Some(rendered) => match self.lend(leave, &rendered, asking, now).await {
                Some(url) => self.tell_where(of, leave, outcome, &url, asking, now),
                None => self.tell(of, leave, outcome, &rendered, asking, now),
            },
            None => self.tell_not_modified(of, leave, asking, now),
        }
    }

    /// The moment at which what was allowed is still so, and its use counted where it has a number of them: the last thing
    /// before bytes go out, so that what fails until here costs the visitor none.
    async fn permit(&self, admission: &Admission, spends: bool) -> Result<Timestamp, catalog::Error> {
        // Rendering takes time: a link that ended meanwhile is not answered.
        let now = self.clock.now();
        dress::still_valid(admission, now)?;
        let Some(signed) = admission.signed.as_ref().filter(|_| spends) else { return Ok(now) };
        self.catalog.consume_uses(&admission.account, &signed.uses).await?;
        // So does counting.
        let now = self.clock.now();
        dress::still_valid(admission, now)?;
        Ok(now)
    }

    /// Where the visitor gets a large rendition from the bucket itself, if the account wants it so.
    async fn lend(
        &self,
        leave: &Leave,
        rendered: &Rendered,
        asking: Asking,
        now: Timestamp,
    ) -> Option<String> {
        if !leave.may_be_lent(rendered, asking) {
            return None;
        }
        let Leave { admission, digest, .. } = leave;
        let (disposition, cache) = dress::lent_words(admission, rendered, Terms::latest(now));
        let terms = Terms {
            now,
            until_s: admission.signed.as_ref().and_then(|signed| signed.expires_s),
            content_type: rendered.format.media_type(),
            content_disposition: &disposition,
            cache_control: &cache,
        };
        self.renditions.lend(&Original::admitted(admission), digest, rendered, &terms).await
    }

    /// The visitor is told where to get the rendition.
    fn tell_where(
        &self,
        of: Concerned<'_>,
        leave: &Leave,
        outcome: Outcome,
        url: &str,
        asking: Asking,
        now: Timestamp,
    ) -> HttpResponse {
        let Leave { admission, recipe, digest, .. } = leave;
        let format = Some(recipe.encoding.format());
        self.count(
            of,
            admission,
            Told { outcome, format, digest: Some(*digest), sent_bytes: 0 },
            asking,
            now,
        );
        dress::elsewhere(admission, recipe, url)
    }

    /// The rendition goes out.
    fn tell(
        &self,
        of: Concerned<'_>,
        leave: &Leave,
        outcome: Outcome,
        rendered: &Rendered,
        asking: Asking,
        now: Timestamp,
    ) -> HttpResponse {
        let Leave { admission, recipe, digest, tag } = leave;
        let sent_bytes = if asking.is_head { 0 } else { rendered.bytes.len() as u64 };
        let (format, digest) = (Some(rendered.format), Some(*digest));
        self.count(of, admission, Told { outcome, format, digest, sent_bytes }, asking, now);
        dress::delivered(admission, recipe, tag, rendered, now)
    }

    /// The visitor has it, and may have it still.
    fn tell_not_modified(
        &self,
        of: Concerned<'_>,
        leave: &Leave,
        asking: Asking,
        now: Timestamp,
    ) -> HttpResponse {
        let Leave { admission, recipe, tag, .. } = leave;
        let format = Some(recipe.encoding.format());
        let told = Told { outcome: Outcome::NotModified, format, digest: None, sent_bytes: 0 };
        self.count(of, admission, told, asking, now);
        dress::not_modified(admission, recipe, tag, now)
    }

    fn count(&self, of: Concerned<'_>, admission: &Admission, told: Told, asking: Asking, now: Timestamp) {
        let Some(counted) = of.counted else { return };
        let answer = Answered {
            of: counted,
            outcome: told.outcome,
            format: told.format,
            sent_bytes: told.sent_bytes,
            object: Some(&admission.object),
            digest: told.digest,
            signed: admission.signed.as_ref(),
            address: asking.address.filter(|_| admission.signed.is_some()),
        };
        self.catalog.tally().count(&answer, now);
        self.note(of, Signature::of(admission), "ok", asking, now);
    }

    /// A refusal, counted and noted where the account is known.
    fn refuse(
        &self,
        of: Concerned<'_>,
        signature: Option<Signature<'_>>,
        fault: &dyn Fault,
        asking: Asking,
    ) -> HttpResponse {
        let (now, reason) = (self.clock.now(), reason(fault));
        if let Some(counted) = of.counted {
            let answer = Answered {
                of: counted,
                outcome: Outcome::Refused(reason),
                format: None,
                sent_bytes: 0,
                object: None,
                digest: None,
                signed: None,
                address: None,
            };
            self.catalog.tally().count(&answer, now);
        }
        self.note(of, signature, reason, asking, now);
        dress::refusal(fault, asking.accepts, of.collapses)
    }

    /// Notes who fetched what by which signature, for the audit page.
    fn note(
        &self,
        of: Concerned<'_>,
        signature: Option<Signature<'_>>,
        verdict: &'static str,
        asking: Asking,
        now: Timestamp,
    ) {
        let (Some(Signature { scheme, key, subject, token_id }), Some(counted)) = (signature, of.counted)
        else {
            return;
        };
        let fetched = Fetched {
            account: counted.account,
            image: of.image,
            variant: counted.variant,
            scheme,
            key,
            subject,
            token_id,
            verdict,
            address: asking.address,
        };
        self.catalog.fetches().note(&fetched, now);
    }

    /// Counts what schemes in report mode say.
    fn report(&self, plea: Plea<'_>, outcome: Result<&Admission, &catalog::Error>) {
        let Plea { rights, wanted, shown, .. } = plea;
        let now = self.clock.now();
        for (scheme, verdict) in rights.report(wanted, shown, outcome, now) {
            if let Some(counted) = rights.counted(wanted) {
                self.catalog.reports().note(counted.account, scheme, verdict, now);
            }
        }
    }
}

/// What came of a delivery that was allowed.
struct Told {
    outcome: Outcome,
    format: Option<Format>,
    /// The digest of the rendition that was read for it.
    digest: Option<[u8; 16]>,
    sent_bytes: u64,
}

impl Leave {
    fn new(admission: Admission, recipe: Recipe) -> Self {
        let digest = recipe.digest();
        let tag = Tag::new(&admission.object, &digest, recipe.is_exact(&admission.facts));
        Leave { admission, recipe, digest, tag }
    }

    /// The leave for what is served until the rendition is there: for a short time.
    fn meanwhile(mut self) -> Self {
        let Some(recipe) = self.recipe.meanwhile.take() else { return self };
        self.admission.ttl_s = self.admission.ttl_s.min(dress::MEANWHILE_TTL_S);
        Leave::new(self.admission, *recipe)
    }

    /// Whether answering costs one of a number of uses. A HEAD costs none (signing-schemes 1.2).
    fn spends(&self, asking: Asking) -> bool {
        !asking.is_head && self.admission.signed.as_ref().is_some_and(|signed| !signed.uses.is_empty())
    }

    /// Whether a redirect to the bucket may answer it: a large rendition of an account that wants it so. What a token
    /// demands beside its path and its end, a bucket would not.
    fn may_be_lent(&self, rendered: &Rendered, asking: Asking) -> bool {
        let large = self.admission.redirect_bytes.is_some_and(|least| rendered.bytes.len() as u64 >= least);
        let signed = self.admission.signed.as_ref();
        large && !asking.is_head && signed.is_none_or(|signed| signed.shareable && signed.uses.is_empty())
    }
}

impl Waiting {
    fn new(leave: Leave, found: Found, of: Concerned<'_>, known_tag: Option<&header::HeaderValue>) -> Self {
        let (account, variant) = (leave.admission.account, of.counted.map_or(UNKNOWN, |of| of.variant));
        Waiting {
            known_tag: known_tag.filter(|_| leave.recipe.meanwhile.is_some()).cloned(),
            leave,
            found,
            account,
            variant: variant.into(),
            image: of.image.into(),
            collapses: of.collapses,
        }
    }

    fn of(&self) -> Concerned<'_> {
        let counted = Some(Counted { account: self.account, variant: &self.variant });
        Concerned { counted, image: &self.image, collapses: self.collapses }
    }
}

impl<'a> Concerned<'a> {
    fn of(rights: &Rights, wanted: Wanted<'a>) -> Self {
        Concerned {
            counted: rights.counted(wanted),
            image: if rights.has_image() { wanted.image() } else { "" },
            collapses: rights.collapse_refusals(),
        }
    }
}

impl<'a> Signature<'a> {
    /// That by which a delivery was allowed, where one was needed.
    fn of(admission: &'a Admission) -> Option<Self> {
        let Verified { scheme, key, subject, token_id, .. } = admission.signed.as_ref()?;
        Some(Signature::read(*scheme).proves(key, subject.as_ref(), token_id.as_ref()))
    }

    /// One that was looked for: nothing is proved.
    fn read(scheme: Scheme) -> Self {
        Signature { scheme, key: None, subject: None, token_id: None }
    }

    fn proves(
        self,
        key: &'a SigningKeyId,
        subject: Option<&'a ShortText>,
        token_id: Option<&'a ShortText>,
    ) -> Self {
        let (subject, token_id) = (subject.map(ShortText::as_str), token_id.map(ShortText::as_str));
        Signature { key: Some(key), subject, token_id, ..self }
    }
}

impl Plea<'_> {
    /// What is known of the signature of a request that was refused. Words and names that nobody has are told to whoever
    /// may see the image, so there it was looked at.
    fn signature<'s>(&self, error: &catalog::Error, signer: Option<&'s Signer>) -> Option<Signature<'s>> {
        use catalog::Error::{ImageMissing, Options, Signature as Refused, VariantDenied};
        let was_read = match error {
            Refused(_) => true,
            Options(_) | VariantDenied => self.rights.depend_on_request(self.wanted),
            ImageMissing => signer.is_some(),
            _ => false,
        };
        let read = was_read.then(|| Signature::read(self.rights.scheme_of(self.wanted, self.shown)))?;
        Some(match signer {
            Some(Signer { key, subject, token_id }) => read.proves(key, subject.as_ref(), token_id.as_ref()),
            None => read,
        })
    }
}

impl Visit {
    fn of(request: &HttpRequest, outside: Outside<'_>, judgement: Judgement) -> Self {
        let asking = Asking { address: outside.address, ..asking(request) };
        Visit { request: request.clone(), outside: outside.kept(), asking, judgement }
    }
}

/// What a request says of its answer; whose address it comes from is not asked yet.
fn asking(request: &HttpRequest) -> Asking {
    Asking { accepts: accepts(request), is_head: request.method() == Method::HEAD, address: None }
}

/// The raw target.
fn target_of(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |target| target.as_str())
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
