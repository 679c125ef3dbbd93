//! Working copies, qualities that were found, and what is laid over.

use variant::{Overlay, OverlaySource};

use super::*;

/// A drawn picture of so many pixels, as a PNG.
fn drawn(width: u32, height: u32) -> Bytes {
    let shade = |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 120]);
    let mut png = Cursor::new(Vec::new());
    RgbImage::from_fn(width, height, shade).write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner().into()
}

/// A house whose original is a JPEG of 12 megapixels.
async fn with_large_original() -> House {
    let workers = Workers::new(patient()).unwrap();
    let png = drawn(4_000, 3_000);
    let facts = workers.probe_slot().await.unwrap().probe(png.clone()).await.unwrap();
    let encoding = Encoding::Jpeg { quality: 90, progressive: false, effort: Effort::Fast };
    let whole = Recipe::scaling([0.0, 0.0, 4_000.0, 3_000.0], (4_000, 3_000), encoding);
    let slot =
        workers.render_slot(Lane::Interactive, &AccountId::random(), &facts, &[], &whole).await.unwrap();
    let jpeg = slot.render(workers::Inputs::plain(png, facts), whole).await.unwrap();
    let jpeg = Bytes::from(jpeg.bytes);
    House::of(Storage::memory(), jpeg.clone(), jpeg).await
}

fn to_width(width: u32) -> Recipe {
    let encoding = Encoding::Webp { quality: 81, effort: Effort::Usual };
    Recipe::scaling([0.0, 0.0, 4_000.0, 3_000.0], (width, width * 3 / 4), encoding)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_original_is_read_twice_and_then_its_copy_serves() {
    let house = with_large_original().await;
    let before = house.storage.counts();
    let first = house.renditions.fetch(&house.original, &to_width(320)).await.unwrap();
    nothing_waits(&house.renditions).await;
    // A look and a read for each of the rendition and the copy; both are kept.
    assert_eq!(since(before, house.storage.counts()), (4, 2));
    assert_eq!((house.renditions.renders(), house.renditions.renders_from_copies()), (2, 0));
    let before = house.storage.counts();
    let second = house.renditions.fetch(&house.original, &to_width(640)).await.unwrap();
    assert_eq!((first.width, second.width, second.height), (320, 640, 480));
    assert_eq!((house.renditions.renders(), house.renditions.renders_from_copies()), (3, 1));
    nothing_waits(&house.renditions).await;
    assert_eq!(since(before, house.storage.counts()), (1, 1), "neither original nor copy is read");
    // What needs more than the copy has is made from the original.
    house.renditions.fetch(&house.original, &to_width(2_000)).await.unwrap();
    assert_eq!((house.renditions.renders(), house.renditions.renders_from_copies()), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_copy_is_made_of_an_original_that_was_removed_meanwhile() {
    let house = with_large_original().await;
    house.remove().await;
    house.renditions.fetch(&house.original, &to_width(320)).await.unwrap();
    nothing_waits(&house.renditions).await;
    assert_eq!(house.renditions.renders(), 1);
    until(async || house.lies_nothing().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_found_at_rest_and_where_it_is_lost_the_original_serves() {
    let house = with_large_original().await;
    house.renditions.fetch(&house.original, &to_width(320)).await.unwrap();
    nothing_waits(&house.renditions).await;
    let restarted = house.restarted();
    let before = house.storage.counts();
    restarted.fetch(&house.original, &to_width(640)).await.unwrap();
    assert_eq!((restarted.renders(), restarted.renders_from_copies()), (1, 1));
    nothing_waits(&restarted).await;
    assert_eq!(since(before, house.storage.counts()), (2, 1), "the copy is read, and the original is not");
    let copy = variant::WorkingCopy::of(&house.original.facts).unwrap();
    house.storage.delete_spare(&house.original.prefix.rendition(&copy.recipe.digest())).await.unwrap();
    let restarted = house.restarted();
    restarted.fetch(&house.original, &to_width(500)).await.unwrap();
    nothing_waits(&restarted).await;
    assert_eq!(restarted.renders_from_copies(), 0);
    restarted.fetch(&house.original, &to_width(510)).await.unwrap();
    assert_eq!(restarted.renders_from_copies(), 1, "it was made again");
}

#[tokio::test]
async fn a_quality_that_was_found_is_where_the_next_search_begins() {
    let house = House::new().await;
    let object = house.original.object;
    let found = async |target| house.catalog.catalog.found_quality(&object, target).await.unwrap();
    let noted = async |target| {
        until(async || found(target).await.is_some()).await;
        found(target).await.unwrap()
    };
    assert_eq!(found(75).await, None);
    let searched = |encoding| Recipe { auto_quality: Some(75), encoding, ..thumbnail() };
    let webp = searched(Encoding::Webp { quality: 81, effort: Effort::Usual });
    let made = house.renditions.fetch(&house.original, &webp).await.unwrap();
    assert_eq!(made.format, Format::Webp);
    let first = noted(75).await;
    assert_eq!(found(85).await, None);
    let jpeg = searched(Encoding::Jpeg { quality: 79, progressive: false, effort: Effort::Usual });
    house.renditions.fetch(&house.original, &jpeg).await.unwrap();
    assert!(found(75).await.unwrap().abs_diff(first) < 60);
    nothing_waits(&house.renditions).await;
    // The rendition lies under the recipe's own name, wherever its search began.
    assert!(house.storage.get(&house.original.prefix.rendition(&jpeg.digest())).await.is_ok());
}

#[tokio::test]
async fn a_picture_does_not_wait_until_its_quality_is_noted() {
    let house = House::new().await;
    let (catalog, object) = (&house.catalog.catalog, house.original.object);
    let held = catalog::testing::hold_writes(catalog).await;
    let webp = Encoding::Webp { quality: 81, effort: Effort::Usual };
    let searched = Recipe { auto_quality: Some(75), encoding: webp, ..thumbnail() };
    assert_eq!(house.renditions.fetch(&house.original, &searched).await.unwrap().format, Format::Webp);
    assert_eq!(catalog.found_quality(&object, 75).await.unwrap(), None);
    drop(held);
    until(async || catalog.found_quality(&object, 75).await.unwrap().is_some()).await;
}

fn with_logo(object: &str) -> Recipe {
    let logo = OverlaySource::Image { id: "logo".into(), object: object.into() };
    Recipe { overlays: vec![Overlay::plain(logo)], ..thumbnail() }
}

#[tokio::test]
async fn what_is_laid_over_is_read_once_within_the_account_and_refused_where_it_is_gone() {
    let house = House::new().await;
    let logo = ObjectId::random();
    let prefix = Prefix::new(20_783, &house.original.account, &logo);
    house.storage.put(&prefix.original(), picture()).await.unwrap();
    put_row(&house.catalog, &Original { object: logo, prefix, ..house.original.clone() }, "logo").await;
    let twice = Recipe {
        overlays: [with_logo(&logo.to_string()).overlays, with_logo(&logo.to_string()).overlays].concat(),
        ..thumbnail()
    };
    let before = house.storage.counts();
    let made = house.renditions.fetch(&house.original, &twice).await.unwrap();
    assert_eq!((made.width, made.height), (16, 12));
    nothing_waits(&house.renditions).await;
    // A look, the original, and the logo once.
    assert_eq!(since(before, house.storage.counts()), (3, 1));
    let gone = with_logo(&ObjectId::random().to_string());
    let refused = house.renditions.fetch(&house.original, &gone).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::OptionsInvalid);
    let strange = Original { account: AccountId::random(), ..house.original.clone() };
    let refused = house.renditions.fetch(&strange, &with_logo(&logo.to_string())).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::OptionsInvalid, "another account's image is none");
}
