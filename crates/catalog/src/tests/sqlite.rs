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
