//! Who does what: one of all processes, another where it died, and each goes on where the last one was.

use catalog::{ClaimedJob, JobCounts};
use serde_json::json;

use super::*;
use crate::lease::LEASE;
use crate::stopping::{Stopper, Stopping};

async fn counts(catalog: &Catalog, kind: Kind) -> JobCounts {
    let all = catalog.job_counts().await.unwrap();
    all.into_iter().find(|counts| counts.kind == kind.word()).unwrap()
}

async fn claim(catalog: &Catalog, kind: Kind) -> Option<ClaimedJob> {
    catalog.claim_jobs(&[kind.word()], 1, LEASE).await.unwrap().pop()
}

/// Waits until nothing in the queue is due and nobody has anything: then a claim after the lease finds no attempt.
async fn all_done(house: &House) {
    until("every job was done", async || {
        let counts = house.catalog.catalog.job_counts().await.unwrap();
        counts.len() == Kind::ALL.len() && counts.iter().all(|counts| counts.waiting == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_sweeps_and_again_when_its_time_has_come() {
    // It lists twice: the day of what checks left, and the last days.
    const LISTS: u64 = 2;
    let house = House::new().await;
    let other = house.other_catalog().await;
    let first = house.jobs().start().await.unwrap();
    let second = house.jobs_of(&other).start().await.unwrap();
    until("somebody swept", async || house.storage.counts().lists == LISTS).await;
    all_done(&house).await;
    assert_eq!(house.storage.counts().lists, LISTS);
    house.hands.pass(Kind::Orphans.every().unwrap());
    until("somebody swept again", async || house.storage.counts().lists == 2 * LISTS).await;
    all_done(&house).await;
    first.stop(soon()).await;
    second.stop(soon()).await;
    assert_eq!(house.storage.counts().lists, 2 * LISTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_process_died_is_done_by_another_when_the_lease_has_ended() {
    let house = House::new().await;
    house.jobs().start().await.unwrap().stop(soon()).await;
    house.hands.pass(OVER_A_DAY);
    let orphan = house.orphan(0).await;
    house.hands.pass(OVER_A_DAY);
    let dead = claim(&house.catalog.catalog, Kind::Orphans).await.unwrap();
    let running = house.jobs_of(&house.other_catalog().await).start().await.unwrap();
    all_done(&house).await;
    assert!(house.places().await.contains(&orphan), "it is held by the dead");
    house.hands.pass(LEASE);
    until("another swept", async || house.places().await.is_empty()).await;
    running.stop(soon()).await;
    assert!(!house.catalog.catalog.renew_job(&dead, LEASE).await.unwrap());
}

#[tokio::test]
async fn work_that_is_put_down_is_taken_up_at_once_and_is_no_failure() {
    let house = House::new().await;
    house.orphan(0).await;
    let idle = house.jobs().start().await.unwrap();
    drop(idle);
    house.hands.pass(OVER_A_DAY + LEASE);
    let (work, stopper) = (house.work(), Stopper::new());
    stopper.stop();
    // All four are put down, over and over.
    for _ in 0..8 {
        assert!(work.do_next(&stopper.stopping()).await.unwrap());
    }
    let orphans = counts(&work.catalog, Kind::Orphans).await;
    assert_eq!((orphans.waiting, orphans.failing), (1, 0));
    assert_eq!(house.places().await.len(), 1);
    while work.do_next(&Stopping::never()).await.unwrap() {}
    assert_eq!((house.places().await.len(), counts(&work.catalog, Kind::Orphans).await.waiting), (0, 0));
}

#[tokio::test]
async fn a_job_that_fails_says_so_and_succeeds_once_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let storage = Storage::open(storage::Config::on_disk(objects.clone(), 0)).await.unwrap();
    let house = House::on(storage).await;
    house.jobs().start().await.unwrap().stop(soon()).await;
    house.hands.pass(OVER_A_DAY);
    // The disk is gone for a while: where the folder was there is a file.
    std::fs::rename(&objects, folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("objects", &objects).unwrap();
    let work = house.work();
    while work.do_next(&Stopping::never()).await.unwrap() {}
    let failed = counts(&work.catalog, Kind::Orphans).await;
    assert_eq!((failed.waiting, failed.failing), (0, 1));
    assert_eq!(failed.last_error.as_deref(), Some("the storage failed"));
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(folder.path().join("elsewhere"), &objects).unwrap();
    house.hands.pass(Duration::from_secs(15));
    while work.do_next(&Stopping::never()).await.unwrap() {}
    let healed = counts(&work.catalog, Kind::Orphans).await;
    assert_eq!((healed.failing, healed.last_error), (0, None));
}

#[tokio::test]
async fn a_sweep_goes_back_to_where_the_last_one_ended() {
    let house = House::new().await;
    let [old, older] = [house.orphan(9).await, house.orphan(30).await];
    house.hands.pass(OVER_A_DAY);
    let (work, never) = (house.work(), Stopping::never());
    let today = house.hands.clock().now().as_days();
    let next = work.run(Kind::Orphans, &json!({}), &never).await.unwrap();
    assert_eq!((next, house.places().await.len()), (json!({ "swept_to_day": today }), 2));
    // Nobody ran for nine days.
    work.run(Kind::Orphans, &json!({ "swept_to_day": today - 9 }), &never).await.unwrap();
    assert_eq!(house.places().await, [older], "{old:?} goes");
}
