//! Originals, read back and held against the digest that their row tells.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use catalog::{Admission, Image};
use domain::{AccountId, ObjectId};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use sha2::{Digest as _, Sha256};
use storage::{Object, Prefix};
use variant::Facts;

/// The original that a rendition is made from.
#[derive(Debug, Clone)]
pub struct Original {
    /// Whose it is: what is done for it counts as this account's share.
    pub account: AccountId,
    /// Where it lies with its renditions.
    pub prefix: Prefix,
    /// Its object id.
    pub object: ObjectId,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// What probing told.
    pub facts: Arc<Facts>,
}

impl Original {
    /// The original of an image; none for a draft.
    pub fn of(image: &Image) -> Option<Original> {
        Some(Original {
            account: image.account,
            prefix: Prefix::new(image.day, &image.account, &image.object),
            object: image.object,
            sha256: image.sha256,
            facts: Arc::new(image.facts.clone()?),
        })
    }

    /// The original that a delivery was allowed for.
    pub fn admitted(admission: &Admission) -> Original {
        Original {
            account: admission.account,
            prefix: Prefix::new(admission.day, &admission.account, &admission.object),
            object: admission.object,
            sha256: admission.sha256,
            facts: admission.facts.clone(),
        }
    }
}

/// The same object, whose last piece comes only when all pieces together have this digest. So an object of
/// one piece is verified before any of it is sent, and a damaged large one always ends in an error, never
/// whole.
pub(crate) fn verified(object: Object, sha256: [u8; 32]) -> Object {
    let reading = Reading { body: object.body, hash: Sha256::new(), held: None, sha256 };
    let body = stream::try_unfold(Some(reading), |reading| async move {
        match reading {
            Some(reading) => reading.next().await,
            None => Ok(None),
        }
    });
    Object { len: object.len, body: body.boxed() }
}

/// Bytes that are read to be hashed at once: few enough to stay in the cache of the core.
const PIECE_BYTES: usize = 64 * 1024;

/// Fails as damaged where bytes have another digest. They are read and hashed beside the async runtime.
pub(crate) async fn has_digest(
    mut bytes: impl Read + Send + 'static,
    sha256: [u8; 32],
) -> Result<(), storage::Error> {
    let hash = move || -> io::Result<bool> {
        let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
        loop {
            match bytes.read(&mut piece)? {
                0 => return Ok(hash.finalize()[..] == sha256),
                read => hash.update(&piece[..read]),
            }
        }
    };
    let is_same = tokio::task::spawn_blocking(hash).await.map_err(io::Error::from).flatten()?;
    if is_same { Ok(()) } else { Err(storage::Error::Damaged) }
}

/// Tells of an original that cannot be read. A storage that is gone tells so itself, once for all.
pub(crate) fn complain(original: &Original, error: &storage::Error) {
    if matches!(error, storage::Error::Unavailable(_)) {
        return;
    }
    tracing::error!(prefix = original.prefix.as_str(), ?error, "an original cannot be read");
}

struct Reading {
    body: BoxStream<'static, Result<Bytes, storage::Error>>,
    hash: Sha256,
    /// The piece that waits for the one behind it, or for the verdict.
    held: Option<Bytes>,
    sha256: [u8; 32],
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Option<Reading>)>, storage::Error> {
        while let Some(piece) = self.body.next().await.transpose()? {
            self.hash.update(&piece);
            if let Some(held) = self.held.replace(piece) {
                return Ok(Some((held, Some(self))));
            }
        }
        if self.hash.finalize()[..] != self.sha256 {
            return Err(storage::Error::Damaged);
        }
        Ok(self.held.map(|last| (last, None)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    fn object(pieces: &[&'static str]) -> Object {
        let len = pieces.iter().map(|piece| piece.len() as u64).sum();
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Object { len, body: stream::iter(pieces).boxed() }
    }

    #[tokio::test]
    async fn what_has_its_digest_comes_as_it_is() {
        for pieces in [&[][..], &[""], &["whole"], &["wh", "ole"], &["w", "h", "", "ole"]] {
            let all = pieces.concat();
            let read = verified(object(pieces), Sha256::digest(&all).into()).into_bytes().await;
            assert_eq!(read.unwrap(), all.as_bytes(), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn what_was_read_is_held_against_its_digest() {
        let long: &[u8] = &[7; 3 * PIECE_BYTES + 1];
        for bytes in [&b""[..], b"whole", long] {
            has_digest(bytes, Sha256::digest(bytes).into()).await.unwrap();
            let other = has_digest(bytes, Sha256::digest("while").into()).await;
            assert!(matches!(other, Err(storage::Error::Damaged)));
        }
    }

    #[tokio::test]
    async fn what_has_not_its_digest_never_comes_whole() {
        for pieces in [&[][..], &[""], &["whole"], &["wh", "ole"], &["w", "h", "ole"]] {
            let mut body = verified(object(pieces), Sha256::digest("while").into()).body;
            let mut bytes = 0;
            let end = loop {
                match body.try_next().await {
                    Ok(Some(piece)) => bytes += piece.len(),
                    other => break other,
                }
            };
            assert!(matches!(end, Err(storage::Error::Damaged)), "{pieces:?}");
            assert!(bytes < 5);
        }
    }
}
