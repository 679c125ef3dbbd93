//! T6: a disk that is full, that cannot be written, or that cannot be read: what was acknowledged stays, deliveries go
//! on, and all is well again as soon as the disk is.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::faults::{EIO, ENOSPC, EROFS, Fault, Faults};
use super::gate::{self, figure};
use super::ledger::{Ledger, Verdict};
use super::load::Load;
use super::mounted::Mounted;
use super::pictures;
use super::site::{Api, Door, Site};

/// The small disk.
const DISK_BYTES: u64 = 64 * 1024 * 1024;

/// After there is space again, uploads work within this; judged in the gate.
const WELL_WITHIN: Duration = Duration::from_secs(5);

/// How a disk becomes full, and gets space again.
enum Disk {
    /// A real file system of 64 MB, and a file that takes what is left of it.
    Small(Mounted),
    /// The machine's own, whose writes fail.
    Faulty(tempfile::TempDir, Faults),
}

impl Disk {
    fn new() -> Disk {
        match Mounted::tmpfs(DISK_BYTES) {
            Some(mounted) => Disk::Small(mounted),
            None => {
                println!("T6: no file system can be mounted here, so writes are made to fail instead");
                Disk::Faulty(tempfile::tempdir().expect("a temporary folder"), Faults::new())
            }
        }
    }

    fn folder(&self) -> PathBuf {
        match self {
            Disk::Small(mounted) => mounted.path(),
            Disk::Faulty(folder, _) => folder.path().to_owned(),
        }
    }

    async fn serve(&self, site: &Site) -> Door {
        match self {
            Disk::Small(_) => site.serve().await,
            Disk::Faulty(_, faults) => site.serve_by(faults.load_into(site.cli(&["serve"]))).await,
        }
    }

    fn fill(&self) {
        match self {
            Disk::Small(mounted) => {
                let mut filler = std::fs::File::create(mounted.path().join("filler")).expect("a filler");
                while filler.write_all(&[0; 4096]).is_ok() {}
            }
            Disk::Faulty(folder, faults) => {
                let path = folder.path().to_str().expect("a path of plain letters");
                faults.begin(&Fault { calls: "write,create", error: ENOSPC, times: -1, path });
            }
        }
    }

    fn free(&self) {
        match self {
            Disk::Small(mounted) => {
                std::fs::remove_file(mounted.path().join("filler")).expect("there was a filler");
            }
            Disk::Faulty(_, faults) => faults.end(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_and_nothing_else_until_there_is_space() {
    let mut dice = Dice::announced("T6");
    let (disk, ledger) = (Disk::new(), Ledger::default());
    let data = disk.folder().join("data");
    std::fs::create_dir(&data).expect("a data directory");
    private(&data);
    // Nothing is kept free, so that the database meets the end of the disk as well.
    let site = Site::at(&data, &[("DARKROOM_MIN_FREE_DISK_BYTES", "0")]).await;
    let mut door = disk.serve(&site).await;
    let (warm, cold) = two_images(&door.api, &ledger, &mut dice).await;
    let load = Load::start(&door.api, &ledger, &mut dice);
    let some = || async { load.acknowledged() > 20 };
    crate::harness::eventually("uploads before the disk is full", Duration::from_secs(60), some).await;
    disk.fill();
    let refused = || async { load.count_of(507) > 20 };
    crate::harness::eventually("507 on a full disk", Duration::from_secs(60), refused).await;
    for image in [&warm, &cold] {
        assert_eq!(door.api.rendition(image).await.expect("an answer").status, 200, "{image}");
    }
    disk.free();
    let well_after = well_after(&door.api, &ledger, &mut dice).await;
    let counted = load.stopped().await;
    assert_eq!(counted.unanswered, 0, "every request has an answer");
    assert_eq!(ledger.look_at_all(&door.api).await, Verdict::FINE);
    door.running.kill().await;
    let mut door = disk.serve(&site).await;
    let verdict = ledger.look_at_all(&door.api).await;
    assert_eq!(verdict, Verdict::FINE);
    assert_eq!(door.running.terminate().await, 0);
    site.assert_whole().await;
    figure(
        "T6",
        &format!(
            "full disk: answers {:?}, deliveries 200; {verdict}; uploads again {} ms after space; database whole",
            counted.statuses,
            well_after.as_millis()
        ),
    );
    assert!(!gate::is_whole() || well_after <= WELL_WITHIN, "{well_after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_written_refuses_uploads_and_goes_on_delivering() {
    let mut dice = Dice::announced("T6");
    let (site, faults, ledger) = (Site::embedded().await, Faults::new(), Ledger::default());
    let mut door = site.serve_by(faults.load_into(site.cli(&["serve"]))).await;
    let (warm, cold) = two_images(&door.api, &ledger, &mut dice).await;
    let path = site.data_dir().to_str().expect("a path of plain letters").to_owned();
    faults.begin(&Fault { calls: "write,create", error: EROFS, times: -1, path: &path });
    for number in 0..5 {
        let id = format!("refused-{number}");
        let bytes = pictures::any_jpeg(&mut dice);
        ledger.begin(&id, &bytes);
        let answer = door.api.upload(&id, bytes).await.expect("an answer");
        assert!(answer.status >= 500, "{answer:?}");
    }
    for image in [&warm, &cold] {
        assert_eq!(door.api.rendition(image).await.expect("an answer").status, 200, "{image}");
    }
    let gone = door.api.delete(&warm).await.expect("an answer");
    assert!(gone.status >= 500, "{gone:?}");
    faults.end();
    let well_after = well_after(&door.api, &ledger, &mut dice).await;
    assert_eq!(ledger.look_at_all(&door.api).await, Verdict::FINE);
    assert_eq!(door.running.terminate().await, 0);
    site.assert_whole().await;
    figure(
        "T6",
        &format!("read-only: uploads 5xx, deliveries 200, well {} ms after it", well_after.as_millis()),
    );
    assert!(!gate::is_whole() || well_after <= WELL_WITHIN, "{well_after:?}");
}

#[tokio::test]
async fn an_original_that_cannot_be_read_gives_no_bytes_and_takes_nothing_else_along() {
    let mut dice = Dice::announced("T6");
    let (site, faults, ledger) = (Site::embedded().await, Faults::new(), Ledger::default());
    let mut door = site.serve_by(faults.load_into(site.cli(&["serve"]))).await;
    let (warm, cold) = two_images(&door.api, &ledger, &mut dice).await;
    faults.begin(&Fault { calls: "read", error: EIO, times: -1, path: "/original" });
    assert_eq!(door.api.rendition(&warm).await.expect("an answer").status, 200, "memory has it");
    let unread = door.api.rendition(&cold).await.expect("an answer");
    assert!(unread.status >= 500, "{unread:?}");
    assert!(door.api.blob(&warm).await.is_none_or(|blob| blob.status >= 500));
    let other = pictures::any_jpeg(&mut dice);
    ledger.begin("other", &other);
    assert_eq!(door.api.upload("other", other).await.expect("an answer").status, 200);
    ledger.acknowledged("other");
    faults.end();
    assert_eq!(
        door.api.rendition(&cold).await.expect("an answer").status,
        200,
        "nothing remembers the failure"
    );
    assert_eq!(ledger.look_at_all(&door.api).await, Verdict::FINE);
    assert_eq!(door.running.terminate().await, 0);
    figure("T6", "originals that cannot be read: 0 bytes of them, renditions in memory and uploads go on");
}

/// An image whose rendition is in memory, and one that was never asked for.
async fn two_images(api: &Api, ledger: &Ledger, dice: &mut Dice) -> (String, String) {
    for id in ["warm", "cold"] {
        let bytes = pictures::any_jpeg(dice);
        ledger.begin(id, &bytes);
        assert_eq!(api.upload(id, bytes).await.expect("an answer").status, 200);
        ledger.acknowledged(id);
    }
    // Neither is free for the deleters.
    ledger.keep(&["warm", "cold"]);
    assert_eq!(api.rendition("warm").await.expect("an answer").status, 200);
    ("warm".to_owned(), "cold".to_owned())
}

/// Uploads until one is acknowledged; how long that took.
async fn well_after(api: &Api, ledger: &Ledger, dice: &mut Dice) -> Duration {
    let began = Instant::now();
    for number in 0.. {
        let id = format!("again-{number}");
        let bytes = pictures::any_jpeg(dice);
        ledger.begin(&id, &bytes);
        if api.upload(&id, bytes).await.expect("an answer").status == 200 {
            ledger.acknowledged(&id);
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "uploads work again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("a mode is set");
}
