//! T1: the server is killed at random moments under a load, and started again: nothing acknowledged is lost, nothing is
//! half visible, nothing that was deleted comes back, and nobody has to repair anything.

use std::time::Duration;

use super::dice::Dice;
use super::gate::{self, Rounds, figure};
use super::ledger::{Ledger, Verdict};
use super::load::{Counted, Load};
use super::site::{Door, Site};
use crate::harness::Setup;

/// A start is ready within this, judged in the gate.
const READY_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_sqlite_and_disk_killed_at_random_moments_has_lost_nothing_that_it_acknowledged() {
    kill_at_random("T1, SQLite and disk", Site::on(Setup::Embedded).await, Rounds::new(5, 1000, 12)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_postgres_and_s3_killed_at_random_moments_has_lost_nothing_that_it_acknowledged() {
    kill_at_random("T1, PostgreSQL and S3", Site::on(Setup::PostgresS3).await, Rounds::new(3, 200, 8)).await;
}

async fn kill_at_random(test: &str, site: Site, mut rounds: Rounds) {
    let (mut dice, ledger) = (Dice::announced(test), Ledger::default());
    let (mut acknowledged, mut cut_off, mut slowest) = (0, 0, Duration::ZERO);
    while rounds.next().is_some() {
        let door = site.serve().await;
        slowest = slowest.max(door.ready_after);
        assert_eq!(ledger.look_at_touched(&door.api).await, Verdict::FINE);
        let counted = run_and_kill(door, &ledger, &mut dice).await;
        acknowledged += counted.acknowledged;
        cut_off += counted.unanswered;
    }
    let mut door = site.serve().await;
    let verdict = ledger.look_at_all(&door.api).await;
    assert_eq!(door.running.terminate().await, 0);
    assert_eq!(verdict, Verdict::FINE);
    assert!(acknowledged > 0 && cut_off > 0, "the kills met no work");
    site.assert_whole().await;
    figure(
        test,
        &format!(
            "{} kills; {acknowledged} acknowledged acts, {cut_off} cut off; {} images there, {} gone; {verdict}; 0 \
             orphans after the sweep; ready after at most {} ms",
            rounds.shown(),
            ledger.there().len(),
            ledger.gone_count(),
            slowest.as_millis()
        ),
    );
    assert!(!gate::is_whole() || slowest <= READY_WITHIN, "ready after {slowest:?}");
}

/// Lets the clients work, and kills the server in the middle of it, at the earliest after a first acknowledgement.
async fn run_and_kill(mut door: Door, ledger: &Ledger, dice: &mut Dice) -> Counted {
    let load = Load::start(&door.api, ledger, dice);
    let first = || async { load.acknowledged() > 0 };
    crate::harness::eventually("a first acknowledgement", Duration::from_secs(30), first).await;
    tokio::time::sleep(dice.millis(0, 300)).await;
    door.running.kill().await;
    load.ended().await
}
