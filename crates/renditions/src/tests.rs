//! What is promised of renditions, with a real picture, real workers and a storage that counts.

mod background;
mod budget;
mod copies;

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use catalog::testing::TestCatalog;
use catalog::{Actor, Inserted, NewImage};
use domain::{AccountId, Clock, Fault as _, ObjectId, Problem};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, TryStreamExt as _};
use image::{ImageFormat, Rgb, RgbImage};
use sha2::{Digest as _, Sha256};
use storage::{Counts, ObjectKey, Prefix, Storage};
use variant::{Effort, Encoding, Facts, Format, Glimpse, Recipe};
use workers::{Lane, Workers};

use crate::{Config, Original, Renditions};

/// A storage with one original in it, and the renditions of a server that has just started.
struct House {
    catalog: TestCatalog,
    storage: Storage,
    renditions: Renditions,
    original: Original,
}

impl House {
    async fn new() -> House {
        House::keeping(Storage::memory(), picture()).await
    }

    async fn keeping(storage: Storage, bytes: Bytes) -> House {
        House::of(storage, picture(), bytes).await
    }

    /// A house whose original was probed as one thing and now has these bytes.
    async fn of(storage: Storage, probed: Bytes, bytes: Bytes) -> House {
        let workers = Workers::new(patient()).unwrap();
        let facts = Arc::new(workers.probe_slot().await.unwrap().probe(probed).await.unwrap());
        let catalog = catalog::testing::fresh().await;
        let account = catalog.catalog.accounts().await.unwrap()[0].id;
        let object = ObjectId::random();
        let prefix = Prefix::new(20_783, &account, &object);
        storage.put(&prefix.original(), bytes.clone()).await.unwrap();
        let original = Original { account, prefix, object, sha256: Sha256::digest(&bytes).into(), facts };
        put_row(&catalog, &original, "cat").await;
        let renditions = renditions(&catalog, &storage, workers);
        House { catalog, storage, renditions, original }
    }

    /// The same storage after a restart: memory is empty.
    fn restarted(&self) -> Renditions {
        let workers = Workers::new(patient()).unwrap();
        renditions(&self.catalog, &self.storage, workers)
    }

    /// Removes the image, as whoever removes one does: first the row, then what lies below its prefix.
    async fn remove(&self) {
        let (catalog, account) = (&self.catalog.catalog, &self.original.account);
        catalog.remove_image(account, &"cat".parse().unwrap(), &Actor::default()).await.unwrap();
        for listed in self.renditions_lying().await {
            self.storage.delete_spare(&self.original.prefix.rendition(&listed)).await.unwrap();
        }
    }

    /// The digests of the renditions that lie at rest.
    async fn renditions_lying(&self) -> Vec<[u8; 16]> {
        let listed: Vec<_> = self.storage.list().await.unwrap().try_collect().await.unwrap();
        let own = listed.iter().filter(|listed| listed.prefix == self.original.prefix);
        own.flat_map(|listed| &listed.renditions).map(|rendition| rendition.digest).collect()
    }

    async fn lies_nothing(&self) -> bool {
        self.renditions_lying().await.is_empty()
    }

    fn place(&self) -> ObjectKey {
        self.original.prefix.rendition(&thumbnail().digest())
    }

    async fn at(&self, key: &ObjectKey) -> Bytes {
        self.storage.get(key).await.unwrap().into_bytes().await.unwrap()
    }

    /// Flips one bit of what lies at a key.
    async fn damage(&self, key: &ObjectKey) {
        let mut bytes = self.at(key).await.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.storage.put(key, bytes.into()).await.unwrap();
    }
}

/// Inserts an image whose original is this one.
async fn put_row(catalog: &TestCatalog, original: &Original, name: &str) {
    let new = NewImage {
        account: original.account,
        id: name.parse().unwrap(),
        object: original.object,
        day: 20_783,
        filename: name.into(),
        metadata: serde_json::Map::new(),
        creator: None,
        private: false,
        facts: Facts::clone(&original.facts),
        bytes: 1_000,
        sha256: original.sha256,
        glimpse: Glimpse::default(),
        idempotency: None,
    };
    let inserted = catalog.catalog.insert_image(new, &Actor::default()).await.unwrap();
    assert!(matches!(inserted, Inserted::New(_)));
}

/// Waits until nothing is left to be done in the background, and what was made lies at rest.
async fn nothing_waits(renditions: &Renditions) {
    until(async || renditions.background_queued() + renditions.kept_beside() == 0).await;
}

/// Waits until something has come to pass, at most a minute.
async fn until(mut passed: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    while !passed().await {
        assert!(began.elapsed().as_secs() < 60, "it did not come to pass");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn renditions(catalog: &TestCatalog, storage: &Storage, workers: Workers) -> Renditions {
    Renditions::new(Config::default(), catalog.catalog.clone(), storage.clone(), workers, Clock::system())
}

/// Workers that take their time: how fast a busy machine is is not asked here.
fn patient() -> workers::Config {
    let timeout_s = 120;
    workers::Config {
        render_timeout_s: timeout_s,
        avif_timeout_s: timeout_s,
        wait_s: timeout_s,
        ..workers::testing::config()
    }
}

/// A drawn picture of 64 × 48 pixels, as a PNG.
fn picture() -> Bytes {
    let drawn = RgbImage::from_fn(64, 48, |x, y| Rgb([(4 * x) as u8, (5 * y) as u8, 90]));
    let mut png = Cursor::new(Vec::new());
    drawn.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner().into()
}

fn thumbnail() -> Recipe {
    scaled((16, 12))
}

/// The whole picture scaled to a size.
fn scaled(size: (u32, u32)) -> Recipe {
    Recipe::scaling([0.0, 0.0, 64.0, 48.0], size, Encoding::WebpLossless { effort: Effort::Usual })
}

fn since(before: Counts, after: Counts) -> (u64, u64) {
    (after.gets - before.gets, after.puts - before.puts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_ask_for_one_cold_rendition_cause_one_render_and_one_read() {
    let house = House::new().await;
    let before = house.storage.counts();
    let asked: Vec<_> = (0..1000)
        .map(|_| {
            let (renditions, original) = (house.renditions.clone(), house.original.clone());
            tokio::spawn(async move { renditions.fetch(&original, &thumbnail()).await })
        })
        .collect();
    let answers = join_all(asked).await;
    let first = answers[0].as_ref().unwrap().as_ref().unwrap().clone();
    assert_eq!((first.format, first.width, first.height), (Format::Webp, 16, 12));
    for answer in answers {
        assert_eq!(answer.unwrap().unwrap(), first);
    }
    assert_eq!(house.renditions.renders(), 1);
    nothing_waits(&house.renditions).await;
    // One look for the rendition, one read of the original.
    assert_eq!(since(before, house.storage.counts()), (2, 1));
}

#[tokio::test]
async fn a_hit_leaves_the_storage_alone() {
    let house = House::new().await;
    let digest = thumbnail().digest();
    assert!(house.renditions.in_memory(&house.original.object, &digest).is_none());
    let made = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap();
    nothing_waits(&house.renditions).await;
    let before = house.storage.counts();
    assert_eq!(house.renditions.fetch(&house.original, &thumbnail()).await.unwrap(), made);
    assert_eq!(house.renditions.in_memory(&house.original.object, &digest), Some(made));
    assert_eq!(house.storage.counts(), before);
}

#[tokio::test]
async fn a_rendition_is_found_at_rest_after_a_restart() {
    let house = House::new().await;
    let made = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap();
    nothing_waits(&house.renditions).await;
    let restarted = house.restarted();
    let before = house.storage.counts();
    assert_eq!(restarted.fetch(&house.original, &thumbnail()).await.unwrap(), made);
    assert_eq!((restarted.renders(), since(before, house.storage.counts())), (0, (1, 0)));
}

#[tokio::test]
async fn a_rendition_with_a_flipped_bit_is_never_served_and_is_made_again() {
    let house = House::new().await;
    let made = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap();
    nothing_waits(&house.renditions).await;
    let kept = house.at(&house.place()).await;
    house.damage(&house.place()).await;
    let restarted = house.restarted();
    assert_eq!(restarted.fetch(&house.original, &thumbnail()).await.unwrap(), made);
    assert_eq!(restarted.renders(), 1);
    nothing_waits(&restarted).await;
    assert_eq!(house.at(&house.place()).await, kept, "what lies at rest is whole again");
}

#[tokio::test]
async fn a_rendition_of_another_recipe_is_another_rendition() {
    let house = House::new().await;
    let small = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap();
    let larger = house.renditions.fetch(&house.original, &scaled((32, 24))).await.unwrap();
    assert_eq!((small.width, larger.width, house.renditions.renders()), (16, 32, 2));
}

#[tokio::test]
async fn a_render_that_fails_fails_for_all_who_wait_and_is_not_remembered() {
    let cut = picture().slice(..picture().len() / 2);
    let house = House::keeping(Storage::memory(), cut).await;
    let recipe = thumbnail();
    let answers = join_all((0..1000).map(|_| house.renditions.fetch(&house.original, &recipe))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().problem(), Problem::Damaged);
    }
    assert_eq!(house.renditions.renders(), 1);
    house.renditions.fetch(&house.original, &thumbnail()).await.unwrap_err();
    assert_eq!(house.renditions.renders(), 2);
}

#[tokio::test]
async fn nothing_of_an_original_that_is_not_what_it_was_reaches_anybody() {
    let house = House::new().await;
    house.damage(&house.original.prefix.original()).await;
    let refused = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::Storage);
    assert!(house.renditions.in_memory(&house.original.object, &thumbnail().digest()).is_none());
    assert!(house.lies_nothing().await);
    let refused = house.renditions.render_only(&house.original, &thumbnail()).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::Storage);
    // Nor where they can be rendered as well as the original itself.
    let other = Bytes::from([&picture()[..], b"behind its end"].concat());
    house.storage.put(&house.original.prefix.original(), other).await.unwrap();
    let refused = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::Storage);
    assert!(house.lies_nothing().await);
    let sent = house.renditions.original(&house.original).await.unwrap();
    assert!(matches!(sent.into_bytes().await, Err(storage::Error::Damaged)));
}

#[tokio::test]
async fn an_original_comes_back_byte_for_byte_and_a_missing_one_is_told() {
    let house = House::new().await;
    let sent = house.renditions.original(&house.original).await.unwrap();
    assert_eq!(sent.len, picture().len() as u64);
    assert_eq!(sent.into_bytes().await.unwrap(), picture());
    house.storage.delete_prefix(&house.original.prefix).await.unwrap();
    assert_eq!(house.renditions.original(&house.original).await.unwrap_err().problem(), Problem::Storage);
    let refused = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::Storage);
}

#[tokio::test]
async fn whoever_leaves_does_not_cancel_the_render_for_the_others() {
    let house = House::new().await;
    assert!(house.renditions.fetch(&house.original, &thumbnail()).now_or_never().is_none());
    house.renditions.fetch(&house.original, &thumbnail()).await.unwrap();
    assert_eq!(house.renditions.renders(), 1);
}

#[tokio::test]
async fn a_rendition_that_cannot_be_kept_is_served_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let open = |min_free_disk_bytes| storage::Config::on_disk(objects.clone(), min_free_disk_bytes);
    let roomy = Storage::open(open(0)).await.unwrap();
    let mut house = House::keeping(roomy, picture()).await;
    house.storage = Storage::open(open(u64::MAX)).await.unwrap();
    let full = house.restarted();
    assert_eq!(full.fetch(&house.original, &thumbnail()).await.unwrap().width, 16);
    nothing_waits(&full).await;
    assert!(matches!(house.storage.get(&house.place()).await, Err(storage::Error::Missing)));
    full.fetch(&house.original, &thumbnail()).await.unwrap();
    assert_eq!(full.renders(), 1, "memory keeps it");
}

#[tokio::test]
async fn a_picture_is_kept_once_beside_the_answers_with_it() {
    let house = House::new().await;
    let before = house.storage.counts();
    let made = house.renditions.fetch(&house.original, &thumbnail()).await.unwrap();
    for _ in 0..10 {
        assert_eq!(house.renditions.fetch(&house.original, &thumbnail()).await.unwrap(), made);
    }
    nothing_waits(&house.renditions).await;
    assert_eq!((house.renditions.renders(), since(before, house.storage.counts())), (1, (2, 1)));
    assert!(!house.lies_nothing().await);
}

#[tokio::test]
async fn a_preview_is_rendered_and_not_kept() {
    let house = House::new().await;
    let before = house.storage.counts();
    let preview = house.renditions.render_only(&house.original, &thumbnail()).await.unwrap();
    assert_eq!((preview.format, preview.width), (Format::Webp, 16));
    assert_eq!(since(before, house.storage.counts()), (1, 0));
    assert!(house.renditions.in_memory(&house.original.object, &thumbnail().digest()).is_none());
}

#[tokio::test]
async fn no_more_originals_are_read_than_there_are_workers_to_render_them() {
    let house = House::new().await;
    let one = workers::Config { workers: 1, max_queued: 0, ..patient() };
    let workers = Workers::new(one).unwrap();
    let renditions = renditions(&house.catalog, &house.storage, workers.clone());
    let taken = workers.slot(Lane::Interactive, &AccountId::random(), &house.original.facts).await.unwrap();
    let before = house.storage.counts();
    let refused = renditions.fetch(&house.original, &thumbnail()).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::Busy);
    // It looked for the rendition, and left the original where it was.
    assert_eq!(since(before, house.storage.counts()), (1, 0));
    drop(taken);
    renditions.fetch(&house.original, &thumbnail()).await.unwrap();
}
