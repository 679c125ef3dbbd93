//! Renditions at rest: the rows, what they add up to, and who goes first.

use super::*;
use crate::{AtRest, AtRestTotal};

async fn house() -> (TestCatalog, Hands, Image) {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let account = account_of(&test.catalog).await;
    let image = put_image(&test.catalog, new_image(account, "cat")).await;
    (test, hands, image)
}

fn rendition(image: &Image, number: u8, used_at: Timestamp) -> AtRest {
    let (account, object, day) = (image.account, image.object, image.day);
    AtRest { account, object, day, digest: [number; 16], bytes: 100 + u64::from(number), used_at }
}

/// The first byte of the digest of each, the longest unused first.
async fn in_order(catalog: &Catalog) -> Vec<u8> {
    let all = catalog.unused_renditions(Timestamp::from_micros(i64::MAX), 100).await.unwrap();
    all.iter().map(|rendition| rendition.digest[0]).collect()
}

async fn total(catalog: &Catalog) -> (u64, u64) {
    let AtRestTotal { renditions, bytes } = catalog.at_rest_total().await.unwrap();
    (renditions, bytes)
}

#[tokio::test]
async fn what_was_noted_has_its_row_after_a_flush_and_is_counted_once() {
    let (test, hands, image) = house().await;
    let now = hands.clock().now();
    assert_eq!(test.catalog.note_at_rest(rendition(&image, 1, now)), 101);
    assert_eq!(test.catalog.note_at_rest(rendition(&image, 2, now)), 203);
    assert_eq!(test.catalog.note_at_rest(rendition(&image, 2, now)), 203);
    test.catalog.note_found_at_rest(rendition(&image, 2, now));
    assert_eq!(test.catalog.note_at_rest(rendition(&image, 2, now)), 203, "what is found adds nothing");
    assert_eq!(total(&test.catalog).await, (0, 0));
    test.catalog.flush_at_rest().await.unwrap();
    assert_eq!(total(&test.catalog).await, (2, 203));
    // Found again, by another process too: no second row, and a later use.
    let other = Catalog::open(test.config.clone(), hands.clock()).await.unwrap();
    other.note_found_at_rest(rendition(&image, 1, now.plus(Duration::from_secs(5))));
    other.flush_at_rest().await.unwrap();
    assert_eq!((total(&test.catalog).await, in_order(&test.catalog).await), ((2, 203), vec![2, 1]));
    other.note_at_rest(rendition(&image, 1, now));
    other.flush_at_rest().await.unwrap();
    assert_eq!(in_order(&test.catalog).await, [2, 1], "a use is never set back");
}

#[tokio::test]
async fn new_known_and_dead_are_told_apart_in_one_go_also_where_they_are_many() {
    let (test, hands, image) = house().await;
    let gone = put_image(&test.catalog, new_image(image.account, "gone")).await;
    test.catalog.remove_image(&image.account, &gone.id, &actor()).await.unwrap();
    let now = hands.clock().now();
    let many = |number: u16, used_at| {
        let mut one = rendition(if number.is_multiple_of(4) { &gone } else { &image }, 7, used_at);
        one.digest[..2].copy_from_slice(&number.to_be_bytes());
        one
    };
    let known: Vec<AtRest> = (0..400).map(|number| many(number, now)).collect();
    test.catalog.insert_at_rest(&known).await.unwrap();
    assert_eq!(total(&test.catalog).await, (300, 300 * 107));
    let later = now.plus(Duration::from_secs(9));
    (0..1_200).for_each(|number| _ = test.catalog.note_at_rest(many(number, later)));
    test.catalog.flush_at_rest().await.unwrap();
    assert_eq!(total(&test.catalog).await, (900, 900 * 107));
    assert_eq!(
        test.catalog.unused_renditions(later, 10).await.unwrap(),
        [],
        "all are as young as they are told"
    );
    assert!(test.catalog.doomed(0, 10).await.unwrap().iter().all(|place| place.object == gone.object));
    hands.pass(Duration::from_secs(3_600));
    let used: Vec<_> = (0..1_100).map(|number| many(number, now)).map(|it| (it.object, it.digest)).collect();
    test.catalog.note_renditions_used(&used).await.unwrap();
    let unused = test.catalog.unused_renditions(hands.clock().now(), 2_000).await.unwrap();
    assert_eq!(unused.len(), 75);
    let mut told = unused.clone();
    told.extend((0..300).map(|number| many(number, later)));
    let removed = AtRestTotal { renditions: 75, bytes: 75 * 107 };
    assert_eq!(test.catalog.forget_renditions(&told).await.unwrap(), removed);
    assert_eq!(total(&test.catalog).await, (825, 825 * 107));
    assert_eq!(test.catalog.forget_renditions(&[]).await.unwrap(), AtRestTotal::default());
}

#[tokio::test]
async fn the_longest_unused_come_first_and_what_was_used_meanwhile_is_not_forgotten() {
    let (test, hands, image) = house().await;
    let start = hands.clock().now();
    for number in 0..6_u8 {
        test.catalog.note_at_rest(rendition(&image, number, start.plus(Duration::from_secs(number.into()))));
    }
    test.catalog.flush_at_rest().await.unwrap();
    hands.pass(Duration::from_secs(3_600));
    test.catalog.note_renditions_used(&[(image.object, [0; 16]), (image.object, [99; 16])]).await.unwrap();
    assert_eq!(in_order(&test.catalog).await, [1, 2, 3, 4, 5, 0]);
    let old = test.catalog.unused_renditions(start.plus(Duration::from_secs(3)), 100).await.unwrap();
    assert_eq!(old.len(), 2);
    test.catalog.note_renditions_used(&[(image.object, [1; 16])]).await.unwrap();
    let gone = test.catalog.forget_renditions(&old).await.unwrap();
    assert_eq!(gone, AtRestTotal { renditions: 1, bytes: 102 });
    assert_eq!((in_order(&test.catalog).await.len(), total(&test.catalog).await), (5, (5, 513)));
    assert_eq!(test.catalog.forget_renditions(&old).await.unwrap(), AtRestTotal::default());
    let known = test.catalog.renditions_of(&[ObjectId::random(), image.object]).await.unwrap();
    assert_eq!(known.len(), 5);
    assert_eq!(test.catalog.renditions_of(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn the_renditions_of_a_removed_image_go_with_its_place() {
    let (test, hands, image) = house().await;
    let other = put_image(&test.catalog, new_image(image.account, "dog")).await;
    for number in 0..3 {
        test.catalog.note_at_rest(rendition(&image, number, hands.clock().now()));
    }
    test.catalog.note_at_rest(rendition(&other, 7, hands.clock().now()));
    test.catalog.flush_at_rest().await.unwrap();
    let doomed = test.catalog.remove_image(&image.account, &image.id, &actor()).await.unwrap();
    test.catalog.forget_doomed(&doomed).await.unwrap();
    assert_eq!((total(&test.catalog).await, in_order(&test.catalog).await), ((1, 107), vec![7]));
}

#[tokio::test]
async fn what_was_put_after_its_image_was_removed_is_doomed_again() {
    let (test, hands, image) = house().await;
    let doomed = test.catalog.remove_image(&image.account, &image.id, &actor()).await.unwrap();
    test.catalog.forget_doomed(&doomed).await.unwrap();
    // A render that began before the removal is kept after it.
    for number in 0..3 {
        test.catalog.note_at_rest(rendition(&image, number, hands.clock().now()));
    }
    test.catalog.flush_at_rest().await.unwrap();
    assert_eq!(total(&test.catalog).await, (0, 0));
    let again = test.catalog.doomed(0, 10).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].object, again[0].day), (image.object, image.day));
}

#[tokio::test]
async fn what_is_past_its_time_is_forgotten_and_nothing_else() {
    let (test, hands, image) = house().await;
    let person = crate::NewPerson {
        email: "ada@example.org".into(),
        name: String::new(),
        password: Secret::new("correct horse battery staple"),
        place: None,
        operator: true,
    };
    test.catalog.insert_first_person(person, &actor()).await.unwrap();
    let ada = test.catalog.person_by_email("ada@example.org").await.unwrap();
    let upload = |id: &str| {
        let idempotency = Some((format!("key of {id}"), [1; 32]));
        NewImage { idempotency, ..new_image(image.account, id) }
    };
    let wrong = Secret::new("not the password");
    let check = async || test.catalog.check_password("ada@example.org", &wrong, None, false).await.unwrap();
    for name in ["old", "new"] {
        put_image(&test.catalog, upload(name)).await;
        test.catalog.start_session(&ada, &actor()).await.unwrap();
        check().await;
        hands.pass(Duration::from_secs(50_000));
    }
    assert_eq!(test.catalog.forget_expired().await.unwrap().sessions, 2);
    let expired = test.catalog.forget_expired().await.unwrap();
    assert_eq!((expired.sessions, expired.sign_in_failures), (0, 0));
    let (old, new) = ("key of old", "key of new");
    assert!(test.catalog.replayed(&image.account, old, &[1; 32]).await.unwrap().is_none());
    assert!(test.catalog.replayed(&image.account, new, &[1; 32]).await.unwrap().is_some(), "it counts still");
    hands.pass(Duration::from_secs(90_000));
    let expired = test.catalog.forget_expired().await.unwrap();
    assert_eq!((expired.sign_in_failures, expired.idempotency_keys), (1, 1));
    assert_eq!(
        test.catalog.image(&image.account, &"old".parse().unwrap()).await.unwrap().filename,
        "old.jpg"
    );
}
