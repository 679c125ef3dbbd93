//! The way to a rendition: memory, then what is kept at rest, then one render.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use catalog::Catalog;
use domain::{Clock, ObjectId};
use storage::{Object, ObjectKey, Storage};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tracing::Instrument as _;
use variant::Recipe;
use workers::{Sealed, Workers};

use crate::background::{Background, For};
use crate::memory::{Key, Memory};
use crate::once::Once;
use crate::original::{complain, verified};
use crate::{Error, Original, Rendered, counts, kept};

/// How often it is looked whether everything lies at rest.
const LOOK: Duration = Duration::from_millis(10);

/// Originals that are read for renders or held against their digests at once, for each core.
const MAX_READ: usize = 4;

/// Renditions that are on their way to rest at once while they are served already.
const MAX_KEPT_BESIDE: usize = 16;

/// Limits of this crate.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes of renditions that memory keeps.
    pub memory_bytes: u64,
    /// Bytes of renditions that lie at rest: past it those go that nobody asked for longest.
    pub rest_bytes: u64,
    /// Days after which a rendition goes that nobody asked for; none keeps it.
    pub idle_days: Option<u32>,
    /// Pieces of work in the background that wait or are under way; what comes beyond is asked for again later.
    pub max_background_queued: usize,
    /// Pieces of work in the background that are under way at once.
    pub background_at_once: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            memory_bytes: 268_435_456,
            rest_bytes: 10_737_418_240,
            idle_days: None,
            max_background_queued: 256,
            background_at_once: 1,
        }
    }
}

/// Makes, keeps and finds renditions. Clones share everything.
#[derive(Debug, Clone)]
pub struct Renditions {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) clock: Clock,
    pub(crate) pressed: Arc<Notify>,
    pub(crate) workers: Workers,
    /// Where work goes on that no connection waits for.
    runtime: Handle,
    /// Turns of originals that are in memory: their slots are free before their digests are known.
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) memory: Memory,
    pub(crate) background: Background,
    /// Renditions that are looked for and made for those who wait.
    pub(crate) once: Once<Key, Result<Arc<Rendered>, Error>>,
    /// Those that are made in the background.
    behind: Once<Key, Result<Arc<Rendered>, Error>>,
    /// Those that are looked for only.
    pub(crate) looks: Once<Key, Result<Option<Arc<Rendered>>, Error>>,
    pub(crate) renders: Arc<AtomicU64>,
    pub(crate) renders_from_copies: Arc<AtomicU64>,
}

impl Renditions {
    /// Renditions in this storage, made by these workers; the catalog keeps account of what lies at rest.
    /// To be called within the runtime that lives as long as they do.
    pub fn new(config: Config, catalog: Catalog, storage: Storage, workers: Workers, clock: Clock) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Renditions {
            runtime: Handle::current(),
            reads: Arc::new(Semaphore::new(MAX_READ * cores)),
            memory: Memory::new(config.memory_bytes),
            background: Background::new(config.max_background_queued, config.background_at_once),
            once: Once::new(),
            behind: Once::new(),
            looks: Once::new(),
            pressed: Arc::default(),
            renders: Arc::default(),
            renders_from_copies: Arc::default(),
            config,
            catalog,
            storage,
            clock,
            workers,
        }
    }

    /// The rendition if memory has it: never waits, never asks storage.
    pub fn in_memory(&self, object: &ObjectId, digest: &[u8; 16]) -> Option<Arc<Rendered>> {
        let found = self.memory.get(&(*object, *digest));
        // Whoever finds nothing here goes on to `fetch`, which counts it.
        if found.is_some() {
            counts::MEMORY.count(true);
        }
        found
    }

    /// The rendition of a recipe: found, or made once however many ask. A failure goes to all who wait for it
    /// and is not remembered.
    pub async fn fetch(&self, original: &Original, recipe: &Recipe) -> Result<Arc<Rendered>, Error> {
        let key = (original.object, recipe.digest());
        let found = self.memory.get(&key);
        counts::MEMORY.count(found.is_some());
        if let Some(rendered) = found {
            return Ok(rendered);
        }
        let work = || {
            let (this, original, recipe) = (self.clone(), original.clone(), recipe.clone());
            // What happens on the way is told as part of the request that asked first.
            async move { this.find_or_make(key, &original, &recipe, For::Visitor).await }.in_current_span()
        };
        self.once.answer(key, work).await.unwrap_or(Err(Error::Abandoned))
    }

    /// Has a rendition made that nobody waits for. Whoever asks for it meanwhile makes it himself, or takes this one if it is
    /// there before.
    pub(crate) async fn make_once(&self, key: Key, original: Original, recipe: Recipe) -> Result<(), Error> {
        let work = || {
            let (this, original, recipe) = (self.clone(), original.clone(), recipe.clone());
            async move { this.find_or_make(key, &original, &recipe, For::Nobody(key)).await }
        };
        self.behind.answer(key, work).await.unwrap_or(Err(Error::Abandoned)).map(drop)
    }

    /// Renders without keeping anything, for previews and tiles that are not worth keeping.
    pub async fn render_only(&self, original: &Original, recipe: &Recipe) -> Result<Rendered, Error> {
        self.render(original, recipe, For::Visitor).await
    }

    /// Bytes of renditions that memory keeps, as of a moment ago.
    pub fn memory_bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Streams the bytes of an original, as they came. They are held against its digest: those that come in
    /// one piece before any is sent; a large original that is damaged ends in an error before its last piece.
    pub async fn original(&self, original: &Original) -> Result<Object, Error> {
        let object = self.storage.get(&original.prefix.original()).await;
        let object = object.inspect_err(|error| complain(original, error))?;
        Ok(verified(object, original.sha256))
    }

    /// Streams a range of an original's bytes, as far as it has them. They are not held against its digest, which is that
    /// of the whole: whoever puts ranges together can do that.
    pub async fn original_range(&self, original: &Original, range: Range<u64>) -> Result<Object, Error> {
        let object = self.storage.get_range(&original.prefix.original(), range).await;
        Ok(object.inspect_err(|error| complain(original, error))?)
    }

    /// An original's bytes where a worker can read them, not held against its digest yet.
    pub(crate) async fn sealed(&self, original: &Original) -> Result<Sealed, Error> {
        let copied = self.storage.copy(&original.prefix.original(), Sealed::blank()?).await;
        Ok(Sealed::of(copied.inspect_err(|error| complain(original, error))?)?)
    }

    pub(crate) async fn whole(&self, original: &Original) -> Result<Bytes, Error> {
        let bytes = self.original(original).await?.into_bytes().await;
        Ok(bytes.inspect_err(|error| complain(original, error))?)
    }

    /// How many renders were begun since the start.
    pub fn renders(&self) -> u64 {
        self.renders.load(Ordering::Relaxed)
    }

    /// The rendition: in memory, at rest, or made.
    pub(crate) async fn find_or_make(
        &self,
        key: Key,
        original: &Original,
        recipe: &Recipe,
        whom: For,
    ) -> Result<Arc<Rendered>, Error> {
        // Whoever found memory empty may come here after another has filled it.
        if let Some(rendered) = self.memory.get(&key) {
            return Ok(rendered);
        }
        if let Some(found) = self.find_at_rest(&key, original).await? {
            return Ok(found);
        }
        let rendered = tokio::select! {
            biased;
            made = self.made_behind(&key), if whom == For::Visitor => return Ok(made),
            rendered = self.render(original, recipe, whom) => rendered?,
        };
        if whom == For::Visitor {
            let rendered = self.remember(key, rendered);
            self.keep_beside(key, original, &rendered).await;
            return Ok(rendered);
        }
        self.keep_noted(key.1, original, &rendered, whom).await?;
        Ok(self.remember(key, rendered))
    }

    /// Keeps a rendition at rest while it is answered with already. Where many are on their way there whoever asked waits:
    /// renders do not outrun the storage.
    async fn keep_beside(&self, key: Key, original: &Original, rendered: &Arc<Rendered>) {
        let (this, original, rendered) = (self.clone(), original.clone(), rendered.clone());
        let held = self.memory.hold(key, rendered.clone(), MAX_KEPT_BESIDE);
        // Nothing fails for who is answered.
        let Some(held) = held else {
            let _ = this.keep_noted(key.1, &original, &rendered, For::Visitor).await;
            return;
        };
        let keeping = async move {
            let _held = held;
            let _ = this.keep_noted(key.1, &original, &rendered, For::Nobody(key)).await;
        };
        // Not on the thread of a connection, which ends with the last of them.
        self.runtime.spawn(keeping.in_current_span());
    }

    /// Waits until what is served already lies at rest.
    pub async fn all_kept(&self) {
        while self.kept_beside() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Renditions that are on their way to rest while they are served already.
    pub fn kept_beside(&self) -> usize {
        self.memory.held()
    }

    /// What is made in the background, when it is there. Nobody waits for that alone: it comes last wherever something is
    /// short, and may fail.
    async fn made_behind(&self, key: &Key) -> Arc<Rendered> {
        match self.behind.under_way(key).await {
            Some(Ok(made)) => made,
            _ => std::future::pending().await,
        }
    }

    /// Keeps a rendition at rest, and notes that. One whose image was removed meanwhile is taken back, since the removal may
    /// have come before it: at once where nobody waits, else beside the answer.
    pub(crate) async fn keep_noted(
        &self,
        digest: [u8; 16],
        original: &Original,
        rendered: &Rendered,
        whom: For,
    ) -> Result<(), Error> {
        let place = original.prefix.rendition(&digest);
        let Some(bytes) = self.keep(&place, rendered).await else { return Ok(()) };
        if whom == For::Visitor {
            self.note(&original.prefix, digest, bytes);
            let (this, original) = (self.clone(), original.clone());
            self.runtime.spawn(async move { this.take_back_if_gone(&original, &place).await });
            return Ok(());
        }
        if self.take_back_if_gone(original, &place).await {
            return Err(Error::Unneeded);
        }
        self.note(&original.prefix, digest, bytes);
        Ok(())
    }

    /// Deletes what was kept for an image that is gone; returns whether it is. What cannot be found out, or not be deleted,
    /// is left to whoever sweeps.
    async fn take_back_if_gone(&self, original: &Original, place: &ObjectKey) -> bool {
        if !self.is_gone(original).await.unwrap_or(false) {
            return false;
        }
        if let Err(error) = self.storage.delete_spare(place).await {
            tracing::debug!(
                object = place.as_str(),
                ?error,
                "a rendition of a removed image cannot be deleted"
            );
        }
        true
    }

    /// Whether no image has this original any more.
    pub(crate) async fn is_gone(&self, original: &Original) -> Result<bool, Error> {
        Ok(!self.catalog.owns_object(&original.account, &original.object).await?)
    }

    /// The rendition if it lies at rest, from then on in memory.
    pub(crate) async fn find_at_rest(
        &self,
        key: &Key,
        original: &Original,
    ) -> Result<Option<Arc<Rendered>>, Error> {
        let place = original.prefix.rendition(&key.1);
        let found = if self.may_rest(key).await { self.find(&place).await? } else { None };
        counts::REST.count(found.is_some());
        let Some((rendered, bytes)) = found else { return Ok(None) };
        self.note_found(&original.prefix, key.1, bytes);
        Ok(Some(self.remember(*key, rendered)))
    }

    fn remember(&self, key: Key, rendered: Rendered) -> Arc<Rendered> {
        let rendered = Arc::new(rendered);
        self.memory.insert(key, rendered.clone());
        rendered
    }

    /// Whether it is worth a look at what lies at rest. Where a look is dear the rows are asked first: so a rendition that
    /// is made costs two requests, for the original and for keeping it. Rows that cannot be asked rule nothing out.
    async fn may_rest(&self, (object, digest): &Key) -> bool {
        self.storage.is_near() || self.catalog.is_at_rest(object, digest).await.unwrap_or(true)
    }

    /// The rendition that is kept at rest, with the bytes that it takes there. One that is damaged is thrown away, and
    /// like one that cannot be read it is made again: a rendition is never the only copy of anything.
    /// Where the storage is gone its original cannot come either, so nothing is begun.
    async fn find(&self, place: &ObjectKey) -> Result<Option<(Rendered, u64)>, Error> {
        match self.read(place).await {
            Ok(found) => return Ok(Some(found)),
            Err(gone @ storage::Error::Unavailable(_)) => return Err(gone.into()),
            Err(storage::Error::Missing) => {}
            Err(storage::Error::Damaged) => {
                tracing::warn!(object = place.as_str(), "a rendition at rest is damaged and is made again");
                if let Err(error) = self.storage.delete_spare(place).await {
                    tracing::warn!(object = place.as_str(), ?error, "a damaged rendition cannot be deleted");
                }
            }
            Err(error) => {
                tracing::warn!(object = place.as_str(), ?error, "a rendition at rest cannot be read");
            }
        }
        Ok(None)
    }

    async fn read(&self, place: &ObjectKey) -> Result<(Rendered, u64), storage::Error> {
        let packed = self.storage.get(place).await?.into_bytes().await?;
        let bytes = packed.len() as u64;
        let rendered = beside(place, move |place| kept::unpack(place, packed)).await.flatten();
        Ok((rendered.ok_or(storage::Error::Damaged)?, bytes))
    }

    /// Keeps a rendition at rest, unflushed: what a crash takes or spoils is noticed when it is read, and made again.
    /// Where keeping fails it is served all the same. Returns the bytes that it takes.
    async fn keep(&self, place: &ObjectKey, rendered: &Rendered) -> Option<u64> {
        let rendered = rendered.clone();
        let packed: Bytes = beside(place, move |place| kept::pack(place, &rendered)).await?;
        let bytes = packed.len() as u64;
        match self.storage.put_spare(place, packed).await {
            Ok(()) => Some(bytes),
            // A nearly full disk keeps none at all for a while; `jobs` tells that it makes room.
            Err(storage::Error::Full(_) | storage::Error::Unavailable(_)) => None,
            Err(error) => {
                tracing::warn!(object = place.as_str(), ?error, "a rendition cannot be kept");
                None
            }
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
