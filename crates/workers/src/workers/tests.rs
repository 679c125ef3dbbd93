//! Who works and who waits, told with pieces of work whose end the test decides; then real pictures.

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use domain::{Fault as _, Problem};
use futures_util::future::{FutureExt as _, join_all};
use image::{ImageFormat, Rgb, RgbImage};
use variant::{Encoding, Format, MetadataPolicy};

use super::*;

fn workers(workers: usize, max_queued: usize, wait_s: u64) -> Workers {
    Workers::new(Config { workers, max_queued, wait_s, ..Config::default() }).unwrap()
}

/// Takes a slot and holds it until something is sent, or the sender is dropped.
async fn occupy(workers: &Workers) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let slot = workers.slot().await.unwrap();
    let (release, released) = mpsc::channel();
    let piece = slot.work(move |_, _| {
        let _ = released.recv();
        Ok(())
    });
    (release, tokio::spawn(piece))
}

#[tokio::test]
async fn no_more_pieces_run_at_once_than_there_are_workers() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    let workers = workers(2, 64, 60);
    let pieces = (0..50).map(|_| async {
        workers
            .slot()
            .await?
            .work(|_, _| {
                let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                (0..100).for_each(|_| std::thread::yield_now());
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                Ok(running)
            })
            .await
    });
    for running in join_all(pieces).await {
        assert!((1..=2).contains(&running.unwrap()));
    }
}

#[tokio::test]
async fn a_caller_who_finds_every_place_to_wait_taken_is_told_at_once() {
    let workers = workers(1, 2, 3600);
    let (release, _piece) = occupy(&workers).await;
    let (mut first, mut second) = (Box::pin(workers.slot()), Box::pin(workers.slot()));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    let third = workers.slot().now_or_never().expect("an answer at once");
    assert_eq!(third.unwrap_err().problem(), Problem::Busy);
    drop(release);
    drop(first.await.unwrap());
    second.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_waited_as_long_as_allowed_is_told_that_we_are_busy() {
    let workers = workers(1, 64, 0);
    let (_release, _piece) = occupy(&workers).await;
    assert!(matches!(workers.slot().await, Err(Error::Busy)));
}

#[tokio::test]
async fn a_caller_who_leaves_the_queue_leaves_the_place_to_another() {
    let workers = workers(1, 1, 3600);
    let (release, _piece) = occupy(&workers).await;
    for _ in 0..5 {
        assert!(workers.slot().now_or_never().is_none(), "the place was free, so this is a wait");
    }
    drop(release);
    workers.slot().await.unwrap();
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_make_room_while_the_work_goes_on() {
    let workers = workers(1, 1, 0);
    let (release, piece) = occupy(&workers).await;
    // The piece is handed over at the first poll.
    tokio::task::yield_now().await;
    piece.abort();
    assert!(piece.await.unwrap_err().is_cancelled());
    assert!(matches!(workers.slot().await, Err(Error::Busy)));
    drop(release);
    while workers.slot().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_decoder_is_a_damaged_file_and_the_workers_go_on() {
    let workers = workers(2, 64, 60);
    for _ in 0..8 {
        let slot = workers.slot().await.unwrap();
        let failed = slot.work::<()>(|_, _| panic!("a tile outside of its picture")).await.unwrap_err();
        assert_eq!(failed.problem(), Problem::Damaged);
        assert!(!failed.to_string().contains("tile"), "the decoder's words are for the log");
    }
    assert_eq!(workers.slot().await.unwrap().work(|_, _| Ok(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn each_piece_is_given_the_limits_and_a_deadline_of_its_own() {
    let limits = Limits { max_pixels: 123, ..Limits::default() };
    let config = Config { render_timeout_s: 30, limits: limits.clone(), ..Config::default() };
    let workers = Workers::new(config).unwrap();
    let (given, left) =
        workers.slot().await.unwrap().work(|limits, deadline| Ok((limits.clone(), deadline))).await.unwrap();
    assert_eq!(given, limits);
    assert!(left.saturating_duration_since(Instant::now()) <= Duration::from_secs(30));
}

#[tokio::test]
async fn a_slot_outlives_the_handle_that_it_came_from() {
    let workers = workers(3, 1, 1);
    let slot = workers.slot().await.unwrap();
    drop(workers);
    assert_eq!(slot.work(|_, _| Ok("done")).await.unwrap(), "done");
}

/// A drawn picture of 64 × 48 pixels, as a PNG.
fn picture() -> Bytes {
    let drawn = RgbImage::from_fn(64, 48, |x, y| Rgb([(4 * x) as u8, (5 * y) as u8, 90]));
    let mut png = Cursor::new(Vec::new());
    drawn.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner().into()
}

fn thumbnail() -> Recipe {
    Recipe {
        source: [0.0, 0.0, 64.0, 48.0],
        width: 16,
        height: 12,
        canvas: (16, 12),
        encoding: Encoding::WebpLossless,
        background: None,
        metadata: MetadataPolicy::None,
        negotiated: false,
        warnings: Vec::new(),
    }
}

#[tokio::test]
async fn a_picture_is_probed_examined_and_rendered() {
    let workers = workers(2, 64, 60);
    let facts = workers.probe(picture()).await.unwrap();
    assert_eq!((facts.format, facts.width, facts.height), (Format::Png, 64, 48));
    let (examined, thumbhash) = workers.examine(picture()).await.unwrap();
    assert_eq!(examined, facts);
    assert!(!thumbhash.is_empty());
    let rendition = workers.render(picture(), facts, thumbnail()).await.unwrap();
    assert_eq!((rendition.format, rendition.width, rendition.height), (Format::Webp, 16, 12));
    assert_eq!(&rendition.bytes[..4], b"RIFF");
}

#[tokio::test]
async fn a_picture_that_ends_early_passes_its_probe_and_fails_its_examination() {
    let workers = workers(2, 64, 60);
    let half = picture().slice(..picture().len() / 2);
    assert!(workers.probe(half.clone()).await.is_ok());
    assert_eq!(workers.examine(half).await.unwrap_err().problem(), Problem::Damaged);
    let words = Bytes::from_static(b"not a picture at all");
    assert_eq!(workers.examine(words).await.unwrap_err().problem(), Problem::NotAnImage);
}

#[tokio::test]
async fn a_render_without_time_left_is_given_up() {
    let workers = Workers::new(Config { render_timeout_s: 0, ..Config::default() }).unwrap();
    let facts = workers.probe(picture()).await.unwrap();
    let late = workers.render(picture(), facts, thumbnail()).await.unwrap_err();
    assert_eq!(late.problem(), Problem::RenderTimeout);
}
