//! Renditions that nobody waits for: they are found, or made in the background while something else is served.

use std::sync::Arc;

use domain::ObjectId;
use tracing::Instrument as _;
use variant::Recipe;

use crate::memory::Key;
use crate::{Error, Original, Rendered, Renditions, counts};

impl Renditions {
    /// Whether a rendition is being made in the background, or is put off since it cannot be made now: what is served
    /// meanwhile is the answer. Never waits, and false says nothing.
    pub fn is_awaited(&self, object: &ObjectId, digest: &[u8; 16]) -> bool {
        self.background.knows(&(*object, *digest))
    }

    /// The rendition of a recipe if it is there. If not it is made in the background, once, and this is none.
    pub async fn find_or_begin(
        &self,
        original: &Original,
        recipe: &Recipe,
    ) -> Result<Option<Arc<Rendered>>, Error> {
        let key = (original.object, recipe.digest());
        let found = self.memory.get(&key);
        counts::MEMORY.count(found.is_some());
        if found.is_some() || self.background.knows(&key) {
            return Ok(found);
        }
        let look = || {
            let (this, original, recipe) = (self.clone(), original.clone(), recipe.clone());
            async move { this.look_or_begin(key, original, recipe).await }.in_current_span()
        };
        match self.looks.answer(key, look).await.unwrap_or(Err(Error::Abandoned)) {
            Ok(found) => Ok(found),
            // Where the storage is gone, what stands in may be in memory still.
            Err(error) => {
                tracing::debug!(?error, "a rendition cannot be looked for and is put off");
                self.background.fail(key, &error);
                Ok(None)
            }
        }
    }

    /// The work is known before the look has ended: whoever asks after that would look in vain.
    async fn look_or_begin(
        &self,
        key: Key,
        original: Original,
        recipe: Recipe,
    ) -> Result<Option<Arc<Rendered>>, Error> {
        let found = self.find_at_rest(&key, &original).await?;
        if found.is_none() {
            let this = self.clone();
            self.background.begin(key, || async move { this.make_once(key, original, recipe).await });
        }
        Ok(found)
    }

    /// Pieces of work in the background that wait or are under way.
    pub fn background_queued(&self) -> usize {
        self.background.len()
    }
}
