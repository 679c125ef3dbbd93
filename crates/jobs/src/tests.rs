//! What is promised of jobs, with a real catalog, real uploads and a storage that counts.

mod queue;
mod sweeping;

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use catalog::testing::TestCatalog;
use catalog::{Actor, AtRest, Catalog, Image};
use domain::{AccountId, Clock, ObjectId, Timestamp};
use futures_util::TryStreamExt as _;
use renditions::Renditions;
use storage::{Prefix, Storage};
use upload::{NewUpload, Uploads};
use workers::Workers;

use crate::work::Work;
use crate::{Jobs, Kind};

/// A day and a bit: what was written just now is old enough to be swept after it.
const OVER_A_DAY: Duration = Duration::from_secs(25 * 3_600);

/// A house with a clock that stands until it is told to go on.
pub(crate) struct House {
    pub(crate) catalog: TestCatalog,
    storage: Storage,
    account: AccountId,
    hands: Hands,
}

#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn clock(&self) -> Clock {
        let hands = self.0.clone();
        Clock::new(move || Timestamp::from_micros(hands.load(Ordering::SeqCst)))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::SeqCst);
    }
}

impl House {
    pub(crate) async fn new() -> House {
        House::on(Storage::memory()).await
    }

    async fn on(storage: Storage) -> House {
        let hands = Hands(Arc::new(AtomicI64::new(Clock::system().now().as_micros())));
        let catalog = catalog::testing::fresh_at(hands.clock()).await;
        let account = catalog.catalog.accounts().await.unwrap()[0].id;
        House { catalog, storage, account, hands }
    }

    /// What this process works with.
    fn work(&self) -> Work {
        self.work_of(&self.catalog.catalog, renditions::Config::default())
    }

    fn work_of(&self, catalog: &Catalog, limits: renditions::Config) -> Work {
        let workers = Workers::new(workers::testing::config()).unwrap();
        let (catalog, storage, clock) = (catalog.clone(), self.storage.clone(), self.hands.clock());
        let uploads = Uploads::new(
            upload::Config::default(),
            catalog.clone(),
            storage.clone(),
            workers.clone(),
            clock.clone(),
        );
        let renditions = Renditions::new(limits, catalog.clone(), storage.clone(), workers, clock.clone());
        Work { catalog, storage, uploads, renditions, clock }
    }

    pub(crate) fn jobs(&self) -> Jobs {
        self.jobs_of(&self.catalog.catalog)
    }

    fn jobs_of(&self, catalog: &Catalog) -> Jobs {
        let Work { catalog, storage, uploads, renditions, clock } =
            self.work_of(catalog, renditions::Config::default());
        Jobs::new(catalog, storage, uploads, renditions, clock)
    }

    /// The catalog of another process.
    async fn other_catalog(&self) -> Catalog {
        Catalog::open(self.catalog.config.clone(), self.hands.clock()).await.unwrap()
    }

    pub(crate) async fn upload(&self) -> Image {
        let picture = image::RgbImage::from_fn(20, 10, |x, y| image::Rgb([x as u8, y as u8, rand::random()]));
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        let mut scratch = self.storage.scratch().await.unwrap();
        scratch.write(png.get_ref()).await.unwrap();
        let new = NewUpload {
            account: self.account,
            id: None,
            file: scratch.seal().await.unwrap(),
            filename: "cat.png".into(),
            metadata: serde_json::Map::new(),
            creator: None,
            private: false,
            idempotency_key: None,
        };
        self.work().uploads.accept(new, &Actor::command()).await.unwrap().image
    }

    /// An object without a row, of that many days ago.
    async fn orphan(&self, days_ago: i64) -> Prefix {
        let day = self.hands.clock().now().as_days() - days_ago;
        let place = Prefix::new(day, &self.account, &ObjectId::random());
        self.storage.put(&place.original(), Bytes::from_static(b"of no row")).await.unwrap();
        place
    }

    /// Renditions of an image that lie at rest, each of 1,000 bytes.
    pub(crate) async fn renditions(&self, image: &Image, many: u8) {
        let (account, object, day) = (image.account, image.object, image.day);
        for number in 0..many {
            let place = Prefix::new(day, &account, &object).rendition(&[number; 16]);
            self.storage.put_spare(&place, vec![7; 1_000].into()).await.unwrap();
            let used_at = self.hands.clock().now();
            let rendition = AtRest { account, object, day, digest: [number; 16], bytes: 1_000, used_at };
            self.catalog.catalog.note_at_rest(rendition);
        }
    }

    async fn places(&self) -> Vec<Prefix> {
        let listed: Vec<_> = self.storage.list().await.unwrap().try_collect().await.unwrap();
        listed.into_iter().map(|listed| listed.prefix).collect()
    }

    async fn lying_renditions(&self) -> usize {
        let listed: Vec<_> = self.storage.list().await.unwrap().try_collect().await.unwrap();
        listed.iter().map(|listed| listed.renditions.len()).sum()
    }
}

/// When a stop is to be over, for a slow machine.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Waits until something is so, for as long as a slow machine may need.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited too long until {what}");
}
