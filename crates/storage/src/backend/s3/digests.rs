//! What an object's metadata says of its bytes: their number, the SHA-256 of the whole, and of a large one the digest of each
//! piece, so that no piece is handed out unverified and one that came damaged is asked for alone.

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Bytes of a piece, at least. An object of at most that many is one piece.
pub(super) const MIN_PIECE_BYTES: u64 = 1024 * 1024;

/// Pieces of an object, at most: all metadata of an object may have 2 KB.
const MAX_PIECES: u64 = 32;

/// Bytes of a piece's digest: the beginning of its SHA-256. They guard against accidents.
const PIECE_DIGEST_BYTES: usize = 16;

const BYTES: &str = "bytes";
const SHA256: &str = "sha256";
const PIECES: &str = "pieces";

/// The digests of an object. One that another tool has put back, without our metadata, has none: it is read as it
/// is, and whoever reads it has its digest from elsewhere (an original from its row, a rendition from its own head).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digests {
    len: u64,
    piece_bytes: u64,
    sha256: [u8; 32],
    pieces: Vec<[u8; PIECE_DIGEST_BYTES]>,
}

/// Digests of an object and the MD5 of each part in which it is sent.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) digests: Digests,
    pub(super) md5: Vec<[u8; 16]>,
}

impl Sums {
    /// Reads bytes of a known length once and sums them up, in parts of so many bytes (a multiple of 1 MiB).
    pub(super) fn of(mut bytes: impl Read, len: u64, part_bytes: u64) -> io::Result<Sums> {
        let piece_bytes = piece_bytes(len);
        let (mut whole, mut piece, mut part) = (Sha256::new(), Sha256::new(), Md5::new());
        let (mut pieces, mut md5, mut at) = (Vec::new(), Vec::new(), 0);
        let mut buffer = vec![0; len.min(64 * 1024) as usize];
        while at < len {
            // Pieces and parts end at multiples of the buffer.
            let read = (len - at).min(buffer.len() as u64);
            let read = &mut buffer[..read as usize];
            bytes.read_exact(read)?;
            at += read.len() as u64;
            whole.update(&*read);
            piece.update(&*read);
            part.update(&*read);
            if at.is_multiple_of(piece_bytes) || at == len {
                pieces.push(beginning(&piece.finalize_reset()));
            }
            if at.is_multiple_of(part_bytes) || at == len {
                md5.push(part.finalize_reset().into());
            }
        }
        if len == 0 {
            pieces.push(beginning(&piece.finalize_reset()));
            md5.push(part.finalize_reset().into());
        }
        let digests = Digests { len, piece_bytes, sha256: whole.finalize().into(), pieces };
        Ok(Sums { digests, md5 })
    }
}

impl Digests {
    /// Reads the metadata of an object of this length. One of another length than it was put with is damaged.
    pub(super) fn read(len: u64, metadata: Option<&HashMap<String, String>>) -> Result<Digests, Error> {
        match metadata {
            Some(metadata) if [BYTES, SHA256, PIECES].iter().any(|name| metadata.contains_key(*name)) => {
                Digests::parse(len, metadata).ok_or(Error::Damaged)
            }
            _ => Ok(Digests { len, piece_bytes: MIN_PIECE_BYTES, sha256: [0; 32], pieces: Vec::new() }),
        }
    }

    fn parse(len: u64, metadata: &HashMap<String, String>) -> Option<Digests> {
        let mut sha256 = [0; 32];
        hex::decode_to_slice(metadata.get(SHA256)?, &mut sha256).ok()?;
        let (piece_bytes, pieces) = match metadata.get(PIECES) {
            None => (MIN_PIECE_BYTES, vec![beginning(&sha256)]),
            Some(text) => {
                let (bytes, pieces) = text.split_once(':')?;
                let pieces = hex::decode(pieces).ok()?;
                let (pieces, rest) = pieces.as_chunks();
                (bytes.parse().ok()?, rest.is_empty().then(|| pieces.to_vec())?)
            }
        };
        let fits = metadata.get(BYTES)?.parse() == Ok(len)
            && piece_bytes >= MIN_PIECE_BYTES
            && piece_bytes.is_multiple_of(MIN_PIECE_BYTES)
            && len.div_ceil(piece_bytes).max(1) == pieces.len() as u64;
        fits.then_some(Digests { len, piece_bytes, sha256, pieces })
    }

    /// As metadata of an object.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let mut metadata =
            HashMap::from([(SHA256.into(), hex::encode(self.sha256)), (BYTES.into(), self.len.to_string())]);
        if self.pieces.len() > 1 {
            let pieces = hex::encode(self.pieces.as_flattened());
            metadata.insert(PIECES.into(), format!("{}:{pieces}", self.piece_bytes));
        }
        metadata
    }

    /// Length of the object in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// SHA-256 of the object.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The pieces that hold a range of bytes, which lies within the object.
    pub(super) fn pieces_of(&self, range: &Range<u64>) -> Range<u64> {
        range.start / self.piece_bytes
            ..range.end.div_ceil(self.piece_bytes).max(range.start / self.piece_bytes + 1)
    }

    /// The bytes of a run of pieces.
    pub(super) fn bytes_of(&self, pieces: &Range<u64>) -> Range<u64> {
        pieces.start * self.piece_bytes..(pieces.end * self.piece_bytes).min(self.len)
    }

    /// Whether these are the bytes of a piece, as far as there is a digest.
    pub(super) fn fits(&self, piece: u64, bytes: &[u8]) -> bool {
        if self.pieces.is_empty() {
            return true;
        }
        let digest = usize::try_from(piece).ok().and_then(|piece| self.pieces.get(piece));
        digest.is_some_and(|digest| *digest == beginning(&Sha256::digest(bytes)))
    }
}

/// Bytes of a piece of an object of this length: whole MiB.
fn piece_bytes(len: u64) -> u64 {
    len.div_ceil(MAX_PIECES).max(1).next_multiple_of(MIN_PIECE_BYTES)
}

fn beginning(sha256: &[u8]) -> [u8; PIECE_DIGEST_BYTES] {
    let mut digest = [0; PIECE_DIGEST_BYTES];
    digest.copy_from_slice(&sha256[..PIECE_DIGEST_BYTES]);
    digest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = MIN_PIECE_BYTES;

    fn sums(bytes: &[u8]) -> Sums {
        Sums::of(bytes, bytes.len() as u64, 8 * MIB).unwrap()
    }

    #[test]
    fn a_small_object_has_one_digest_and_a_large_one_more() {
        for (len, pieces) in [(0, 1), (1, 1), (MIB, 1), (MIB + 1, 2), (3 * MIB, 3), (32 * MIB + 1, 17)] {
            let bytes = vec![7; len as usize];
            let Sums { digests, md5 } = sums(&bytes);
            assert_eq!(digests.pieces.len(), pieces, "{len}");
            assert_eq!(digests.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
            assert_eq!(md5.len() as u64, len.div_ceil(8 * MIB).max(1));
            assert_eq!(Digests::read(len, Some(&digests.metadata())).unwrap(), digests);
            let size: usize = digests.metadata().iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(size < 1900, "{size} bytes of metadata");
        }
    }

    #[test]
    fn a_piece_that_differs_by_one_bit_does_not_fit() {
        let mut bytes = vec![1; 2 * MIB as usize + 5];
        let digests = sums(&bytes).digests;
        let piece =
            |n: u64| digests.bytes_of(&(n..n + 1)).start as usize..digests.bytes_of(&(n..n + 1)).end as usize;
        for n in 0..3 {
            assert!(digests.fits(n, &bytes[piece(n)]));
            bytes[piece(n).end - 1] ^= 1;
            assert!(!digests.fits(n, &bytes[piece(n)]));
        }
        assert!(!digests.fits(3, &[]));
    }

    #[test]
    fn metadata_that_does_not_fit_the_object_is_damage() {
        let good = sums(&vec![1; MIB as usize + 1]).digests;
        let with = |name: &str, value: &str| {
            let mut metadata = good.metadata();
            metadata.insert(name.into(), value.into());
            Digests::read(good.len, Some(&metadata))
        };
        assert!(Digests::read(good.len, None).unwrap().fits(0, b"unknown"));
        for other in [0, good.len - 1, good.len + 1, good.len + MIB] {
            assert!(Digests::read(other, Some(&good.metadata())).is_err(), "{other}");
        }
        for (name, value) in [
            (SHA256, ""),
            (SHA256, "zz"),
            (PIECES, ""),
            (PIECES, "1048576"),
            (PIECES, "0:"),
            (PIECES, "1048576:00"),
        ] {
            assert!(with(name, value).is_err(), "{name}: {value}");
        }
    }

    proptest! {
        #[test]
        fn no_metadata_makes_it_fall(len: u64, sha256 in "[0-9a-f]{0,66}", pieces in "[0-9]{0,21}:?[0-9a-f]{0,70}") {
            let metadata = HashMap::from([
                (BYTES.to_owned(), len.to_string()),
                (SHA256.to_owned(), sha256),
                (PIECES.to_owned(), pieces),
            ]);
            let _ = Digests::read(len, Some(&metadata));
        }

        #[test]
        fn the_pieces_of_a_range_hold_it_and_nothing_beside_is_read(len in 1..100 * MIB, a: u64, b: u64) {
            let pieces = vec![[0; 16]; len.div_ceil(piece_bytes(len)) as usize];
            let digests = Digests { len, piece_bytes: piece_bytes(len), sha256: [0; 32], pieces };
            let (start, end) = (a % len, b % len + 1);
            prop_assume!(start < end);
            let held = digests.bytes_of(&digests.pieces_of(&(start..end)));
            prop_assert!(held.start <= start && held.end >= end && held.end <= len);
            prop_assert!(start - held.start < digests.piece_bytes && held.end - end < digests.piece_bytes);
        }
    }
}
