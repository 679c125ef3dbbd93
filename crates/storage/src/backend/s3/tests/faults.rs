//! What a store in trouble must not do to us: of every fault it is asserted whether we ask again or refuse, that no
//! wrong byte is handed out, and that nobody is asked more than three times.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::ConfigLoader;
use aws_config::credential_process::CredentialProcessProvider;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::*;
use crate::backend::s3::budget::MAX_TRIES;
use crate::testing::{Fault, FaultyStore, Seen};
use crate::{Object, Refusal};

const LARGE_BYTES: usize = 3 * 1024 * 1024 + 17;

/// A storage behind a store that misbehaves on demand.
struct Troubled {
    storage: Storage,
    store: FaultyStore,
    _server: InProcess,
}

impl Troubled {
    async fn start() -> Troubled {
        let server = InProcess::start().await;
        let store = FaultyStore::before(server.address).await.unwrap();
        let access = Access { endpoint: store.endpoint(), ..server.access.clone() };
        let storage =
            open_patiently("s3://images/p", connect::chain(Some(&access)), impatient()).await.unwrap();
        Troubled { storage, store, _server: server }
    }

    /// An object that is put before the trouble begins.
    async fn with(bytes: &Bytes) -> (Troubled, ObjectKey) {
        let (troubled, key) = (Troubled::start().await, prefix().original());
        troubled.storage.put(&key, bytes.clone()).await.unwrap();
        (troubled, key)
    }

    fn spoil_first(&self, times: usize, fault: Fault) {
        let spoilt = AtomicUsize::new(0);
        self.store.spoil(move |seen, _| {
            let spoils = !is_question(seen) && spoilt.fetch_add(1, Ordering::Relaxed) < times;
            spoils.then(|| fault.clone())
        });
    }

    /// Requests that came, without those that only ask whether the store is there.
    fn tries(&self) -> usize {
        requests(&self.store).len()
    }
}

/// As short as a busy machine lets it be.
fn impatient() -> Patience {
    let ms = Duration::from_millis;
    Patience {
        answer: ms(4_000),
        silence: ms(300),
        question: ms(3_000),
        pause: ms(50),
        ..Patience::default()
    }
}

fn status(status: u16, code: &'static str) -> Fault {
    Fault::Answer(status, code, Vec::new())
}

/// What passes by itself, each as one answer.
fn passing() -> Vec<Fault> {
    vec![
        status(500, "InternalError"),
        status(503, "SlowDown"),
        status(503, ""),
        status(429, ""),
        Fault::Reset,
    ]
}

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_stays_is_given_up_after_three_tries() {
    let bytes = picture(1, 1000);
    let (troubled, key) = Troubled::with(&bytes).await;
    for fault in passing() {
        for times in 1..MAX_TRIES as usize {
            troubled.spoil_first(times, fault.clone());
            assert_eq!(read(&troubled.storage, &key).await.unwrap(), bytes, "{fault:?}");
            assert_eq!(troubled.tries(), times + 1, "{fault:?}");
            troubled.spoil_first(times, fault.clone());
            troubled.storage.put(&key, bytes.clone()).await.unwrap();
            assert_eq!(troubled.tries(), times + 1, "{fault:?}");
        }
        troubled.store.spoil(move |seen, _| (!is_question(seen)).then(|| fault.clone()));
        assert!(is_unavailable(&read(&troubled.storage, &key).await));
        assert!(is_unavailable(&troubled.storage.put(&key, bytes.clone()).await));
        assert!(troubled.tries() <= 2 * MAX_TRIES as usize, "{}", troubled.tries());
    }
}

/// The requests that came, without those that only ask whether the store is there.
fn requests(store: &FaultyStore) -> Vec<Seen> {
    store.seen().into_iter().filter(|seen| !is_question(seen)).collect()
}

/// The store is asked whether it is there by requests that nobody signs.
fn is_question(seen: &Seen) -> bool {
    seen.header("authorization").is_empty()
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    let (troubled, key) = Troubled::with(&picture(1, 10)).await;
    let check = async |fault: Fault, expected: fn(&Error) -> bool| {
        troubled.store.spoil(move |_, _| Some(fault.clone()));
        let (got, put) =
            (read(&troubled.storage, &key).await, troubled.storage.put(&key, Bytes::new()).await);
        assert!(expected(got.as_ref().unwrap_err()), "{got:?}");
        assert_eq!(troubled.tries(), 2);
        assert!(put.is_err());
    };
    let no_right: fn(&Error) -> bool = |error| matches!(error, Error::Refused { why: Refusal::NoRight, .. });
    check(status(403, "AccessDenied"), no_right).await;
    check(status(403, ""), no_right).await;
    check(status(404, "NoSuchBucket"), |error| {
        matches!(error, Error::Refused { why: Refusal::NoBucket, .. })
    })
    .await;
    check(status(404, "NoSuchKey"), |error| matches!(error, Error::Missing)).await;
    check(status(507, ""), |error| matches!(error, Error::Full(_))).await;
    check(status(403, "QuotaExceeded"), |error| matches!(error, Error::Full(_))).await;
    check(status(400, "AuthorizationHeaderMalformed"), |error| {
        matches!(error, Error::Refused { why: Refusal::WrongRegion, .. })
            && error.advice().unwrap().contains("AWS_REGION")
    })
    .await;
}

#[tokio::test]
async fn bytes_that_come_wrong_once_are_asked_for_again() {
    let (small, large) = (picture(1, 1000), picture(2, LARGE_BYTES));
    for bytes in [&small, &large] {
        let (troubled, key) = Troubled::with(bytes).await;
        for at in [0, 400, bytes.len() - 1] {
            let faults = [
                Fault::FlipBit(at),
                Fault::BreakAfter(at),
                Fault::ShortBy(at + 1),
                Fault::Late(Duration::from_millis(1)),
            ];
            for fault in faults {
                troubled.spoil_first(1, fault.clone());
                assert!(read(&troubled.storage, &key).await.unwrap() == *bytes, "{fault:?}");
                let tries = if matches!(fault, Fault::Late(_)) { 1 } else { 2 };
                assert_eq!(troubled.tries(), tries, "{fault:?} of {} bytes", bytes.len());
            }
        }
        troubled.spoil_first(9, Fault::WrongEtag);
        assert!(read(&troubled.storage, &key).await.unwrap() == *bytes);
        assert_eq!(troubled.tries(), 1, "an ETag is nothing that we rely on");
    }
}

#[tokio::test]
async fn bytes_that_stay_wrong_are_never_handed_out() {
    let (small, large) = (picture(1, 1000), picture(2, LARGE_BYTES));
    for bytes in [&small, &large] {
        let (troubled, key) = Troubled::with(bytes).await;
        for fault in [Fault::FlipBit(10), Fault::ShortBy(10), Fault::BreakAfter(10)] {
            troubled.store.spoil(move |seen, _| (!is_question(seen)).then(|| fault.clone()));
            let got = read(&troubled.storage, &key).await;
            assert!(matches!(got, Err(Error::Damaged | Error::Unavailable(_))), "{got:?}");
            assert!(troubled.tries() <= MAX_TRIES as usize, "{}", troubled.tries());
        }
    }
}

#[tokio::test]
async fn a_large_object_goes_on_where_it_broke_off() {
    let bytes = picture(3, LARGE_BYTES);
    let (troubled, key) = Troubled::with(&bytes).await;
    for fault in [Fault::BreakAfter(2_500_000), Fault::FlipBit(2_500_000)] {
        troubled.spoil_first(1, fault);
        let Object { body, .. } = troubled.storage.get(&key).await.unwrap();
        let pieces: Vec<Bytes> = body.try_collect().await.unwrap();
        assert!(pieces.concat() == bytes[..]);
        let asked: Vec<String> =
            requests(&troubled.store).iter().map(|seen| seen.header("range").to_owned()).collect();
        assert_eq!(asked, ["", &format!("bytes=2097152-{}", LARGE_BYTES - 1)]);
    }
}

#[tokio::test]
async fn no_piece_of_a_large_object_is_handed_out_before_it_is_verified() {
    let bytes = picture(4, LARGE_BYTES);
    let (troubled, key) = Troubled::with(&bytes).await;
    troubled.store.spoil(|seen, _| {
        let start: usize =
            seen.header("range").strip_prefix("bytes=").map_or(0, |range| range[..7].parse().unwrap());
        Some(Fault::FlipBit(2_500_000 - start))
    });
    let mut body = troubled.storage.get(&key).await.unwrap().body;
    let mut handed_out = Vec::new();
    let end = loop {
        match body.try_next().await {
            Ok(Some(piece)) => handed_out.extend_from_slice(&piece),
            other => break other,
        }
    };
    assert!(matches!(end, Err(Error::Damaged)), "{end:?}");
    assert!(handed_out == bytes[..2 * 1024 * 1024]);
    assert_eq!(troubled.tries(), MAX_TRIES as usize);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_a_very_slow_one_is_asked_for_again() {
    let bytes = picture(5, 100);
    let (troubled, key) = Troubled::with(&bytes).await;
    troubled.spoil_first(1, Fault::Late(Duration::from_millis(700)));
    assert_eq!(read(&troubled.storage, &key).await.unwrap(), bytes);
    assert_eq!(troubled.tries(), 1);
    troubled.spoil_first(1, Fault::Silence);
    assert_eq!(read(&troubled.storage, &key).await.unwrap(), bytes);
    assert_eq!(troubled.tries(), 2);
}

/// One answer in eight is bad or late, each in its own way (T3).
fn dice() -> Option<Fault> {
    let at = rand::random_range(0..100_000);
    match rand::random_range(0..1000) {
        0..25 => Some(status(500, "InternalError")),
        25..50 => Some(status(503, "SlowDown")),
        50..100 => Some(Fault::Late(Duration::from_millis(500))),
        100..110 => Some(Fault::BreakAfter(at)),
        110..120 => Some(Fault::ShortBy(at)),
        120..125 => Some(Fault::FlipBit(at)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_in_trouble_all_the_time_loses_nothing_and_gives_nothing_wrong() {
    let troubled = Troubled::start().await;
    troubled.store.spoil(|_, _| dice());
    let storage = &troubled.storage;
    let put = stream::iter(0..60).map(|seed| async move {
        let (key, bytes) = (prefix().original(), picture(seed, 20_000 + 20_000 * seed as usize));
        storage.put(&key, bytes.clone()).await.ok().map(|()| (key, bytes))
    });
    let kept: Vec<_> = put.buffer_unordered(16).filter_map(std::future::ready).collect().await;
    let reads = stream::iter(0..300).map(|round| {
        let (key, bytes) = &kept[round % kept.len()];
        async move {
            let got = read(storage, key).await;
            assert!(got.as_ref().is_ok_and(|got| got == bytes) || got.is_err(), "wrong bytes of {key:?}");
            got.is_ok()
        }
    });
    let good = reads.buffer_unordered(16).filter(|good| std::future::ready(*good)).count().await;
    // Three tries fail together once in two thousand times.
    assert!(kept.len() >= 58 && good >= 297, "{} put, {good} read", kept.len());
    let signed = troubled.tries();
    troubled.store.spoil(|_, _| None);
    for (key, bytes) in &kept {
        assert!(read(storage, key).await.unwrap() == *bytes);
    }
    assert!(signed < 540, "{signed} requests for 360");
}

#[tokio::test]
async fn what_is_sent_carries_its_digests_and_the_wish_to_be_encrypted() {
    let server = InProcess::start().await;
    let store = FaultyStore::before(server.address).await.unwrap();
    let access = Access { endpoint: store.endpoint(), ..server.access.clone() };
    let url = "s3://images/p?encryption=aws:kms&kms-key-id=alias/images";
    store.spoil(|seen, _| (seen.method == "PUT").then(|| status(200, "")));
    // Nothing is kept, so the check fails at reading.
    assert!(open(url, &access).await.is_err());
    let put = store.seen().into_iter().find(|seen| seen.method == "PUT").unwrap();
    assert_eq!(put.header("content-md5").len(), 24);
    assert_eq!(put.header("x-amz-meta-sha256").len(), 64);
    assert_eq!(put.header("x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(put.header("x-amz-server-side-encryption-aws-kms-key-id"), "alias/images");
    assert_eq!(put.header("if-none-match"), "");
    assert!(put.target.starts_with("/images/p/1970-01-01/"), "{}", put.target);
}

#[tokio::test]
async fn a_check_that_nobody_waits_for_any_longer_still_deletes_its_one_object() {
    let troubled = Troubled::start().await;
    troubled.store.spoil(|seen, _| (seen.method == "GET").then_some(Fault::Late(Duration::from_millis(100))));
    let asked = |method: &'static str| {
        let seen = requests(&troubled.store).into_iter().filter(move |seen| seen.method == method);
        seen.map(|seen| seen.target.split('?').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let put = async {
        while asked("PUT").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = put => {}
        done = troubled.storage.check() => panic!("it was to be cut off: {done:?}"),
    }
    // It waits until the one that was cut off is done.
    troubled.storage.check().await.unwrap();
    let (puts, deletes) = (asked("PUT"), asked("DELETE"));
    assert_eq!(puts.len(), 2);
    assert!(puts.iter().all(|put| *put == puts[0]), "{puts:?}");
    assert_eq!(deletes, puts, "each is deleted by its key, and no request more is made");
    assert_eq!(asked("POST"), Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_that_deletes_carries_its_md5_and_tells_what_stayed() {
    let troubled = Troubled::start().await;
    let below = prefix();
    troubled.storage.put(&below.original(), Bytes::new()).await.unwrap();
    troubled.store.spoil(|_, _| None);
    troubled.storage.delete_prefix(&below).await.unwrap();
    let batch = troubled.store.seen().into_iter().find(|seen| seen.method == "POST").unwrap();
    assert_eq!(batch.header("content-md5").len(), 24);
}

#[tokio::test]
async fn a_large_original_that_fails_half_way_leaves_no_parts() {
    let troubled = Troubled::start().await;
    let (key, file) = (prefix().original(), seal(&troubled.storage, &picture(6, 17 * 1024 * 1024)).await);
    troubled.store.spoil(|seen, _| seen.target.contains("partNumber=2").then(|| status(403, "AccessDenied")));
    let refused = troubled.storage.put_file(&key, file).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert_eq!(aborts(&troubled.store), 1);
    assert!(matches!(troubled.storage.head(&key).await, Err(Error::Missing)));
}

#[tokio::test]
async fn a_large_original_that_nobody_waits_for_any_more_leaves_no_parts() {
    let troubled = Troubled::start().await;
    let (key, file) = (prefix().original(), seal(&troubled.storage, &picture(7, 17 * 1024 * 1024)).await);
    troubled.store.spoil(|seen, _| seen.target.contains("partNumber=3").then_some(Fault::Silence));
    let storage = troubled.storage.clone();
    let putting = tokio::spawn(async move { storage.put_file(&key, file).await });
    until(|| troubled.store.seen().iter().any(|seen| seen.target.contains("partNumber=3"))).await;
    putting.abort();
    until(|| aborts(&troubled.store) == 1).await;
}

#[tokio::test]
async fn a_large_original_is_put_though_the_last_answer_was_lost() {
    let troubled = Troubled::start().await;
    let bytes = picture(8, 17 * 1024 * 1024);
    let (key, file) = (prefix().original(), seal(&troubled.storage, &bytes).await);
    // The parts are joined, but the answer breaks off; asked again, the store knows nothing of the upload.
    troubled.store.spoil(|seen, _| {
        (seen.method == "POST" && seen.target.contains("uploadId=")).then_some(Fault::BreakAfter(5))
    });
    troubled.storage.put_file(&key, file).await.unwrap();
    assert_eq!(aborts(&troubled.store), 0);
    troubled.store.spoil(|_, _| None);
    assert!(read(&troubled.storage, &key).await.unwrap() == bytes);
}

fn aborts(store: &FaultyStore) -> usize {
    store.seen().iter().filter(|seen| seen.method == "DELETE" && seen.target.contains("uploadId=")).count()
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to that in 20 s");
}

#[tokio::test]
async fn nobody_waits_for_a_store_that_is_gone_and_all_goes_on_when_it_is_back() {
    let bytes = picture(9, 500);
    let (troubled, key) = Troubled::with(&bytes).await;
    for gone in [Fault::Silence, Fault::Reset] {
        troubled.store.spoil(move |_, _| Some(gone.clone()));
        assert!(is_unavailable(&read(&troubled.storage, &key).await));
        // Some answers are lost before it counts as gone; then no request reaches it but our own questions.
        for _ in 0..MAX_TRIES {
            assert!(is_unavailable(&read(&troubled.storage, &key).await));
        }
        let before = troubled.tries();
        for _ in 0..20 {
            assert!(is_unavailable(&read(&troubled.storage, &key).await));
            assert!(is_unavailable(&troubled.storage.put(&key, bytes.clone()).await));
        }
        assert_eq!(troubled.tries(), before);
        troubled.store.spoil(|_, _| None);
        let mut rounds = 0;
        let back = loop {
            match read(&troubled.storage, &key).await {
                Ok(back) => break back,
                Err(error) => assert!(rounds < 1000, "{error:?}"),
            }
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(back, bytes);
    }
}

#[tokio::test]
async fn a_store_that_nobody_listens_for_is_told_with_what_to_set() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let access = Access { endpoint: format!("http://{free}"), ..nobody() };
    let refused = open("s3://images", &access).await.unwrap_err();
    assert_eq!(refused.to_string(), "the storage cannot be reached right now");
    assert!(refused.advice().unwrap().contains("AWS_ENDPOINT_URL"));
    let odd = open("s3://images", &Access { endpoint: "localhost:9000".into(), ..access }).await;
    assert!(matches!(odd, Err(Error::Refused { why: Refusal::BadEndpoint, .. })), "{odd:?}");
}

/// Credentials that come from a program, which counts how often it was asked and gives another session token each time.
fn rotating(folder: &TempDir, expiration: &str, store: &FaultyStore) -> ConfigLoader {
    let counter = folder.path().join("times");
    let script = format!(
        r#"echo asked >> {counter}; printf '{{"Version":1,"AccessKeyId":"key","SecretAccessKey":"secret","SessionToken":"token-%s","Expiration":"{expiration}"}}' "$(wc -l < {counter} | tr -d ' ')""#,
        counter = counter.display(),
    );
    let access = Access { endpoint: store.endpoint(), ..nobody() };
    connect::chain(Some(&access)).credentials_provider(CredentialProcessProvider::new(script))
}

fn nobody() -> Access {
    Access {
        endpoint: "http://127.0.0.1:9".into(),
        region: "us-east-1".into(),
        access_key: "key".into(),
        secret_key: Secret::new("secret"),
    }
}

/// A store that takes every request which carries the session token of the day, and calls the others expired.
async fn store_that_takes(server: &InProcess, token: &'static str) -> FaultyStore {
    let store = FaultyStore::before(server.address).await.unwrap();
    store.spoil(move |seen, _| match seen.header("x-amz-security-token") {
        "" => None,
        good if good == token && seen.method == "PUT" => Some(status(200, "")),
        good if good == token => Some(status(404, "NoSuchKey")),
        _ => Some(status(400, "ExpiredToken")),
    });
    store
}

#[tokio::test]
async fn credentials_that_the_store_calls_expired_are_asked_for_anew_once() {
    let server = InProcess::start().await;
    for (taken, expected) in [("token-2", &["token-1", "token-2"][..]), ("none", &["token-1", "token-2"])] {
        let folder = tempfile::tempdir().unwrap();
        let store = store_that_takes(&server, taken).await;
        let storage = unchecked(rotating(&folder, "2099-01-01T00:00:00Z", &store)).await;
        let put = storage.put(&prefix().original(), Bytes::new()).await;
        let expired = matches!(put, Err(Error::Refused { why: Refusal::Expired, .. }));
        assert!(if taken == "none" { expired } else { put.is_ok() }, "{put:?}");
        assert_eq!(tokens(&store), expected);
    }
}

#[tokio::test]
async fn credentials_that_have_run_out_are_renewed_without_being_refused_first() {
    let (server, folder) = (InProcess::start().await, tempfile::tempdir().unwrap());
    let store = FaultyStore::before(server.address).await.unwrap();
    store.spoil(|_, _| Some(status(404, "NoSuchKey")));
    // Each pair is found to have run out by the time of the next request.
    let storage = unchecked(rotating(&folder, "2020-01-01T00:00:00Z", &store)).await;
    for _ in 0..3 {
        assert!(matches!(storage.head(&prefix().original()).await, Err(Error::Missing)));
    }
    assert_eq!(tokens(&store), ["token-1", "token-2", "token-3"]);
}

fn tokens(store: &FaultyStore) -> Vec<String> {
    requests(store).iter().map(|seen| seen.header("x-amz-security-token").to_owned()).collect()
}

/// A storage of which nobody asks whether it works.
async fn unchecked(chain: ConfigLoader) -> Storage {
    let StorageUrl::S3(bucket) = "s3://images".parse().unwrap() else { panic!("a bucket's URL") };
    Storage::with(Box::new(S3::open_by(bucket, chain, impatient()).await.unwrap()), ScratchFolder::system())
}

/// A store whose clock is so far ahead, in minutes. It refuses requests that are a quarter of an hour off.
async fn store_ahead(server: &InProcess, minutes: i64) -> FaultyStore {
    let store = FaultyStore::before(server.address).await.unwrap();
    store.spoil(move |seen, _| {
        let clock =
            domain::Timestamp::from_seconds(domain::Clock::system().now().as_seconds() + minutes * 60);
        let date = vec![("date", http_date(clock))];
        let signed_s = seconds(seen.header("x-amz-date"))?;
        Some(if (signed_s - clock.as_seconds()).abs() > 15 * 60 {
            Fault::Answer(403, "RequestTimeTooSkewed", date)
        } else {
            Fault::Answer(404, "NoSuchKey", date)
        })
    });
    store
}

/// The time in `20261126T053412Z`, in unix seconds; none in anything else.
fn seconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let day = format!("{}-{}-{}", text.get(0..4)?, text.get(4..6)?, text.get(6..8)?);
    let day = Prefix::parse(&format!("{day}/{}/{}", "0".repeat(32), "0".repeat(32)))?.parts().0;
    Some(day * 86_400 + number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?)
}

fn http_date(time: domain::Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (year, month, day) = time.to_date();
    let s = time.as_seconds();
    let week = DAYS[(s / 86_400 % 7) as usize];
    let (h, m, second) = (s / 3600 % 24, s / 60 % 60, s % 60);
    format!("{week}, {day:02} {} {year} {h:02}:{m:02}:{second:02} GMT", MONTHS[month as usize - 1])
}

#[tokio::test]
async fn a_clock_that_is_twenty_minutes_off_is_set_right_once_by_the_stores() {
    for minutes in [20, -20] {
        let server = InProcess::start().await;
        let store = store_ahead(&server, minutes).await;
        let storage =
            unchecked(connect::chain(Some(&Access { endpoint: store.endpoint(), ..nobody() }))).await;
        for tries in [2, 3, 4] {
            assert!(matches!(read(&storage, &prefix().original()).await, Err(Error::Missing)));
            assert_eq!(requests(&store).len(), tries, "only the first request is made twice");
        }
    }
}

#[tokio::test]
async fn a_clock_that_cannot_be_set_right_is_told() {
    let troubled = Troubled::start().await;
    troubled.spoil_first(99, status(403, "RequestTimeTooSkewed"));
    let refused = troubled.storage.check().await.unwrap_err();
    assert!(matches!(refused, Error::Refused { why: Refusal::Clock, .. }), "{refused:?}");
    assert_eq!(troubled.tries(), 2);
}
