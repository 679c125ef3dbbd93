//! Bytes on their way to a worker: a file in memory that is sealed, so that neither end can change what the other reads.
#![allow(unsafe_code, reason = "mapping a file into memory")]

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// After this nobody can change a byte or the length, nor take the seals off.
fn seals() -> SealFlags {
    SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL
}

/// Bytes in a sealed file.
pub(crate) fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    let descriptor = memfd_create("original", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(descriptor);
    file.write_all(bytes)?;
    let descriptor = OwnedFd::from(file);
    fcntl_add_seals(&descriptor, seals())?;
    Ok(descriptor)
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
            let sealed = seal(bytes).unwrap();
            assert_eq!(Input::map(&sealed).unwrap().bytes(), bytes);
            let mut file = File::from(sealed);
            assert!(file.write_all(b"more").is_err() && file.set_len(1).is_err());
        }
    }

    #[test]
    fn a_file_that_is_not_sealed_is_refused() {
        let open = memfd_create("open", MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(Input::map(&open).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
