//! What the catalog promises, on the real migrations of both databases. Each file is one part of it and is tested twice,
//! as `sqlite::…` and as `postgres::…`; here is what they share.
#![expect(clippy::duplicate_mod, reason = "the same promises on either database")]

/// Every file of promises, for a module that says which database they are tested on.
macro_rules! promises {
    () => {
        #[path = "admission.rs"]
        mod admission;
        #[path = "at_once.rs"]
        mod at_once;
        #[path = "at_rest.rs"]
        mod at_rest;
        #[path = "audit.rs"]
        mod audit;
        #[path = "audit_seals.rs"]
        mod audit_seals;
        #[path = "counters.rs"]
        mod counters;
        #[path = "feed.rs"]
        mod feed;
        #[path = "fetches.rs"]
        mod fetches;
        #[path = "glimpses.rs"]
        mod glimpses;
        #[path = "health.rs"]
        mod health;
        #[path = "images.rs"]
        mod images;
        #[path = "mounts.rs"]
        mod mounts;
        #[path = "opening.rs"]
        mod opening;
        #[path = "pages.rs"]
        mod pages;
        #[path = "people.rs"]
        mod people;
        #[path = "plans.rs"]
        mod plans;
        #[path = "queue.rs"]
        mod queue;
        #[path = "schemes.rs"]
        mod schemes;
        #[path = "sealing.rs"]
        mod sealing;
        #[path = "signing_keys.rs"]
        mod signing_keys;
        #[path = "texts.rs"]
        mod texts;
        #[path = "tokens.rs"]
        mod tokens;
        #[path = "uses.rs"]
        mod uses;
        #[path = "variants.rs"]
        mod variants;
        #[path = "verifying_keys.rs"]
        mod verifying_keys;
    };
}

mod postgres;
mod sqlite;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{AccountId, Clock, ImageId, ObjectId, Secret, SigningKeyId, Timestamp};
use signing::{DeliveryUrl, KeyState, SigningKey};
use variant::{Facts, Format, Glimpse};

use crate::database::{query, query_scalar};
use crate::testing::TestCatalog;
use crate::{Actor, Catalog, DatabaseUrl, Image, Inserted, NewImage};

/// A clock that stands until it is told to go on.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Hands {
        Hands(Arc::new(AtomicI64::new(Timestamp::from_seconds(1_800_000_000).as_micros())))
    }

    fn clock(&self) -> Clock {
        let hands = Arc::clone(&self.0);
        Clock::new(move || Timestamp::from_micros(hands.load(Ordering::SeqCst)))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::SeqCst);
    }
}

fn actor() -> Actor {
    Actor::command()
}

async fn account_of(catalog: &Catalog) -> AccountId {
    catalog.accounts().await.unwrap()[0].id
}

fn key_id(text: &str) -> SigningKeyId {
    text.parse().unwrap()
}

fn facts() -> Facts {
    Facts::new(Format::Jpeg, 640, 480)
}

fn new_image(account: AccountId, id: &str) -> NewImage {
    NewImage {
        account,
        id: id.parse().unwrap(),
        object: ObjectId::random(),
        day: 20_000,
        filename: format!("{id}.jpg"),
        metadata: serde_json::Map::new(),
        creator: None,
        private: false,
        facts: facts(),
        bytes: 1_000,
        sha256: rand::random(),
        glimpse: Glimpse { thumbhash: vec![1, 2, 3], dominant: [200, 100, 255], phash: u64::MAX - 6 },
        idempotency: None,
    }
}

async fn put_image(catalog: &Catalog, new: NewImage) -> Image {
    match catalog.insert_image(new, &actor()).await.unwrap() {
        Inserted::New(image) => image,
        other => panic!("{other:?}"),
    }
}

fn id(text: &str) -> ImageId {
    text.parse().unwrap()
}

/// Whether the database holds a text anywhere: in SQLite's files, or in any table of PostgreSQL.
async fn is_stored(test: &TestCatalog, text: &str) -> bool {
    if let DatabaseUrl::Sqlite(file) = &test.config.database {
        let log = file.with_extension("db-wal");
        let stored = [std::fs::read(file).unwrap(), std::fs::read(log).unwrap()].concat();
        return stored.windows(text.len()).any(|window| window == text.as_bytes());
    }
    let database = &test.catalog.inner.database;
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
    let tables: Vec<String> = query_scalar(tables).fetch_all(database).await.unwrap();
    let (plain, in_bytes) = (text.to_owned(), hex::encode(text));
    for table in tables {
        // A row as text has bytes as hexadecimal digits.
        let question = format!("select t::text from \"{table}\" t");
        let rows = query(question).scalar::<String>().fetch_all(database).await.unwrap();
        if rows.iter().any(|row| row.contains(&plain) || row.contains(&in_bytes)) {
            return true;
        }
    }
    false
}

fn signing_key(id: &str, secret: &str) -> SigningKey {
    SigningKey::new(key_id(id), Secret::new(secret), KeyState::Active)
}

fn url(target: &str) -> DeliveryUrl {
    DeliveryUrl::parse(target).unwrap()
}

/// Takes the turns of all who may load rights at once.
async fn take_turns(catalog: &Catalog) -> Vec<tokio::sync::SemaphorePermit<'_>> {
    let mut turns = Vec::new();
    while let Ok(turn) = catalog.inner.memory.turn().await {
        turns.push(turn);
    }
    turns
}

/// Waits until something is so, for as long as a slow machine may need.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited too long until {what}");
}
