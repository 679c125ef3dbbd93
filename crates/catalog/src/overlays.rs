//! The images that a recipe lays over another: from their ids, which an account may give anew, to their originals, whose
//! names are never used again.

use domain::{AccountId, ObjectId};

use crate::database::query;
use crate::images::image;
use crate::{Catalog, Error, Image};

impl Catalog {
    /// The original behind each of these ids of an account's images, private or not: whoever named a variant or signed a
    /// URL chose them. An unknown one is a malformed wish ([`Error::Options`]).
    pub async fn overlay_objects(&self, account: &AccountId, ids: &[&str]) -> Result<Vec<ObjectId>, Error> {
        let mut objects = Vec::with_capacity(ids.len());
        for id in ids {
            let image = self.known_image(account, id).await?;
            // Without its id: a public image may lie under one that nobody is to know of.
            let missing = || Error::Options("draw names an image that is not there".to_owned());
            objects.push(image.ok_or_else(missing)?.object);
        }
        Ok(objects)
    }

    /// The same without waiting: none where memory does not know one of them.
    pub fn overlay_objects_in_memory(&self, account: &AccountId, ids: &[&str]) -> Option<Vec<ObjectId>> {
        let memory = &self.inner.memory;
        if !memory.is_fresh() {
            return None;
        }
        ids.iter().map(|id| memory.image(*account, id).map(|image| image.object)).collect()
    }

    /// Those of an account's images that have one of these originals, in no order.
    pub async fn images_of_objects(
        &self,
        account: &AccountId,
        objects: &[ObjectId],
    ) -> Result<Vec<Image>, Error> {
        let mut asked = query("select * from images where facts is not null and account = ");
        asked.push_bind(&account.as_bytes()[..]).push(" and object in ");
        asked.push_list(objects.iter().map(|object| &object.as_bytes()[..]));
        asked.fetch_all(&self.inner.database).await?.iter().map(image).collect()
    }
}
