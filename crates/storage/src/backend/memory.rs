//! Objects in memory, for tests: what is put is gone with the process.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use parking_lot::Mutex;

use crate::backend::{Backend, Listed};
use crate::{Error, Object, ObjectKey, Prefix, Sealed};

/// Objects in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    objects: Mutex<BTreeMap<ObjectKey, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    bytes: Bytes,
    written_s: i64,
}

#[async_trait::async_trait]
impl Backend for Memory {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let written_s = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.objects.lock().insert(key.clone(), Kept { bytes, written_s });
        Ok(())
    }

    async fn put_file(&self, key: &ObjectKey, file: Sealed) -> Result<(), Error> {
        self.put(key, file.bytes().await?).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, Error> {
        self.get_range(key, 0..u64::MAX).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Object, Error> {
        let kept = self.objects.lock().get(key).cloned().ok_or(Error::Missing)?;
        let start =
            usize::try_from(range.start).map_or(kept.bytes.len(), |start| start.min(kept.bytes.len()));
        let end = usize::try_from(range.end).map_or(kept.bytes.len(), |end| end.min(kept.bytes.len()));
        let bytes = kept.bytes.slice(start..end.max(start));
        Ok(Object { len: bytes.len() as u64, body: stream::iter([Ok(bytes)]).boxed() })
    }

    async fn head(&self, key: &ObjectKey) -> Result<u64, Error> {
        self.objects.lock().get(key).map(|kept| kept.bytes.len() as u64).ok_or(Error::Missing)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.objects.lock().remove(key);
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<(), Error> {
        self.objects.lock().retain(|key, _| !prefix.holds(key));
        Ok(())
    }

    async fn list(&self, from_day: i64) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        let mut listed: Vec<Listed> = Vec::new();
        for (key, kept) in self.objects.lock().iter() {
            let (prefix, name) = key.parts();
            if prefix.parts().0 < from_day {
                continue;
            }
            if listed.last().is_none_or(|last| last.prefix != prefix) {
                listed.push(Listed::new(prefix));
            }
            if let Some(last) = listed.last_mut() {
                last.note(name, kept.bytes.len() as u64, kept.written_s);
            }
        }
        Ok(stream::iter(listed.into_iter().map(Ok)).boxed())
    }
}
