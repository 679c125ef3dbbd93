//! The storage that the rest of the house sees: one backend, scratch files, a counter of requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{Backend, Error, Listed, ObjectKey, Prefix};

/// Where objects lie.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the objects; made where it is not there.
    pub objects: PathBuf,
    /// Bytes of disk that stay free for the database: below it puts fail as full.
    pub min_free_disk_bytes: u64,
}

/// An object on its way out.
pub struct Object {
    /// Length in bytes.
    pub len: u64,
    /// The bytes, in pieces.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

/// Requests that were made of the backend since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Objects put.
    pub puts: u64,
    /// Objects read.
    pub gets: u64,
    /// Lengths asked for.
    pub heads: u64,
    /// Objects or prefixes deleted.
    pub deletes: u64,
    /// Listings begun.
    pub lists: u64,
}

/// The storage. Clones share backend and counter.
#[derive(Debug, Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Box<dyn Backend>,
}

impl Storage {
    /// The local disk. Removes scratch files that a crash left.
    pub async fn open(_config: Config) -> Result<Storage, Error> {
        todo!()
    }

    /// In memory, for tests (scratch files go to the system's temporary folder).
    pub fn memory() -> Storage {
        todo!()
    }

    /// A new scratch file, on the same disk as the objects where they are on one.
    pub async fn scratch(&self) -> Result<Scratch, Error> {
        todo!()
    }

    /// See [`Backend::put`].
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        self.inner.backend.put(key, bytes).await
    }

    /// See [`Backend::put_file`].
    pub async fn put_file(&self, key: &ObjectKey, file: Sealed) -> Result<(), Error> {
        self.inner.backend.put_file(key, file).await
    }

    /// See [`Backend::get`].
    pub async fn get(&self, key: &ObjectKey) -> Result<Object, Error> {
        self.inner.backend.get(key).await
    }

    /// See [`Backend::delete`].
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.inner.backend.delete(key).await
    }

    /// See [`Backend::delete_prefix`].
    pub async fn delete_prefix(&self, prefix: &Prefix) -> Result<(), Error> {
        self.inner.backend.delete_prefix(prefix).await
    }

    /// See [`Backend::list`].
    pub async fn list(&self) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        self.inner.backend.list().await
    }

    /// See [`Backend::check`].
    pub async fn check(&self) -> Result<(), Error> {
        self.inner.backend.check().await
    }

    /// Requests so far.
    pub fn counts(&self) -> Counts {
        todo!()
    }
}

impl Object {
    /// All bytes of an object, at most its length.
    pub async fn into_bytes(self) -> Result<Bytes, Error> {
        todo!()
    }
}

/// A file that bytes are written to before anyone knows what they are. Dropped unsealed, it is gone.
#[derive(Debug)]
pub struct Scratch {}

/// A scratch file that is whole: its length, its digest, its bytes. Dropped before it is put, it is gone.
#[derive(Debug)]
pub struct Sealed {}

impl Scratch {
    /// Appends bytes, hashing them as they pass.
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        todo!()
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends writing. Not durable yet: [`Backend::put_file`] makes it so.
    pub async fn seal(self) -> Result<Sealed, Error> {
        todo!()
    }
}

impl Sealed {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 of the bytes.
    pub fn sha256(&self) -> [u8; 32] {
        todo!()
    }

    /// All the bytes, read once into memory.
    pub async fn bytes(&self) -> Result<Bytes, Error> {
        todo!()
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        todo!()
    }
}
