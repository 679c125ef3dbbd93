//! T7: a stop under steady requests finishes every one of them, ends in time, and at once when it is asked twice.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::gate::{self, Rounds, figure};
use super::pictures;
use super::site::{Door, Site};

/// Between two requests.
const PACE: Duration = Duration::from_millis(5);

/// How long a stop may take at most, and one that was asked for twice.
const STOP_WITHIN: Duration = Duration::from_secs(30);
const SECOND_STOP_WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_fails_no_request_that_was_in_flight() {
    let mut dice = Dice::announced("T7");
    let site = Site::embedded().await;
    let mut rounds = Rounds::new(2, 20, 5);
    let (mut finished, mut slowest) = (0, Duration::ZERO);
    for round in rounds.by_ref() {
        let door = site.serve().await;
        let (done, stopped_after) = stop_under_requests(door, round, &mut dice).await;
        finished += done;
        slowest = slowest.max(stopped_after);
    }
    figure(
        "T7",
        &format!(
            "{} stops at 200 requests a second: 0 of {finished} failed in flight; stopped after at most {} ms",
            rounds.shown(),
            slowest.as_millis()
        ),
    );
    assert!(finished > 0);
    assert!(slowest <= STOP_WITHIN, "{slowest:?}");
    site.assert_whole().await;
}

/// Steady requests and an upload that is half sent, then a stop. How many requests were finished, and after how long
/// the server was gone.
async fn stop_under_requests(mut door: Door, round: usize, dice: &mut Dice) -> (usize, Duration) {
    let (first, slow) = (format!("first-{round}"), format!("slow-{round}"));
    let uploaded = door.api.upload(&first, pictures::any_jpeg(dice)).await.expect("an answer");
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    assert_eq!(door.api.rendition(&first).await.expect("an answer").status, 200);
    let target = door.api.rendition_path(&first);
    let upload = half_an_upload(&door, &slow, dice).await;
    let mut requests = JoinSet::new();
    let length = dice.millis(300, 700);
    let begin = Instant::now();
    let mut tick = tokio::time::interval(PACE);
    while begin.elapsed() < length {
        tick.tick().await;
        let (address, target) = (door.address(), target.clone());
        requests.spawn(async move { one_request(&address, &target).await });
    }
    let stopped_at = Instant::now();
    door.running.ask_to_stop().await;
    let answer = finish_upload(upload).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "an upload that was half sent is finished: {answer}");
    assert_eq!(door.running.exit_code().await, 0);
    let stopped_after = stopped_at.elapsed();
    let mut finished = 0;
    while let Some(request) = requests.join_next().await {
        let Some((sent_at, whole)) = request.expect("a client that does not panic") else { continue };
        assert!(
            whole || sent_at >= stopped_at,
            "a request sent {:?} before the stop failed",
            stopped_at - sent_at
        );
        finished += usize::from(whole);
    }
    (finished, stopped_after)
}

#[tokio::test]
async fn a_second_signal_ends_what_the_first_one_waits_for() {
    let mut dice = Dice::announced("T7");
    let site = Site::embedded().await;
    let mut door = site.serve().await;
    let stalled = half_an_upload(&door, "stalled", &mut dice).await;
    door.running.ask_to_stop().await;
    // Refused, not left without an answer: whoever stands in front asks another server then.
    let connect = || tokio::time::timeout(Duration::from_secs(3), TcpStream::connect(door.address()));
    let refused = || async { matches!(connect().await, Ok(Err(_))) };
    crate::harness::eventually("new connections are refused", Duration::from_secs(10), refused).await;
    let asked_at = Instant::now();
    door.running.ask_to_stop().await;
    door.running.exit_code().await;
    let ended_after = asked_at.elapsed();
    drop(stalled);
    figure("T7", &format!("second signal: ended after {} ms", ended_after.as_millis()));
    // The stalled upload would have held the first stop for its whole time.
    assert!(ended_after < STOP_WITHIN / 3, "{ended_after:?}");
    assert!(!gate::is_whole() || ended_after <= SECOND_STOP_WITHIN, "{ended_after:?}");
}

/// One request on a connection of its own: when it was sent, and whether a whole 200 came back. None where it could not
/// be sent.
async fn one_request(address: &str, target: &str) -> Option<(Instant, bool)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let (sent_at, mut answer) = (Instant::now(), Vec::new());
    let read = stream.read_to_end(&mut answer).await;
    Some((sent_at, read.is_ok() && is_whole(&answer)))
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    head.starts_with("http/1.1 200") && length == Some(answer.len() - end - 4)
}

/// An upload whose first half is sent.
struct HalfSent {
    stream: TcpStream,
    rest: Vec<u8>,
}

async fn half_an_upload(door: &Door, id: &str, dice: &mut Dice) -> HalfSent {
    let request = door.api.raw_upload(&door.address(), id, &pictures::jpeg(200_000, dice));
    let mut stream = TcpStream::connect(door.address()).await.expect("the server listens");
    let (half, rest) = request.split_at(request.len() / 2);
    stream.write_all(half).await.expect("the server reads");
    HalfSent { stream, rest: rest.to_vec() }
}

async fn finish_upload(mut upload: HalfSent) -> String {
    upload.stream.write_all(&upload.rest).await.expect("the server still reads");
    let mut answer = Vec::new();
    upload.stream.read_to_end(&mut answer).await.expect("the server answers");
    String::from_utf8_lossy(&answer).into_owned()
}
