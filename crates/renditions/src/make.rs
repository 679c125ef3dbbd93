//! Makes renditions: from the original, or from its working copy where that serves, with the originals that are laid over,
//! and with the quality that was found for it before.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use domain::ObjectId;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, info_span};
use variant::{Facts, Recipe, Rendition, WorkingCopy};
use workers::{Given, Inputs, Sealed};

use crate::background::For;
use crate::memory::Key;
use crate::original::{complain, has_digest};
use crate::{Error, Original, Rendered, Renditions, counts};

/// A working copy that serves a recipe.
struct Served {
    copy: WorkingCopy,
    /// The recipe as it is rendered from the copy.
    recipe: Recipe,
    /// The copy's own name.
    key: Key,
}

impl Renditions {
    /// Renders a recipe, kept by nobody.
    pub(crate) async fn render(
        &self,
        original: &Original,
        recipe: &Recipe,
        whom: For,
    ) -> Result<Rendered, Error> {
        let span = info_span!(target: "span", "render", format = counts::word(recipe.encoding.format()));
        self.render_well(original, recipe, whom).instrument(span).await
    }

    /// Renders from where it costs least, beginning at the quality that is known; what is learned by that is kept.
    async fn render_well(&self, original: &Original, recipe: &Recipe, whom: For) -> Result<Rendered, Error> {
        let target = recipe.auto_quality.filter(|_| recipe.searches_quality());
        let known = match target {
            Some(target) => self.catalog.found_quality(&original.object, target).await.unwrap_or_default(),
            None => None,
        };
        let begun = known.map(|known| recipe.clone().beginning_at(known));
        let rendition = self.render_cheaply(original, begun.as_ref().unwrap_or(recipe), whom).await?;
        if let (Some(target), Some(found)) = (target, rendition.quality)
            && known != Some(found)
        {
            self.note_quality(original.object, target, found);
        }
        Ok(rendition.into())
    }

    /// Notes a quality that was found, beside the picture: nobody waits for that.
    fn note_quality(&self, object: ObjectId, target: u8, found: u8) {
        let catalog = self.catalog.clone();
        tokio::spawn(async move {
            if let Err(error) = catalog.note_found_quality(&object, target, found).await {
                tracing::debug!(?error, "a quality that was found cannot be noted");
            }
        });
    }

    async fn render_cheaply(
        &self,
        original: &Original,
        recipe: &Recipe,
        whom: For,
    ) -> Result<Rendition, Error> {
        let Some(served) = Served::of(original, recipe) else {
            return self.render_from(original, None, &original.facts, recipe, whom).await;
        };
        if let Some(bytes) = self.copy(original, &served.key).await {
            self.renders_from_copies.fetch_add(1, Ordering::Relaxed);
            let Served { copy, recipe, .. } = &served;
            return self.render_from(original, Some(bytes), &copy.facts, recipe, whom).await;
        }
        let rendition = self.render_from(original, None, &original.facts, recipe, whom).await?;
        let this = (self.clone(), original.clone());
        self.background.begin(served.key, || make_copy(this.0, this.1, served));
        Ok(rendition)
    }

    /// Renders from these bytes, or from the original's. The slot comes before those: who waits for one holds no original
    /// in memory.
    async fn render_from(
        &self,
        original: &Original,
        bytes: Option<Bytes>,
        facts: &Facts,
        recipe: &Recipe,
        whom: For,
    ) -> Result<Rendition, Error> {
        let overlays = self.overlays(original, recipe).await?;
        let overlay_facts: Vec<Facts> = overlays.iter().map(|overlay| Facts::clone(&overlay.facts)).collect();
        let slot = self.workers.render_slot(whom.lane(), &original.account, facts, &overlay_facts, recipe);
        let slot = slot.instrument(info_span!(target: "span", "queue")).await?;
        self.check_need(original, whom).await?;
        let began = Instant::now();
        let (given, checked) = match bytes {
            Some(bytes) => (bytes.into(), None),
            None => {
                // Held until the digest is settled; closed it never is.
                let turn = self.reads.clone().acquire_owned().await.map_err(|_| Error::Abandoned)?;
                let sealed = self.sealed(original).await?;
                (sealed.clone().into(), Some((original, sealed, turn)))
            }
        };
        let overlays = self.all_whole(overlays).await?;
        self.renders.fetch_add(1, Ordering::Relaxed);
        let inputs = Inputs { original: given, facts: facts.clone(), overlays };
        // The digest is taken meanwhile, on another core: what is made of bytes that are not the original's reaches nobody,
        // and what a worker says of them is no word on the picture.
        let (rendition, checked) = tokio::join!(slot.render(inputs, recipe.clone()), check(checked));
        checked?;
        let rendition = rendition?;
        counts::rendered(rendition.format, began.elapsed());
        Ok(rendition)
    }

    /// Whether what nobody waits for is worth beginning, now that its turn has come. Who waits is not asked: whoever sees
    /// the image was admitted a moment ago.
    async fn check_need(&self, original: &Original, whom: For) -> Result<(), Error> {
        let For::Nobody(key) = whom else { return Ok(()) };
        // The rows are asked first: meanwhile somebody may come who makes it.
        let is_gone = self.is_gone(original).await?;
        let is_made = self.once.knows(&key) || self.memory.get(&key).is_some();
        if is_gone || is_made { Err(Error::Unneeded) } else { Ok(()) }
    }

    /// The working copy, if there is one: in memory or at rest. Rows are asked before the storage is, so one that was not
    /// made yet costs it no request.
    async fn copy(&self, original: &Original, key: &Key) -> Option<Bytes> {
        if let Some(copy) = self.memory.get(key) {
            return Some(copy.bytes.clone());
        }
        if !self.catalog.is_at_rest(&key.0, &key.1).await.unwrap_or(false) {
            return None;
        }
        // What cannot be read is no more than a copy: the original is there.
        let found = self.find_at_rest(key, original).await.ok().flatten();
        found.map(|copy| copy.bytes.clone())
    }

    /// The originals that a recipe lays over another, in their order; none of their bytes is read.
    async fn overlays(&self, original: &Original, recipe: &Recipe) -> Result<Vec<Original>, Error> {
        let objects: Vec<ObjectId> =
            recipe.overlay_objects().filter_map(|object| object.parse().ok()).collect();
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let images = self.catalog.images_of_objects(&original.account, &objects).await?;
        let found: HashMap<ObjectId, Original> =
            images.iter().filter_map(Original::of).map(|overlay| (overlay.object, overlay)).collect();
        objects.iter().map(|object| found.get(object).cloned().ok_or(Error::OverlayMissing)).collect()
    }

    /// Their bytes with their facts. One that is laid over several times is read once.
    async fn all_whole(&self, overlays: Vec<Original>) -> Result<Vec<(Given, Facts)>, Error> {
        let mut read: HashMap<ObjectId, Bytes> = HashMap::new();
        let mut all = Vec::with_capacity(overlays.len());
        for overlay in overlays {
            let bytes = match read.get(&overlay.object) {
                Some(bytes) => bytes.clone(),
                None => self.whole(&overlay).await?,
            };
            read.insert(overlay.object, bytes.clone());
            all.push((bytes.into(), Facts::clone(&overlay.facts)));
        }
        Ok(all)
    }

    /// How many renders began from a working copy since the start.
    pub fn renders_from_copies(&self) -> u64 {
        self.renders_from_copies.load(Ordering::Relaxed)
    }
}

/// Holds what was read of an original against its digest; nothing to check is well.
async fn check(read: Option<(&Original, Sealed, OwnedSemaphorePermit)>) -> Result<(), Error> {
    let Some((original, sealed, _turn)) = read else { return Ok(()) };
    let is_whole = has_digest(sealed.reader(), original.sha256).await;
    Ok(is_whole.inspect_err(|error| complain(original, error))?)
}

/// Makes a working copy, in a box: making one is a render, and a render may have one made.
fn make_copy(this: Renditions, original: Original, served: Served) -> BoxFuture<'static, Result<(), Error>> {
    let Served { copy, key, .. } = served;
    async move { this.find_or_make(key, &original, &copy.recipe, For::Nobody(key)).await.map(drop) }.boxed()
}

impl Served {
    fn of(original: &Original, recipe: &Recipe) -> Option<Served> {
        let copy = WorkingCopy::of(&original.facts)?;
        let recipe = copy.serve(recipe)?;
        let key = (original.object, copy.recipe.digest());
        Some(Served { copy, recipe, key })
    }
}
