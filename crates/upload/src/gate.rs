//! The gate between a body and the multipart parser, which has no bounds of its own: it counts what goes through,
//! and lets little through between two signs of progress. Knows nothing of what the bytes mean.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use domain::grouped;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};

use crate::Error;

/// The largest piece that goes through at once, in bytes.
const PIECE_BYTES: usize = 16 * 1024;

/// Bytes of an epilogue that are read, so that the connection can be used again.
const EPILOGUE_BYTES: u64 = 64 * 1024;

/// A body under watch. Clones share it: one is given to the parser, one stays with whoever sees the progress.
#[derive(Clone)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
}

struct State {
    body: BoxStream<'static, std::io::Result<Bytes>>,
    /// What is left of a piece that was larger than may go through at once.
    rest: Bytes,
    limits: GateLimits,
    total: u64,
    since_progress: usize,
    /// A piece went through, and the parser has not had its turn yet.
    yielded: bool,
}

/// What may go through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateLimits {
    /// Bytes of the whole body.
    pub(crate) max_total_bytes: u64,
    /// Bytes between two signs of progress; one piece more may be under way.
    pub(crate) max_silent_bytes: usize,
    /// What is told as the limit where the whole body is too large.
    pub(crate) max_upload_bytes: u64,
    /// What the client says the body has.
    pub(crate) content_length: Option<u64>,
}

impl Gate {
    pub(crate) fn new(
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
        limits: GateLimits,
    ) -> Self {
        let state = State {
            body: body.boxed(),
            rest: Bytes::new(),
            limits,
            total: 0,
            since_progress: 0,
            yielded: false,
        };
        Gate { state: Arc::new(Mutex::new(state)) }
    }

    /// The parser has made something of what it was given.
    pub(crate) fn progress(&self) {
        self.state().since_progress = 0;
    }

    /// Reads what follows the form, a little of it: a connection whose body was read can be used again.
    pub(crate) async fn drain(&mut self) {
        let end = self.state().total.saturating_add(EPILOGUE_BYTES);
        while let Some(Ok(_)) = self.next().await {
            self.progress();
            if self.state().total > end {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Gate {
    type Item = Result<Bytes, Error>;

    /// The parser asks until it is told to wait and keeps all it gets, so each piece is followed by a wait that
    /// ends at once.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.state();
        if std::mem::take(&mut state.yielded) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if state.rest.is_empty() {
            match ready!(state.body.poll_next_unpin(cx)) {
                Some(Ok(piece)) => state.rest = piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(Error::of_body(&error)))),
                None => return Poll::Ready(None),
            }
        }
        let len = state.rest.len().min(PIECE_BYTES);
        let piece = state.rest.split_to(len);
        state.yielded = true;
        Poll::Ready(Some(state.count(len).map(|()| piece)))
    }
}

impl State {
    fn count(&mut self, len: usize) -> Result<(), Error> {
        self.total += len as u64;
        self.since_progress += len;
        if self.total > self.limits.max_total_bytes {
            let size_bytes = self.limits.content_length.unwrap_or(self.total);
            return Err(Error::TooLarge { size_bytes, limit_bytes: self.limits.max_upload_bytes });
        }
        if self.since_progress > self.limits.max_silent_bytes + PIECE_BYTES {
            let most = grouped(self.limits.max_silent_bytes);
            let told =
                format!("the head of a part has at most {most} bytes, and a form begins with its boundary");
            return Err(Error::FormLimit { limit: "max_part_head_bytes", told });
        }
        Ok(())
    }
}
