//! The door as one value: what its handlers need.

use std::sync::Arc;
use std::time::Duration;

use catalog::Catalog;
use domain::{Clock, Rate};
use renditions::Renditions;
use upload::{Pace, Uploads};

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
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    pub(crate) uploads: Uploads,
    pub(crate) renditions: Renditions,
    pub(crate) clock: Clock,
    pub(crate) rate: Arc<Rate<String>>,
}

impl Api {
    /// The API over these flows.
    pub fn new(
        config: Config,
        catalog: Catalog,
        uploads: Uploads,
        renditions: Renditions,
        clock: Clock,
    ) -> Self {
        let rate = Arc::new(Rate::new(config.max_api_requests_per_s, Duration::from_secs(1)));
        Api { config, catalog, uploads, renditions, clock, rate }
    }

    /// How fast a body must come.
    pub(crate) fn pace(&self) -> Pace {
        Pace { grace_s: self.config.body_grace_s, min_bytes_per_s: self.config.min_body_bytes_per_s }
    }
}
