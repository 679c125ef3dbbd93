//! First start, another master key, another version.

use domain::{Clock, SigningKeyId, VariantName};

use crate::testing::{fresh, make_newer, master_key};
use crate::{AccountPolicy, Catalog, Config, Error};

#[tokio::test]
async fn an_empty_catalog_gets_an_account_a_signing_key_and_a_variant() {
    let test = fresh().await;
    let accounts = test.catalog.accounts().await.unwrap();
    let [account] = &accounts[..] else { panic!("{accounts:?}") };
    assert_eq!((account.handle.as_str(), account.display_name.as_str()), ("default", "My images"));
    assert_eq!(account.policy, AccountPolicy::default());
    let keys = test.catalog.signing_keys(&account.id).await.unwrap();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!((&key.id, key.signs, key.secret.reveal().len()), (&SigningKeyId::default_key(), true, 43));
    let variants = test.catalog.variants(&account.id).await.unwrap();
    let [public] = &variants[..] else { panic!("{variants:?}") };
    assert_eq!(public.name, VariantName::public());
    assert_eq!((public.options.width, public.options.height), (Some(1366), Some(768)));
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_one_left() {
    let test = fresh().await;
    let before = test.catalog.accounts().await.unwrap()[0].id;
    let again = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let after = again.accounts().await.unwrap();
    assert_eq!((after.len(), after[0].id), (1, before));
    again.check().await.unwrap();
}

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
async fn another_master_key_opens_nothing() {
    let test = fresh().await;
    let config = Config { master_key: master_key(), ..test.config.clone() };
    assert!(matches!(Catalog::open(config, Clock::system()).await, Err(Error::MasterKey)));
    let config = Config { master_key: domain::Secret::new("too short"), ..test.config.clone() };
    assert!(matches!(Catalog::open(config, Clock::system()).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let test = fresh().await;
    make_newer(&test.config.database).await;
    let refused = Catalog::open(test.config.clone(), Clock::system()).await;
    assert!(matches!(refused, Err(Error::NewerDatabase { found: 9999, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_database_that_must_not_be_changed_is_not_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join("darkroom.db").into(), master_key());
    let refused = Catalog::open(Config { migrate: false, ..config.clone() }, Clock::system()).await;
    assert!(matches!(refused, Err(Error::OlderDatabase { found: 0, .. })), "{refused:?}");
    Catalog::open(config.clone(), Clock::system()).await.unwrap();
    Catalog::open(Config { migrate: false, ..config }, Clock::system()).await.unwrap();
}

#[tokio::test]
async fn two_processes_may_start_at_once_on_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join("darkroom.db").into(), master_key());
    let open = || Catalog::open(config.clone(), Clock::system());
    let (one, two) = tokio::join!(open(), open());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.accounts().await.unwrap().len(), 1);
    assert_eq!(two.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_in_a_folder_that_cannot_be_written_is_named() {
    let config = Config::new(std::path::PathBuf::from("/proc/nowhere/darkroom.db").into(), master_key());
    let refused = Catalog::open(config, Clock::system()).await.unwrap_err();
    assert!(refused.to_string().contains("/proc/nowhere/darkroom.db"), "{refused}");
}
