//! Who works and who waits, told with slots that the test holds; then real pictures in real processes.

use std::io::Cursor;

use domain::{AccountId, Fault as _, Problem};
use futures_util::future::{FutureExt as _, join_all};
use image::{ImageFormat, Rgb, RgbImage};
use variant::Format;

use super::*;

fn config() -> Config {
    crate::testing::config()
}

fn workers(workers: usize, max_queued: usize, wait_s: u64) -> Workers {
    Workers::new(Config { workers, max_queued, wait_s, ..config() }).unwrap()
}

/// A slot for an account that nobody else has.
async fn slot(workers: &Workers) -> Result<Slot, Error> {
    workers.slot(Lane::Interactive, &AccountId::random(), &small()).await
}

fn small() -> Facts {
    Facts::new(Format::Png, 64, 48)
}

#[tokio::test]
async fn a_caller_who_finds_every_place_to_wait_taken_is_told_at_once() {
    let workers = workers(1, 2, 3600);
    let taken = slot(&workers).await.unwrap();
    let (mut first, mut second) = (Box::pin(slot(&workers)), Box::pin(slot(&workers)));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    let third = slot(&workers).now_or_never().expect("an answer at once");
    assert_eq!(third.unwrap_err().problem(), Problem::Busy);
    drop(taken);
    drop(first.await.unwrap());
    second.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_waited_as_long_as_allowed_is_told_that_we_are_busy() {
    let workers = workers(1, 64, 0);
    let _taken = slot(&workers).await.unwrap();
    assert!(matches!(slot(&workers).await, Err(Error::WaitedTooLong)));
}

#[tokio::test]
async fn a_caller_who_leaves_the_queue_leaves_the_place_to_another() {
    let workers = workers(1, 1, 3600);
    let taken = slot(&workers).await.unwrap();
    for _ in 0..5 {
        assert!(slot(&workers).now_or_never().is_none(), "the place was free, so this is a wait");
    }
    drop(taken);
    slot(&workers).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_make_room_while_the_work_goes_on() {
    let workers = workers(1, 1, 0);
    let facts = probe(&workers, picture()).await.unwrap();
    let slot_taken = slot(&workers).await.unwrap();
    let left = slot_taken.examine(picture(), facts).now_or_never();
    assert!(left.is_none(), "the work has begun, and its caller has left");
    assert!(matches!(slot(&workers).await, Err(Error::WaitedTooLong)));
    while slot(&workers).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_nobody_waits_for_takes_no_slot_of_the_others() {
    let workers = workers(1, 1, 3600);
    let account = AccountId::random();
    let back = workers.slot(Lane::Background, &account, &small()).await.unwrap();
    let front = workers.slot(Lane::Interactive, &account, &small()).await.unwrap();
    assert!(workers.slot(Lane::Background, &account, &small()).now_or_never().is_none());
    assert_eq!((workers.load().busy, workers.load().in_background), (1, 1));
    drop((back, front));
}

#[tokio::test]
async fn a_slot_outlives_the_handle_that_it_came_from() {
    let workers = workers(3, 1, 1);
    let facts = probe(&workers, picture()).await.unwrap();
    let slot = slot(&workers).await.unwrap();
    drop(workers);
    slot.examine(picture(), facts).await.unwrap();
}

/// A drawn picture of 64 × 48 pixels, as a PNG.
fn picture() -> Bytes {
    let drawn = RgbImage::from_fn(64, 48, |x, y| Rgb([(4 * x) as u8, (5 * y) as u8, 90]));
    let mut png = Cursor::new(Vec::new());
    drawn.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner().into()
}

fn thumbnail(facts: &Facts) -> Recipe {
    let options = variant::Options::parse("w=16,f=webp,q=100").unwrap();
    variant::settle(&options, facts, None, &domain::Hints::default(), &variant::Limits::default()).unwrap()
}

async fn probe(workers: &Workers, bytes: Bytes) -> Result<Facts, Error> {
    workers.probe_slot().await?.probe(bytes).await
}

async fn render(workers: &Workers, facts: Facts) -> Result<Rendition, Error> {
    let recipe = thumbnail(&facts);
    let slot = workers.render_slot(Lane::Interactive, &AccountId::random(), &facts, &[], &recipe).await?;
    slot.render(Inputs::plain(picture(), facts), recipe).await
}

#[tokio::test]
async fn a_picture_is_probed_examined_and_rendered() {
    let workers = workers(2, 64, 60);
    let facts = probe(&workers, picture()).await.unwrap();
    assert_eq!((facts.format, facts.width, facts.height), (Format::Png, 64, 48));
    let glimpse = slot(&workers).await.unwrap().examine(picture(), facts.clone()).await.unwrap();
    assert!(!glimpse.thumbhash.is_empty());
    let rendition = render(&workers, facts).await.unwrap();
    assert_eq!((rendition.format, rendition.width, rendition.height), (Format::Webp, 16, 12));
    assert_eq!(&rendition.bytes[..4], b"RIFF");
    assert_eq!(workers.load().processes, 1, "one after the other needs one process");
}

#[tokio::test]
async fn what_a_worker_makes_is_what_this_process_makes() {
    let workers = workers(1, 64, 60);
    let facts = probe(&workers, picture()).await.unwrap();
    let limits = variant::Limits::default();
    assert_eq!(facts, variant::probe(&picture(), &limits).unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    let (bytes, recipe) = (picture(), thumbnail(&facts));
    let here =
        variant::render(&variant::Originals::plain(&bytes, &facts), &recipe, &limits, deadline).unwrap();
    assert_eq!(render(&workers, facts).await.unwrap(), here);
}

#[tokio::test]
async fn many_at_once_are_all_answered_and_processes_stay_as_few_as_slots() {
    let workers = workers(2, 64, 60);
    let facts = probe(&workers, picture()).await.unwrap();
    for rendition in join_all((0..20).map(|_| render(&workers, facts.clone()))).await {
        assert_eq!(rendition.unwrap().width, 16);
    }
    assert!(workers.load().processes <= 3, "{:?}", workers.load());
}

#[tokio::test]
async fn a_worker_that_has_done_enough_is_replaced() {
    let workers = Workers::new(Config { max_worker_jobs: 2, ..config() }).unwrap();
    for _ in 0..9 {
        probe(&workers, picture()).await.unwrap();
    }
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
    assert_eq!(probe(&workers, Bytes::new()).await.unwrap_err().problem(), Problem::Damaged);
}

#[tokio::test]
async fn bytes_that_are_no_image_are_refused_also_while_every_worker_is_taken() {
    let workers = workers(1, 0, 3600);
    let _taken = slot(&workers).await.unwrap();
    let words = Bytes::from_static(b"not a picture at all");
    assert_eq!(probe(&workers, words).await.unwrap_err().problem(), Problem::NotAnImage);
    assert!(matches!(slot(&workers).await, Err(Error::Busy)));
}

#[tokio::test]
async fn a_picture_that_all_memory_is_not_enough_for_is_refused_at_once() {
    let workers = Workers::new(Config { decode_budget_bytes: 1_000_000, ..config() }).unwrap();
    let large = Facts { width: 1_000, height: 1_000, ..small() };
    let ask = async |lane, facts| workers.slot(lane, &AccountId::random(), facts).await;
    for lane in Lane::ALL {
        let refused = ask(lane, &large).await.unwrap_err();
        assert_eq!(refused.problem(), Problem::TooLargeForServer);
        assert_eq!(refused.limit().unwrap().name, "decode_budget_bytes");
    }
    ask(Lane::Upload, &small()).await.unwrap();
    let config = Config { max_worker_bytes: 512 << 20, decode_budget_bytes: 4 << 30, ..config() };
    let workers = Workers::new(config).unwrap();
    let large = Facts { width: 6_000, height: 6_000, ..small() };
    let refused = workers.slot(Lane::Upload, &AccountId::random(), &large).await.unwrap_err();
    assert_eq!(
        (refused.problem(), refused.limit().unwrap().name),
        (Problem::TooLargeForServer, "max_worker_bytes")
    );
}

#[tokio::test]
async fn an_account_that_floods_the_workers_makes_another_wait_for_one_piece_of_work_only() {
    let workers = workers(1, 64, 3600);
    let (flooding, other) = (AccountId::random(), AccountId::random());
    let facts = small();
    let ask = |account| workers.slot(Lane::Interactive, account, &facts);
    let first = ask(&flooding).await.unwrap();
    let mut flood: Vec<_> = (0..40).map(|_| Box::pin(ask(&flooding))).collect();
    assert!(flood.iter_mut().all(|slot| slot.now_or_never().is_none()));
    let mut own = Box::pin(ask(&other));
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
    let _taken = slot(&workers).await.unwrap();
    let limit = slot(&workers).await.unwrap_err().limit().unwrap();
    assert_eq!((limit.name, limit.retry_after_s), ("max_queued_renders", Some(1)));
}

#[tokio::test]
async fn a_render_without_time_left_is_given_up() {
    let facts = variant::probe(&picture(), &variant::Limits::default()).unwrap();
    let workers = Workers::new(Config { render_timeout_s: 0, ..config() }).unwrap();
    // The process is there before the time counts.
    workers.missing_from_sandbox().await.unwrap();
    let late = render(&workers, facts).await.unwrap_err();
    assert_eq!(late.problem(), Problem::RenderTimeout);
}

#[tokio::test]
async fn a_server_without_its_program_says_that_it_cannot_start_workers() {
    let workers = Workers::new(Config { program: "/nowhere/darkroom".into(), ..config() }).unwrap();
    let failed = probe(&workers, picture()).await.unwrap_err();
    assert!(matches!(failed, Error::Start(_)));
    assert_eq!(failed.problem(), Problem::Busy);
}
