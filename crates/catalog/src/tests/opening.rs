//! First start, another master key, another version.

use domain::VariantName;

use super::*;
use crate::database::Lock;
use crate::testing::{On, PostgresDatabase, make_newer, master_key};
use crate::{AccountPolicy, Config, DatabaseUrl, Error};

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
    assert_eq!((public.options.width, public.options.height), (Some(variant::Width::Pixels(1366)), Some(768)));
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
async fn another_master_key_opens_nothing() {
    let test = fresh().await;
    let config = Config { master_key: master_key(), ..test.config.clone() };
    assert!(matches!(Catalog::open(config, Clock::system()).await, Err(Error::MasterKey)));
    let config = Config { master_key: domain::Secret::new("too short"), ..test.config.clone() };
    assert!(matches!(Catalog::open(config, Clock::system()).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_start_waits_for_nobody_who_writes() {
    let test = fresh().await;
    let writing = test.catalog.begin(Lock::House).await.unwrap();
    let again = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    assert_eq!(again.accounts().await.unwrap().len(), 1);
    drop(writing);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let test = fresh().await;
    make_newer(&test.config.database, 9999).await;
    let refused = Catalog::open(test.config.clone(), Clock::system()).await;
    assert!(matches!(refused, Err(Error::NewerDatabase { found: 9999, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_newer_database_is_read_where_it_says_that_this_program_may() {
    let test = fresh().await;
    make_newer(&test.config.database, 1).await;
    let again = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    put_image(&again, new_image(account_of(&again).await, "cat")).await;
}

/// A place where there is no database yet, and what a catalog is opened with there.
async fn nothing() -> (Config, impl Sized) {
    let folder = tempfile::tempdir().unwrap();
    let (database, postgres) = match super::ON {
        On::Sqlite => (folder.path().join("darkroom.db").into(), None),
        On::Postgres => {
            let postgres = PostgresDatabase::empty().await;
            (DatabaseUrl::Postgres(postgres.url.clone()), Some(postgres))
        }
    };
    (Config::new(database, master_key()), (folder, postgres))
}

#[tokio::test]
async fn a_database_that_must_not_be_changed_is_not_migrated() {
    let (config, _place) = nothing().await;
    let refused = Catalog::open(Config { migrate: false, ..config.clone() }, Clock::system()).await;
    assert!(matches!(refused, Err(Error::OlderDatabase { found: 0, .. })), "{refused:?}");
    Catalog::open(config.clone(), Clock::system()).await.unwrap();
    Catalog::open(Config { migrate: false, ..config }, Clock::system()).await.unwrap();
}

#[tokio::test]
async fn several_processes_may_start_at_once_on_nothing() {
    // Several times, since what may go wrong is a matter of microseconds.
    for _ in 0..8 {
        let (config, _place) = nothing().await;
        let open = || Catalog::open(config.clone(), Clock::system());
        let (one, two, three, four) = tokio::join!(open(), open(), open(), open());
        for catalog in [one, two, three, four] {
            assert_eq!(catalog.unwrap().accounts().await.unwrap().len(), 1);
        }
    }
}
