//! The door for programs: the management API, in the wire contract's words.
#![forbid(unsafe_code)]

use catalog::Catalog;
use domain::Clock;
use renditions::Renditions;
use upload::Uploads;

/// Where answers point to, and limits of this door.
#[derive(Debug, Clone)]
pub struct Config {
    /// Scheme and host of delivery URLs, without a trailing slash.
    pub delivery_url: String,
    /// Requests a second of one token.
    pub max_api_requests_per_s: u32,
    /// Seconds until a body that comes slower than `min_body_bytes_per_s` is given up.
    pub body_grace_s: u64,
    /// The slowest body, in bytes a second.
    pub min_body_bytes_per_s: u64,
}

/// The management API. Clones share everything.
#[derive(Clone)]
pub struct Api {
    _config: Config,
    _catalog: Catalog,
    _uploads: Uploads,
    _renditions: Renditions,
    _clock: Clock,
}

impl Api {
    /// The API over these flows.
    pub fn new(config: Config, catalog: Catalog, uploads: Uploads, renditions: Renditions, clock: Clock) -> Self {
        Api { _config: config, _catalog: catalog, _uploads: uploads, _renditions: renditions, _clock: clock }
    }

    /// Registers all routes. The server's front has left a `domain::Visitor` and a `domain::RequestId` in the
    /// request's extensions.
    pub fn routes(&self, _config: &mut actix_web::web::ServiceConfig) {
        todo!()
    }
}
