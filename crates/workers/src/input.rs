//! Bytes on their way to a worker: a file in memory that is sealed, so that neither end can change what the other reads.
#![allow(unsafe_code, reason = "mapping a file into memory")]

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::ptr::NonNull;
use std::sync::Arc;

use bytes::Bytes;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::Error;

/// After this nobody can change a byte or the length, nor take the seals off.
fn seals() -> SealFlags {
    SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL
}

/// What a worker is given to read.
#[derive(Debug, Clone)]
pub enum Given {
    /// Bytes of this process, which are copied to where a worker can read them.
    Bytes(Bytes),
    /// Bytes that lie there already.
    Sealed(Sealed),
}

impl Given {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Given::Bytes(bytes) => bytes.len() as u64,
            Given::Sealed(sealed) => sealed.len,
        }
    }

    /// How many bytes are to be copied until a worker can read them.
    pub(crate) fn to_copy(&self) -> usize {
        if let Given::Bytes(bytes) = self { bytes.len() } else { 0 }
    }

    /// The bytes where a worker can read them.
    pub(crate) fn sealed(self) -> Result<Sealed, Error> {
        match self {
            Given::Bytes(bytes) => Sealed::copied(&bytes),
            Given::Sealed(sealed) => Ok(sealed),
        }
    }
}

impl From<Bytes> for Given {
    fn from(bytes: Bytes) -> Given {
        Given::Bytes(bytes)
    }
}

impl From<Sealed> for Given {
    fn from(sealed: Sealed) -> Given {
        Given::Sealed(sealed)
    }
}

/// Bytes in a file in memory that nobody can change any more. Clones share them.
#[derive(Debug, Clone)]
pub struct Sealed {
    file: Arc<File>,
    len: u64,
}

impl Sealed {
    /// A file in memory, to be filled and then sealed.
    pub fn blank() -> Result<File, Error> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        memfd_create("original", flags).map(File::from).map_err(|error| Error::start(error.into()))
    }

    /// What was written into a blank file, from now on as it is.
    pub fn of(file: File) -> Result<Sealed, Error> {
        let len = || -> io::Result<u64> {
            fcntl_add_seals(&file, seals())?;
            Ok(file.metadata()?.len())
        };
        let len = len().map_err(Error::start)?;
        Ok(Sealed { file: Arc::new(file), len })
    }

    /// A copy of these bytes.
    pub(crate) fn copied(bytes: &[u8]) -> Result<Sealed, Error> {
        let mut file = Sealed::blank()?;
        file.write_all(bytes).map_err(Error::start)?;
        Sealed::of(file)
    }

    /// The bytes from their beginning.
    pub fn reader(&self) -> impl Read + Send + 'static + use<> {
        Reader { file: self.file.clone(), at: 0 }
    }
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Reads at a place of its own: the one of the file belongs to all who have it.
struct Reader {
    file: Arc<File>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The bytes of a sealed file, mapped for as long as this lives.
#[derive(Debug)]
pub(crate) struct Input {
    /// None where there are no bytes, which cannot be mapped.
    at: Option<NonNull<u8>>,
    length: usize,
}

impl Input {
    /// Maps a file; one that is not sealed is refused, since its bytes might change or vanish while they are read.
    pub(crate) fn map(descriptor: &OwnedFd) -> io::Result<Input> {
        if !fcntl_get_seals(descriptor)?.contains(seals()) {
            return Err(crate::protocol::broken("an input is not sealed"));
        }
        let length = usize::try_from(fstat(descriptor)?.st_size).unwrap_or_default();
        if length == 0 {
            return Ok(Input { at: None, length });
        }
        // SAFETY: the address is the kernel's choice, so no other memory is touched; the seals keep the file as long as
        // the mapping is.
        let at = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::PRIVATE, descriptor.as_fd(), 0)
        }?;
        Ok(Input { at: NonNull::new(at.cast()), length })
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.at {
            // SAFETY: mapped for this length until `self` is dropped, and sealed against writing.
            Some(at) => unsafe { std::slice::from_raw_parts(at.as_ptr(), self.length) },
            None => &[],
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            // SAFETY: it was mapped with this length, and no slice outlives `self`.
            let _ = unsafe { munmap(at.as_ptr().cast(), self.length) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_arrive_and_cannot_be_changed() {
        for bytes in [&b""[..], b"a picture", &[7; 100_000]] {
            let sealed = Sealed::copied(bytes).unwrap();
            let there = OwnedFd::from(sealed.file.try_clone().unwrap());
            assert_eq!(Input::map(&there).unwrap().bytes(), bytes);
            let mut file = File::from(there);
            assert!(file.write_all(b"more").is_err() && file.set_len(1).is_err());
        }
    }

    #[test]
    fn everybody_reads_sealed_bytes_from_their_beginning() {
        let mut file = Sealed::blank().unwrap();
        file.write_all(b"a ").unwrap();
        file.write_all(b"picture").unwrap();
        let sealed = Sealed::of(file).unwrap();
        for mut reader in [sealed.reader(), sealed.reader()] {
            assert_eq!(io::read_to_string(&mut reader).unwrap(), "a picture");
        }
        assert_eq!(Given::from(sealed).len(), 9);
    }

    #[test]
    fn a_file_that_is_not_sealed_is_refused() {
        let open = memfd_create("open", MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(Input::map(&open).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
