//! What is known of a picture beside its bytes: its glimpse, the point to keep in view, qualities that were found, and the
//! originals behind the ids that a recipe names.

use super::*;
use crate::{Error, ImageChange};

fn focused(focal_point: Option<(f32, f32)>) -> ImageChange {
    ImageChange { focal_point: Some(focal_point), ..ImageChange::default() }
}

#[tokio::test]
async fn a_glimpse_comes_back_as_it_was_left() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for (name, dominant, phash) in
        [("a", [0, 0, 0], 0), ("b", [255, 254, 253], u64::MAX), ("c", [1, 2, 3], 1 << 63)]
    {
        let glimpse = Glimpse { thumbhash: vec![7], dominant, phash };
        put_image(&test.catalog, NewImage { glimpse, ..new_image(account, name) }).await;
        let image = test.catalog.image(&account, &id(name)).await.unwrap();
        assert_eq!((image.dominant, image.phash, image.thumbhash), (Some(dominant), Some(phash), vec![7]));
    }
}

#[tokio::test]
async fn a_focal_point_is_set_kept_by_other_changes_and_taken_away() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let image = put_image(&test.catalog, new_image(account, "cat")).await;
    assert_eq!(image.focal_point, None);
    let change = async |change| test.catalog.update_image(&account, &id("cat"), change, &actor()).await;
    for point in [(0.0, 1.0), (0.25, 0.3), (0.123_457, 0.999_999)] {
        assert_eq!(change(focused(Some(point))).await.unwrap().focal_point, Some(point));
        assert_eq!(test.catalog.image(&account, &id("cat")).await.unwrap().focal_point, Some(point));
    }
    let private = ImageChange { private: Some(true), ..ImageChange::default() };
    assert_eq!(change(private).await.unwrap().focal_point, Some((0.123_457, 0.999_999)));
    for outside in [(-0.1, 0.5), (0.5, 1.1), (f32::NAN, 0.5)] {
        assert!(matches!(change(focused(Some(outside))).await, Err(Error::Invalid(_))));
    }
    assert_eq!(change(focused(None)).await.unwrap().focal_point, None);
}

#[tokio::test]
async fn a_delivery_sees_a_focal_point_as_soon_as_it_is_set() {
    let test = fresh().await;
    let account = test.catalog.accounts().await.unwrap().remove(0);
    put_image(&test.catalog, new_image(account.id, "cat")).await;
    let url = DeliveryUrl::parse(&format!("/{}/cat/public", account.hash)).unwrap();
    let seen = async || {
        let rights = test.catalog.rights(&url).await.unwrap();
        rights.admit(&url, test.catalog.now()).unwrap().focal_point
    };
    assert_eq!(seen().await, None);
    test.catalog.update_image(&account.id, &id("cat"), focused(Some((0.5, 0.25))), &actor()).await.unwrap();
    assert_eq!(seen().await, Some((0.5, 0.25)));
}

#[tokio::test]
async fn a_quality_that_was_found_goes_with_its_original() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let image = put_image(&test.catalog, new_image(account, "cat")).await;
    let found = async |target| test.catalog.found_quality(&image.object, target).await.unwrap();
    assert_eq!(found(75).await, None);
    for quality in [62, 58] {
        test.catalog.note_found_quality(&image.object, 75, quality).await.unwrap();
        assert_eq!((found(75).await, found(85).await), (Some(quality), None));
    }
    test.catalog.remove_image(&account, &image.id, &actor()).await.unwrap();
    assert_eq!(found(75).await, None);
    // A search that ends after its original went leaves nothing and hurts nobody.
    test.catalog.note_found_quality(&image.object, 75, 60).await.unwrap();
    assert_eq!(found(75).await, None);
}

#[tokio::test]
async fn overlays_are_found_within_their_account_only() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let logo = put_image(&test.catalog, NewImage { private: true, ..new_image(account, "marks/logo") }).await;
    let cat = put_image(&test.catalog, new_image(account, "cat")).await;
    assert_eq!(test.catalog.overlay_objects_in_memory(&account, &["marks/logo"]), None);
    let objects = test.catalog.overlay_objects(&account, &["marks/logo", "cat", "marks/logo"]).await.unwrap();
    assert_eq!(objects, [logo.object, cat.object, logo.object]);
    assert_eq!(test.catalog.overlay_objects_in_memory(&account, &["cat"]), Some(vec![cat.object]));
    let strange = AccountId::random();
    for (account, ids) in [(strange, ["cat"]), (account, ["dog"])] {
        let refused = test.catalog.overlay_objects(&account, &ids).await.unwrap_err();
        assert!(matches!(&refused, Error::Options(told) if told.contains("draw") && !told.contains(ids[0])), "{refused}");
    }
    let mut found = test.catalog.images_of_objects(&account, &[logo.object, cat.object]).await.unwrap();
    found.sort_by_key(|image| image.id.to_string());
    assert_eq!(found, [cat.clone(), logo]);
    assert_eq!(test.catalog.images_of_objects(&strange, &[cat.object]).await.unwrap(), []);
}
