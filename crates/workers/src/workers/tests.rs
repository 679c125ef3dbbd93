//! Who works and who waits, told with pieces of work whose end the test decides; then real pictures.

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use domain::{AccountId, Fault as _, Problem};
use futures_util::future::{FutureExt as _, join_all};
use image::{ImageFormat, Rgb, RgbImage};
use variant::{Encoding, Format, MetadataPolicy, Orientation};

use super::*;

fn workers(workers: usize, max_queued: usize, wait_s: u64) -> Workers {
    Workers::new(Config { workers, max_queued, wait_s, ..Config::default() }).unwrap()
}

/// A slot for an account that nobody else has.
async fn slot(workers: &Workers) -> Result<Slot, Error> {
    workers.slot(&AccountId::random(), &small()).await
}

fn small() -> Facts {
    Facts { format: Format::Png, width: 64, height: 48, orientation: Orientation(1), frames: 1, alpha: false }
}

/// Takes a slot and holds it until something is sent, or the sender is dropped.
async fn occupy(workers: &Workers) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let slot = slot(workers).await.unwrap();
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
        slot(&workers)
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
    let (mut first, mut second) = (Box::pin(slot(&workers)), Box::pin(slot(&workers)));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    let third = slot(&workers).now_or_never().expect("an answer at once");
    assert_eq!(third.unwrap_err().problem(), Problem::Busy);
    drop(release);
    drop(first.await.unwrap());
    second.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_waited_as_long_as_allowed_is_told_that_we_are_busy() {
    let workers = workers(1, 64, 0);
    let (_release, _piece) = occupy(&workers).await;
    assert!(matches!(slot(&workers).await, Err(Error::WaitedTooLong)));
}

#[tokio::test]
async fn a_caller_who_leaves_the_queue_leaves_the_place_to_another() {
    let workers = workers(1, 1, 3600);
    let (release, _piece) = occupy(&workers).await;
    for _ in 0..5 {
        assert!(slot(&workers).now_or_never().is_none(), "the place was free, so this is a wait");
    }
    drop(release);
    slot(&workers).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_make_room_while_the_work_goes_on() {
    let workers = workers(1, 1, 0);
    let (release, piece) = occupy(&workers).await;
    // The piece is handed over at the first poll.
    tokio::task::yield_now().await;
    piece.abort();
    assert!(piece.await.unwrap_err().is_cancelled());
    assert!(matches!(slot(&workers).await, Err(Error::WaitedTooLong)));
    drop(release);
    while slot(&workers).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_decoder_is_a_damaged_file_and_the_workers_go_on() {
    let workers = workers(2, 64, 60);
    for _ in 0..8 {
        let slot = slot(&workers).await.unwrap();
        let failed = slot.work::<()>(|_, _| panic!("a tile outside of its picture")).await.unwrap_err();
        assert_eq!(failed.problem(), Problem::Damaged);
        assert!(!failed.to_string().contains("tile"), "the decoder's words are for the log");
    }
    assert_eq!(slot(&workers).await.unwrap().work(|_, _| Ok(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn each_piece_is_given_the_limits_and_a_deadline_of_its_own() {
    let limits = Limits { max_pixels: 123, ..Limits::default() };
    let config = Config { render_timeout_s: 30, limits: limits.clone(), ..Config::default() };
    let workers = Workers::new(config).unwrap();
    let (given, left) =
        slot(&workers).await.unwrap().work(|limits, deadline| Ok((limits.clone(), deadline))).await.unwrap();
    assert_eq!(given, limits);
    assert!(left.saturating_duration_since(Instant::now()) <= Duration::from_secs(30));
}

#[tokio::test]
async fn a_slot_outlives_the_handle_that_it_came_from() {
    let workers = workers(3, 1, 1);
    let slot = slot(&workers).await.unwrap();
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

async fn probe(workers: &Workers, bytes: Bytes) -> Result<Facts, Error> {
    workers.probe_slot().await?.probe(bytes).await
}

async fn render(workers: &Workers, facts: Facts) -> Result<Rendition, Error> {
    let slot = workers.render_slot(&AccountId::random(), &facts, &thumbnail()).await?;
    slot.render(picture(), facts, thumbnail()).await
}

#[tokio::test]
async fn a_picture_is_probed_examined_and_rendered() {
    let workers = workers(2, 64, 60);
    let facts = probe(&workers, picture()).await.unwrap();
    assert_eq!((facts.format, facts.width, facts.height), (Format::Png, 64, 48));
    let thumbhash = slot(&workers).await.unwrap().examine(picture(), facts.clone()).await.unwrap();
    assert!(!thumbhash.is_empty());
    let rendition = render(&workers, facts).await.unwrap();
    assert_eq!((rendition.format, rendition.width, rendition.height), (Format::Webp, 16, 12));
    assert_eq!(&rendition.bytes[..4], b"RIFF");
}

#[tokio::test]
async fn a_picture_that_ends_early_passes_its_probe_and_fails_its_examination() {
    let workers = workers(2, 64, 60);
    let half = picture().slice(..picture().len() / 2);
    let facts = probe(&workers, half.clone()).await.unwrap();
    let examined = slot(&workers).await.unwrap().examine(half, facts).await;
    assert_eq!(examined.unwrap_err().problem(), Problem::Damaged);
    let words = Bytes::from_static(b"not a picture at all");
    assert_eq!(probe(&workers, words).await.unwrap_err().problem(), Problem::NotAnImage);
}

#[tokio::test]
async fn bytes_that_are_no_image_are_refused_also_while_every_worker_is_taken() {
    let workers = workers(1, 0, 3600);
    let (_release, _piece) = occupy(&workers).await;
    let words = Bytes::from_static(b"not a picture at all");
    assert_eq!(probe(&workers, words).await.unwrap_err().problem(), Problem::NotAnImage);
    assert!(matches!(slot(&workers).await, Err(Error::Busy)));
}

#[tokio::test]
async fn a_picture_that_all_memory_is_not_enough_for_is_refused_at_once() {
    let config = Config { decode_budget_bytes: 1_000_000, ..Config::default() };
    let workers = Workers::new(config).unwrap();
    let large = Facts { width: 1_000, height: 1_000, ..small() };
    let refused = workers.slot(&AccountId::random(), &large).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::TooLargeForServer);
    assert_eq!(refused.limit().unwrap().name, "decode_budget_bytes");
    slot(&workers).await.unwrap();
}

#[tokio::test]
async fn an_account_that_floods_the_workers_makes_another_wait_for_one_piece_of_work_only() {
    let workers = workers(1, 64, 3600);
    let (flooding, other) = (AccountId::random(), AccountId::random());
    let first = workers.slot(&flooding, &small()).await.unwrap();
    let facts = small();
    let mut flood: Vec<_> = (0..40).map(|_| Box::pin(workers.slot(&flooding, &facts))).collect();
    assert!(flood.iter_mut().all(|slot| slot.now_or_never().is_none()));
    let mut own = Box::pin(workers.slot(&other, &facts));
    assert!((&mut own).now_or_never().is_none());
    drop(first);
    let own = own.now_or_never().expect("the next turn is the other account's");
    assert!(flood.iter_mut().all(|slot| slot.now_or_never().is_none()));
    drop(own);
    assert!((&mut flood[0]).now_or_never().is_some());
}

#[tokio::test]
async fn whoever_is_refused_is_told_when_to_come_back() {
    let workers = workers(1, 0, 0);
    let (_release, _piece) = occupy(&workers).await;
    let limit = slot(&workers).await.unwrap_err().limit().unwrap();
    assert_eq!((limit.name, limit.retry_after_s), ("max_queued_renders", Some(1)));
}

#[tokio::test]
async fn a_render_without_time_left_is_given_up() {
    let workers = Workers::new(Config { render_timeout_s: 0, ..Config::default() }).unwrap();
    let facts = probe(&workers, picture()).await.unwrap();
    let late = render(&workers, facts).await.unwrap_err();
    assert_eq!(late.problem(), Problem::RenderTimeout);
}
