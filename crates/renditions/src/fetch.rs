//! The way to a rendition: memory, then what is kept at rest, then one render.

use std::sync::Arc;

use bytes::Bytes;
use domain::ObjectId;
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
    /// Where it lies with its renditions.
    pub prefix: Prefix,
    /// Its object id.
    pub object: ObjectId,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// What probing told.
    pub facts: Arc<Facts>,
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
