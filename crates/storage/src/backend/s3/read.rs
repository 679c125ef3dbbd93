//! An object on its way in: one request whose bytes are verified piece by piece. What breaks off or comes damaged
//! is asked for again from the piece on where it happened.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::digests::{Digests, MIN_PIECE_BYTES};
use super::failure::{Again, Failure};
use super::store::Store;
use super::wire::{Kind, Tries};
use crate::{Error, Object};

/// An object that is being read.
struct Reading {
    store: Arc<Store>,
    key: String,
    digests: Digests,
    /// The bytes that are wanted.
    wanted: Range<u64>,
    /// The pieces that hold them and are not read yet.
    pieces: Range<u64>,
    /// What comes right now.
    answer: Option<Answer>,
    tries: Tries,
}

/// The body of one answer.
struct Answer {
    body: ByteStream,
    /// Bytes of the object that it brings, those that came already cut off.
    bytes: Range<u64>,
    /// What came behind the last piece.
    ahead: BytesMut,
}

/// The bytes of an object from `wanted.start` on, to `wanted.end` or its own end.
pub(super) async fn read(store: &Arc<Store>, key: String, wanted: Range<u64>) -> Result<Object, Error> {
    let mut tries = Tries::new();
    loop {
        match begin(store, &key, &wanted).await {
            Ok(None) => return Ok(Object { len: 0, body: stream::empty().boxed() }),
            Ok(Some((digests, answer))) => {
                let wanted = wanted.start..wanted.end.min(digests.len());
                let pieces = digests.pieces_of(&wanted);
                let store = store.clone();
                let reading = Reading { store, key, digests, wanted, pieces, answer: Some(answer), tries };
                return reading.object().await;
            }
            Err(failure) => store.wire.again(Kind::Get, &mut tries, failure).await?,
        }
    }
}

/// Asks for an object without knowing its length. None where it ends before what is wanted.
async fn begin(store: &Store, key: &str, wanted: &Range<u64>) -> Result<Option<(Digests, Answer)>, Failure> {
    // Pieces are of at least this length, so that most ranges come with all that verifies them.
    let start = wanted.start / MIN_PIECE_BYTES * MIN_PIECE_BYTES;
    let end = wanted.end.checked_next_multiple_of(MIN_PIECE_BYTES).unwrap_or(u64::MAX);
    let Some(output) = get(store, key, start..end).await? else { return Ok(None) };
    let (len, bytes) = placed(&output).ok_or_else(Failure::damaged)?;
    let digests = Digests::read(len, output.metadata()).map_err(|_| Failure::damaged())?;
    if wanted.start > 0 && wanted.start >= len {
        return Ok(None);
    }
    Ok(Some((digests, Answer { body: output.body, bytes, ahead: BytesMut::new() })))
}

/// One request for bytes of an object. None where the object ends before them.
async fn get(store: &Store, key: &str, bytes: Range<u64>) -> Result<Option<GetObjectOutput>, Failure> {
    let range = match bytes {
        Range { start: 0, end: u64::MAX } => None,
        Range { start, end: u64::MAX } => Some(format!("bytes={start}-")),
        Range { start, end } => Some(format!("bytes={start}-{}", end - 1)),
    };
    let request = |client: Client| {
        let request = client.get_object().bucket(store.bucket.name()).key(key).set_range(range.clone());
        async {
            match request.send().await {
                Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 416) => {
                    Ok(None)
                }
                answer => answer.map(Some),
            }
        }
    };
    store.wire.try_once(Kind::Get, 0, request).await
}

/// The object's length and which of its bytes an answer brings. A server that takes no notice of a range brings all.
fn placed(output: &GetObjectOutput) -> Option<(u64, Range<u64>)> {
    let brings = u64::try_from(output.content_length()?).ok()?;
    let Some(range) = output.content_range() else { return Some((brings, 0..brings)) };
    let (place, len) = range.strip_prefix("bytes ")?.split_once('/')?;
    let start = place.split_once('-')?.0.parse::<u64>().ok()?;
    Some((len.parse().ok()?, start..start.checked_add(brings)?))
}

impl Reading {
    /// The first piece is there and verified before anyone sees the object.
    async fn object(mut self) -> Result<Object, Error> {
        let len = self.wanted.end - self.wanted.start;
        let first = self.next().await?;
        let rest = stream::try_unfold(self, |mut reading| async move {
            if reading.pieces.is_empty() { Ok(None) } else { Ok(Some((reading.next().await?, reading))) }
        });
        Ok(Object { len, body: stream::iter([Ok(first)]).chain(rest).boxed() })
    }

    /// The next piece, verified, as far as it is wanted.
    async fn next(&mut self) -> Result<Bytes, Error> {
        let (piece, bytes) = loop {
            match self.try_next().await {
                Ok(read) => break read,
                Err(failure) => {
                    // Nothing more of this connection is believed.
                    self.answer = None;
                    self.store.wire.again(Kind::Get, &mut self.tries, failure).await?;
                }
            }
        };
        self.pieces.start += 1;
        let start = self.wanted.start.max(piece.start) - piece.start;
        let end = self.wanted.end.min(piece.end) - piece.start;
        Ok(bytes.slice(start as usize..end as usize))
    }

    async fn try_next(&mut self) -> Result<(Range<u64>, Bytes), Failure> {
        let piece = self.digests.bytes_of(&(self.pieces.start..self.pieces.start + 1));
        let mut answer = match self.answer.take() {
            Some(answer) if answer.bytes.start == piece.start && answer.bytes.end >= piece.end => answer,
            _ => self.ask_on().await?,
        };
        let bytes = answer.take(&self.store, piece.end - piece.start).await?;
        if !self.digests.fits(self.pieces.start, &bytes) {
            tracing::warn!(
                object = self.key,
                piece = self.pieces.start,
                "bytes came from the storage damaged"
            );
            return Err(Failure::damaged());
        }
        self.answer = Some(answer);
        Ok((piece, bytes))
    }

    /// Asks for the pieces that are left.
    async fn ask_on(&self) -> Result<Answer, Failure> {
        let left = self.digests.bytes_of(&self.pieces);
        let output = get(&self.store, &self.key, left.clone()).await?.ok_or_else(Failure::damaged)?;
        match placed(&output) {
            Some((len, bytes)) if len == self.digests.len() && bytes == left => {
                Ok(Answer { body: output.body, bytes, ahead: BytesMut::new() })
            }
            // Another object lies there by now, or the server cannot do ranges.
            _ => Err(Failure::told(Error::Damaged, Again::Never)),
        }
    }
}

impl Answer {
    /// Takes so many bytes off.
    async fn take(&mut self, store: &Store, len: u64) -> Result<Bytes, Failure> {
        let wanted = usize::try_from(len).map_err(Failure::lost)?;
        self.ahead.reserve(wanted.saturating_sub(self.ahead.len()));
        while self.ahead.len() < wanted {
            match store.wire.read(self.body.next()).await? {
                Some(Ok(bytes)) => self.ahead.extend_from_slice(&bytes),
                Some(Err(broken)) => return Err(Failure::lost(broken)),
                None => return Err(Failure::damaged()),
            }
        }
        self.bytes.start += len;
        Ok(self.ahead.split_to(wanted).freeze())
    }
}
