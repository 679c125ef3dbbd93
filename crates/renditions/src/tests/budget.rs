//! The budget of what lies at rest: it holds, those go that nobody asked for longest, and nothing wrong is ever served.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use catalog::{AtRestTotal, Catalog, Image};
use domain::{ImageId, Timestamp};

use super::*;

/// What each of the many renditions takes at rest.
const BYTES: u64 = 1_000;

/// One image with its original in storage, a clock that stands, and a small budget.
struct Shelf {
    house: House,
    image: Image,
    hands: Arc<AtomicI64>,
    renditions: Renditions,
}

impl Shelf {
    async fn with(config: Config) -> Shelf {
        Shelf::on(Storage::memory(), config).await
    }

    async fn on(storage: Storage, config: Config) -> Shelf {
        let mut house = House::keeping(storage, picture()).await;
        let hands = Arc::new(AtomicI64::new(Clock::system().now().as_micros()));
        house.catalog = catalog::testing::fresh_at(clock(&hands)).await;
        let image = put_image(&house.catalog.catalog, &house.original).await;
        let prefix = Prefix::new(image.day, &image.account, &image.object);
        house.storage.put(&prefix.original(), picture()).await.unwrap();
        house.original = Original::of(&image).unwrap();
        let mut shelf = Shelf { renditions: house.renditions.clone(), house, image, hands };
        shelf.renditions = shelf.process(&shelf.house.catalog.catalog, config);
        shelf
    }

    /// The renditions of another process, or of the same one after a restart.
    fn process(&self, catalog: &Catalog, config: Config) -> Renditions {
        let workers = Workers::new(workers::testing::config()).unwrap();
        Renditions::new(config, catalog.clone(), self.house.storage.clone(), workers, self.clock())
    }

    fn clock(&self) -> Clock {
        clock(&self.hands)
    }

    fn pass(&self, time: Duration) {
        self.hands.fetch_add(time.as_micros() as i64, Ordering::SeqCst);
    }

    /// Puts this many renditions at rest, a second between two.
    async fn fill(&self, many: u32) {
        for number in 0..many {
            let key = self.house.original.prefix.rendition(&digest(number));
            self.house.storage.put_spare(&key, vec![7; BYTES as usize].into()).await.unwrap();
            self.renditions.note(&self.house.original.prefix, digest(number), BYTES);
            self.pass(Duration::from_secs(1));
        }
        self.house.catalog.catalog.flush_at_rest().await.unwrap();
    }

    async fn total(&self) -> AtRestTotal {
        self.house.catalog.catalog.at_rest_total().await.unwrap()
    }

    /// Numbers of the renditions that lie in storage.
    async fn lying(&self) -> Vec<u32> {
        let listed: Vec<_> = self.house.storage.list().await.unwrap().try_collect().await.unwrap();
        let mine = listed.iter().filter(|listed| listed.prefix == self.house.original.prefix);
        let mut numbers: Vec<u32> = mine
            .flat_map(|listed| &listed.renditions)
            .map(|it| u32::from_be_bytes([it.digest[0], it.digest[1], it.digest[2], it.digest[3]]))
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

fn clock(hands: &Arc<AtomicI64>) -> Clock {
    let hands = hands.clone();
    Clock::new(move || Timestamp::from_micros(hands.load(Ordering::SeqCst)))
}

fn digest(number: u32) -> [u8; 16] {
    let mut digest = [0; 16];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    digest
}

fn budget(rest_bytes: u64) -> Config {
    Config { rest_bytes, ..Config::default() }
}

async fn put_image(catalog: &Catalog, original: &Original) -> Image {
    let account = catalog.accounts().await.unwrap()[0].id;
    let new = NewImage {
        account,
        id: ImageId::random(),
        object: ObjectId::random(),
        day: 20_783,
        filename: "cat.png".into(),
        metadata: serde_json::Map::new(),
        creator: None,
        private: false,
        facts: variant::Facts::clone(&original.facts),
        bytes: picture().len() as u64,
        sha256: original.sha256,
        glimpse: variant::Glimpse::default(),
        idempotency: None,
    };
    match catalog.insert_image(new, &Actor::command()).await.unwrap() {
        Inserted::New(image) => image,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_budget_holds_over_a_thousand_renditions_and_those_used_last_stay() {
    let shelf = Shelf::with(budget(500 * BYTES)).await;
    shelf.fill(1_000).await;
    assert_eq!(shelf.total().await, AtRestTotal { renditions: 1_000, bytes: 1_000 * BYTES });
    let used: Vec<_> = (0..100).map(|number| (shelf.image.object, digest(number))).collect();
    shelf.house.catalog.catalog.note_renditions_used(&used).await.unwrap();
    assert!(shelf.renditions.is_over_budget().await.unwrap());
    let gone = shelf.renditions.keep_to_budget(|| false).await.unwrap();
    assert_eq!(gone, AtRestTotal { renditions: 550, bytes: 550 * BYTES });
    assert_eq!(shelf.total().await.bytes, 450 * BYTES, "nine tenths of the budget are left");
    let used_last: Vec<u32> = (0..100).chain(650..1_000).collect();
    assert_eq!(shelf.lying().await, used_last);
    assert!(!shelf.renditions.is_over_budget().await.unwrap());
    assert_eq!(shelf.renditions.keep_to_budget(|| false).await.unwrap(), AtRestTotal::default());
    shelf.house.storage.get(&shelf.house.original.prefix.original()).await.unwrap();
}

#[tokio::test]
async fn what_nobody_asked_for_since_its_days_goes() {
    let shelf = Shelf::with(Config { idle_days: Some(3), ..Config::default() }).await;
    shelf.fill(5).await;
    shelf.pass(Duration::from_secs(2 * 86_400));
    assert_eq!(shelf.renditions.keep_to_budget(|| false).await.unwrap().renditions, 0);
    shelf.pass(Duration::from_secs(86_400 - 3));
    assert_eq!(shelf.renditions.keep_to_budget(|| false).await.unwrap().renditions, 2);
    assert_eq!(shelf.lying().await, [2, 3, 4]);
}

#[tokio::test]
async fn work_that_is_stopped_goes_on_where_it_was() {
    let shelf = Shelf::with(budget(100 * BYTES)).await;
    shelf.fill(1_000).await;
    let asked = std::cell::Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) > 0;
    assert_eq!(shelf.renditions.keep_to_budget(stop).await.unwrap().renditions, 200);
    assert_eq!(shelf.renditions.keep_to_budget(|| false).await.unwrap().renditions, 710);
    assert_eq!(shelf.total().await.renditions, 90);
}

#[tokio::test]
async fn room_is_made_by_the_longest_unused_until_it_is_enough() {
    let shelf = Shelf::with(Config::default()).await;
    shelf.fill(10).await;
    let gone = shelf.renditions.make_room(3 * BYTES - 1).await.unwrap();
    assert_eq!((gone.renditions, shelf.lying().await), (3, vec![3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(shelf.renditions.make_room(u64::MAX).await.unwrap().renditions, 7);
    assert_eq!(shelf.renditions.make_room(1).await.unwrap(), AtRestTotal::default());
}

#[tokio::test]
async fn renditions_that_cannot_be_deleted_are_in_the_way_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let storage = Storage::open(storage::Config::on_disk(objects.clone(), 0)).await.unwrap();
    let shelf = Shelf::on(storage, budget(100 * BYTES)).await;
    shelf.fill(400).await;
    // More than one look brings, and longer unused than all others: where their files were are folders.
    for number in 0..250 {
        let place = objects.join(shelf.house.original.prefix.rendition(&digest(number)).as_str());
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
    }
    let gone = shelf.renditions.keep_to_budget(|| false).await.unwrap();
    assert_eq!((gone.renditions, shelf.total().await.renditions), (150, 250));
    let failed = shelf.renditions.make_room(1).await.unwrap_err();
    assert!(matches!(failed, crate::Error::Delete(_)), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_while_it_is_read_is_made_again_and_never_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let config = storage::Config::on_disk(folder.path().join("objects"), 0);
    let storage = Storage::open(config).await.unwrap();
    // Nothing stays in memory, so every fetch reads what lies at rest, or makes it.
    let config = Config { memory_bytes: 0, ..budget(1) };
    let shelf = Arc::new(Shelf::on(storage, config.clone()).await);
    let expected = shelf.renditions.render_only(&shelf.house.original, &thumbnail()).await.unwrap();
    let other = Catalog::open(shelf.house.catalog.config.clone(), shelf.clock()).await.unwrap();
    let removed = Arc::<AtomicU64>::default();
    let removing = [shelf.process(&other, config), shelf.renditions.clone()].map(|process| {
        let catalogs = [other.clone(), shelf.house.catalog.catalog.clone()];
        let removed = removed.clone();
        tokio::spawn(async move {
            // On a busy machine nothing lies there yet for many rounds.
            for round in 0..10_000 {
                if round >= 100 && removed.load(Ordering::Relaxed) > 0 {
                    break;
                }
                for catalog in &catalogs {
                    catalog.flush_at_rest().await.unwrap();
                }
                let now = process.keep_to_budget(|| false).await.unwrap().renditions;
                removed.fetch_add(now, Ordering::Relaxed);
            }
        })
    });
    let is_over = || removing.iter().all(tokio::task::JoinHandle::is_finished);
    while !is_over() {
        let read = shelf.renditions.fetch(&shelf.house.original, &thumbnail()).await.unwrap();
        assert_eq!(*read, expected);
    }
    for process in removing {
        process.await.unwrap();
    }
    assert!(removed.load(Ordering::Relaxed) > 0, "nothing was removed under the reader");
    assert!(shelf.renditions.renders() > 1, "nothing was made again");
    nothing_waits(&shelf.renditions).await;
    shelf.house.catalog.catalog.flush_at_rest().await.unwrap();
    other.flush_at_rest().await.unwrap();
    shelf.renditions.keep_to_budget(|| false).await.unwrap();
    assert_eq!(shelf.total().await, AtRestTotal::default(), "the sum is that of the rows");
}

#[tokio::test]
async fn what_a_crash_forgot_is_known_again_when_it_is_read_or_listed() {
    let shelf = Shelf::with(Config::default()).await;
    shelf.renditions.fetch(&shelf.house.original, &thumbnail()).await.unwrap();
    nothing_waits(&shelf.renditions).await;
    let catalog = Catalog::open(shelf.house.catalog.config.clone(), shelf.clock()).await.unwrap();
    // The crash came before the row was written: another process knows nothing of it.
    let restarted = shelf.process(&catalog, Config::default());
    catalog.flush_at_rest().await.unwrap();
    assert_eq!(shelf.total().await.renditions, 0);
    restarted.fetch(&shelf.house.original, &thumbnail()).await.unwrap();
    assert_eq!(restarted.renders(), 0, "it was found at rest");
    catalog.flush_at_rest().await.unwrap();
    let total = shelf.total().await;
    assert_eq!(total.renditions, 1);
    // And one that nobody reads, beside a row whose rendition is gone.
    let unread = shelf.house.original.prefix.rendition(&[9; 16]);
    shelf.house.storage.put_spare(&unread, vec![7; 50].into()).await.unwrap();
    shelf.house.storage.delete_spare(&shelf.house.place()).await.unwrap();
    let listed: Vec<_> = shelf.house.storage.list().await.unwrap().try_collect().await.unwrap();
    let later = shelf.clock().now().plus(Duration::from_secs(60));
    assert_eq!(restarted.note_listed(&listed, later).await.unwrap(), 1);
    assert_eq!(shelf.total().await, AtRestTotal { renditions: 1, bytes: 50 });
    assert_eq!(restarted.note_listed(&listed, later).await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_writes_the_rows_is_woken_when_much_was_kept() {
    let shelf = Shelf::with(budget(50 * BYTES)).await;
    let prefix = &shelf.house.original.prefix;
    shelf.renditions.note(prefix, digest(1), BYTES);
    shelf.renditions.note_found(prefix, digest(3), 50 * BYTES);
    assert!(shelf.renditions.pressed().now_or_never().is_none());
    shelf.renditions.note(prefix, digest(2), 1);
    shelf.renditions.pressed().await;
}
