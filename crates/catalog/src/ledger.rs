//! Renditions that were put or found since their rows were last written. Memory only: a crash may take them, and the
//! sweep or the next read finds them again.

use std::collections::BTreeMap;

use domain::{AccountId, ObjectId, Timestamp};
use parking_lot::Mutex;

/// Renditions that wait to be written, at most; more are left for the sweep or the next read.
const MAX_NOTED: usize = 100_000;

/// A rendition that lies in storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtRest {
    /// The account of its image.
    pub account: AccountId,
    /// The object of its image.
    pub object: ObjectId,
    /// The day of its image.
    pub day: i64,
    /// The digest of its recipe and engine.
    pub digest: [u8; 16],
    /// What it weighs.
    pub bytes: u64,
    /// When it was last asked for.
    pub used_at: Timestamp,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    renditions: BTreeMap<(ObjectId, [u8; 16]), AtRest>,
    bytes: u64,
}

impl Ledger {
    /// Notes a rendition; returns the bytes that wait.
    pub(crate) fn note(&self, rendition: AtRest) -> u64 {
        let mut noted = self.noted.lock();
        let key = (rendition.object, rendition.digest);
        if noted.renditions.len() < MAX_NOTED || noted.renditions.contains_key(&key) {
            noted.bytes += rendition.bytes;
            if let Some(before) = noted.renditions.insert(key, rendition) {
                noted.bytes = noted.bytes.saturating_sub(before.bytes);
            }
        }
        noted.bytes
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> Vec<AtRest> {
        std::mem::take(&mut *self.noted.lock()).renditions.into_values().collect()
    }

    /// Whether a rendition waits.
    pub(crate) fn holds(&self, object: &ObjectId, digest: &[u8; 16]) -> bool {
        self.noted.lock().renditions.contains_key(&(*object, *digest))
    }
}
