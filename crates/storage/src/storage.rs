//! The storage that the rest of the house sees: one backend, scratch files, a counter of requests.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use domain::{AccountId, ObjectId, Secret};
use futures_util::stream::BoxStream;
use tokio::sync::Mutex;
use tracing::{Instrument as _, Span};

use crate::backend::filesystem::Filesystem;
use crate::backend::memory::Memory;
use crate::backend::s3::S3;
use crate::blocking::blocking;
use crate::scratch::ScratchFolder;
use crate::{Backend, Disk, Error, Lent, Listed, Object, ObjectKey, Prefix, Scratch, Sealed, StorageUrl};

/// Where objects lie.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder or bucket. A folder is made where it is not there, a bucket is not.
    pub url: StorageUrl,
    /// Endpoint and keys of the bucket; by the AWS chain (environment, profile, role) where absent.
    pub access: Option<Access>,
    /// Folder of scratch files where objects lie in a bucket; in a folder of objects they lie beside them.
    pub scratch: PathBuf,
    /// Bytes of disk that stay free for the database: below it puts fail as full.
    pub min_free_disk_bytes: u64,
}

/// Endpoint and keys of an S3 server, given by hand.
#[derive(Debug, Clone)]
pub struct Access {
    /// `http://` or `https://`, host, port.
    pub endpoint: String,
    /// The region that the server takes.
    pub region: String,
    /// The access key, which is no secret.
    pub access_key: String,
    /// The secret key that belongs to it.
    pub secret_key: Secret,
}

impl Config {
    /// Objects below a folder of this machine.
    pub fn on_disk(objects: PathBuf, min_free_disk_bytes: u64) -> Self {
        let scratch = scratch_beside(&objects);
        Config { url: StorageUrl::File(objects), access: None, scratch, min_free_disk_bytes }
    }
}

/// Requests that were made of the backend since the start, by whoever holds the storage; its own check is not
/// counted. What goes over a wire, tries that failed included, stands in `darkroom_storage_tries_total` instead.
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
    scratch: ScratchFolder,
    /// Whether objects lie on the disk of the scratch files.
    has_disk: bool,
    counters: Counters,
    /// What the check writes. Held by the one check that runs.
    probe: Arc<Mutex<Prefix>>,
}

#[derive(Debug, Default)]
struct Counters {
    puts: AtomicU64,
    gets: AtomicU64,
    heads: AtomicU64,
    deletes: AtomicU64,
    lists: AtomicU64,
}

impl Storage {
    /// Opens what the configuration names. Removes scratch files that a crash left; fails where the folder cannot be
    /// written, and where the bucket cannot be written, read, listed or deleted in.
    pub async fn open(config: Config) -> Result<Storage, Error> {
        let Config { url, access, scratch, min_free_disk_bytes } = config;
        match url {
            StorageUrl::File(objects) => blocking(move || on_disk(objects, min_free_disk_bytes)).await,
            StorageUrl::S3(bucket) => {
                let open =
                    move || ScratchFolder::open(scratch, min_free_disk_bytes).map_err(Error::Unwritable);
                let storage =
                    Storage::with(Box::new(S3::open(bucket, access.as_ref()).await?), blocking(open).await?);
                storage.check().await?;
                Ok(storage)
            }
        }
    }

    /// In memory, for tests (scratch files go to the system's temporary folder).
    pub fn memory() -> Storage {
        Storage::with(Box::new(Memory::default()), ScratchFolder::system())
    }

    pub(crate) fn with(backend: Box<dyn Backend>, scratch: ScratchFolder) -> Storage {
        Storage::new(backend, scratch, false)
    }

    fn new(backend: Box<dyn Backend>, scratch: ScratchFolder, has_disk: bool) -> Storage {
        let (counters, probe) = (Counters::default(), Arc::new(Mutex::new(probe())));
        Storage { inner: Arc::new(Inner { backend, scratch, has_disk, counters, probe }) }
    }

    /// A new scratch file, on the same disk as the objects where they are on one.
    pub async fn scratch(&self) -> Result<Scratch, Error> {
        let folder = self.inner.scratch.clone();
        folder.room_for(0).await?;
        blocking(move || folder.scratch()).await
    }

    /// See [`Backend::put`].
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        count(&self.inner.counters.puts);
        self.inner.backend.put(key, bytes).instrument(span("put")).await
    }

    /// See [`Backend::put_spare`].
    pub async fn put_spare(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        count(&self.inner.counters.puts);
        self.inner.backend.put_spare(key, bytes).instrument(span("put")).await
    }

    /// See [`Backend::put_file`].
    pub async fn put_file(&self, key: &ObjectKey, file: Sealed) -> Result<(), Error> {
        count(&self.inner.counters.puts);
        self.inner.backend.put_file(key, file).instrument(span("put")).await
    }

    /// See [`Backend::get`].
    pub async fn get(&self, key: &ObjectKey) -> Result<Object, Error> {
        count(&self.inner.counters.gets);
        self.inner.backend.get(key).instrument(span("get")).await
    }

    /// See [`Backend::get_range`].
    pub async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Object, Error> {
        count(&self.inner.counters.gets);
        self.inner.backend.get_range(key, range).instrument(span("get")).await
    }

    /// See [`Backend::copy`].
    pub async fn copy(&self, key: &ObjectKey, into: File) -> Result<File, Error> {
        count(&self.inner.counters.gets);
        self.inner.backend.copy(key, into).instrument(span("get")).await
    }

    /// See [`Backend::head`].
    pub async fn head(&self, key: &ObjectKey) -> Result<u64, Error> {
        count(&self.inner.counters.heads);
        self.inner.backend.head(key).instrument(span("head")).await
    }

    /// See [`Backend::delete`].
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        count(&self.inner.counters.deletes);
        self.inner.backend.delete(key).instrument(span("delete")).await
    }

    /// See [`Backend::delete_prefix`].
    pub async fn delete_prefix(&self, prefix: &Prefix) -> Result<(), Error> {
        count(&self.inner.counters.deletes);
        self.inner.backend.delete_prefix(prefix).instrument(span("delete")).await
    }

    /// See [`Backend::delete_spare`].
    pub async fn delete_spare(&self, key: &ObjectKey) -> Result<(), Error> {
        count(&self.inner.counters.deletes);
        self.inner.backend.delete_spare(key).instrument(span("delete")).await
    }

    /// Every prefix: see [`Backend::list`].
    pub async fn list(&self) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        self.list_from(0).await
    }

    /// The prefixes of that day and of later ones: see [`Backend::list`].
    pub async fn list_from(&self, day: i64) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        count(&self.inner.counters.lists);
        self.inner.backend.list(day).instrument(span("list")).await
    }

    /// The disk that renditions share with all else; none where they lie elsewhere.
    pub fn disk(&self) -> Option<Disk> {
        self.inner.has_disk.then(|| self.inner.scratch.disk())
    }

    /// See [`Backend::remove_unfinished`].
    pub async fn remove_unfinished(&self, before_s: i64) -> Result<u64, Error> {
        self.inner.backend.remove_unfinished(before_s).await
    }

    /// See [`Backend::presigned_get`].
    pub async fn presigned_get(&self, key: &ObjectKey, lent: &Lent<'_>) -> Result<Option<String>, Error> {
        self.inner.backend.presigned_get(key, lent).await
    }

    /// See [`Backend::is_near`].
    pub fn is_near(&self) -> bool {
        self.inner.backend.is_near()
    }

    /// See [`Backend::check`]. One that has begun is finished, even where nobody waits for it any longer, so that it
    /// leaves nothing; another waits until then.
    pub async fn check(&self) -> Result<(), Error> {
        let (inner, probe) = (self.inner.clone(), self.inner.probe.clone().lock_owned().await);
        let checking = tokio::spawn(async move { inner.backend.check(&probe).await });
        checking.await.map_err(|error| Error::Io(error.into()))?
    }

    /// Requests so far.
    pub fn counts(&self) -> Counts {
        let Counters { puts, gets, heads, deletes, lists } = &self.inner.counters;
        let [puts, gets, heads, deletes, lists] =
            [puts, gets, heads, deletes, lists].map(|counter| counter.load(Ordering::Relaxed));
        Counts { puts, gets, heads, deletes, lists }
    }
}

/// Objects on the local disk. Scratch files lie beside them, so that one becomes an object by a change of name.
fn on_disk(objects: PathBuf, min_free_disk_bytes: u64) -> Result<Storage, Error> {
    let scratch =
        ScratchFolder::open(scratch_beside(&objects), min_free_disk_bytes).map_err(Error::Unwritable)?;
    let backend = Box::new(Filesystem::open(objects, scratch.clone()).map_err(Error::Unwritable)?);
    Ok(Storage::new(backend, scratch, true))
}

/// Where this storage's check writes: one place as long as it is open. No original can have the first day, so that a
/// sweep finds what a process left that was killed within its check.
fn probe() -> Prefix {
    Prefix::new(0, &AccountId::from_bytes([0; 16]), &ObjectId::random())
}

fn scratch_beside(objects: &Path) -> PathBuf {
    objects.join(".scratch")
}

/// What a collector of traces sees of a request.
fn span(kind: &'static str) -> Span {
    tracing::info_span!(target: "span", "storage", otel.kind = "client", kind)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
