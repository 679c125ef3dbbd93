//! The qualities that `quality=auto` found for originals: where the next search begins. Nothing depends on them but how
//! long that takes, so they may be missing.

use domain::ObjectId;

use crate::database::{Lock, is_orphan, query, query_scalar};
use crate::{Catalog, Error};

impl Catalog {
    /// The public quality, 1 to 100, that was found last for an original whose look was to reach this target.
    pub async fn found_quality(&self, object: &ObjectId, target: u8) -> Result<Option<u8>, Error> {
        let found =
            query_scalar::<i64>("select quality from found_qualities where object = $1 and target = $2");
        let found = found.bind(&object.as_bytes()[..]).bind(i64::from(target));
        let quality: Option<i64> = found.fetch_optional(&self.inner.database).await?;
        Ok(quality.and_then(|quality| u8::try_from(quality).ok()))
    }

    /// Notes a quality that was found. For an original that is gone there is nothing to note.
    pub async fn note_found_quality(&self, object: &ObjectId, target: u8, quality: u8) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Rows).await?;
        let noted = query(
            "insert into found_qualities (object, target, quality) values ($1, $2, $3)
             on conflict (object, target) do update set quality = excluded.quality",
        );
        let noted = noted.bind(&object.as_bytes()[..]).bind(i64::from(target)).bind(i64::from(quality));
        match noted.execute(writing.db()).await {
            Err(error) if is_orphan(&error) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => self.commit(writing).await,
        }
    }
}
