//! A body that must keep a pace. The HTTP layer times out heads and idle connections, but never a body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep_until};

/// The slowest body that is still read.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Seconds over which the pace is measured, again and again; at least 1.
    pub grace_s: u64,
    /// Bytes a second.
    pub min_bytes_per_s: u64,
}

/// A body that ends in `TimedOut` where less comes than its pace asks for. Any other error of the body becomes an
/// `Other`: the client went away. Only waiting for the client counts, not the time in which nobody asked.
pub struct Paced<S> {
    body: S,
    pace: Pace,
    /// Bytes since the measuring began.
    bytes: u64,
    ends: Pin<Box<Sleep>>,
}

/// A deadline that passed this long ago passed while nobody asked: whoever waits is woken by it.
const UNASKED: Duration = Duration::from_secs(1);

impl<S> Paced<S> {
    /// Holds a body to a pace, from now on.
    pub fn new(body: S, pace: Pace) -> Self {
        let ends = Box::pin(sleep_until(Instant::now() + Duration::from_secs(pace.grace_s.max(1))));
        Paced { body, pace, bytes: 0, ends }
    }

    fn measure_anew(&mut self) {
        self.bytes = 0;
        self.ends.as_mut().reset(Instant::now() + Duration::from_secs(self.pace.grace_s.max(1)));
    }

    fn is_slow(&self) -> bool {
        self.bytes < self.pace.min_bytes_per_s.saturating_mul(self.pace.grace_s.max(1))
    }
}

impl<S, E> Stream for Paced<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.body.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(piece))) => {
                if Instant::now() > this.ends.deadline() + UNASKED {
                    this.measure_anew();
                }
                this.bytes = this.bytes.saturating_add(piece.len() as u64);
                return Poll::Ready(Some(Ok(piece)));
            }
            Poll::Ready(Some(Err(_))) => {
                return Poll::Ready(Some(Err(io::Error::other("the client went away"))));
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        while this.ends.as_mut().poll(cx).is_ready() {
            let unasked = Instant::now() > this.ends.deadline() + UNASKED;
            if this.is_slow() && !unasked {
                return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
            }
            this.measure_anew();
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;

    const PACE: Pace = Pace { grace_s: 10, min_bytes_per_s: 1_000 };

    /// A body of pieces of so many bytes, each after so many milliseconds.
    fn body(
        pieces: usize,
        bytes: usize,
        every_ms: u64,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
        Box::pin(stream::iter(0..pieces).then(move |_| async move {
            sleep(Duration::from_millis(every_ms)).await;
            Ok(Bytes::from(vec![0; bytes]))
        }))
    }

    async fn read(body: impl Stream<Item = Result<Bytes, Infallible>> + Unpin) -> io::Result<usize> {
        let mut paced = Paced::new(body, PACE);
        let mut total = 0;
        while let Some(piece) = paced.next().await {
            total += piece?.len();
        }
        Ok(total)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_keeps_the_pace_takes_all_the_time_it_wants() {
        assert_eq!(read(body(600, 1_100, 1_000)).await.unwrap(), 660_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_falls_below_the_pace_ends_after_the_grace() {
        let start = Instant::now();
        let error = read(body(600, 900, 1_000)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_start_buys_no_time_later() {
        let fast_then_silent = body(10, 100_000, 10).chain(stream::pending());
        let start = Instant::now();
        assert!(read(Box::pin(fast_then_silent)).await.is_err());
        assert!(start.elapsed() <= Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_delay_is_not_the_clients() {
        let mut paced = Paced::new(body(2, 10, 1_000), PACE);
        assert!(paced.next().await.unwrap().is_ok());
        sleep(Duration::from_secs(60)).await;
        assert!(paced.next().await.unwrap().is_ok());
        assert!(paced.next().await.is_none());
    }
}
