//! Files that are made to break whoever decodes them, sent to the real binary, which is watched from outside: T11 (bombs,
//! one by one and eight at once) and T12 (mutants). A short form here that judges answers, processes and memory; all of
//! it, and times, in `make gate-hostile`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::durability::gate::{self, figure};
use crate::harness::{eventually, python, shared};

mod watched;

use watched::Watched;

/// What all decoding may take in these tests.
const BUDGET_BYTES: u64 = 1 << 30;

/// The bombs of the short form: each kind of danger once, by the beginnings of their names.
const SHORT: &str = "png-60000x60000-gray8,png-0x0,png-in-limits-12000,png-iccp,png-500k,gif-100k,webp-16383,webp-canvas,\
    jpeg-exif-ifd,jpeg-65500,jpeg-progressive-20000,avif-grid-255,avif-ispe,svgz,mismatch-html,empty,upload-10000001";

/// Seconds that one piece of work may take: in the short form long enough for what is small.
const SHORT_TIMEOUT_S: &str = "4";

/// How accepted files are delivered: last segment and `Accept`.
const WAYS: [(&str, &str); 4] =
    [("public", "image/webp"), ("w=300,f=jpeg", "*/*"), ("w=200,f=avif", "*/*"), ("w=100,f=png", "*/*")];

/// One file of a collection that was made.
struct Bomb {
    name: String,
    bytes: Vec<u8>,
    expected: String,
}

/// Has a tool of the collections make files in a folder.
async fn made(tool: &Path, folder: &Path, arguments: &[&str]) -> Vec<Bomb> {
    let tool = python(tool.to_str().expect("a path")).arg("--out").arg(folder);
    arguments.iter().fold(tool, crate::harness::Tool::arg).ok().await;
    let manifest = std::fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let files = manifest["files"].as_array().expect("files").iter().map(|file| {
        let name = file["file"].as_str().expect("a name").to_owned();
        let expected = file["expected"].as_str().expect("an expectation").to_owned();
        Bomb { bytes: std::fs::read(folder.join(&name)).expect("a file"), name, expected }
    });
    files.collect()
}

#[tokio::test]
async fn bombs_are_answered_and_cost_no_more_than_they_may() {
    let Some(tool) = shared::path("bad-inputs/tools/gen.py") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let only = if gate::is_gate() { vec![] } else { vec!["--only", SHORT] };
    let bombs = made(&tool, folder.path(), &only).await;
    let timeout_s = if gate::is_gate() { "10" } else { SHORT_TIMEOUT_S };
    let house = Watched::start_with(BUDGET_BYTES, timeout_s).await;
    let idle_bytes = house.server_bytes();
    let slowest_ms = AtomicU64::new(0);
    for bomb in &bombs {
        throw(&house, bomb, false, &slowest_ms).await;
    }
    stream::iter(&bombs).for_each_concurrent(8, |bomb| throw(&house, bomb, true, &slowest_ms)).await;
    house.lives().await;
    let (server, all) = house.most_bytes();
    let shown = format!(
        "{} bombs, one by one and 8 at once; slowest answer {} ms; server {} MB above idle, all processes {} MB",
        bombs.len(),
        slowest_ms.load(Ordering::Relaxed),
        server.saturating_sub(idle_bytes) >> 20,
        all >> 20
    );
    figure("T11", &shown);
    assert!(server <= idle_bytes + (128 << 20), "the server grew: {shown}");
    assert!(all <= BUDGET_BYTES + (256 << 20), "all processes together grew: {shown}");
    if gate::is_whole() {
        assert!(slowest_ms.load(Ordering::Relaxed) <= 12_000, "{shown}");
        let small = || async { house.all_bytes() <= idle_bytes + (64 << 20) };
        eventually("memory is given back", Duration::from_secs(60), small).await;
    }
}

/// Uploads a bomb, and has it delivered where it was taken.
async fn throw(house: &Watched, bomb: &Bomb, is_crowded: bool, slowest_ms: &AtomicU64) {
    let name = &bomb.name;
    let began = Instant::now();
    let (status, id) = house.upload(name, &bomb.bytes).await;
    slowest_ms.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
    let is_busy = |status: u16| is_crowded && status == 503;
    assert!(matches!(status, 200 | 400 | 413 | 415 | 422) || is_busy(status), "{name}: {status}");
    if !is_busy(status) {
        assert!(bomb.expected != "reject" || status != 200, "{name} should be refused");
        assert!(bomb.expected != "accept" || status == 200, "{name} should be taken: {status}");
    }
    let Some(id) = id else { return };
    let ways = if gate::is_gate() { &WAYS[..] } else { &WAYS[..1] };
    for (last, accept) in ways {
        let began = Instant::now();
        let status = house.deliver(&id, last, accept).await;
        slowest_ms.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
        let may_fail = bomb.expected == "either" && matches!(status, 403 | 413 | 415 | 422);
        assert!(status == 200 || may_fail || is_busy(status), "{name} as {last}: {status}");
    }
}

#[tokio::test]
async fn mutants_kill_no_server_and_leave_nothing() {
    let Some(tool) = shared::path("bad-inputs/tools/mutate.py") else { return };
    let from = shared::path("bad-inputs").expect("the collections are there");
    let house = Watched::start(BUDGET_BYTES).await;
    let count = gate::count(200, 10_000).to_string();
    let seeds: &[&str] = if gate::is_whole() { &["1", "2", "3"] } else { &["1"] };
    let mut times = Vec::new();
    for seed in seeds {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = ["--from", from.to_str().expect("a path"), "--count", &count, "--seed", seed];
        let mutants = Arc::new(made(&tool, folder.path(), &arguments).await);
        let answers = stream::iter(0..mutants.len()).map(|index| send(&house, &mutants[index]));
        times.extend(answers.buffer_unordered(2).collect::<Vec<Duration>>().await);
    }
    house.lives().await;
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    let lost = house.ends("died").await + house.ends("overran").await + house.ends("panicked").await;
    let shown = format!(
        "{} mutants; {lost} workers lost; a new one ready after {} ms on average; p99 {} ms",
        times.len(),
        house.start_ms().await,
        p99.as_millis()
    );
    figure("T12", &shown);
    if gate::is_whole() {
        assert!(p99 <= Duration::from_secs(2) && house.start_ms().await <= 100, "{shown}");
    }
    assert_eq!(house.scratch_files(), 0, "uploads left files");
    let workers = house.stop().await;
    let gone = || async { workers.iter().all(|worker| watched::resident(*worker) == 0) };
    eventually("the workers are gone with their server", Duration::from_secs(10), gone).await;
}

/// Uploads a mutant and has it delivered where it was taken; how long the upload took.
async fn send(house: &Watched, mutant: &Bomb) -> Duration {
    let began = Instant::now();
    let (status, id) = house.upload(&mutant.name, &mutant.bytes).await;
    let took = began.elapsed();
    assert!(matches!(status, 200 | 400 | 413 | 415 | 422 | 503), "{}: {status}", mutant.name);
    if let Some(id) = id {
        let status = house.deliver(&id, WAYS[0].0, WAYS[0].1).await;
        assert!(matches!(status, 200 | 403 | 413 | 415 | 422 | 503), "{} delivered: {status}", mutant.name);
    }
    took
}

#[tokio::test]
async fn a_worker_that_is_killed_is_replaced_and_the_server_goes_on() {
    let house = Watched::start(BUDGET_BYTES).await;
    let picture = crate::harness::drawn::photograph(640, 480, 85);
    for _ in 0..5 {
        let (status, _) = house.upload("picture.jpg", &picture).await;
        assert_eq!(status, 200);
        let workers = house.workers();
        assert!(!workers.is_empty(), "somebody has decoded it");
        for worker in workers {
            house.kill_worker(worker);
        }
    }
    house.lives().await;
}
