//! The suite against each backend, and what only files can promise.

use std::borrow::Borrow;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use domain::{AccountId, Fault as _, ObjectId, Problem};
use futures_util::StreamExt as _;
use futures_util::stream;
use tempfile::TempDir;

use crate::{Config, Counts, Error, Object, Prefix, Storage};

mod in_memory {
    crate::conformance!(crate::Storage::memory());
}

mod on_disk {
    crate::conformance!(super::OnDisk::open().await);
}

/// A storage in a folder of its own.
struct OnDisk {
    storage: Storage,
    folder: TempDir,
}

impl OnDisk {
    async fn open() -> OnDisk {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(folder.path(), 0).await.unwrap();
        OnDisk { storage, folder }
    }

    fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }
}

impl Borrow<Storage> for OnDisk {
    fn borrow(&self) -> &Storage {
        &self.storage
    }
}

async fn open(folder: &Path, min_free_disk_bytes: u64) -> Result<Storage, Error> {
    Storage::open(Config::on_disk(folder.join("objects"), min_free_disk_bytes)).await
}

fn prefix() -> Prefix {
    Prefix::new(20_783, &AccountId::random(), &ObjectId::random())
}

/// Every path below a folder, the folder's own scratch folder left out.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        }
        if !path.ends_with(".scratch") {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn nobody_else_on_the_machine_can_read_an_object() {
    let disk = OnDisk::open().await;
    disk.storage.put(&prefix().original(), Bytes::from_static(b"private")).await.unwrap();
    let _scratch = disk.storage.scratch().await.unwrap();
    for path in below(disk.folder.path()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[tokio::test]
async fn a_start_removes_what_a_crash_left_and_nothing_that_lives() {
    let disk = OnDisk::open().await;
    let kept = prefix().original();
    disk.storage.put(&kept, Bytes::from_static(b"kept")).await.unwrap();
    let mut living = disk.storage.scratch().await.unwrap();
    living.write(b"half of ").await.unwrap();
    let scratch = disk.objects().join(".scratch");
    fs::write(scratch.join("darkroom-dead"), b"torn").unwrap();
    fs::create_dir_all(scratch.join("gone-dead/inside")).unwrap();

    let beside = open(disk.folder.path(), 0).await.unwrap();

    let left: Vec<_> = fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    living.write(b"an upload").await.unwrap();
    let key = prefix().original();
    disk.storage.put_file(&key, living.seal().await.unwrap()).await.unwrap();
    assert_eq!(beside.get(&key).await.unwrap().into_bytes().await.unwrap(), "half of an upload");
    assert_eq!(beside.get(&kept).await.unwrap().into_bytes().await.unwrap(), "kept");
}

#[tokio::test]
async fn scratch_files_survive_processes_that_start_all_the_while() {
    let disk = OnDisk::open().await;
    let folder = disk.folder.path().to_owned();
    let starts = tokio::spawn(async move {
        for _ in 0..100 {
            open(&folder, 0).await.unwrap();
        }
    });
    let mut puts = 0;
    while !starts.is_finished() || puts == 0 {
        let key = prefix().original();
        disk.storage.put(&key, Bytes::from_static(b"whole")).await.unwrap();
        assert_eq!(disk.storage.head(&key).await.unwrap(), 5);
        puts += 1;
    }
    starts.await.unwrap();
}

#[tokio::test]
async fn a_disk_without_room_is_full_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path(), u64::MAX).await.unwrap();
    let refused = storage.put(&prefix().original(), Bytes::from_static(b"too much")).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::StorageFull);
    assert!(matches!(storage.scratch().await.unwrap_err(), Error::Full(_)));
    assert_eq!(below(&folder.path().join("objects")), Vec::<PathBuf>::new());
}

#[test]
fn the_systems_word_for_a_full_disk_is_understood() {
    for number in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
        let error = Error::from(io::Error::from(number));
        assert_eq!(error.problem(), Problem::StorageFull, "{number}");
    }
    assert_eq!(Error::from(io::Error::from(rustix::io::Errno::IO)).problem(), Problem::Storage);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    // Root may write where the mode forbids it, so the folder's place is taken by a file instead.
    File::create(folder.path().join("objects")).unwrap();
    let refused = open(folder.path(), 0).await.unwrap_err();
    assert_eq!(refused.to_string(), "the folder of the objects cannot be written");
    assert!(std::error::Error::source(&refused).is_some());
}

#[tokio::test]
async fn a_storage_whose_folder_went_away_fails_its_check() {
    let disk = OnDisk::open().await;
    disk.storage.check().await.unwrap();
    fs::remove_dir_all(disk.objects()).unwrap();
    assert_eq!(disk.storage.check().await.unwrap_err().problem(), Problem::Storage);
}

#[tokio::test]
async fn removing_the_last_image_of_a_day_leaves_no_folders() {
    let disk = OnDisk::open().await;
    let below_it = prefix();
    disk.storage.put(&below_it.original(), Bytes::from_static(b"short life")).await.unwrap();
    disk.storage.delete_prefix(&below_it).await.unwrap();
    assert_eq!(below(&disk.objects()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_listing_passes_over_what_is_not_ours() {
    let disk = OnDisk::open().await;
    let mine = prefix();
    disk.storage.put(&mine.original(), Bytes::from_static(b"mine")).await.unwrap();
    fs::create_dir_all(disk.objects().join("lost+found/a/b")).unwrap();
    fs::create_dir_all(disk.objects().join("2026-02-31/a/b")).unwrap();
    fs::write(disk.objects().join("README"), b"a note").unwrap();
    let listed: Vec<_> = disk.storage.list().await.unwrap().collect().await;
    let prefixes: Vec<_> = listed.into_iter().map(|listed| listed.unwrap().prefix).collect();
    assert_eq!(prefixes, [mine]);
}

#[tokio::test]
async fn a_prefix_that_a_crash_left_empty_is_listed_so_that_it_can_be_swept() {
    let disk = OnDisk::open().await;
    let empty = prefix();
    fs::create_dir_all(disk.objects().join(empty.as_str())).unwrap();
    let listed = disk.storage.list().await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(listed.prefix, empty);
}

#[tokio::test]
async fn an_object_that_shrinks_while_it_is_read_is_damaged() {
    let disk = OnDisk::open().await;
    let key = prefix().original();
    disk.storage.put(&key, vec![1; 2_000_000].into()).await.unwrap();
    let object = disk.storage.get(&key).await.unwrap();
    let file = File::options().write(true).open(disk.objects().join(key.as_str())).unwrap();
    file.set_len(1_000_000).unwrap();
    assert!(matches!(object.into_bytes().await, Err(Error::Damaged)));
}

#[tokio::test]
async fn an_object_is_never_taken_for_whole_when_its_length_is_wrong() {
    for pieces in [vec![], vec!["ab"], vec!["ab", "cd", "ef"], vec!["abcdef"]] {
        let body = stream::iter(pieces.clone().into_iter().map(|piece| Ok(Bytes::from(piece)))).boxed();
        assert!(matches!(Object { len: 4, body }.into_bytes().await, Err(Error::Damaged)), "{pieces:?}");
    }
}

#[tokio::test]
async fn every_request_is_counted_and_the_storages_own_check_is_not() {
    let storage = Storage::memory();
    let below = prefix();
    storage.put(&below.original(), Bytes::new()).await.unwrap();
    storage
        .put_file(&below.rendition(&[0; 16]), storage.scratch().await.unwrap().seal().await.unwrap())
        .await
        .unwrap();
    storage.get(&below.original()).await.unwrap();
    let _ = storage.clone().get(&prefix().original()).await;
    storage.head(&below.original()).await.unwrap();
    let _listing = storage.list().await.unwrap();
    storage.delete(&below.original()).await.unwrap();
    storage.delete_prefix(&below).await.unwrap();
    storage.check().await.unwrap();
    assert_eq!(storage.counts(), Counts { puts: 2, gets: 2, heads: 1, deletes: 2, lists: 1 });
}
