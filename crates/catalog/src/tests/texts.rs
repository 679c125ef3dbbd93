//! Texts come back as they were given, whatever is in them, and mean the same in questions.

use serde_json::json;

use super::*;
use crate::{ImageChange, ImageFilter, MetaFilter, MetaOperator, MetaValue, Order};

/// Texts that some databases or drivers change.
const ODD: [&str; 10] = [
    "a\0b",
    "\0",
    "\u{1}",
    "\u{1}0\0\u{1}1",
    "\r\n\t\u{7f}\u{85}",
    "'; drop table images; --",
    "$1 %s {} \\\\ \"",
    "e\u{301} É ß İ \u{202e}abc",
    "\u{10ffff}\u{fffe}",
    "   ",
];

#[tokio::test]
async fn what_the_log_is_told_of_a_failure_quotes_no_row() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "secret-name")).await;
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    // PostgreSQL tells the whole row that breaks a promise.
    let spoil = query("update images set object = null where id = 'secret-name'");
    let error = crate::Error::from(spoil.execute(writing.db()).await.unwrap_err());
    let told = format!("{error:?}");
    assert!(told.starts_with("the database failed (") && told.contains("object"), "{told}");
    assert!(!told.contains("secret-name"), "{told}");
}

#[tokio::test]
async fn odd_texts_come_back_as_given() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for (number, text) in ODD.into_iter().enumerate() {
        let metadata = json!({ "a": text, text: [text], "n": number }).as_object().unwrap().clone();
        let new = NewImage {
            filename: text.into(),
            creator: Some(text.into()),
            metadata: metadata.clone(),
            idempotency: Some((format!("{text}{number}"), [7; 32])),
            ..new_image(account, &format!("image-{number}"))
        };
        let put = put_image(&test.catalog, new).await;
        let found = test.catalog.image(&account, &put.id).await.unwrap();
        assert_eq!((found.filename.as_str(), found.creator.as_deref()), (text, Some(text)), "{text:?}");
        assert_eq!(found.metadata, metadata, "{text:?}");
        let replayed = test.catalog.replayed(&account, &format!("{text}{number}"), &[7; 32]).await.unwrap();
        assert_eq!(replayed.map(|image| image.id), Some(put.id.clone()), "{text:?}");
        let change = ImageChange { filename: Some(format!("{text}2")), ..ImageChange::default() };
        let changed = test.catalog.update_image(&account, &put.id, change, &actor()).await.unwrap();
        assert_eq!(changed.filename, format!("{text}2"));
    }
}

#[tokio::test]
async fn the_longest_texts_are_kept() {
    let test = fresh_with(Clock::system(), |config| config.max_metadata_bytes = 1_000_000).await;
    let account = account_of(&test.catalog).await;
    // Random, so that no database makes them shorter.
    let random = |bytes: usize| hex::encode((0..bytes / 2).map(|_| rand::random()).collect::<Vec<u8>>());
    let long = random(500_000);
    let wide: String = (0..255).map(|_| rand::random_range('\u{10000}'..'\u{10ffff}')).collect();
    let new = NewImage {
        filename: wide.clone(),
        creator: Some("\0".repeat(1_024)),
        metadata: json!({ "a": long, "b": [random(1_024)] }).as_object().unwrap().clone(),
        idempotency: Some((wide.clone(), [7; 32])),
        ..new_image(account, &random(1_024))
    };
    let put = put_image(&test.catalog, new.clone()).await;
    let found = test.catalog.image(&account, &put.id).await.unwrap();
    assert_eq!((found.filename, found.metadata), (wide, new.metadata));
    assert_eq!(found.creator, new.creator);
}

#[tokio::test]
async fn odd_texts_are_found_by_what_they_are() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for (number, text) in ODD.into_iter().enumerate() {
        let metadata = json!({ "a": text }).as_object().unwrap().clone();
        let (filename, creator) = (format!("{text}.jpg"), Some(text.into()));
        let new = NewImage { filename, creator, metadata, ..new_image(account, &format!("image-{number}")) };
        put_image(&test.catalog, new).await;
    }
    let found = async |filter: ImageFilter| {
        let page = test.catalog.page_images(&account, &filter, Order::Oldest, None, 100).await.unwrap();
        page.items.into_iter().map(|image| image.id.to_string()).collect::<Vec<_>>()
    };
    for (number, text) in ODD.into_iter().enumerate() {
        let only = vec![format!("image-{number}")];
        let by_creator = ImageFilter { creator: Some(Some(text.into())), ..ImageFilter::default() };
        assert_eq!(found(by_creator).await, only, "{text:?}");
        let values = vec![MetaValue::Text(text.into())];
        let filter = MetaFilter { field: "a".into(), operator: MetaOperator::Eq, values };
        assert_eq!(
            found(ImageFilter { metadata: vec![filter], ..ImageFilter::default() }).await,
            only,
            "{text:?}"
        );
        let search = ImageFilter { search: Some(format!("{text}.")), ..ImageFilter::default() };
        assert_eq!(found(search).await, only, "{text:?}");
    }
}
