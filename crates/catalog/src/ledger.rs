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
    /// Held while what was taken is being written, so that whoever writes next comes after it.
    pub(crate) writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Noted {
    renditions: BTreeMap<(ObjectId, [u8; 16]), Waiting>,
    /// Of those that are new.
    bytes: u64,
}

#[derive(Debug)]
struct Waiting {
    rendition: AtRest,
    is_new: bool,
}

impl Ledger {
    /// Notes a rendition that was put, or one that was found; returns the bytes of those that were put and wait.
    pub(crate) fn note(&self, rendition: AtRest, is_new: bool) -> u64 {
        let mut noted = self.noted.lock();
        let key = (rendition.object, rendition.digest);
        if noted.renditions.len() < MAX_NOTED || noted.renditions.contains_key(&key) {
            let before = noted.renditions.remove(&key).filter(|before| before.is_new);
            let is_new = is_new || before.is_some();
            noted.bytes = noted.bytes.saturating_sub(before.map_or(0, |before| before.rendition.bytes));
            noted.bytes += if is_new { rendition.bytes } else { 0 };
            noted.renditions.insert(key, Waiting { rendition, is_new });
        }
        noted.bytes
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> Vec<AtRest> {
        let noted = std::mem::take(&mut *self.noted.lock());
        noted.renditions.into_values().map(|waiting| waiting.rendition).collect()
    }

    /// Whether a rendition waits.
    pub(crate) fn holds(&self, object: &ObjectId, digest: &[u8; 16]) -> bool {
        self.noted.lock().renditions.contains_key(&(*object, *digest))
    }
}
