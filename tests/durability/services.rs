//! T3, T4, T5: a store that misbehaves or is gone, a database that restarts, is gone or has no connection left. What was
//! acknowledged stays, wrong bytes are served to nobody, and all is well again by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use storage::testing::{Fault, FaultyStore};

use super::dice::Dice;
use super::gate::{self, Rounds, count, figure};
use super::ledger::{Ledger, Verdict};
use super::load::Load;
use super::pictures;
use super::site::{Api, Site};
use crate::harness::{Place, PrivatePostgres, Proxy, Setup, eventually, run_sql};

/// Requests at once.
const AT_ONCE: usize = 16;

/// Well again within this, once what was gone is back; judged in the gate.
const WELL_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_misbehaves_makes_nobody_lose_or_see_a_wrong_byte() {
    let mut dice = Dice::announced("T3");
    let place = Place::on(Setup::PostgresS3).await;
    let store = FaultyStore::before(place.storage_address().expect("a store")).await.expect("a port");
    let mut site = Site::in_place(place).await;
    site.set("AWS_ENDPOINT_URL", &store.endpoint());
    site.set("DARKROOM_MEMORY_CACHE_BYTES", "0");
    let mut door = site.serve().await;
    let ledger = Ledger::default();
    let right = right_renditions(&door.api, &ledger, &mut dice).await;
    store.spoil(spoil(dice.split()));
    let deliveries = deliver(&door.api, &right, count(300, 10_000), &mut dice).await;
    let uploads = upload(&door.api, &ledger, count(100, 2_000), &mut dice).await;
    let tries = most_tries(&store);
    store.spoil(|_, _| None);
    let verdict = ledger.look_at_all(&door.api).await;
    figure("T3", &format!("deliveries: {deliveries}; uploads: {uploads}; at most {tries} tries; {verdict}"));
    assert_eq!((deliveries.wrong, verdict), (0, Verdict::FINE));
    assert!(tries <= 3, "{tries}");
    assert_eq!(door.running.terminate().await, 0);
    assert_eq!(site.doctor(&[]).await["findings"], serde_json::json!([]));
    if gate::is_whole() {
        assert!(deliveries.part_done() >= 0.999 && uploads.part_done() >= 0.995);
        assert!(deliveries.p99() <= Duration::from_secs(5) && uploads.p99() <= Duration::from_secs(5));
    }
}

/// The mix of T3: 5 % errors, 5 % two seconds late, 1 % resets in the body, 1 % short bodies, 0.5 % a flipped bit.
fn spoil(dice: Dice) -> impl Fn(&storage::testing::Seen, usize) -> Option<Fault> + Send + Sync + 'static {
    let dice = Mutex::new(dice);
    move |_, _| {
        let mut dice = dice.lock();
        match dice.below(1000) {
            0..25 => Some(Fault::Answer(500, "InternalError", Vec::new())),
            25..50 => Some(Fault::Answer(503, "SlowDown", Vec::new())),
            50..100 => Some(Fault::Late(Duration::from_secs(2))),
            100..110 => Some(Fault::BreakAfter(dice.below(2_000))),
            110..120 => Some(Fault::ShortBy(1 + dice.below(500))),
            120..125 => Some(Fault::FlipBit(dice.below(100_000))),
            _ => None,
        }
    }
}

/// What came of many requests.
#[derive(Debug, Default)]
struct Outcome {
    times: Vec<Duration>,
    statuses: BTreeMap<u16, usize>,
    wrong: usize,
}

impl Outcome {
    fn add(&mut self, status: u16, took: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.times.push(took);
    }

    fn part_done(&self) -> f64 {
        self.statuses.get(&200).copied().unwrap_or(0) as f64 / self.times.len().max(1) as f64
    }

    fn p99(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() * 99 / 100).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (all, done) = (self.times.len(), 100.0 * self.part_done());
        let (statuses, wrong, p99_ms) = (&self.statuses, self.wrong, self.p99().as_millis());
        write!(f, "{done:.2} % of {all} {statuses:?}, {wrong} wrong or short, p99 {p99_ms} ms")
    }
}

/// Uploads images and learns their renditions while nothing is spoiled.
async fn right_renditions(api: &Api, ledger: &Ledger, dice: &mut Dice) -> Vec<(String, Bytes)> {
    let mut right = Vec::new();
    for number in 0..count(10, 100) {
        let (id, bytes) = (format!("right-{number}"), pictures::any_jpeg(dice));
        ledger.begin(&id, &bytes);
        assert_eq!(api.upload(&id, bytes).await.expect("an answer").status, 200);
        ledger.acknowledged(&id);
        // Not for the deleters.
        ledger.keep(&[&id]);
        let rendition = api.rendition(&id).await.expect("an answer");
        assert_eq!(rendition.status, 200, "{rendition:?}");
        right.push((id, rendition.body));
    }
    right
}

/// Asks for renditions at random: none is in memory, so each is read from the store.
async fn deliver(api: &Api, right: &[(String, Bytes)], requests: usize, dice: &mut Dice) -> Outcome {
    let wishes: Vec<_> = (0..requests).map(|_| &right[dice.below(right.len())]).collect();
    let asked = stream::iter(wishes).map(|(id, right)| async move {
        let began = Instant::now();
        let reply = api.rendition(id).await;
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        if status != 200 {
            println!("{id} after {:?}: {reply:?}", began.elapsed());
        }
        let wrong = reply.is_some_and(|reply| reply.status == 200 && reply.body != *right);
        (status, began.elapsed(), wrong)
    });
    asked
        .buffer_unordered(AT_ONCE)
        .fold(Outcome::default(), |mut outcome, (status, took, wrong)| async move {
            outcome.add(status, took);
            outcome.wrong += usize::from(wrong);
            outcome
        })
        .await
}

async fn upload(api: &Api, ledger: &Ledger, uploads: usize, dice: &mut Dice) -> Outcome {
    let files: Vec<(String, Vec<u8>)> =
        (0..uploads).map(|number| (format!("upload-{number}"), pictures::any_jpeg(dice))).collect();
    let sent = stream::iter(files).map(|(id, bytes)| async move {
        ledger.begin(&id, &bytes);
        let began = Instant::now();
        let status = api.upload(&id, bytes).await.map_or(0, |reply| reply.status);
        if status == 200 {
            ledger.acknowledged(&id);
        }
        (status, began.elapsed())
    });
    sent.buffer_unordered(AT_ONCE)
        .fold(Outcome::default(), |mut outcome, (status, took)| async move {
            outcome.add(status, took);
            outcome
        })
        .await
}

/// How often the same original was put, at most: each has a key of its own, so more than once is a retry.
fn most_tries(store: &FaultyStore) -> usize {
    let mut puts: BTreeMap<String, usize> = BTreeMap::new();
    for seen in store.seen() {
        if seen.method == "PUT" && seen.target.contains("/original") {
            *puts.entry(seen.target).or_default() += 1;
        }
    }
    puts.into_values().max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_gone_takes_only_what_needs_it() {
    let mut dice = Dice::announced("T4");
    let place = Place::on(Setup::PostgresS3).await;
    let line = Proxy::to(place.storage_address().expect("a store")).await;
    let mut site = Site::in_place(place).await;
    site.set("AWS_ENDPOINT_URL", &format!("http://{}", line.address()));
    let (mut door, ledger) = (site.serve().await, Ledger::default());
    let right = right_renditions(&door.api, &ledger, &mut dice).await;
    let (cold, bytes) = ("cold".to_owned(), pictures::any_jpeg(&mut dice));
    ledger.begin(&cold, &bytes);
    assert_eq!(door.api.upload(&cold, bytes).await.expect("an answer").status, 200);
    ledger.acknowledged(&cold);
    let before = footprint(door.running.pid());
    line.take_away();
    let gone = if gate::is_whole() { Duration::from_secs(60) } else { Duration::from_secs(4) };
    let (began, mut cached, mut refused) = (Instant::now(), Outcome::default(), Outcome::default());
    while began.elapsed() < gone {
        let again = deliver(&door.api, &right, AT_ONCE, &mut dice).await;
        cached.wrong += again.wrong;
        let asked = Instant::now();
        again.times.into_iter().for_each(|took| cached.add(200, took));
        assert!(again.statuses.keys().eq(&[200]), "{:?}", again.statuses);
        let reply = door.api.rendition(&cold).await.expect("an answer");
        assert_eq!(reply.status, 503, "{reply:?}");
        refused.add(reply.status, asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = footprint(door.running.pid());
    line.set_latency(Duration::from_millis(300));
    line.bring_back();
    let back = Instant::now();
    let well = || async { door.api.rendition(&cold).await.is_some_and(|reply| reply.status == 200) };
    eventually("renditions are made again", Duration::from_secs(30), well).await;
    let well_after = back.elapsed();
    line.set_latency(Duration::ZERO);
    assert_eq!(ledger.look_at_all(&door.api).await, Verdict::FINE);
    assert_eq!(door.running.terminate().await, 0);
    figure(
        "T4",
        &format!(
            "store gone {} s: cached {cached}; uncached 503, p99 {} ms; well {} ms after; threads {} to {}, memory {} to {} MB",
            gone.as_secs(),
            refused.p99().as_millis(),
            well_after.as_millis(),
            before.threads,
            after.threads,
            before.memory_mb,
            after.memory_mb
        ),
    );
    assert_eq!(cached.wrong, 0);
    assert!(after.memory_mb <= before.memory_mb + 64, "{before:?} {after:?}");
    if gate::is_whole() {
        assert!(refused.p99() <= Duration::from_secs(2) && well_after <= WELL_WITHIN);
    }
}

/// What a process takes of its machine.
#[derive(Debug)]
struct Footprint {
    threads: u64,
    memory_mb: u64,
}

fn footprint(process: u32) -> Footprint {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process that runs");
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of its status");
        line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).expect("a number")
    };
    Footprint { threads: number("Threads:"), memory_mb: number("VmRSS:") / 1024 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_and_goes_away_loses_nothing_and_opens_nothing() {
    let mut dice = Dice::announced("T5");
    let mut postgres = PrivatePostgres::start().await;
    let place = Place::on_postgres(&postgres.url()).await;
    let mut site = Site::in_place(place).await;
    let stale = if gate::is_whole() { 30 } else { 2 };
    site.set("DARKROOM_MAX_STALE_RIGHTS_S", &stale.to_string());
    let (mut door, ledger) = (site.serve().await, Ledger::default());
    let right = right_renditions(&door.api, &ledger, &mut dice).await;
    let load = Load::start(&door.api, &ledger, &mut dice);
    let (mut rounds, mut slowest) = (Rounds::new(2, 20, 5), Duration::ZERO);
    for round in rounds.by_ref() {
        let wanted = load.acknowledged() + 20;
        let working = || async { load.acknowledged() > wanted };
        eventually("acknowledgements before the next restart", Duration::from_secs(60), working).await;
        if round.is_multiple_of(2) {
            postgres.crash().await;
        } else {
            postgres.stop().await;
        }
        postgres.go_on().await;
        slowest = slowest.max(well_again(&door.api, &ledger, &mut dice).await);
    }
    // A connection that came back has emptied memory of rights.
    for (id, _) in &right {
        assert_eq!(door.api.rendition(id).await.expect("an answer").status, 200);
    }
    postgres.stop().await;
    let gone = Duration::from_secs(if gate::is_whole() { 60 } else { stale + 4 });
    let (obeyed, closed) = watch_it_close(&door.api, &right, gone, stale).await;
    postgres.go_on().await;
    slowest = slowest.max(well_again(&door.api, &ledger, &mut dice).await);
    let counted = load.stopped().await;
    let verdict = ledger.look_at_all(&door.api).await;
    assert_eq!(door.running.terminate().await, 0);
    figure(
        "T5",
        &format!(
            "{} restarts and {} s gone: answers {:?}, slowest refusal {} ms; cached deliveries obeyed the last rights \
             {obeyed:.1} s, then {closed} refusals of 503; {verdict}; well at most {} ms after",
            rounds.shown(),
            gone.as_secs(),
            counted.statuses,
            counted.slowest_refusal.as_millis(),
            slowest.as_millis()
        ),
    );
    assert_eq!(verdict, Verdict::FINE);
    if gate::is_whole() {
        assert!(slowest <= WELL_WITHIN && counted.slowest_refusal <= Duration::from_secs(3));
    }
}

/// Asks for what memory has while there is no database: it comes for as long as the rights may be obeyed, and from then
/// on nothing does. How long it came, and how often it was refused after.
async fn watch_it_close(api: &Api, right: &[(String, Bytes)], gone: Duration, stale_s: u64) -> (f64, usize) {
    let began = Instant::now();
    let (mut obeyed, mut closed) = (Duration::ZERO, 0);
    while began.elapsed() < gone {
        let (id, bytes) = &right[closed % right.len()];
        let reply = api.rendition(id).await.expect("an answer");
        match reply.status {
            200 => {
                assert_eq!(closed, 0, "what is closed does not open again without a database");
                assert_eq!(reply.body, bytes);
                obeyed = began.elapsed();
            }
            status => {
                assert_eq!(status, 503, "{reply:?}");
                closed += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(closed > 0 && obeyed <= Duration::from_secs(stale_s + 2), "obeyed for {obeyed:?}");
    (obeyed.as_secs_f64(), closed)
}

/// Uploads until one is acknowledged; how long that took.
async fn well_again(api: &Api, ledger: &Ledger, dice: &mut Dice) -> Duration {
    let began = Instant::now();
    loop {
        let (id, bytes) = (format!("again-{}", dice.next()), pictures::any_jpeg(dice));
        ledger.begin(&id, &bytes);
        if api.upload(&id, bytes).await.is_some_and(|reply| reply.status == 200) {
            ledger.acknowledged(&id);
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "uploads work again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_three_connections_left_loses_nothing() {
    let mut dice = Dice::announced("T5");
    let postgres = Arc::new(PrivatePostgres::start().await);
    let place = Place::on_postgres(&postgres.url()).await;
    let database = place.database_url().expect("a database");
    let name = database.rsplit('/').next().expect("a name").to_owned();
    run_sql(&postgres.url(), "create role narrow login password 'narrow' in role pg_read_all_stats".into())
        .await;
    run_sql(&postgres.url(), format!("alter database {name} owner to narrow")).await;
    let narrow = format!("postgres://narrow:narrow@{}/{name}", place.database_address().expect("an address"));
    let mut site = Site::before_first_start(place);
    site.set("DARKROOM_DATABASE_URL", &narrow);
    site.first_start().await;
    let (mut door, ledger) = (site.serve().await, Ledger::default());
    let load = Load::start(&door.api, &ledger, &mut dice);
    for connections in [3, -1] {
        let limit = format!(
            "alter role narrow connection limit {connections};
             select pg_terminate_backend(pid) from pg_stat_activity where usename = 'narrow'"
        );
        run_sql(&postgres.url(), limit).await;
        let wanted = load.acknowledged() + count(50, 500);
        let working = || async { load.acknowledged() > wanted };
        eventually("acknowledgements go on", Duration::from_secs(120), working).await;
    }
    let counted = load.stopped().await;
    let verdict = ledger.look_at_all(&door.api).await;
    assert_eq!(door.running.terminate().await, 0);
    figure("T5", &format!("three connections: answers {:?}; {verdict}", counted.statuses));
    assert_eq!(verdict, Verdict::FINE);
}
