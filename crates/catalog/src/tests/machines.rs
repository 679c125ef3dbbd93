//! Machines whose clocks are apart, on one PostgreSQL: what one of them holds has not ended for the other.

use serde_json::json;

use super::*;
use crate::{JobEnd, NewJob};

const LEASE: Duration = Duration::from_secs(60);

/// A machine whose clock is ahead by so many seconds, or behind.
fn ahead(seconds: i64) -> Clock {
    Clock::of_machine(move || Timestamp::from_micros(Clock::system().now().as_micros() + seconds * 1_000_000))
}

/// A machine that is right, and one that is an hour ahead or behind.
async fn two_machines(seconds: i64) -> (TestCatalog, Catalog) {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), ahead(seconds)).await.unwrap();
    (test, other)
}

fn job(due_at: Timestamp) -> NewJob {
    NewJob { kind: "work", key: Some("work".into()), account: None, payload: json!({}), due_at }
}

#[tokio::test]
async fn a_job_that_one_has_is_not_taken_by_another_whose_clock_is_apart() {
    for seconds in [3_600, -3_600] {
        let (test, other) = two_machines(seconds).await;
        for (one, two) in [(&test.catalog, &other), (&other, &test.catalog)] {
            let claim =
                async |catalog: &Catalog| catalog.claim_jobs(&["work"], 1, LEASE).await.unwrap().pop();
            one.enqueue(job(one.now())).await.unwrap();
            let held = claim(one).await.expect("what is due by the one's own clock is due");
            assert!(claim(two).await.is_none(), "{seconds} s apart: the lease has not ended");
            assert!(one.renew_job(&held, LEASE).await.unwrap());
            assert!(claim(two).await.is_none(), "{seconds} s apart: it was renewed");
            one.end_job(&held, &JobEnd::PutDown).await.unwrap();
            let taken = claim(two).await.expect("what was put down is there for everybody");
            let again = JobEnd::Again(two.now().plus(LEASE), json!({}));
            two.end_job(&taken, &again).await.unwrap();
            assert!(claim(one).await.is_none(), "{seconds} s apart: it is not due for a minute");
            assert_eq!(one.job_counts().await.unwrap()[0].waiting, 0);
            one.bring_forward("work").await.unwrap();
            let last = claim(two).await.expect("it was brought forward");
            two.end_job(&last, &JobEnd::Done).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_lease_ends_for_all_at_once() {
    let (test, other) = two_machines(-3_600).await;
    test.catalog.enqueue(job(Timestamp::from_seconds(0))).await.unwrap();
    let held = test.catalog.claim_jobs(&["work"], 1, Duration::ZERO).await.unwrap();
    let taken = other.claim_jobs(&["work"], 1, LEASE).await.unwrap();
    assert_eq!((held.len(), taken.len(), held[0].id == taken[0].id), (1, 1, true));
    assert!(!test.catalog.renew_job(&held[0], LEASE).await.unwrap());
}

#[tokio::test]
async fn a_hold_of_one_is_a_hold_for_another_whose_clock_is_apart() {
    for seconds in [3_600, -3_600] {
        let (test, other) = two_machines(seconds).await;
        let hold = test.catalog.hold_removals(LEASE).await.unwrap();
        assert!(other.removals_held().await.unwrap(), "{seconds} s apart");
        let second = other.hold_removals(LEASE).await.unwrap();
        assert!(test.catalog.renew_hold(&hold, LEASE).await.unwrap(), "the other took none away");
        test.catalog.release_hold(hold).await.unwrap();
        assert!(test.catalog.removals_held().await.unwrap());
        other.release_hold(second).await.unwrap();
        let over = other.hold_removals(Duration::ZERO).await.unwrap();
        assert!(!test.catalog.removals_held().await.unwrap(), "{seconds} s apart");
        assert!(!other.renew_hold(&over, LEASE).await.unwrap());
    }
}
