//! Changes of rights: here at once, in another process within a second, and never undone by a slow load.

use std::path::PathBuf;

use domain::Secret;

use super::*;
use crate::changes::Change;
use crate::database::{query, query_scalar};
use crate::testing::master_key;
use crate::{Error, ImageChange};

/// A second catalog on the same file is another process to the first: own pools, own memory, own watcher.
async fn other_process(test: &TestCatalog) -> Catalog {
    Catalog::open(test.config.clone(), Clock::system()).await.unwrap()
}

async fn signed_url(catalog: &Catalog, account: &AccountId, image: &str) -> DeliveryUrl {
    let key = catalog.signing_key(account, None).await.unwrap();
    let hash = catalog.account(account).await.unwrap().hash;
    url(&signing::sign(&format!("/{hash}/{image}/public"), &key, Some(4_102_444_800)).unwrap())
}

async fn is_admitted(catalog: &Catalog, url: &DeliveryUrl) -> bool {
    catalog.rights(url).await.unwrap().admit(url, Timestamp::from_seconds(1_800_000_000)).is_ok()
}

#[tokio::test]
async fn a_change_holds_on_the_next_request_here() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for name in ["removed", "revoked"] {
        put_image(&test.catalog, NewImage { private: true, ..new_image(account, name) }).await;
    }
    put_image(&test.catalog, new_image(account, "hidden")).await;
    let (removed, revoked) = (
        signed_url(&test.catalog, &account, "removed").await,
        signed_url(&test.catalog, &account, "revoked").await,
    );
    let hash = test.catalog.account(&account).await.unwrap().hash;
    let hidden = url(&format!("/{hash}/hidden/public"));
    for url in [&removed, &revoked, &hidden] {
        assert!(is_admitted(&test.catalog, url).await);
        assert!(test.catalog.rights_in_memory(url).is_some());
    }

    test.catalog.remove_image(&account, &id("removed"), &actor()).await.unwrap();
    assert!(!is_admitted(&test.catalog, &removed).await);
    let change = ImageChange { private: Some(true), ..ImageChange::default() };
    test.catalog.update_image(&account, &id("hidden"), change, &actor()).await.unwrap();
    assert!(!is_admitted(&test.catalog, &hidden).await);
    test.catalog.revoke_signing_key(&account, &SigningKeyId::default_key(), &actor()).await.unwrap();
    assert!(!is_admitted(&test.catalog, &revoked).await);
}

#[tokio::test]
async fn a_change_of_another_process_is_seen() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, NewImage { private: true, ..new_image(account, "cat") }).await;
    put_image(&test.catalog, new_image(account, "dog")).await;
    let other = other_process(&test).await;
    let cat = signed_url(&other, &account, "cat").await;
    let hash = other.account(&account).await.unwrap().hash;
    let dog = url(&format!("/{hash}/dog/public"));
    assert!(is_admitted(&other, &cat).await && is_admitted(&other, &dog).await);

    test.catalog.revoke_signing_key(&account, &SigningKeyId::default_key(), &actor()).await.unwrap();
    until("the revoked key is refused", || async { !is_admitted(&other, &cat).await }).await;
    let change = ImageChange { private: Some(true), ..ImageChange::default() };
    test.catalog.update_image(&account, &id("dog"), change, &actor()).await.unwrap();
    until("the private image is refused", || async { !is_admitted(&other, &dog).await }).await;

    let policy = [("flexible_variants".to_owned(), "all".to_owned())];
    put_image(&test.catalog, new_image(account, "bird")).await;
    let bird = url(&format!("/{hash}/bird/w=100"));
    assert!(!is_admitted(&other, &bird).await);
    test.catalog.update_account(&account, &policy, &actor()).await.unwrap();
    until("the setting is seen", || async { is_admitted(&other, &bird).await }).await;
}

#[tokio::test]
async fn what_was_loaded_before_a_change_is_not_kept() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "cat")).await;
    let hash = test.catalog.account(&account).await.unwrap().hash;
    let cat = url(&format!("/{hash}/cat/public"));
    assert!(is_admitted(&test.catalog, &cat).await);
    let memory = &test.catalog.inner.memory;
    let stale = memory.image(account, "cat").unwrap();

    // A load begins, a change comes in between, the load ends.
    let began = memory.begin();
    memory.forget(&Change::Image(account, "cat".into()));
    assert!(!memory.keep_image(began, account, "cat", &stale));
    assert!(memory.image(account, "cat").is_none());
    // One that began after the change is kept.
    assert!(memory.keep_image(memory.begin(), account, "cat", &stale));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_see_a_right_again_that_they_saw_go() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "cat")).await;
    let hash = test.catalog.account(&account).await.unwrap().hash;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (catalog, cat) = (test.catalog.clone(), url(&format!("/{hash}/cat/public")));
            tokio::spawn(async move {
                for _ in 0..2_000 {
                    let _ = is_admitted(&catalog, &cat).await;
                }
            })
        })
        .collect();
    let cat = url(&format!("/{hash}/cat/public"));
    for round in 0..50 {
        let private = round % 2 == 0;
        let change = ImageChange { private: Some(private), ..ImageChange::default() };
        test.catalog.update_image(&account, &id("cat"), change, &actor()).await.unwrap();
        // Right after the change, and from then on, with everyone else loading all the while.
        for _ in 0..5 {
            assert_eq!(is_admitted(&test.catalog, &cat).await, !private, "round {round}");
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn unknown_ids_fill_no_memory() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let hash = test.catalog.account(&account).await.unwrap().hash;
    for guess in 0..20 {
        let url = url(&format!("/{hash}/guess-{guess}/public"));
        test.catalog.rights(&url).await.unwrap();
        assert!(test.catalog.rights_in_memory(&url).is_none());
        let stranger = crate::tests::url(&format!("/{guess:022}/cat/public"));
        test.catalog.rights(&stranger).await.unwrap();
        assert!(test.catalog.inner.memory.account(stranger.account()).is_none());
    }
}

#[tokio::test]
async fn without_sight_of_changes_no_right_is_obeyed() {
    let check = async |serve_stale_public: bool| {
        let test = fresh_with(Clock::system(), |config| {
            config.max_stale_rights_s = 1;
            config.serve_stale_public = serve_stale_public;
        })
        .await;
        let account = account_of(&test.catalog).await;
        put_image(&test.catalog, new_image(account, "cat")).await;
        let hash = test.catalog.account(&account).await.unwrap().hash;
        let cat = url(&format!("/{hash}/cat/public"));
        assert!(is_admitted(&test.catalog, &cat).await);
        until("rights of a second ago are too old", || async {
            test.catalog.inner.memory.lose_sight();
            !test.catalog.inner.memory.is_fresh()
        })
        .await;
        until("the feed is read again", || async {
            let _ = test.catalog.rights(&cat).await;
            test.catalog.rights_in_memory(&cat).is_some()
        })
        .await;
        test.catalog.inner.memory.lose_sight();
        assert!(test.catalog.rights_in_memory(&cat).is_none());
        let rights = test.catalog.rights(&cat).await;
        if serve_stale_public {
            assert!(rights.unwrap().admit(&cat, Timestamp::from_seconds(0)).is_ok());
        } else {
            assert!(matches!(rights, Err(Error::RightsUnavailable)));
        }
        until("the feed is read again", || async {
            test.catalog.rights(&cat).await.is_ok_and(|rights| !rights.stale)
        })
        .await;
        assert!(is_admitted(&test.catalog, &cat).await);
    };
    check(false).await;
    check(true).await;
}

/// A catalog whose master key lies in a file, and the key that a rotation writes beside it.
struct RotatingKey {
    test: TestCatalog,
    file: PathBuf,
    next: PathBuf,
    old: Secret,
    new: Secret,
    folder: tempfile::TempDir,
}

async fn rotating_key() -> RotatingKey {
    let folder = tempfile::tempdir().unwrap();
    let (file, next) = (folder.path().join("master.key"), folder.path().join("master.key.next"));
    let (old, new) = (master_key(), master_key());
    std::fs::write(&file, old.reveal()).unwrap();
    let test = fresh_with(Clock::system(), |config| {
        config.master_key = old.clone();
        config.master_key_file = Some(file.clone());
    })
    .await;
    RotatingKey { test, file, next, old, new, folder }
}

#[tokio::test]
async fn the_master_key_is_rotated_beside_a_server_that_goes_on() {
    let RotatingKey { test, file, next, old, new, folder: _folder } = rotating_key().await;
    let account = account_of(&test.catalog).await;
    test.catalog.create_signing_key(&account, &key_id("second"), &actor()).await.unwrap();
    let before = test.catalog.signing_keys(&account).await.unwrap();
    let other = other_process(&test).await;

    std::fs::write(&next, new.reveal()).unwrap();
    assert_eq!(other.rotate_master_key(&new).await.unwrap(), 2);
    // Between the commit and the rename too, the first process reads and writes secrets.
    let after = test.catalog.signing_keys(&account).await.unwrap();
    assert_eq!(after.len(), 2);
    assert!(before.iter().zip(&after).all(|(before, after)| before.secret == after.secret));
    std::fs::rename(&next, &file).unwrap();
    test.catalog.create_signing_key(&account, &key_id("third"), &actor()).await.unwrap();

    // Everything is under the new key now, what the first process wrote as well.
    let config = crate::Config { master_key: new, master_key_file: None, ..test.config.clone() };
    let reopened = Catalog::open(config, Clock::system()).await.unwrap();
    assert_eq!(reopened.signing_keys(&account).await.unwrap().len(), 3);
    let config = crate::Config { master_key: old, master_key_file: None, ..test.config.clone() };
    assert!(matches!(Catalog::open(config, Clock::system()).await, Err(Error::MasterKey)));
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_by_the_next_start() {
    let RotatingKey { test, file, next, old, new, folder: _folder } = rotating_key().await;
    // Cut off before the transaction: the old key fits, the other file is of no use.
    std::fs::write(&next, new.reveal()).unwrap();
    other_process(&test).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), old.reveal());
    // Cut off after it.
    test.catalog.rotate_master_key(&new).await.unwrap();
    let reopened = other_process(&test).await;
    assert_eq!(reopened.signing_keys(&account_of(&reopened).await).await.unwrap().len(), 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), new.reveal());
    assert!(!next.exists());
}

#[tokio::test]
async fn a_sealed_secret_opens_in_its_own_place_only() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    test.catalog.create_signing_key(&account, &key_id("second"), &actor()).await.unwrap();
    let secret = test.catalog.signing_key(&account, None).await.unwrap().secret().clone();
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    let stored: Vec<Vec<u8>> =
        query_scalar("select secret from signing_keys").fetch_all(writing.db()).await.unwrap();
    let text = secret.reveal().as_bytes();
    assert!(stored.iter().all(|sealed| !sealed.windows(text.len()).any(|window| window == text)));
    query("update signing_keys set secret = (select secret from signing_keys where name = 'default')")
        .execute(writing.db())
        .await
        .unwrap();
    test.catalog.commit(writing).await.unwrap();
    assert!(matches!(test.catalog.signing_keys(&account).await, Err(Error::MasterKey)));
}
