//! The power cut: a file system that drops, in the middle of a load, whatever was not flushed. Only in the gate, and
//! where loop devices can be mounted.

use std::time::Duration;

use super::dice::Dice;
use super::gate::{self, Rounds, figure};
use super::ledger::{Ledger, Verdict};
use super::load::Load;
use super::mounted::Mounted;
use super::site::Site;

const DISK_BYTES: u64 = 320 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    if !gate::is_gate() {
        println!("the power cut belongs to `make gate-durability`");
        return;
    }
    let Some(disk) = Mounted::ext4(DISK_BYTES) else {
        figure("power cut", "left out: no loop device can be mounted here");
        return;
    };
    let mut dice = Dice::announced("power cut");
    let (data, ledger) = (disk.path().join("data"), Ledger::default());
    std::fs::create_dir(&data).expect("a data directory");
    let site = Site::at(&data, &[("DARKROOM_MIN_FREE_DISK_BYTES", "0")]).await;
    let (mut rounds, mut acknowledged) = (Rounds::new(1, 20, 4), 0);
    while rounds.next().is_some() {
        let mut door = site.serve().await;
        assert_eq!(ledger.look_at_all(&door.api).await, Verdict::FINE);
        let load = Load::start(&door.api, &ledger, &mut dice);
        let first = || async { load.acknowledged() > 0 };
        crate::harness::eventually("a first acknowledgement", Duration::from_secs(30), first).await;
        tokio::time::sleep(dice.millis(50, 600)).await;
        disk.cut_power();
        door.running.kill().await;
        acknowledged += load.ended().await.acknowledged;
        disk.come_back();
    }
    let mut door = site.serve().await;
    let verdict = ledger.look_at_all(&door.api).await;
    assert_eq!(door.running.terminate().await, 0);
    figure(
        "power cut",
        &format!("{} cuts of ext4; {acknowledged} acknowledged acts; {verdict}", rounds.shown()),
    );
    assert_eq!(verdict, Verdict::FINE);
    assert_eq!(site.doctor(&[]).await["findings"], serde_json::json!([]));
}
