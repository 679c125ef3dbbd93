//! What the dashboard promises over HTTP, on storage in memory and a fresh catalog; no browser.

mod delivery;
mod forms;
mod pages;
mod setup;
mod variants;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, LOCATION};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, http::Method};
use catalog::testing::TestCatalog;
use catalog::{Account, Actor, Answered, Catalog, Counted, NewImage, NewPerson, Outcome, Person, Role};
use domain::{Clock, ImageId, ObjectId, Secret, Timestamp};
use parking_lot::Mutex;
use renditions::Renditions;
use signing::{Scheme, Verified};
use storage::Storage;
use upload::Uploads;
use variant::{Facts, Format};
use workers::Workers;

use crate::{Config, Dashboard, csrf};

const PASSWORD: &str = "correct horse battery";

/// A dashboard over an empty house, with a clock that only moves when told to.
struct House {
    test: TestCatalog,
    dashboard: Dashboard,
    announced: Arc<Mutex<Vec<String>>>,
    now_s: Arc<AtomicI64>,
}

/// Somebody with a session.
struct Guest {
    person: Person,
    cookie: String,
    token: String,
}

/// An answer, with its body as text.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
    bytes: usize,
}

impl House {
    async fn new() -> House {
        let now_s = Arc::new(AtomicI64::new(1_795_000_000));
        let told = now_s.clone();
        let clock = Clock::new(move || Timestamp::from_seconds(told.load(Ordering::Relaxed)));
        let test = catalog::testing::fresh_at(clock.clone()).await;
        let (storage, workers) = (Storage::memory(), Workers::new(workers::testing::config()).unwrap());
        let catalog = test.catalog.clone();
        let uploads = Uploads::new(
            upload::Config::default(),
            catalog.clone(),
            storage.clone(),
            workers.clone(),
            clock.clone(),
        );
        let renditions =
            Renditions::new(renditions::Config::default(), catalog.clone(), storage, workers, clock.clone());
        let announced: Arc<Mutex<Vec<String>>> = Arc::default();
        let ears = announced.clone();
        let announce = move |address: &str| ears.lock().push(address.to_owned());
        let dashboard = Dashboard::new(config(), catalog, uploads, renditions, clock, announce);
        House { test, dashboard, announced, now_s }
    }

    /// Counts deliveries that a signing key of the account signed, as the door for browsers does.
    async fn deliver_signed(&self, key: &str, times: usize) {
        let account = self.account().await.id;
        let name = Arc::new(key.parse().unwrap());
        let signed = Verified { expires_s: Some(2_000_000_000), ..Verified::of(Scheme::Native, name) };
        let answer = Answered {
            of: Counted { account, variant: "card" },
            outcome: Outcome::Hit,
            format: Some(Format::Webp),
            sent_bytes: 1_000,
            object: None,
            digest: None,
            signed: Some(&signed),
            address: Some([203, 0, 113, 24].into()),
        };
        let now = Timestamp::from_seconds(self.now_s.load(Ordering::Relaxed));
        (0..times).for_each(|_| self.catalog().tally().count(&answer, now));
    }

    /// Counts deliveries of a variant that needed no signature.
    async fn deliver(&self, variant: &str, times: usize) {
        let answer = Answered {
            of: Counted { account: self.account().await.id, variant },
            outcome: Outcome::Hit,
            format: Some(Format::Webp),
            sent_bytes: 1_000,
            object: None,
            digest: None,
            signed: None,
            address: None,
        };
        let now = Timestamp::from_seconds(self.now_s.load(Ordering::Relaxed));
        (0..times).for_each(|_| self.catalog().tally().count(&answer, now));
    }

    fn catalog(&self) -> &Catalog {
        &self.test.catalog
    }

    fn pass(&self, time: Duration) {
        self.now_s.fetch_add(time.as_secs() as i64, Ordering::Relaxed);
    }

    async fn account(&self) -> Account {
        self.catalog().accounts().await.unwrap().remove(0)
    }

    async fn guest(&self, email: &str, role: Option<Role>) -> Guest {
        let account = self.account().await.id;
        let new = NewPerson {
            email: email.into(),
            name: "Ada Nowak".into(),
            password: Secret::new(PASSWORD),
            place: role.map(|role| (account, role)),
            operator: false,
        };
        let person = self.catalog().insert_person(new, &Actor::command()).await.unwrap();
        let started = self.catalog().start_session(&person, &Actor::command()).await.unwrap();
        let cookie = format!("darkroom_session={}", started.value.reveal());
        Guest { person, cookie, token: csrf::token(&started.session.csrf) }
    }

    /// Rows of images whose bytes nobody will ask for.
    async fn put_images(&self, count: usize, filename: impl Fn(usize) -> String) {
        let account = self.account().await.id;
        for at in 0..count {
            let new = NewImage {
                account,
                id: ImageId::random(),
                object: ObjectId::random(),
                day: 20_000,
                filename: filename(at),
                metadata: Default::default(),
                creator: None,
                private: at % 3 == 0,
                facts: Facts::new(Format::Jpeg, 6000, 4000 + at as u32),
                bytes: 4_000_000 + at as u64 * 12_345,
                sha256: [at as u8; 32],
                glimpse: variant::Glimpse {
                    thumbhash: (0..25).map(|byte| (byte * 7 + at * 31) as u8).collect(),
                    dominant: [at as u8, 90, 40],
                    phash: at as u64,
                },
                idempotency: None,
            };
            self.catalog().insert_image(new, &Actor::command()).await.unwrap();
        }
    }

    async fn get(&self, path: &str, guest: Option<&Guest>) -> Answer {
        self.send(request(Method::GET, path, guest)).await
    }

    /// Sends a form as a page of ours does; the token comes along if there is a guest.
    async fn post(&self, path: &str, guest: Option<&Guest>, form: &[(&str, &str)]) -> Answer {
        let token = guest.map(|guest| ("csrf", guest.token.as_str()));
        let fields: Vec<(&str, &str)> = form.iter().copied().chain(token).collect();
        let request = request(Method::POST, path, guest).insert_header(("sec-fetch-site", "same-origin"));
        self.send(request.set_form(fields)).await
    }

    async fn send(&self, request: TestRequest) -> Answer {
        let app = init_service(App::new().configure(|routes| self.dashboard.routes(routes))).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = read_body(response).await;
        Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes: bytes.len() }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.body);
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

fn request(method: Method, path: &str, guest: Option<&Guest>) -> TestRequest {
    let request = TestRequest::with_uri(path).method(method);
    match guest {
        Some(guest) => request.insert_header(("cookie", guest.cookie.clone())),
        None => request,
    }
}

fn config() -> Config {
    Config {
        public_url: "http://127.0.0.1:8080".into(),
        delivery_url: "http://127.0.0.1:8080".into(),
        delivery_url_from: "DARKROOM_PUBLIC_URL",
        body_grace_s: 10,
        min_body_bytes_per_s: 1_000,
        max_signing_keys: 8,
        max_metadata_bytes: 1_024,
        max_previews_per_minute: 0,
        api_document: r#"{"tags": [{"name": "Images"}], "paths": {"/a": {"get": {"operationId": "get", "tags": ["Images"],
            "summary": "Tells <of> it", "responses": {}}}}}"#,
        limits: variant::Limits::default(),
    }
}

/// A small drawn PNG.
fn png() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(80, 60, |x, y| image::Rgb([(x * 3) as u8, (y * 4) as u8, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
