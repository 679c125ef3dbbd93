//! The dashboard as one value: what its pages need, and the one-time setup.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use catalog::Catalog;
use domain::{Clock, Rate, Timestamp, TooOften};
use renditions::Renditions;
use upload::Uploads;

use crate::api_document::ApiDocument;
use crate::setup_code::SetupCode;

/// Where the pages live and point to, and the limits that they name.
#[derive(Debug, Clone)]
pub struct Config {
    /// Scheme and host of the dashboard itself, without a trailing slash.
    pub public_url: String,
    /// Scheme and host of delivery URLs, without a trailing slash.
    pub delivery_url: String,
    /// The setting that `delivery_url` comes from, by its name in the environment.
    pub delivery_url_from: &'static str,
    /// Seconds until a body that comes slower than `min_body_bytes_per_s` is given up.
    pub body_grace_s: u64,
    /// The slowest body, in bytes a second.
    pub min_body_bytes_per_s: u64,
    /// Signing keys of an account that may be active or retiring, for texts.
    pub max_signing_keys: u32,
    /// Bytes of an image's metadata as JSON, for its meter.
    pub max_metadata_bytes: usize,
    /// Previews that may be rendered for a person within a minute; 0 is no limit.
    pub max_previews_per_minute: u32,
    /// The OpenAPI document, as JSON, of which people get a page.
    pub api_document: &'static str,
    /// What a rendition may be at most.
    pub limits: variant::Limits,
}

impl Config {
    /// Whether people come over https: cookies are then for https alone.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The host of delivery URLs, with its port.
    pub(crate) fn delivery_host(&self) -> &str {
        self.delivery_url.split_once("://").map_or(&*self.delivery_url, |(_, host)| host)
    }
}

/// The dashboard. Clones share everything.
#[derive(Clone)]
pub struct Dashboard {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    catalog: Catalog,
    uploads: Uploads,
    renditions: Renditions,
    clock: Clock,
    setup: SetupCode,
    previews: Rate<String>,
    announce: Box<dyn Fn(&str) + Send + Sync>,
    api_document: OnceLock<ApiDocument>,
}

impl Dashboard {
    /// The dashboard over these flows. `announce` is told each new address of the setup page, to print it.
    pub fn new(
        config: Config,
        catalog: Catalog,
        uploads: Uploads,
        renditions: Renditions,
        clock: Clock,
        announce: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let (setup, announce) = (SetupCode::default(), Box::new(announce));
        let previews = Rate::new(config.max_previews_per_minute, Duration::from_secs(60));
        let api_document = OnceLock::new();
        let inner =
            Inner { config, catalog, uploads, renditions, clock, setup, previews, announce, api_document };
        Dashboard { inner: Arc::new(inner) }
    }

    /// Makes a setup code and announces the setup page's address, unless somebody can sign in already.
    pub async fn announce_setup(&self) -> Result<(), catalog::Error> {
        if !self.catalog().has_people().await? {
            self.renew_setup_code();
        }
        Ok(())
    }

    /// Announces a new setup code where the last one is not good any more.
    pub(crate) fn renew_setup_code(&self) {
        if let Some(code) = self.setup().renew(self.now()) {
            (self.inner.announce)(&format!("{}/dashboard/setup?code={code}", self.config().public_url));
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The document of the API, read when somebody first asks for it.
    pub(crate) fn api_document(&self) -> &ApiDocument {
        self.inner.api_document.get_or_init(|| ApiDocument::read(self.config().api_document))
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.inner.uploads
    }

    pub(crate) fn renditions(&self) -> &Renditions {
        &self.inner.renditions
    }

    /// Counts a preview that has to be rendered for a person.
    pub(crate) fn count_preview(&self, email: &str) -> Result<(), TooOften> {
        let previews = &self.inner.previews;
        previews.count(email.to_lowercase(), Instant::now()).map_err(|wait| {
            let told = format!("{} previews a minute are rendered for one person", previews.most());
            TooOften::new("max_previews_per_minute", wait, told)
        })
    }

    pub(crate) fn setup(&self) -> &SetupCode {
        &self.inner.setup
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dashboard({})", self.inner.config.public_url)
    }
}
