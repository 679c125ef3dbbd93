//! The renditions that memory keeps, weighed in bytes. An entry never grows stale: a new original or another
//! recipe has another key, and what nobody asks for any more is pushed out.

use std::collections::HashMap;
use std::sync::Arc;

use domain::ObjectId;
use moka::sync::Cache;
use parking_lot::Mutex;

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
    held: Arc<Mutex<HashMap<Key, Arc<Rendered>>>>,
}

/// Holds a rendition in memory for as long as this lives, whatever else there is no room for.
#[derive(Debug)]
pub(crate) struct Held {
    key: Key,
    memory: Memory,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.held.lock().remove(&self.key);
    }
}

impl Memory {
    /// Keeps at most so many bytes.
    pub(crate) fn new(max_bytes: u64) -> Memory {
        let weigh = |_: &Key, rendered: &Arc<Rendered>| {
            u32::try_from(rendered.bytes.len().saturating_add(ENTRY_BYTES)).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(max_bytes).weigher(weigh).build();
        Memory { cache, held: Arc::default() }
    }

    /// The rendition, if it is kept or held. A hit takes no lock.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Rendered>> {
        self.cache.get(key).or_else(|| self.held.lock().get(key).cloned())
    }

    /// Holds a rendition until what is given back is dropped; none where so many are held already.
    pub(crate) fn hold(&self, key: Key, rendered: Arc<Rendered>, max_held: usize) -> Option<Held> {
        let mut held = self.held.lock();
        if held.len() >= max_held || held.contains_key(&key) {
            return None;
        }
        held.insert(key, rendered);
        Some(Held { key, memory: self.clone() })
    }

    /// How many are held.
    pub(crate) fn held(&self) -> usize {
        self.held.lock().len()
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
    fn what_is_held_is_there_whatever_memory_has_room_for_and_no_more_than_may_be_held() {
        let memory = Memory::new(0);
        let keys = [1, 2, 3].map(|number| (ObjectId::random(), [number; 16]));
        let hold = |key| memory.hold(key, rendered(10), 2);
        let held = [hold(keys[0]), hold(keys[1])];
        assert!(held.iter().all(Option::is_some) && hold(keys[2]).is_none());
        assert!(memory.get(&keys[0]).is_some() && memory.get(&keys[2]).is_none());
        drop(held);
        assert!(memory.get(&keys[0]).is_none());
        let again = hold(keys[2]);
        assert!(again.is_some() && hold(keys[2]).is_none(), "it is held once");
        assert_eq!(memory.held(), 1);
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
