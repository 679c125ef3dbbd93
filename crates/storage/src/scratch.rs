//! Scratch files: bytes that are no object yet, in one folder, gone when nobody holds them.
//! Whether a file has a living owner is told by a lock on it, so that several processes can share the folder.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use domain::ObjectId;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::blocking::blocking;
use crate::{Disk, Error};

/// Bytes that are gathered before they are written, per scratch file.
const PIECE_BYTES: usize = 128 * 1024;

/// New files that are made where a neighbour's clearing took one away before it was locked.
const FILE_TRIES: usize = 8;

/// The folder of the scratch files.
#[derive(Debug, Clone)]
pub(crate) struct ScratchFolder {
    path: PathBuf,
    disk: Disk,
}

/// A file that bytes are written to before anyone knows what they are. Dropped unsealed, it is gone.
#[derive(Debug)]
pub struct Scratch {
    folder: ScratchFolder,
    /// None after a write that failed or was given up half-way: nobody knows what the file holds.
    writer: Option<Writer>,
    buffer: Vec<u8>,
    len: u64,
}

/// A scratch file that is whole: its length, its digest, its bytes. Dropped before it is put, it is gone.
#[derive(Debug)]
pub struct Sealed {
    file: NamedTempFile,
    len: u64,
    sha256: [u8; 32],
}

#[derive(Debug)]
struct Writer {
    file: NamedTempFile,
    hash: Sha256,
}

impl Scratch {
    /// Appends bytes, hashing them as they pass.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.buffer.extend_from_slice(piece);
            self.len += piece.len() as u64;
            if self.buffer.len() >= PIECE_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends writing. Not durable yet: [`crate::Backend::put_file`] makes it so.
    pub async fn seal(mut self) -> Result<Sealed, Error> {
        self.flush().await?;
        let Writer { file, hash } = self.writer.take().ok_or_else(broken)?;
        Ok(Sealed { file, len: self.len, sha256: hash.finalize().into() })
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let mut writer = self.writer.take().ok_or_else(broken)?;
        self.folder.room_for(self.buffer.len() as u64).await?;
        let buffer = std::mem::take(&mut self.buffer);
        let (writer, mut buffer) = blocking(move || {
            writer.hash.update(&buffer);
            writer.file.write_all(&buffer)?;
            Ok((writer, buffer))
        })
        .await?;
        buffer.clear();
        self.writer = Some(writer);
        self.buffer = buffer;
        Ok(())
    }
}

impl Sealed {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 of the bytes.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// All the bytes, read once into memory.
    pub async fn bytes(&self) -> Result<Bytes, Error> {
        let (file, len) = (self.file.as_file().try_clone()?, self.len);
        blocking(move || {
            let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes.into())
        })
        .await
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The bytes from the beginning on, for whoever reads them beside others.
    pub(crate) fn reader(&self) -> io::Result<File> {
        File::open(self.path())
    }

    /// The file itself, which is gone when dropped where it is.
    pub(crate) fn into_file(self) -> NamedTempFile {
        self.file
    }
}

impl ScratchFolder {
    /// Makes the folder where it is not there, and clears it of what dead processes left.
    pub(crate) fn open(path: PathBuf, min_free_disk_bytes: u64) -> io::Result<ScratchFolder> {
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let folder = ScratchFolder { disk: Disk::new(path.clone(), min_free_disk_bytes), path };
        folder.clear()?;
        // An unwritable folder is told at the start, not by the first upload.
        folder.file()?;
        Ok(folder)
    }

    /// The system's temporary folder, which is not ours to clear.
    pub(crate) fn system() -> ScratchFolder {
        let path = std::env::temp_dir();
        ScratchFolder { disk: Disk::new(path.clone(), 0), path }
    }

    /// A new scratch file.
    pub(crate) fn scratch(&self) -> Result<Scratch, Error> {
        let writer = Writer { file: self.file()?, hash: Sha256::new() };
        Ok(Scratch { folder: self.clone(), writer: Some(writer), buffer: Vec::new(), len: 0 })
    }

    /// A new file of mode 0600, locked so that no other process takes it for a leftover.
    pub(crate) fn file(&self) -> io::Result<NamedTempFile> {
        for _ in 0..FILE_TRIES {
            let file = tempfile::Builder::new().prefix("darkroom-").tempfile_in(&self.path)?;
            // Between making and locking it a process that starts may take it away; then it has no name any
            // more.
            if file.as_file().try_lock().is_ok() && file.as_file().metadata()?.nlink() > 0 {
                return Ok(file);
            }
        }
        Err(io::Error::other("scratch files vanish as they are made"))
    }

    /// A path in the folder at which nothing lies, for a folder that is on its way out.
    pub(crate) fn way_out(&self) -> PathBuf {
        self.path.join(format!("gone-{}", ObjectId::random()))
    }

    /// Fails as full where so many bytes more would leave less free than must stay free, and nobody makes room.
    pub(crate) async fn room_for(&self, bytes: u64) -> Result<(), Error> {
        self.disk.room_for(bytes).await
    }

    /// The same for what can be made again: it leaves more free, and waits for nobody.
    pub(crate) fn has_spare_room_for(&self, bytes: u64) -> Result<(), Error> {
        self.disk.has_spare_room_for(bytes)
    }

    /// The disk that it lies on.
    pub(crate) fn disk(&self) -> Disk {
        self.disk.clone()
    }

    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let removed = if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())
            } else if has_owner(&entry.path()) {
                continue;
            } else {
                fs::remove_file(entry.path())
            };
            removed
                .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
            tracing::info!(name = %entry.file_name().display(), "removed what an earlier run left");
        }
        Ok(())
    }
}

fn has_owner(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

fn broken() -> Error {
    Error::io("an earlier write to this scratch file failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scratch_file_that_outgrows_the_disk_is_full_and_refuses_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = ScratchFolder::open(folder.path().to_owned(), 0).unwrap().scratch().unwrap();
        scratch.write(&[7; 3 * PIECE_BYTES]).await.unwrap();
        scratch.folder.disk = Disk::new(folder.path().to_owned(), u64::MAX);
        assert!(matches!(scratch.write(&[7; PIECE_BYTES]).await, Err(Error::Full(_))));
        assert!(scratch.seal().await.is_err(), "bytes are missing, so it cannot be whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_write_that_is_given_up_half_way_leaves_no_file_that_passes_for_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = ScratchFolder::open(folder.path().to_owned(), 0).unwrap().scratch().unwrap();
        let given_up = futures_util::FutureExt::now_or_never(scratch.write(&[7; PIECE_BYTES]));
        assert!(given_up.is_none(), "the disk answered before it was asked");
        assert!(scratch.write(&[7; PIECE_BYTES]).await.is_err());
        assert!(scratch.seal().await.is_err());
    }
}
