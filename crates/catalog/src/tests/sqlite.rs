//! The promises on SQLite.

use super::*;
use crate::testing::{On, TestCatalog, fresh_on};

/// The database of these tests.
const ON: On = On::Sqlite;

async fn fresh() -> TestCatalog {
    fresh_at(Clock::system()).await
}

async fn fresh_at(clock: Clock) -> TestCatalog {
    fresh_with(clock, |_| {}).await
}

async fn fresh_with(clock: Clock, change: impl FnOnce(&mut crate::Config)) -> TestCatalog {
    fresh_on(ON, clock, change).await
}

promises!();

#[tokio::test]
async fn the_database_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let test = fresh().await;
    for name in ["darkroom.db", "darkroom.db-wal", "darkroom.db-shm"] {
        let file = test.folder().join(name);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_database_in_a_folder_that_cannot_be_written_is_named() {
    let file = std::path::PathBuf::from("/proc/nowhere/darkroom.db");
    let config = crate::Config::new(file.into(), crate::testing::master_key());
    let refused = Catalog::open(config, Clock::system()).await.unwrap_err();
    assert!(refused.to_string().contains("/proc/nowhere/darkroom.db"), "{refused}");
}

#[tokio::test]
async fn the_feed_is_pruned_and_a_watcher_that_lags_forgets_everything() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    for _ in 0..12_000 {
        crate::changes::announce(writing.db(), &crate::changes::Change::Account(account)).await.unwrap();
    }
    test.catalog.commit(writing).await.unwrap();
    let mut reader = test.catalog.inner.database.acquire().await.unwrap();
    let kept: i64 = query_scalar("select count(*) from changes").fetch_one(&mut reader).await.unwrap();
    assert!((10_000..=11_000).contains(&kept), "{kept}");
    let (lagging, newest) = crate::changes::since(&mut reader, 3).await.unwrap();
    assert_eq!(lagging, [crate::changes::Change::Everything]);
    let (list, _) = crate::changes::since(&mut reader, newest - 2).await.unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(crate::changes::since(&mut reader, newest).await.unwrap(), (Vec::new(), newest));
}

#[tokio::test]
async fn a_copy_has_what_an_account_decided_about_schemes_its_keys_and_what_was_used() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let bunny = crate::NewVerifyingKey {
        name: key_id("bunny"),
        scheme: signing::Scheme::Bunny,
        id: String::new(),
        material: signing::KeyMaterial::text("a secret"),
        verify_from: None,
    };
    test.catalog.add_verifying_key(&account, bunny, &actor()).await.unwrap();
    let report = crate::SchemeChange { mode: Some(crate::SchemeMode::Report), settings: Vec::new() };
    test.catalog.set_scheme(&account, signing::Scheme::Bunny, report, &actor()).await.unwrap();
    test.catalog.give_mount(crate::Mount::Thumbor, &account, &actor()).await.unwrap();
    let once = signing::Uses { counter: [7; 32], most: 1, until_s: None };
    test.catalog.consume_uses(&account, &[once]).await.unwrap();
    let file = test.folder().join("copy.db");
    test.catalog.copy_to(&file).await.unwrap();

    let config = crate::Config { database: file.into(), ..test.config.clone() };
    let copy = Catalog::open(config, Clock::system()).await.unwrap();
    let keys = copy.verifying_keys(&account).await.unwrap();
    assert_eq!(keys, test.catalog.verifying_keys(&account).await.unwrap());
    assert_eq!(copy.schemes(&account).await.unwrap(), test.catalog.schemes(&account).await.unwrap());
    assert_eq!(copy.mounts().await.unwrap(), test.catalog.mounts().await.unwrap());
    assert!(copy.consume_uses(&account, &[once]).await.is_err());
    assert!(copy.unreadable_secrets().await.unwrap().is_empty());
}
