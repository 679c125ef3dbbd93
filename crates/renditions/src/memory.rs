//! The renditions that memory keeps, weighed in bytes. An entry never grows stale: a new original or another
//! recipe has another key, and what nobody asks for any more is pushed out.

use std::sync::Arc;

use domain::ObjectId;
use moka::sync::Cache;

use crate::Rendered;

/// Which rendition: the object id of the original, the digest of recipe and engine.
pub(crate) type Key = (ObjectId, [u8; 16]);

/// Bytes that an entry costs beside those of its rendition: key, pointers, counts and moka's own
/// book-keeping, estimated.
const ENTRY_BYTES: usize = 256;

/// Renditions in memory.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    cache: Cache<Key, Arc<Rendered>>,
}

impl Memory {
    /// Keeps at most so many bytes.
    pub(crate) fn new(max_bytes: u64) -> Memory {
        let weigh = |_: &Key, rendered: &Arc<Rendered>| {
            u32::try_from(rendered.bytes.len().saturating_add(ENTRY_BYTES)).unwrap_or(u32::MAX)
        };
        Memory { cache: Cache::builder().max_capacity(max_bytes).weigher(weigh).build() }
    }

    /// The rendition, if it is kept.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Rendered>> {
        self.cache.get(key)
    }

    /// Bytes that are kept, as of a moment ago.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weighted_size()
    }

    /// Keeps a rendition; others may have to go.
    pub(crate) fn insert(&self, key: Key, rendered: Arc<Rendered>) {
        self.cache.insert(key, rendered);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use variant::Format;

    use super::*;

    fn rendered(len: usize) -> Arc<Rendered> {
        Arc::new(Rendered { format: Format::Png, width: 1, height: 1, bytes: Bytes::from(vec![0; len]) })
    }

    #[test]
    fn memory_holds_no_more_bytes_than_it_may() {
        let memory = Memory::new(100_000);
        for number in 0..200 {
            memory.insert((ObjectId::random(), [number; 16]), rendered(9_000));
        }
        memory.cache.run_pending_tasks();
        assert!(memory.cache.weighted_size() <= 100_000);
        assert!(memory.cache.entry_count() > 0);
    }

    #[test]
    fn a_rendition_is_found_under_its_own_key_only() {
        let memory = Memory::new(100_000);
        let key = (ObjectId::random(), [1; 16]);
        memory.insert(key, rendered(10));
        assert!(memory.get(&key).is_some());
        assert!(memory.get(&(key.0, [2; 16])).is_none());
        assert!(memory.get(&(ObjectId::random(), key.1)).is_none());
    }
}
