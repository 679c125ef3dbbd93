//! The way to a rendition: memory, then what is kept at rest, then one render.

use std::sync::Arc;

use bytes::Bytes;
use catalog::{Admission, Image};
use domain::{AccountId, ObjectId};
use storage::{Prefix, Storage};
use variant::{Facts, Format, Recipe};
use workers::Workers;

use crate::Error;

/// Limits of this crate.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes of renditions that memory keeps.
    pub memory_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config { memory_bytes: 268_435_456 }
    }
}

/// The original that a rendition is made from.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its account.
    pub account: AccountId,
    /// The day on which it came.
    pub day: i64,
    /// Its object id.
    pub object: ObjectId,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// What probing told.
    pub facts: Arc<Facts>,
}

impl Original {
    /// The original of an image; none for a draft.
    pub fn of(image: &Image) -> Option<Original> {
        let facts = Arc::new(image.facts.clone()?);
        Some(Original { account: image.account, day: image.day, object: image.object, sha256: image.sha256, facts })
    }

    /// The original that a delivery was allowed for.
    pub fn admitted(admission: &Admission) -> Original {
        Original {
            account: admission.account,
            day: admission.day,
            object: admission.object,
            sha256: admission.sha256,
            facts: admission.facts.clone(),
        }
    }

    /// Where it lies with its renditions.
    pub fn prefix(&self) -> Prefix {
        Prefix::new(self.day, &self.account, &self.object)
    }
}

/// A rendition, ready to be sent.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Its format.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The encoded bytes.
    pub bytes: Bytes,
}

/// Makes, keeps and finds renditions. Clones share everything.
#[derive(Clone)]
pub struct Renditions {
    _storage: Storage,
    _workers: Workers,
}

impl Renditions {
    /// Renditions in this storage, made by these workers.
    pub fn new(_config: Config, _storage: Storage, _workers: Workers) -> Self {
        todo!()
    }

    /// The rendition if memory has it: never waits, never asks storage.
    pub fn in_memory(&self, _object: &ObjectId, _digest: &[u8; 16]) -> Option<Arc<Rendered>> {
        todo!()
    }

    /// The rendition of a recipe: found, or made once however many ask.
    pub async fn fetch(&self, _original: &Original, _recipe: &Recipe) -> Result<Arc<Rendered>, Error> {
        todo!()
    }

    /// Renders without keeping anything, for previews and tiles that are not worth keeping.
    pub async fn render_only(&self, _original: &Original, _recipe: &Recipe) -> Result<Rendered, Error> {
        todo!()
    }

    /// Streams the bytes of an original, as they came, verified against its digest where they are small.
    pub async fn original(&self, _original: &Original) -> Result<storage::Object, Error> {
        todo!()
    }

    /// How many renders were made since the start.
    pub fn renders(&self) -> u64 {
        todo!()
    }
}
