//! A sink on a thread of its own: while rows are taken, the decoder makes the next ones. Changes no byte.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use crate::Error;
use crate::decode::{Picture, Sink};

/// Batches on the way: the decoder is at most so far ahead. It goes on for some milliseconds where the other core has
/// something else to do first, as the server has that takes the digest of the original.
const MAX_BATCHES: usize = 16;

/// Rows of a batch are about so many bytes together: few enough to be still in the cache of the core when they are taken.
const BATCH_BYTES: usize = 64 * 1024;

/// What goes over.
enum Given {
    Picture(Box<Picture>),
    /// Rows of one length, one after the other.
    Rows(Vec<u8>, usize),
}

/// Lets `decode` fill `sink`, which takes its rows on another thread. An error of the sink comes before one of the
/// decoder, as it would on one thread.
pub(crate) fn beside<S: Sink + Send>(
    sink: &mut S,
    decode: impl FnOnce(&mut dyn Sink) -> Result<(), Error>,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let (give, given) = mpsc::sync_channel(MAX_BATCHES);
        let (give_back, emptied) = mpsc::sync_channel(MAX_BATCHES);
        let taking = scope.spawn(move || take(sink, &given, &give_back));
        let mut giver = Giver { give, emptied, batch: Vec::new(), row_bytes: 0 };
        let decoded = decode(&mut giver);
        let _ = giver.flush();
        drop(giver);
        let taken = taking.join().unwrap_or_else(|panic| resume_unwind(panic));
        taken.and(decoded)
    })
}

fn take(sink: &mut impl Sink, given: &Receiver<Given>, give_back: &SyncSender<Vec<u8>>) -> Result<(), Error> {
    for given in given {
        match given {
            Given::Picture(picture) => sink.begin(&picture)?,
            Given::Rows(rows, row_bytes) => {
                for row in rows.chunks_exact(row_bytes) {
                    if sink.row(row)?.is_break() {
                        return Ok(());
                    }
                }
                // Memory that was used already costs nothing to use again; where it is not wanted, it goes.
                let _ = give_back.try_send(rows);
            }
        }
    }
    Ok(())
}

/// The decoder's end. That nobody takes any more is seen a batch late, which costs rows and no correctness.
struct Giver {
    give: SyncSender<Given>,
    /// Batches whose rows were taken.
    emptied: Receiver<Vec<u8>>,
    batch: Vec<u8>,
    row_bytes: usize,
}

impl Giver {
    fn flush(&mut self) -> ControlFlow<()> {
        if self.batch.is_empty() {
            return ControlFlow::Continue(());
        }
        let room = self.batch.capacity();
        let mut empty = self.emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(room));
        empty.clear();
        let batch = std::mem::replace(&mut self.batch, empty);
        match self.give.send(Given::Rows(batch, self.row_bytes)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Sink for Giver {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        // Where nobody takes it, the taker has an error of its own to tell.
        let _ = self.give.send(Given::Picture(Box::new(picture.clone())));
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        if row.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.row_bytes = row.len();
        self.batch.extend_from_slice(row);
        if self.batch.len() < BATCH_BYTES { Ok(ControlFlow::Continue(())) } else { Ok(self.flush()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Samples;

    /// Notes what it takes; has enough after so many rows, or fails at one.
    #[derive(Default)]
    struct Noting {
        began: bool,
        rows: Vec<Vec<u8>>,
        enough: Option<usize>,
        fails_at: Option<usize>,
    }

    impl Sink for Noting {
        fn begin(&mut self, _: &Picture) -> Result<(), Error> {
            self.began = true;
            Ok(())
        }

        fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
            if self.fails_at == Some(self.rows.len()) {
                return Err(Error::Damaged("the sink's".into()));
            }
            self.rows.push(row.to_vec());
            let enough = self.enough == Some(self.rows.len());
            Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        }
    }

    fn picture() -> Picture {
        Picture::new(1000, 1000, Samples::Rgb)
    }

    /// Gives a thousand rows of 3,000 bytes, until nobody takes more.
    fn give(sink: &mut dyn Sink) -> Result<(), Error> {
        sink.begin(&picture())?;
        for index in 0..1000_u32 {
            if sink.row(&[index as u8; 3000])?.is_break() {
                break;
            }
        }
        Ok(())
    }

    #[test]
    fn every_row_arrives_once_and_in_order() {
        let mut noting = Noting::default();
        beside(&mut noting, give).unwrap();
        assert!(noting.began);
        assert_eq!(noting.rows.len(), 1000);
        assert!(noting.rows.iter().enumerate().all(|(index, row)| *row == vec![index as u8; 3000]));
    }

    #[test]
    fn a_sink_that_has_enough_ends_the_decoding_without_an_error() {
        let mut noting = Noting { enough: Some(5), ..Noting::default() };
        beside(&mut noting, give).unwrap();
        assert_eq!(noting.rows.len(), 5);
    }

    #[test]
    fn the_error_of_either_end_is_told() {
        let mut noting = Noting { fails_at: Some(5), ..Noting::default() };
        assert_eq!(beside(&mut noting, give), Err(Error::Damaged("the sink's".into())));
        let fails = |sink: &mut dyn Sink| give(sink).and(Err(Error::Timeout));
        assert_eq!(beside(&mut Noting::default(), fails), Err(Error::Timeout));
    }

    #[test]
    #[should_panic(expected = "within the sink")]
    fn a_panic_of_the_sink_goes_on() {
        struct Panics;
        impl Sink for Panics {
            fn begin(&mut self, _: &Picture) -> Result<(), Error> {
                panic!("within the sink")
            }
            fn row(&mut self, _: &[u8]) -> Result<ControlFlow<()>, Error> {
                Ok(ControlFlow::Continue(()))
            }
        }
        let _ = beside(&mut Panics, give);
    }
}
