//! Mounts: each is given to one account at most, and every process obeys.

use domain::AccountHash;

use super::*;
use crate::{Error, Mount, NewAccount};

async fn second_account(catalog: &Catalog) -> AccountId {
    let new = NewAccount {
        handle: "second".parse().unwrap(),
        display_name: None,
        given: None,
        settings: Vec::new(),
    };
    catalog.insert_account(new, &actor()).await.unwrap().id
}

async fn hash_of(catalog: &Catalog, account: &AccountId) -> AccountHash {
    catalog.account(account).await.unwrap().hash
}

#[tokio::test]
async fn a_mount_is_off_until_it_is_given_and_has_one_account() {
    let test = fresh().await;
    let catalog = &test.catalog;
    let (first, second) = (account_of(catalog).await, second_account(catalog).await);
    assert!(catalog.mounts().await.unwrap().iter().all(|(_, account)| account.is_none()));
    assert_eq!(catalog.mount_account(Mount::Imgproxy).await.unwrap(), None);
    catalog.give_mount(Mount::Imgproxy, &first, &actor()).await.unwrap();
    catalog.give_mount(Mount::Imgproxy, &first, &actor()).await.unwrap();
    assert!(matches!(catalog.give_mount(Mount::Imgproxy, &second, &actor()).await, Err(Error::Exists)));
    catalog.give_mount(Mount::Thumbor, &first, &actor()).await.unwrap();
    catalog.give_mount(Mount::Cloudimage, &second, &actor()).await.unwrap();
    let given = [Mount::Cloudimage, Mount::Imgproxy, Mount::Thumbor].into_iter();
    let given: Vec<_> = given.zip([Some(second), Some(first), Some(first)]).collect();
    assert_eq!(catalog.mounts().await.unwrap(), given);
    assert_eq!(
        catalog.mount_account(Mount::Cloudimage).await.unwrap(),
        Some(hash_of(catalog, &second).await)
    );
    let nobody = AccountId::random();
    catalog.take_mount(Mount::Imgproxy, &actor()).await.unwrap();
    assert!(matches!(catalog.take_mount(Mount::Imgproxy, &actor()).await, Err(Error::Missing)));
    assert!(matches!(
        catalog.give_mount(Mount::Imgproxy, &nobody, &actor()).await,
        Err(Error::AccountMissing)
    ));
    catalog.give_mount(Mount::Imgproxy, &second, &actor()).await.unwrap();
}

#[tokio::test]
async fn memory_knows_mounts_and_forgets_them_when_they_change() {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let account = account_of(&test.catalog).await;
    let hash = hash_of(&test.catalog, &account).await;
    assert_eq!(test.catalog.mount_account_in_memory(Mount::Thumbor), None, "nothing is known yet");
    for catalog in [&test.catalog, &other] {
        assert_eq!(catalog.mount_account(Mount::Thumbor).await.unwrap(), None);
        assert_eq!(catalog.mount_account_in_memory(Mount::Thumbor), Some(None));
    }
    test.catalog.give_mount(Mount::Thumbor, &account, &actor()).await.unwrap();
    assert_eq!(test.catalog.mount_account(Mount::Thumbor).await.unwrap(), Some(hash.clone()));
    assert_eq!(test.catalog.mount_account_in_memory(Mount::Thumbor), Some(Some(hash.clone())));
    let seen = async || other.mount_account(Mount::Thumbor).await.unwrap();
    until("the mount is seen", || async { seen().await.as_ref() == Some(&hash) }).await;
    test.catalog.take_mount(Mount::Thumbor, &actor()).await.unwrap();
    assert_eq!(test.catalog.mount_account(Mount::Thumbor).await.unwrap(), None);
    until("the mount is off", || async { seen().await.is_none() }).await;
}

#[tokio::test]
async fn of_many_who_want_a_mount_at_once_one_gets_it() {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let accounts = [account_of(&other).await, second_account(&other).await];
    let (one, two) = (actor(), actor());
    let (one, two) = tokio::join!(
        test.catalog.give_mount(Mount::Imgproxy, &accounts[0], &one),
        other.give_mount(Mount::Imgproxy, &accounts[1], &two),
    );
    assert!(one.is_ok() != two.is_ok());
    assert!(matches!(one.and(two), Err(Error::Exists)));
}
