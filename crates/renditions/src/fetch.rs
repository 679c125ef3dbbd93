//! The way to a rendition: memory, then what is kept at rest, then one render.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use domain::ObjectId;
use storage::{Object, ObjectKey, Storage};
use variant::Recipe;
use workers::Workers;

use crate::memory::{Key, Memory};
use crate::once::Once;
use crate::original::verified;
use crate::{Error, Original, Rendered, kept};

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

/// Makes, keeps and finds renditions. Clones share everything.
#[derive(Debug, Clone)]
pub struct Renditions {
    storage: Storage,
    workers: Workers,
    memory: Memory,
    once: Once<Key, Result<Arc<Rendered>, Error>>,
    renders: Arc<AtomicU64>,
}

impl Renditions {
    /// Renditions in this storage, made by these workers.
    pub fn new(config: Config, storage: Storage, workers: Workers) -> Self {
        let memory = Memory::new(config.memory_bytes);
        Renditions { storage, workers, memory, once: Once::new(), renders: Arc::default() }
    }

    /// The rendition if memory has it: never waits, never asks storage.
    pub fn in_memory(&self, object: &ObjectId, digest: &[u8; 16]) -> Option<Arc<Rendered>> {
        self.memory.get(&(*object, *digest))
    }

    /// The rendition of a recipe: found, or made once however many ask. A failure goes to all who wait for it
    /// and is not remembered.
    pub async fn fetch(&self, original: &Original, recipe: &Recipe) -> Result<Arc<Rendered>, Error> {
        let key = (original.object, recipe.digest());
        if let Some(rendered) = self.memory.get(&key) {
            return Ok(rendered);
        }
        let work = || {
            let (this, original, recipe) = (self.clone(), original.clone(), recipe.clone());
            async move { this.find_or_make(key, &original, &recipe).await }
        };
        self.once.answer(key, work).await.unwrap_or(Err(Error::Abandoned))
    }

    /// Renders without keeping anything, for previews and tiles that are not worth keeping.
    pub async fn render_only(&self, original: &Original, recipe: &Recipe) -> Result<Rendered, Error> {
        // The slot comes before the bytes: those who wait for one hold no original in memory.
        let slot = self.workers.slot().await?;
        let bytes = self.original(original).await?.into_bytes().await;
        let bytes = bytes.inspect_err(|error| complain(original, error))?;
        self.renders.fetch_add(1, Ordering::Relaxed);
        let facts = variant::Facts::clone(&original.facts);
        Ok(slot.render(bytes, facts, recipe.clone()).await?.into())
    }

    /// Streams the bytes of an original, as they came. They are held against its digest: those that come in
    /// one piece before any is sent; a large original that is damaged ends in an error before its last piece.
    pub async fn original(&self, original: &Original) -> Result<Object, Error> {
        let object = self.storage.get(&original.prefix.original()).await;
        let object = object.inspect_err(|error| complain(original, error))?;
        Ok(verified(object, original.sha256))
    }

    /// How many renders were begun since the start.
    pub fn renders(&self) -> u64 {
        self.renders.load(Ordering::Relaxed)
    }

    async fn find_or_make(
        &self,
        key: Key,
        original: &Original,
        recipe: &Recipe,
    ) -> Result<Arc<Rendered>, Error> {
        // Whoever found memory empty may come here after another has filled it.
        if let Some(rendered) = self.memory.get(&key) {
            return Ok(rendered);
        }
        let place = original.prefix.rendition(&key.1);
        let rendered = match self.find(&place).await {
            Some(rendered) => rendered,
            None => {
                let rendered = self.render_only(original, recipe).await?;
                self.keep(&place, &rendered).await;
                rendered
            }
        };
        let rendered = Arc::new(rendered);
        self.memory.insert(key, rendered.clone());
        Ok(rendered)
    }

    /// The rendition that is kept at rest. One that is damaged is thrown away, and like one that cannot be
    /// read it is made again: a rendition is never the only copy of anything.
    async fn find(&self, place: &ObjectKey) -> Option<Rendered> {
        match self.read(place).await {
            Ok(rendered) => return Some(rendered),
            Err(storage::Error::Missing) => {}
            Err(storage::Error::Damaged) => {
                tracing::warn!(object = place.as_str(), "a rendition at rest is damaged and is made again");
                if let Err(error) = self.storage.delete(place).await {
                    tracing::warn!(object = place.as_str(), ?error, "a damaged rendition cannot be deleted");
                }
            }
            Err(error) => {
                tracing::warn!(object = place.as_str(), ?error, "a rendition at rest cannot be read");
            }
        }
        None
    }

    async fn read(&self, place: &ObjectKey) -> Result<Rendered, storage::Error> {
        let packed = self.storage.get(place).await?.into_bytes().await?;
        beside(place, move |place| kept::unpack(place, packed)).await.flatten().ok_or(storage::Error::Damaged)
    }

    /// Keeps a rendition at rest, unflushed: what a crash takes or spoils is noticed when it is read, and made again.
    /// Where keeping fails it is served all the same.
    async fn keep(&self, place: &ObjectKey, rendered: &Rendered) {
        let rendered = rendered.clone();
        let packed: Option<Bytes> = beside(place, move |place| kept::pack(place, &rendered)).await;
        let Some(packed) = packed else { return };
        if let Err(error) = self.storage.put_spare(place, packed).await {
            tracing::warn!(object = place.as_str(), ?error, "a rendition cannot be kept");
        }
    }
}

/// Hashes beside the async runtime: a rendition may have megabytes. None where the runtime is about to end.
async fn beside<T: Send + 'static>(
    place: &ObjectKey,
    work: impl FnOnce(&ObjectKey) -> T + Send + 'static,
) -> Option<T> {
    let place = place.clone();
    tokio::task::spawn_blocking(move || work(&place)).await.ok()
}

fn complain(original: &Original, error: &storage::Error) {
    tracing::error!(prefix = original.prefix.as_str(), ?error, "an original cannot be read");
}
