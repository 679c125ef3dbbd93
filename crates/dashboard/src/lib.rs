//! The door for people: pages, forms and the files that they need.
#![forbid(unsafe_code)]

use catalog::Catalog;
use domain::Clock;
use renditions::Renditions;
use upload::Uploads;

/// Where the pages live and point to.
#[derive(Debug, Clone)]
pub struct Config {
    /// Scheme and host of the dashboard itself, without a trailing slash.
    pub public_url: String,
    /// Scheme and host of delivery URLs, without a trailing slash.
    pub delivery_url: String,
    /// Seconds until a body that comes slower than `min_body_bytes_per_s` is given up.
    pub body_grace_s: u64,
    /// The slowest body, in bytes a second.
    pub min_body_bytes_per_s: u64,
    /// Signing keys of an account that may be active or retiring, for texts.
    pub max_signing_keys: u32,
}

/// The dashboard. Clones share everything.
#[derive(Clone)]
pub struct Dashboard {
    _config: Config,
    _catalog: Catalog,
    _uploads: Uploads,
    _renditions: Renditions,
    _clock: Clock,
}

impl Dashboard {
    /// The dashboard over these flows. `announce` is told each new address of the setup page, to print it.
    pub fn new(
        config: Config,
        catalog: Catalog,
        uploads: Uploads,
        renditions: Renditions,
        clock: Clock,
        _announce: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Dashboard { _config: config, _catalog: catalog, _uploads: uploads, _renditions: renditions, _clock: clock }
    }

    /// Makes a setup code and announces the setup page's address, unless somebody can sign in already.
    pub async fn announce_setup(&self) -> Result<(), catalog::Error> {
        todo!()
    }

    /// Registers all routes: `/`, `/dashboard/…`, `/static/…`, `/favicon.ico`. The server's front has left a
    /// `domain::Visitor` and a `domain::RequestId` in the request's extensions.
    pub fn routes(&self, _config: &mut actix_web::web::ServiceConfig) {
        todo!()
    }
}
