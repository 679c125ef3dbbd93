//! Removing images and sweeping: what goes, and what is spared.

use domain::{AccountId, Fault as _, ObjectId, Problem};
use storage::Prefix;

use super::*;

#[tokio::test]
async fn a_removed_image_takes_its_objects_along() {
    let house = House::new().await;
    let image =
        house.uploads.accept(house.new_upload(Some("cat"), &png(1)).await, &actor()).await.unwrap().image;
    let place = Prefix::new(image.day, &image.account, &image.object);
    house.storage.put(&place.rendition(&[1; 16]), Bytes::from_static(b"rendition")).await.unwrap();
    house.uploads.remove(&house.account.id, &image.id, &actor()).await.unwrap();
    assert_eq!((house.places().await, house.images().await), (0, 0));
    assert!(house.catalog.catalog.doomed(0, 10).await.unwrap().is_empty());
    let again = house.uploads.remove(&house.account.id, &image.id, &actor()).await.unwrap_err();
    assert_eq!(again.problem(), Problem::ImageMissing);
}

#[tokio::test]
async fn a_removal_that_a_crash_cut_short_is_finished_later() {
    let house = House::new().await;
    let image =
        house.uploads.accept(house.new_upload(Some("cat"), &png(1)).await, &actor()).await.unwrap().image;
    // The crash came right after the transaction.
    house.catalog.catalog.remove_image(&house.account.id, &image.id, &actor()).await.unwrap();
    assert_eq!(house.places().await, 1);
    assert_eq!(house.uploads.finish_removals().await.unwrap(), 1);
    assert_eq!(house.places().await, 0);
    assert_eq!(house.uploads.finish_removals().await.unwrap(), 0);
}

#[tokio::test]
async fn a_removal_that_fails_is_in_the_way_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let storage = Storage::open(storage::Config::on_disk(objects.clone(), 0)).await.unwrap();
    let house = House::on(storage).await;
    let catalog = &house.catalog.catalog;
    let new = catalog::NewAccount {
        handle: "other".parse().unwrap(),
        display_name: None,
        given: None,
        settings: Vec::new(),
    };
    let other = catalog.insert_account(new, &actor()).await.unwrap().id;
    let mut images = Vec::new();
    for (account, shade) in [(other, 1), (house.account.id, 2), (house.account.id, 3)] {
        let new = NewUpload { account, ..house.new_upload(None, &png(shade)).await };
        images.push(house.uploads.accept(new, &actor()).await.unwrap().image);
    }
    for image in &images {
        catalog.remove_image(&image.account, &image.id, &actor()).await.unwrap();
    }
    // The first place cannot be reached: the folder of its account leads to itself.
    let first = Prefix::new(images[0].day, &images[0].account, &images[0].object);
    let above = objects.join(first.as_str()).parent().unwrap().to_owned();
    std::fs::rename(&above, folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(above.file_name().unwrap(), &above).unwrap();
    assert_eq!(house.uploads.finish_removals_until(|| true).await.unwrap(), 0);
    let failed = house.uploads.finish_removals().await.unwrap_err();
    assert!(matches!(failed, Error::Storage(storage::Error::Io(_))), "{failed:?}");
    let left = catalog.doomed(0, 10).await.unwrap();
    assert_eq!(left.iter().map(|place| place.object).collect::<Vec<_>>(), [images[0].object]);
    // It goes with the first try after the folder is back.
    std::fs::remove_file(&above).unwrap();
    std::fs::rename(folder.path().join("elsewhere"), &above).unwrap();
    assert_eq!(house.uploads.finish_removals().await.unwrap(), 1);
    assert_eq!((house.places().await, catalog.doomed(0, 10).await.unwrap()), (0, Vec::new()));
}

#[tokio::test]
async fn a_sweep_takes_old_orphans_and_spares_the_young_and_the_owned() {
    let house = House::new().await;
    house.uploads.accept(house.new_upload(Some("cat"), &png(1)).await, &actor()).await.unwrap();
    let orphan = Prefix::new(20_000, &house.account.id, &ObjectId::random());
    let foreign = Prefix::new(20_000, &AccountId::random(), &ObjectId::random());
    for place in [&orphan, &foreign] {
        house.storage.put(&place.original(), Bytes::from_static(b"bytes without a row")).await.unwrap();
    }
    assert_eq!(house.sweep(Duration::from_secs(86_400)).await, 0);
    assert_eq!(house.places().await, 3);
    assert_eq!(house.sweep(Duration::ZERO).await, 2);
    assert_eq!((house.places().await, house.images().await), (1, 1));
}

#[tokio::test]
async fn a_hold_keeps_the_objects_of_removed_images_until_it_ends() {
    let house = House::new().await;
    let catalog = &house.catalog.catalog;
    let image =
        house.uploads.accept(house.new_upload(Some("cat"), &png(1)).await, &actor()).await.unwrap().image;
    let hold = catalog.hold_removals(Duration::from_secs(60)).await.unwrap();
    house.uploads.remove(&house.account.id, &image.id, &actor()).await.unwrap();
    assert_eq!(house.uploads.finish_removals().await.unwrap(), 0);
    assert_eq!(house.sweep(Duration::ZERO).await, 0);
    assert_eq!((house.places().await, house.images().await), (1, 0));
    assert!(catalog.renew_hold(&hold, Duration::from_secs(60)).await.unwrap());
    catalog.release_hold(hold).await.unwrap();
    assert_eq!(house.uploads.finish_removals().await.unwrap(), 1);
    assert_eq!(house.places().await, 0);
}

#[tokio::test]
async fn a_hold_whose_holder_died_ends_by_itself() {
    let house = House::new().await;
    let catalog = &house.catalog.catalog;
    let hold = catalog.hold_removals(Duration::ZERO).await.unwrap();
    assert!(!catalog.removals_held().await.unwrap());
    assert!(!catalog.renew_hold(&hold, Duration::from_secs(60)).await.unwrap(), "objects may be gone by now");
}
