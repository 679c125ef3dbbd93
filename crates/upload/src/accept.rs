//! Accepting an original: probe, decode once, store, row last.

use catalog::{Actor, Catalog, Image};
use domain::{AccountId, Clock, ImageId};
use serde_json::{Map, Value};
use storage::{Sealed, Storage};
use workers::Workers;

use crate::incoming::FormLimits;
use crate::Error;

/// Limits of this crate.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Limits of a form.
    pub form: FormLimits,
}

/// What to accept.
#[derive(Debug)]
pub struct NewUpload {
    /// Into which account.
    pub account: AccountId,
    /// The wished id; a new UUID where absent. Already checked by [`ImageId::custom`].
    pub id: Option<ImageId>,
    /// The bytes.
    pub file: Sealed,
    /// The file's name.
    pub filename: String,
    /// Metadata.
    pub metadata: Map<String, Value>,
    /// Creator.
    pub creator: Option<String>,
    /// Whether only a signed URL delivers it.
    pub private: bool,
    /// `Idempotency-Key`, 1 to 255 characters.
    pub idempotency_key: Option<String>,
}

/// An accepted original.
#[derive(Debug)]
pub struct Accepted {
    /// The image.
    pub image: Image,
    /// Whether an earlier request with the same idempotency key made it.
    pub replayed: bool,
}

/// Accepts and removes originals. Clones share everything.
#[derive(Clone)]
pub struct Uploads {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) workers: Workers,
    pub(crate) clock: Clock,
}

impl Uploads {
    /// Uploads into this catalog and storage.
    pub fn new(config: Config, catalog: Catalog, storage: Storage, workers: Workers, clock: Clock) -> Self {
        Uploads { config, catalog, storage, workers, clock }
    }

    /// The limits, for texts that name them.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The storage, for [`crate::Incoming::read`].
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Accepts an original: the answer comes when bytes and row are durable.
    pub async fn accept(&self, _new: NewUpload, _actor: &Actor) -> Result<Accepted, Error> {
        todo!()
    }
}
