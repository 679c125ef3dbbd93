//! What a kind of storage can do, and the kinds there are.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;

use crate::blocking::blocking;
use crate::object_key::digest_named;
use crate::{Error, Object, ObjectKey, Prefix, Sealed};

pub(crate) mod filesystem;
pub(crate) mod memory;
pub(crate) mod s3;

/// A prefix that lies in storage, and when its youngest object was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The prefix.
    pub prefix: Prefix,
    /// When its youngest object was written, in unix seconds.
    pub written_s: i64,
    /// The renditions below it, in no order.
    pub renditions: Vec<ListedRendition>,
}

/// A rendition that lies below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRendition {
    /// The digest that names it.
    pub digest: [u8; 16],
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was written, in unix seconds.
    pub written_s: i64,
}

/// How an object is lent to somebody who fetches it from where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'l> {
    /// Now, in unix seconds.
    pub now_s: i64,
    /// The second, in unix time, at which nobody may fetch it so any longer.
    pub until_s: i64,
    /// What the answer says of its type.
    pub content_type: &'l str,
    /// What it says of how it is shown.
    pub content_disposition: &'l str,
    /// How long it may be kept.
    pub cache_control: &'l str,
}

impl Listed {
    /// A prefix whose objects are still to be noted.
    pub(crate) fn new(prefix: Prefix) -> Listed {
        Listed { prefix, written_s: i64::MIN, renditions: Vec::new() }
    }

    /// Notes an object of this name in the prefix.
    pub(crate) fn note(&mut self, name: &str, bytes: u64, written_s: i64) {
        self.written_s = self.written_s.max(written_s);
        if let Some(digest) = digest_named(name) {
            self.renditions.push(ListedRendition { digest, bytes, written_s });
        }
    }
}

/// A kind of storage. A put that returned is durable and whole (but for [`Backend::put_spare`]); a reader sees all of an object or nothing.
#[async_trait::async_trait]
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// Puts small bytes. Replaces what lies there.
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error>;
    /// Puts small bytes that can be made again: whole or not there, but a crash may take them. So the caller verifies
    /// what it reads back. Durable too where a backend knows nothing cheaper.
    async fn put_spare(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        self.put(key, bytes).await
    }
    /// Moves a sealed scratch file into its place.
    async fn put_file(&self, key: &ObjectKey, file: Sealed) -> Result<(), Error>;
    /// Gets an object; its bytes stream.
    async fn get(&self, key: &ObjectKey) -> Result<Object, Error>;
    /// Gets bytes of an object from `range.start` to before `range.end`, as far as it has them; they stream.
    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Object, Error>;
    /// Writes an object into a file, from where that stands, and gives the file back.
    async fn copy(&self, key: &ObjectKey, mut into: File) -> Result<File, Error> {
        let mut body = self.get(key).await?.body;
        while let Some(piece) = body.try_next().await? {
            into = blocking(move || {
                into.write_all(&piece).map_err(|error| Error::Io(error.into()))?;
                Ok(into)
            })
            .await?;
        }
        Ok(into)
    }
    /// The length of an object in bytes.
    async fn head(&self, key: &ObjectKey) -> Result<u64, Error>;
    /// Deletes one object; one that is not there is no error.
    async fn delete(&self, key: &ObjectKey) -> Result<(), Error>;
    /// Deletes everything below a prefix; nothing there is no error.
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<(), Error>;
    /// Deletes what [`Backend::put_spare`] has put. A crash may bring it back; gone for good too where a backend knows
    /// nothing cheaper.
    async fn delete_spare(&self, key: &ObjectKey) -> Result<(), Error> {
        self.delete(key).await
    }
    /// Every prefix in storage of that day or a later one, day by day. What lies before is not read.
    async fn list(&self, from_day: i64) -> Result<BoxStream<'static, Result<Listed, Error>>, Error>;

    /// Removes what was begun before this time (unix seconds), was never finished, and is not listed. Tells how many
    /// there were. Only a bucket has such things.
    async fn remove_unfinished(&self, _before_s: i64) -> Result<u64, Error> {
        Ok(0)
    }

    /// A URL by which whoever has it gets an object from where it lies, until it ends. It ends sooner where the house's own
    /// credentials do. None where objects lie where nobody else gets to, or it would end at once. Whether the object is
    /// there is not asked.
    async fn presigned_get(&self, _key: &ObjectKey, _lent: &Lent<'_>) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Whether asking for what is not there costs next to nothing, as it does on a disk.
    fn is_near(&self) -> bool {
        true
    }

    /// Fails with a clear error where writing, reading or deleting does not work: it does all three with a small
    /// object. One check at a time may use a probe.
    async fn check(&self, probe: &Prefix) -> Result<(), Error> {
        let (key, written) = (probe.original(), Bytes::from_static(b"darkroom writes, reads and deletes"));
        self.put(&key, written.clone()).await?;
        let read = async { self.get(&key).await?.into_bytes().await }.await;
        if self.is_near() {
            // Its folders go too.
            self.delete_prefix(probe).await?;
        } else {
            // A prefix would have to be listed first, which costs one request more.
            self.delete(&key).await?;
        }
        if read? == written { Ok(()) } else { Err(Error::Damaged) }
    }
}
