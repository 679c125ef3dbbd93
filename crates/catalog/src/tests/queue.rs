//! The queue: each job is done at least once, by one at a time, and none is lost when its holder dies.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::{ClaimedJob, JobCounts, JobEnd, NewJob};

const LEASE: Duration = Duration::from_secs(20);

fn job(number: u64) -> NewJob {
    NewJob {
        kind: "work",
        key: None,
        account: None,
        payload: json!(number),
        due_at: Timestamp::from_seconds(0),
    }
}

fn keyed(key: &str, due_at: Timestamp) -> NewJob {
    NewJob { key: Some(key.into()), due_at, ..job(0) }
}

async fn claim_one(catalog: &Catalog) -> Option<ClaimedJob> {
    catalog.claim_jobs(&["work"], 1, LEASE).await.unwrap().pop()
}

async fn counts(catalog: &Catalog) -> JobCounts {
    catalog.job_counts().await.unwrap().remove(0)
}

/// Who does which job right now, and how often each was done.
#[derive(Default)]
struct Watched {
    busy: Mutex<BTreeMap<i64, bool>>,
    done: Mutex<BTreeMap<u64, u32>>,
}

/// Takes jobs until none is left; every 13th is put down half-way, every 17th fails the first time.
async fn work(catalog: Catalog, watched: Arc<Watched>) {
    loop {
        let jobs = catalog.claim_jobs(&["work"], 3, LEASE).await.unwrap();
        if jobs.is_empty() {
            return;
        }
        for job in jobs {
            assert_eq!(watched.busy.lock().unwrap().insert(job.id, true), None, "two have job {}", job.id);
            tokio::task::yield_now().await;
            assert!(catalog.renew_job(&job, LEASE).await.unwrap());
            watched.busy.lock().unwrap().remove(&job.id);
            let number = job.payload.as_u64().unwrap();
            let end = match (number % 13, number % 17, job.attempts) {
                (_, 0, 1) => JobEnd::Retry(Timestamp::from_seconds(0), "not this time".into()),
                (0, _, _) if rand::random() => JobEnd::PutDown,
                _ => JobEnd::Done,
            };
            assert!(catalog.end_job(&job, &end).await.unwrap());
            if end == JobEnd::Done {
                *watched.done.lock().unwrap().entry(number).or_default() += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_workers_of_two_processes_do_every_job_once_and_one_at_a_time() {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    for number in 0..200 {
        assert!(test.catalog.enqueue(job(number)).await.unwrap());
    }
    let watched = Arc::new(Watched::default());
    let workers = [&test.catalog, &other, &test.catalog, &other]
        .map(|catalog| tokio::spawn(work(catalog.clone(), watched.clone())));
    for worker in workers {
        worker.await.unwrap();
    }
    // Whoever saw an empty queue left while another put a job down: that one is still there, and not lost.
    work(test.catalog.clone(), watched.clone()).await;
    assert_eq!(test.catalog.job_counts().await.unwrap(), []);
    let done = watched.done.lock().unwrap();
    assert_eq!(done.len(), 200);
    assert!(done.values().all(|times| *times == 1), "{done:?}");
}

#[tokio::test]
async fn whoever_dies_loses_the_lease_and_another_goes_on() {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let other = Catalog::open(test.config.clone(), hands.clock()).await.unwrap();
    test.catalog.enqueue(job(7)).await.unwrap();
    let dead = claim_one(&test.catalog).await.unwrap();
    assert!(claim_one(&other).await.is_none(), "it is held");
    hands.pass(LEASE / 2);
    assert!(test.catalog.renew_job(&dead, LEASE).await.unwrap());
    hands.pass(LEASE / 2);
    assert!(claim_one(&other).await.is_none(), "it is held still");
    hands.pass(LEASE);
    let taken = claim_one(&other).await.unwrap();
    assert_eq!((taken.id, taken.attempts, &taken.payload), (dead.id, 2, &json!(7)));
    // The first was not dead after all, only slow: nothing that it says counts any more.
    assert!(!test.catalog.renew_job(&dead, LEASE).await.unwrap());
    assert!(!test.catalog.end_job(&dead, &JobEnd::Done).await.unwrap());
    assert!(other.end_job(&taken, &JobEnd::Done).await.unwrap());
    assert!(claim_one(&other).await.is_none());
}

#[tokio::test]
async fn there_is_one_job_of_a_key_and_it_comes_again_at_its_time() {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let now = hands.clock().now();
    assert!(test.catalog.enqueue(keyed("sweep", now)).await.unwrap());
    assert!(!test.catalog.enqueue(keyed("sweep", now)).await.unwrap());
    let sweep = claim_one(&test.catalog).await.unwrap();
    assert!(!test.catalog.enqueue(keyed("sweep", now)).await.unwrap(), "it runs");
    test.catalog.bring_forward("sweep").await.unwrap();
    assert!(claim_one(&test.catalog).await.is_none(), "what runs is not begun again");
    let later = now.plus(Duration::from_secs(60));
    assert!(test.catalog.end_job(&sweep, &JobEnd::Again(later, json!({"from": 3}))).await.unwrap());
    assert!(claim_one(&test.catalog).await.is_none(), "it is not due");
    hands.pass(Duration::from_secs(60));
    let again = claim_one(&test.catalog).await.unwrap();
    assert_eq!((again.id, again.attempts, &again.payload), (sweep.id, 1, &json!({"from": 3})));
    test.catalog.end_job(&again, &JobEnd::Again(hands.clock().now().plus(LEASE), json!(0))).await.unwrap();
    test.catalog.bring_forward("sweep").await.unwrap();
    let third = claim_one(&test.catalog).await.expect("it was brought forward");
    let later = hands.clock().now().plus(LEASE);
    test.catalog.end_job(&third, &JobEnd::Retry(later, "not this time".into())).await.unwrap();
    test.catalog.bring_forward("sweep").await.unwrap();
    assert!(claim_one(&test.catalog).await.is_none(), "what failed waits for its next try");
}

#[tokio::test]
async fn a_failed_job_waits_for_its_time_and_one_that_is_given_up_stays_to_be_seen() {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    test.catalog.enqueue(job(1)).await.unwrap();
    let first = claim_one(&test.catalog).await.unwrap();
    let soon = hands.clock().now().plus(Duration::from_secs(10));
    test.catalog.end_job(&first, &JobEnd::Retry(soon, "the storage failed".into())).await.unwrap();
    assert!(claim_one(&test.catalog).await.is_none());
    assert_eq!((counts(&test.catalog).await.waiting, counts(&test.catalog).await.failing), (0, 1));
    hands.pass(Duration::from_secs(10));
    assert_eq!(counts(&test.catalog).await.waiting, 1);
    let second = claim_one(&test.catalog).await.unwrap();
    assert_eq!(second.attempts, 2);
    test.catalog.end_job(&second, &JobEnd::GivenUp("é".repeat(2_000))).await.unwrap();
    hands.pass(Duration::from_secs(1_000_000));
    assert!(claim_one(&test.catalog).await.is_none());
    let counts = counts(&test.catalog).await;
    assert_eq!((counts.waiting, counts.failing, counts.given_up), (0, 0, 1));
    assert_eq!(counts.last_error.unwrap(), "é".repeat(500));
}

#[tokio::test]
async fn only_jobs_of_known_kinds_are_taken() {
    let test = fresh().await;
    test.catalog.enqueue(NewJob { kind: "of a newer version", ..job(1) }).await.unwrap();
    assert!(claim_one(&test.catalog).await.is_none());
    assert!(test.catalog.claim_jobs(&[], 10, LEASE).await.unwrap().is_empty());
    test.catalog.enqueue(NewJob { account: Some(account_of(&test.catalog).await), ..job(2) }).await.unwrap();
    assert_eq!(claim_one(&test.catalog).await.unwrap().account, Some(account_of(&test.catalog).await));
}
