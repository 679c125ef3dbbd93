//! T8, backup and restore: made while clients go on, put elsewhere, and held against what was acknowledged before. What
//! is not whole never passes for a backup.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::dice::Dice;
use super::gate::{Rounds, figure};
use super::ledger::{Ledger, Verdict};
use super::load::Load;
use super::pictures;
use super::site::Site;

/// A folder that is not there yet, as a text.
fn new_folder(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("a path of plain letters").to_owned()
}

/// An empty data directory, closed to others.
fn empty_data_dir(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = folder.path().join(name);
    std::fs::DirBuilder::new().mode(0o700).create(&path).expect("a data directory");
    path
}

fn copy_key(from: &Path, to: &Path) {
    std::fs::copy(from.join("master.key"), to.join("master.key")).expect("a master key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_load_gives_back_every_image_that_was_acknowledged_before_it() {
    let mut dice = Dice::announced("T8");
    let (site, ledger, folder) =
        (Site::embedded().await, Ledger::default(), tempfile::tempdir().expect("a folder"));
    let mut door = site.serve().await;
    let mut rounds = Rounds::new(1, 10, 4);
    let (mut sum, mut images) = (Verdict::FINE, 0);
    for round in rounds.by_ref() {
        let load = Load::start(&door.api, &ledger, &mut dice);
        let some = || async { load.acknowledged() > 40 };
        crate::harness::eventually("uploads before the backup", Duration::from_secs(60), some).await;
        let before = ledger.snapshot();
        let backup = new_folder(&folder, &format!("backup-{round}"));
        let said = site.cli(&["backup", &backup]).ok().await;
        load.stopped().await;
        let key = site.data_dir().join("master.key");
        assert!(said.contains(key.to_str().expect("a path of plain letters")), "{said}");
        let there = empty_data_dir(&folder, &format!("restored-{round}"));
        let restored = site.moved_to(&there);
        copy_key(site.data_dir(), &there);
        let said = restored.cli(&["restore", &backup]).ok().await;
        assert!(said.contains("opens its secrets"), "{said}");
        let mut copy = restored.serve().await;
        sum.add(ledger.look_at_copy(&copy.api, &before).await);
        images += copy.api.ids().await.len();
        assert_eq!(copy.running.terminate().await, 0);
        assert_eq!(restored.doctor(&[]).await["findings"], serde_json::json!([]));
    }
    assert_eq!(ledger.look_at_all(&door.api).await, Verdict::FINE, "the house that was copied");
    assert_eq!(door.running.terminate().await, 0);
    site.assert_whole().await;
    figure(
        "T8",
        &format!("{} backups under load, {images} images restored elsewhere: {sum}", rounds.shown()),
    );
    assert_eq!(sum, Verdict::FINE);
}

#[tokio::test]
async fn a_backup_that_was_cut_off_is_none_and_is_not_restored() {
    let mut dice = Dice::announced("T8");
    let (site, folder) = (Site::embedded().await, tempfile::tempdir().expect("a folder"));
    let mut door = site.serve().await;
    for number in 0..30 {
        let bytes = pictures::jpeg(300_000, &mut dice);
        assert_eq!(door.api.upload(&format!("image-{number}"), bytes).await.expect("an answer").status, 200);
    }
    let backup = new_folder(&folder, "backup");
    let mut command = site.cli(&["backup", &backup]).spawn();
    let begun = || async { Path::new(&backup).join("objects").exists() };
    crate::harness::eventually("the backup has begun", Duration::from_secs(30), begun).await;
    command.kill().await.expect("it can be killed");
    let there = empty_data_dir(&folder, "restored");
    let restored = site.moved_to(&there);
    if !Path::new(&backup).join("manifest.json").exists() {
        let said = restored.cli(&["restore", &backup]).run().await;
        assert!(said.code == 1 && said.err.contains("is no backup"), "{said:?}");
        assert!(!there.join("darkroom.db").exists());
    }
    let said = site.cli(&["backup", &backup]).run().await;
    assert!(said.code == 1 && said.err.contains("not empty"), "{said:?}");
    // Deletes go on all the same, and what the dead backup held back goes later.
    assert_eq!(door.api.delete("image-0").await.expect("an answer").status, 200);
    assert_eq!(door.api.blob("image-0").await.expect("an answer").status, 404);
    site.cli(&["backup", &new_folder(&folder, "another")]).ok().await;
    assert_eq!(door.running.terminate().await, 0);
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_done_again_by_the_same_command() {
    let mut dice = Dice::announced("T8");
    let (site, folder) = (Site::embedded().await, tempfile::tempdir().expect("a folder"));
    let mut door = site.serve().await;
    for number in 0..20 {
        let bytes = pictures::jpeg(300_000, &mut dice);
        assert_eq!(door.api.upload(&format!("image-{number}"), bytes).await.expect("an answer").status, 200);
    }
    assert_eq!(door.running.terminate().await, 0);
    let backup = new_folder(&folder, "backup");
    site.cli(&["backup", &backup]).ok().await;
    let there = empty_data_dir(&folder, "restored");
    copy_key(site.data_dir(), &there);
    let restored = site.moved_to(&there);
    let mut command = restored.cli(&["restore", &backup]).spawn();
    let begun = || async { there.join("objects.restoring").exists() || there.join("objects").exists() };
    crate::harness::eventually("the restore has begun", Duration::from_secs(30), begun).await;
    command.kill().await.expect("it can be killed");
    if !there.join("darkroom.db").exists() {
        restored.cli(&["restore", &backup]).ok().await;
    }
    let told = restored.doctor(&[]).await;
    assert_eq!((&told["images"], &told["findings"]), (&20.into(), &serde_json::json!([])), "{told}");
    assert!(!there.join("objects.restoring").exists() && !there.join("darkroom.db.restoring").exists());
}

#[tokio::test]
async fn a_restore_refuses_a_full_house_a_running_server_and_what_is_damaged_and_says_so() {
    let mut dice = Dice::announced("T8");
    let (site, folder) = (Site::embedded().await, tempfile::tempdir().expect("a folder"));
    let mut door = site.serve().await;
    assert_eq!(door.api.upload("cat", pictures::any_jpeg(&mut dice)).await.expect("an answer").status, 200);
    let backup = new_folder(&folder, "backup");
    site.cli(&["backup", &backup]).ok().await;
    let said = site.cli(&["restore", &backup]).run().await;
    assert!(said.code == 1 && said.err.contains("another server"), "{said:?}");
    assert_eq!(door.running.terminate().await, 0);
    let said = site.cli(&["restore", &backup]).run().await;
    assert!(said.code == 1 && said.err.contains("not empty"), "{said:?}");
    let damaged = empty_data_dir(&folder, "damaged");
    let database = Path::new(&backup).join("darkroom.db");
    let whole = std::fs::read(&database).expect("a database");
    std::fs::write(&database, [&whole[..], b"!"].concat()).expect("a file is written");
    let said = site.moved_to(&damaged).cli(&["restore", &backup]).run().await;
    assert!(said.code == 1 && said.err.contains("damaged"), "{said:?}");
    assert!(!damaged.join("darkroom.db").exists());
    std::fs::write(&database, whole).expect("a file is written");
    damage_the_original(&Path::new(&backup).join("objects"));
    let said = site.moved_to(&damaged).cli(&["restore", &backup]).run().await;
    assert!(said.code == 1 && said.err.contains("default/cat: the original is damaged"), "{said:?}");
}

#[tokio::test]
async fn a_restored_house_without_its_master_key_says_what_to_put_where() {
    let (site, folder) = (Site::embedded().await, tempfile::tempdir().expect("a folder"));
    let backup = new_folder(&folder, "backup");
    site.cli(&["backup", &backup]).ok().await;
    let without = site.moved_to(&empty_data_dir(&folder, "without"));
    let said = without.cli(&["restore", &backup]).ok().await;
    assert!(said.contains("master key is in no backup"), "{said}");
    let said = without.cli(&["key", "list"]).run().await;
    assert!(said.code == 1 && said.err.contains("the master key is missing"), "{said:?}");
    let wrong = site.moved_to(&empty_data_dir(&folder, "wrong"));
    let other = Site::embedded().await;
    copy_key(other.data_dir(), wrong.data_dir());
    let said = wrong.cli(&["restore", &backup]).run().await;
    assert!(said.code == 1 && said.err.contains("is not the one that sealed its secrets"), "{said:?}");
    let said = wrong.cli(&["key", "list"]).run().await;
    assert!(said.code == 1 && said.err.contains("master key does not open"), "{said:?}");
    let told = wrong.doctor(&["--quick"]).await;
    assert!(told["findings"][0]["says"].as_str().expect("a text").contains("master key"), "{told}");
    copy_key(site.data_dir(), wrong.data_dir());
    wrong.cli(&["key", "list", "--values"]).ok().await;
}

/// Flips a bit of the one original below a folder.
fn damage_the_original(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            damage_the_original(&path);
        } else {
            let mut bytes = std::fs::read(&path).expect("a file");
            bytes[7] ^= 1;
            std::fs::write(&path, bytes).expect("a file is written");
        }
    }
}
