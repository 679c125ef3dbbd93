//! Images: inserted once, changed, removed, counted.

use serde_json::{Map, Value, json};

use super::*;
use crate::{Error, ImageChange, NewAccount, Totals};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_image_is_found_as_it_was_inserted() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let new = NewImage {
        filename: format!("{}.jpg", "é".repeat(300)),
        metadata: object(json!({ "a": { "b": [1, true, null, "x"] } })),
        creator: Some("ada".into()),
        private: true,
        ..new_image(account, "summer/cat %é")
    };
    let image = put_image(&test.catalog, new.clone()).await;
    assert_eq!(test.catalog.image(&account, &new.id).await.unwrap(), image);
    assert_eq!(image.filename, "é".repeat(255));
    assert_eq!((image.metadata, image.creator, image.private), (new.metadata, new.creator, true));
    assert_eq!((image.facts, image.sha256, image.thumbhash), (Some(new.facts), new.sha256, new.glimpse.thumbhash));
    assert!(test.catalog.owns_object(&account, &new.object).await.unwrap());
    assert!(!test.catalog.owns_object(&account, &ObjectId::random()).await.unwrap());
    assert!(!test.catalog.owns_object(&AccountId::random(), &new.object).await.unwrap());
}

#[tokio::test]
async fn an_id_is_taken_once_in_an_account() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "cat")).await;
    let again = test.catalog.insert_image(new_image(account, "cat"), &actor()).await;
    assert!(matches!(again, Err(Error::Exists)));
    let new =
        NewAccount { handle: "other".parse().unwrap(), display_name: None, given: None, settings: vec![] };
    let other = test.catalog.insert_account(new, &actor()).await.unwrap().id;
    put_image(&test.catalog, new_image(other, "cat")).await;
    let nobody = test.catalog.insert_image(new_image(AccountId::random(), "cat"), &actor()).await;
    assert!(matches!(nobody, Err(Error::AccountMissing)));
}

#[tokio::test]
async fn a_foreign_image_is_an_unknown_one() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "cat")).await;
    let (stranger, cat) = (AccountId::random(), id("cat"));
    assert!(matches!(test.catalog.image(&stranger, &cat).await, Err(Error::ImageMissing)));
    let change = test.catalog.update_image(&stranger, &cat, ImageChange::default(), &actor()).await;
    assert!(matches!(change, Err(Error::ImageMissing)));
    assert!(matches!(test.catalog.remove_image(&stranger, &cat, &actor()).await, Err(Error::ImageMissing)));
}

#[tokio::test]
async fn of_many_inserts_of_one_id_one_wins() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let catalog = test.catalog.clone();
            tokio::spawn(async move { catalog.insert_image(new_image(account, "cat"), &actor()).await })
        })
        .collect();
    let mut won = 0;
    for attempt in tries {
        won += i32::from(attempt.await.unwrap().is_ok());
    }
    assert_eq!((won, test.catalog.account(&account).await.unwrap().totals.images), (1, 1));
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_size() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    // `{"k":"…"}` has 8 bytes around the text.
    let metadata = |bytes: usize| object(json!({ "k": "x".repeat(bytes - 8) }));
    let insert =
        async |new: NewImage| test.catalog.insert_image(new, &actor()).await.map_err(|e| e.to_string());
    insert(NewImage { metadata: metadata(1_024), ..new_image(account, "fits") }).await.unwrap();
    let refused =
        insert(NewImage { metadata: metadata(1_200), ..new_image(account, "large") }).await.unwrap_err();
    assert_eq!(refused, "metadata is 1,200 bytes; the limit is 1,024");
    insert(NewImage { creator: Some("c".repeat(1_024)), ..new_image(account, "creator") }).await.unwrap();
    let refused = insert(NewImage { creator: Some("c".repeat(1_025)), ..new_image(account, "creators") })
        .await
        .unwrap_err();
    assert_eq!(refused, "the creator is 1,025 bytes; the limit is 1,024");
    let change = ImageChange { metadata: Some(metadata(1_025)), ..ImageChange::default() };
    assert!(test.catalog.update_image(&account, &id("fits"), change, &actor()).await.is_err());
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let new = NewImage {
        metadata: object(json!({ "a": 1, "b": 2 })),
        creator: Some("ada".into()),
        ..new_image(account, "cat")
    };
    let before = put_image(&test.catalog, new).await;
    let change = async |change: ImageChange| {
        let image = test.catalog.update_image(&account, &id("cat"), change, &actor()).await.unwrap();
        assert_eq!(test.catalog.image(&account, &id("cat")).await.unwrap(), image);
        image
    };
    assert_eq!(change(ImageChange::default()).await, before);
    let replaced =
        change(ImageChange { metadata: Some(object(json!({ "c": 3 }))), ..ImageChange::default() }).await;
    assert_eq!(replaced, Image { metadata: object(json!({ "c": 3 })), ..before });
    let private = change(ImageChange { private: Some(true), ..ImageChange::default() }).await;
    assert_eq!(private, Image { private: true, ..replaced });
    let renamed = change(ImageChange {
        filename: Some("tom.jpg".into()),
        creator: Some(None),
        ..ImageChange::default()
    })
    .await;
    assert_eq!((renamed.filename.as_str(), renamed.creator), ("tom.jpg", None));
}

#[tokio::test]
async fn totals_follow_every_change() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let totals = async || test.catalog.account(&account).await.unwrap().totals;
    for (name, bytes) in [("a", 10), ("b", 200), ("c", 3_000)] {
        put_image(&test.catalog, NewImage { bytes, ..new_image(account, name) }).await;
    }
    assert_eq!(totals().await, Totals { images: 3, bytes: 3_210 });
    test.catalog.remove_image(&account, &id("b"), &actor()).await.unwrap();
    assert_eq!(totals().await, Totals { images: 2, bytes: 3_010 });
    let _ = test.catalog.insert_image(new_image(account, "a"), &actor()).await.unwrap_err();
    assert_eq!(totals().await, Totals { images: 2, bytes: 3_010 });
}

#[tokio::test]
async fn a_removed_image_leaves_its_place_to_be_swept() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let image = put_image(&test.catalog, new_image(account, "cat")).await;
    let doomed = test.catalog.remove_image(&account, &image.id, &actor()).await.unwrap();
    assert_eq!((doomed.account, doomed.object, doomed.day), (account, image.object, image.day));
    assert_eq!(test.catalog.doomed(0, 10).await.unwrap(), std::slice::from_ref(&doomed));
    assert!(matches!(test.catalog.image(&account, &image.id).await, Err(Error::ImageMissing)));
    assert!(matches!(
        test.catalog.remove_image(&account, &image.id, &actor()).await,
        Err(Error::ImageMissing)
    ));
    put_image(&test.catalog, new_image(account, "cat")).await;
    test.catalog.forget_doomed(&doomed).await.unwrap();
    assert_eq!(test.catalog.doomed(0, 10).await.unwrap(), []);
}

#[tokio::test]
async fn the_same_content_is_found() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let image = put_image(&test.catalog, new_image(account, "cat")).await;
    let found = test.catalog.image_by_digest(&account, &image.sha256).await.unwrap();
    assert_eq!(found.unwrap().id, image.id);
    assert!(test.catalog.image_by_digest(&account, &[0; 32]).await.unwrap().is_none());
    assert!(test.catalog.image_by_digest(&AccountId::random(), &image.sha256).await.unwrap().is_none());
}

fn with_key(account: AccountId, id: &str, key: &str, digest: u8) -> NewImage {
    NewImage { idempotency: Some((key.into(), [digest; 32])), ..new_image(account, id) }
}

#[tokio::test]
async fn a_retried_request_acts_once() {
    let hands = Hands::new();
    let test = fresh_with(hands.clock(), |config| config.idempotency_ttl_s = 3_600).await;
    let account = account_of(&test.catalog).await;
    let insert = async |new: NewImage| test.catalog.insert_image(new, &actor()).await;
    let first = put_image(&test.catalog, with_key(account, "one", "k", 1)).await;
    assert_eq!(insert(with_key(account, "two", "k", 1)).await.unwrap(), Inserted::Replayed(first.clone()));
    assert!(matches!(insert(with_key(account, "two", "k", 2)).await, Err(Error::IdempotencyMismatch)));
    let replayed = async |digest: u8| test.catalog.replayed(&account, "k", &[digest; 32]).await;
    assert_eq!(replayed(1).await.unwrap(), Some(first));
    assert!(matches!(replayed(2).await, Err(Error::IdempotencyMismatch)));
    assert_eq!(test.catalog.replayed(&AccountId::random(), "k", &[1; 32]).await.unwrap(), None);
    assert_eq!(test.catalog.account(&account).await.unwrap().totals.images, 1);

    hands.pass(Duration::from_secs(3_601));
    assert_eq!(replayed(1).await.unwrap(), None);
    assert!(matches!(insert(with_key(account, "two", "k", 2)).await.unwrap(), Inserted::New(_)));
    let long = "k".repeat(256);
    assert!(matches!(insert(with_key(account, "three", &long, 1)).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn of_many_requests_with_one_key_one_inserts_and_all_agree() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let catalog = test.catalog.clone();
            let new = with_key(account, &format!("image-{number}"), "k", 1);
            tokio::spawn(async move { catalog.insert_image(new, &actor()).await.unwrap() })
        })
        .collect();
    let (mut new, mut ids) = (0, std::collections::HashSet::new());
    for attempt in tries {
        match attempt.await.unwrap() {
            Inserted::New(image) => {
                new += 1;
                ids.insert(image.id);
            }
            Inserted::Replayed(image) => {
                ids.insert(image.id);
            }
        }
    }
    assert_eq!((new, ids.len()), (1, 1));
}

#[tokio::test]
async fn a_given_id_and_hash_keep_old_urls_alive() {
    let test = fresh().await;
    let given = (AccountId::random(), domain::AccountHash::random());
    let new = |handle: &str, given| NewAccount {
        handle: handle.parse().unwrap(),
        display_name: Some("Moved".into()),
        given,
        settings: vec![("moved_urls".into(), "true".into())],
    };
    let account = test.catalog.insert_account(new("moved", Some(given.clone())), &actor()).await.unwrap();
    assert_eq!((account.id, &account.hash), (given.0, &given.1));
    assert!(!account.policy.require_exp && account.policy.moved_urls);
    let found = test.catalog.account_by_handle(&"moved".parse().unwrap()).await.unwrap();
    assert_eq!((found.id, found.display_name.as_str()), (given.0, "Moved"));
    for (handle, given) in [
        ("moved", None),
        ("other", Some(given.clone())),
        ("third", Some((AccountId::random(), given.1.clone()))),
    ] {
        assert!(matches!(
            test.catalog.insert_account(new(handle, given), &actor()).await,
            Err(Error::Exists)
        ));
    }
    test.catalog.rename_account(&account.id, "Renamed", &actor()).await.unwrap();
    assert_eq!(test.catalog.account(&account.id).await.unwrap().display_name, "Renamed");
    assert!(test.catalog.rename_account(&account.id, " ", &actor()).await.is_err());
    let nobody = test.catalog.rename_account(&AccountId::random(), "x", &actor()).await;
    assert!(matches!(nobody, Err(Error::AccountMissing)));
}
