//! Accepting originals: what is kept, what is refused, and that a refusal leaves nothing.

use domain::{Fault as _, Problem};
use serde_json::{Value, json};
use storage::Prefix;

use super::*;

async fn refused(house: &House, new: NewUpload) -> Problem {
    let (places, images) = (house.places().await, house.images().await);
    let problem = house.uploads.accept(new, &actor()).await.expect_err("this must be refused").problem();
    assert_eq!((house.places().await, house.images().await), (places, images), "something was left behind");
    problem
}

#[tokio::test]
async fn an_accepted_original_is_kept_byte_for_byte_with_its_facts() {
    let house = House::new().await;
    let picture = png(1);
    let accepted =
        house.uploads.accept(house.new_upload(Some("pets/cat"), &picture).await, &actor()).await.unwrap();
    assert!(!accepted.replayed);
    let image = accepted.image;
    let facts = image.facts.clone().unwrap();
    assert_eq!((facts.width, facts.height, facts.format), (40, 30, variant::Format::Png));
    assert_eq!(
        (image.id.as_str(), image.filename.as_str(), image.bytes),
        ("pets/cat", "cat.png", picture.len() as u64)
    );
    assert!(!image.thumbhash.is_empty());
    let place = Prefix::new(image.day, &image.account, &image.object);
    let kept = house.storage.get(&place.original()).await.unwrap().into_bytes().await.unwrap();
    assert_eq!(kept, picture);
    assert_eq!(house.images().await, 1);
}

#[tokio::test]
async fn an_image_without_a_wished_id_gets_a_uuid() {
    let house = House::new().await;
    let accepted = house.uploads.accept(house.new_upload(None, &png(1)).await, &actor()).await.unwrap();
    assert!(accepted.image.id.is_uuid());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let house = House::new().await;
    house.uploads.accept(house.new_upload(Some("cat"), &png(1)).await, &actor()).await.unwrap();
    let new = house.new_upload(Some("cat"), &png(2)).await;
    assert_eq!(refused(&house, new).await, Problem::Exists);
    let new = house.new_upload(None, b"not a picture at all, only text").await;
    assert_eq!(refused(&house, new).await, Problem::NotAnImage);
    let picture = png(3);
    let new = house.new_upload(None, &picture[..picture.len() / 2]).await;
    assert_eq!(refused(&house, new).await, Problem::Damaged);
    let new = house.new_upload(None, b"").await;
    assert_eq!(refused(&house, new).await, Problem::Damaged);
    for id in ["keys/x", "photos/blob", "083eb7b2-5392-4565-b69e-aff66acddd00"] {
        let new = NewUpload { id: Some(id.parse().unwrap()), ..house.new_upload(None, &png(5)).await };
        assert_eq!(refused(&house, new).await, Problem::BadRequest, "{id}");
    }
    let large = json!({"k": "v".repeat(2_000)});
    let Value::Object(metadata) = large else { unreachable!() };
    let new = NewUpload { metadata, ..house.new_upload(None, &png(4)).await };
    assert_eq!(refused(&house, new).await, Problem::BadRequest);
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_acts_once() {
    let house = House::new().await;
    let with_key = async |shade| {
        let new = house.new_upload(None, &png(shade)).await;
        house.uploads.accept(NewUpload { idempotency_key: Some("once".into()), ..new }, &actor()).await
    };
    let first = with_key(1).await.unwrap();
    let second = with_key(1).await.unwrap();
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.image, second.image);
    assert_eq!(with_key(2).await.unwrap_err().problem(), Problem::IdempotencyMismatch);
    assert_eq!((house.places().await, house.images().await), (1, 1));
}

#[tokio::test]
async fn of_many_at_once_one_wins_and_the_bytes_are_the_winners() {
    let house = House::new().await;
    let mut racers = Vec::new();
    for shade in 0..6 {
        racers.push(house.new_upload(Some("cat"), &png(shade)).await);
    }
    let actor = actor();
    let results =
        futures_util::future::join_all(racers.into_iter().map(|new| house.uploads.accept(new, &actor))).await;
    let winners: Vec<_> = results.iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.problem(), Problem::Exists);
    }
    let image = &winners[0].image;
    let place = Prefix::new(image.day, &image.account, &image.object);
    let kept = house.storage.get(&place.original()).await.unwrap().into_bytes().await.unwrap();
    assert_eq!(<[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&kept)), image.sha256);
    assert_eq!(house.places().await, 1);
}

#[tokio::test]
async fn of_many_with_one_idempotency_key_all_get_the_same_image() {
    let house = House::new().await;
    let mut racers = Vec::new();
    for _ in 0..6 {
        let new = house.new_upload(None, &png(1)).await;
        racers.push(NewUpload { idempotency_key: Some("once".into()), ..new });
    }
    let actor = actor();
    let results =
        futures_util::future::join_all(racers.into_iter().map(|new| house.uploads.accept(new, &actor))).await;
    let ids: std::collections::HashSet<_> =
        results.into_iter().map(|result| result.unwrap().image.id).collect();
    assert_eq!((ids.len(), house.places().await, house.images().await), (1, 1, 1));
}
