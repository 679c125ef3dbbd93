//! An object on its way out of storage.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use crate::Error;

/// An object on its way out.
pub struct Object {
    /// Length in bytes.
    pub len: u64,
    /// The bytes, in pieces that have this length together; an object that turns out shorter or longer ends
    /// in [`Error::Damaged`].
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

impl Object {
    /// All bytes of an object. A small one comes in one piece and is not copied; of a large one the whole and
    /// one piece are held at once.
    pub async fn into_bytes(self) -> Result<Bytes, Error> {
        let len = usize::try_from(self.len).map_err(|_| Error::Damaged)?;
        let mut body = self.body;
        let first = body.next().await.transpose()?.unwrap_or_default();
        if first.len() == len {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(len);
        whole.extend_from_slice(&first);
        drop(first);
        while let Some(piece) = body.next().await.transpose()? {
            if whole.len() + piece.len() > len {
                return Err(Error::Damaged);
            }
            whole.extend_from_slice(&piece);
        }
        if whole.len() == len { Ok(whole.freeze()) } else { Err(Error::Damaged) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} bytes)", self.len)
    }
}
