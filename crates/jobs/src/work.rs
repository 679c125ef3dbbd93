//! What the work is done with, and what each process writes down of it.

use catalog::Catalog;
use domain::Clock;
use renditions::Renditions;
use storage::Storage;
use upload::Uploads;

use crate::Error;

/// What the work is done with.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) uploads: Uploads,
    pub(crate) renditions: Renditions,
    pub(crate) clock: Clock,
}

impl Work {
    /// Writes down what this process has counted, kept and found since the last time. Where one fails the others are
    /// done all the same.
    pub(crate) async fn write_down(&self) -> Result<(), Error> {
        // The rows of renditions first: the tally notes which of them were asked for.
        let noted = self.catalog.flush_at_rest().await;
        let counted = self.catalog.flush_tally().await;
        let fetched = self.catalog.flush_fetches().await;
        let reported = self.catalog.flush_reports().await;
        noted?;
        counted?;
        fetched?;
        reported?;
        Ok(())
    }
}
