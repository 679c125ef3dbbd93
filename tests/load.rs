//! What an overload may not do: hits go on while renders are refused (T30), many who ask for one rendition cause one
//! render (T31), slow clients are cut off (T32), one account takes nothing from another (T33). The real binary; each in
//! a short form here that judges counts, and with its full figures and ratios in `make gate-load`.

pub(crate) mod caller;
pub(crate) mod mill;
mod slow;

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use self::caller::{Answer, Caller, all_ask, p99_ms};
use self::mill::Mill;
use self::slow::{Mode, SlowClients};
use crate::durability::gate::{self, figure};
use crate::harness::eventually;

/// Hits a second beside the flood.
const HITS_PER_S: u32 = 200;

/// The most that the kernel may hold for a slow reader, so that a thousand of them do not take its memory from others.
const MAX_QUEUED_BYTES: u64 = 512 * 1024;

/// How long each part of a measurement lasts.
fn span() -> Duration {
    Duration::from_secs(gate::count(3, 60) as u64)
}

/// Uncached renders a second with an answer within a second, and how many there were.
async fn capacity(mill: &Mill) -> f64 {
    let span = Duration::from_secs(gate::count(3, 15) as u64);
    let end = Instant::now() + span;
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        let (address, cold) = (mill.address(), mill.cold("default"));
        callers.spawn(async move {
            let mut caller = Caller::new(address);
            let mut done = 0;
            while Instant::now() < end {
                let answer = caller.get(&cold.next()).await;
                done += usize::from(answer.status == 200 && answer.took <= Duration::from_secs(1));
            }
            done
        });
    }
    callers.join_all().await.iter().sum::<usize>() as f64 / span.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t30_hits_go_on_while_ten_times_as_many_renders_are_asked_for_as_can_be_made() {
    let mill = Mill::start(&[]).await;
    let hit = mill.hit().await;
    let capacity = capacity(&mill).await;
    let alone = mill.steadily(HITS_PER_S.into(), span(), 32, mill.only(&hit)).await;
    let (hits, cold) = tokio::join!(
        mill.steadily(HITS_PER_S.into(), span(), 32, mill.only(&hit)),
        mill.steadily(10.0 * capacity, span(), 160, mill.cold("default"))
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let again = self::capacity(&mill).await;
    let failed = hits.iter().chain(&alone).filter(|answer| answer.status != 200).count();
    let made = cold.iter().filter(|answer| answer.status == 200).count();
    let refused: Vec<&Answer> = cold.iter().filter(|answer| answer.status == 503).collect();
    let latest = refused.iter().map(|answer| answer.took).max().unwrap_or_default();
    let rate = made as f64 / span().as_secs_f64();
    let (before_ms, beside_ms) = (p99_ms(&alone), p99_ms(&hits));
    figure(
        "T30",
        &format!(
            "C = {capacity:.1}/s; asked {} at 10 C: {rate:.1}/s made, {} refused, the last after {:.2} s; \
             hits p99 alone {before_ms:.2} ms, beside {beside_ms:.2} ms, {failed} failed; C after it {again:.1}/s",
            cold.len(),
            refused.len(),
            latest.as_secs_f64()
        ),
    );
    assert_eq!(failed, 0, "every hit is answered");
    assert_eq!(made + refused.len(), cold.len(), "a render is made or refused");
    assert!(made > 0 && !refused.is_empty());
    assert!(refused.iter().all(|answer| answer.retry_after_s == Some(1)));
    if gate::is_whole() {
        assert!(latest <= Duration::from_millis(5_500), "{latest:?}");
        assert!(rate >= 0.8 * capacity && again >= 0.8 * capacity, "{rate} {again} of {capacity}");
        assert!(beside_ms <= 3.0 * before_ms && beside_ms <= before_ms + 25.0, "{before_ms} {beside_ms}");
    }
}

/// That everybody got this status and the same bytes.
fn check_alike(answers: &[Answer], status: u16) {
    let other = answers.iter().find(|answer| answer.status != status || answer.body != answers[0].body);
    if let Some(Answer { status, took, body, .. }) = other {
        panic!(
            "one of {} got {status} after {took:?}: {}",
            answers.len(),
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t31_a_thousand_who_ask_for_one_cold_rendition_cause_one_render_or_one_failure() {
    // How long anybody waits is no matter here, and a render's share of a busy machine is small.
    let mill = Mill::start(&[("DARKROOM_RENDER_WAIT_S", "25"), ("DARKROOM_RENDER_TIMEOUT_S", "25")]).await;
    let target = mill.cold("default").next();
    let before = mill.renders().await;
    let answers = all_ask(mill.gathered(1000).await, &target).await;
    let made = mill.renders().await - before;
    check_alike(&answers, 200);
    assert_eq!(made, 1);

    let broken = mill.broken();
    let callers = mill.gathered(1000).await;
    // They wait behind renders of their own account, so that all of them are there when it fails.
    let (before, decoys) = (mill.reads().await, 40);
    let busy = mill.keep_busy(decoys);
    eventually("the workers are busy", Duration::from_secs(30), || async {
        mill.reads().await > before + decoys as u64
    })
    .await;
    let answers = all_ask(callers, &broken).await;
    busy.join_all().await;
    let failures = mill.reads().await - before - 2 * decoys as u64;
    check_alike(&answers, 500);
    figure(
        "T31",
        &format!("1,000 clients: {made} render, equal answers; a broken one: {} failure", failures / 2),
    );
    assert_eq!(failures, 2, "one look for the rendition, one for the original");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t32_slow_clients_are_cut_off_and_probes_are_answered_all_the_while() {
    let stall_s = gate::count(5, 60) as u64;
    let grace_s = gate::count(3, 10) as u64;
    let (stall, grace) = (stall_s.to_string(), grace_s.to_string());
    let mill = Mill::start(&[
        ("DARKROOM_KEEP_ALIVE_S", "5"),
        ("DARKROOM_READER_STALL_S", &stall),
        ("DARKROOM_BODY_GRACE_S", &grace),
    ])
    .await;
    let limit = |mode: Mode| match mode {
        Mode::Headers | Mode::Idle => Duration::from_secs(5),
        Mode::Body => Duration::from_secs(grace_s),
        Mode::Read => Duration::from_secs(stall_s),
    };
    let clients = gate::count(100, 1000);
    let idle_descriptors = mill.descriptors();
    let each = Mode::ALL.map(|mode| vec![mode]).into_iter().filter(|_| gate::is_gate());
    let mut slowest_share = 0.0_f64;
    for modes in each.chain([Mode::ALL.to_vec()]) {
        let limits: Vec<(Mode, Duration)> = modes.iter().map(|mode| (*mode, limit(*mode))).collect();
        let longest = limits.iter().map(|(_, limit)| *limit).max().unwrap_or_default();
        let span = Duration::from_secs(gate::count(1, 60) as u64).max(longest + Duration::from_secs(3));
        // As long as what it is compared with, or one hiccup of the machine would weigh more there.
        let before = mill.probe(if gate::is_gate() { span } else { Duration::from_secs(1) }).await;
        let slow = SlowClients::start(&mill, &limits, clients).await;
        let during = mill.probe(span).await;
        let ended = slow.ends().await;
        let failed = during.iter().filter(|answer| answer.status != 200).count();
        let latest: Vec<String> = modes
            .iter()
            .map(|mode| {
                let latest = ended.iter().filter(|end| end.mode == *mode).map(|end| end.after).max();
                format!("{} after at most {:.1} s", mode.word(), latest.unwrap_or_default().as_secs_f64())
            })
            .collect();
        let (before_ms, during_ms) = (p99_ms(&before), p99_ms(&during));
        figure(
            "T32",
            &format!(
                "{clients} of each: {}; {} probes, {failed} failed, p99 {before_ms:.2} ms before, {during_ms:.2} ms beside",
                latest.join(", "),
                during.len()
            ),
        );
        assert_eq!(failed, 0, "a probe is always answered");
        assert_eq!(ended.len(), clients * modes.len(), "every slow client is cut off");
        for end in &ended {
            assert!(end.after <= limit(end.mode) + Duration::from_secs(2), "{end:?}");
            assert!(end.most_queued <= MAX_QUEUED_BYTES, "{end:?}");
        }
        slowest_share = slowest_share.max(during_ms / before_ms.max(1.0));
        // Connections to the database that were opened meanwhile stay: some thirty descriptors.
        let back = || async { mill.descriptors() <= idle_descriptors + 40 };
        eventually("the descriptors are back", Duration::from_secs(15), back).await;
    }
    if gate::is_whole() {
        assert!(slowest_share <= 3.0, "a probe beside slow clients took {slowest_share:.1} times as long");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t33_an_account_at_twenty_times_its_share_takes_nothing_from_another() {
    let mill = Mill::start(&[]).await;
    let capacity = capacity(&mill).await;
    let alone = mill.one_by_one("other", span()).await;
    let (flood, beside) = tokio::join!(
        mill.steadily(20.0 * capacity / 2.0, span(), 160, mill.cold("default")),
        mill.one_by_one("other", span())
    );
    let refused = flood.iter().filter(|answer| answer.status == 503).count();
    let failed = alone.iter().chain(&beside).filter(|answer| answer.status != 200).count();
    let (alone_ms, beside_ms) = (p99_ms(&alone), p99_ms(&beside));
    figure(
        "T33",
        &format!(
            "flood of {} at 20 times its share, {refused} refused; the other account: {} renders alone with p99 \
             {alone_ms:.1} ms, {} beside with p99 {beside_ms:.1} ms, {failed} failed",
            flood.len(),
            alone.len(),
            beside.len()
        ),
    );
    assert!(refused > 0, "the flood is more than can be made");
    assert_eq!(failed, 0, "the other account is never refused");
    if gate::is_whole() {
        assert!(beside_ms <= 2.0 * alone_ms, "{alone_ms} {beside_ms}");
    }
}
