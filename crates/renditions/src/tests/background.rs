//! What nobody waits for: made once, beside the requests, and asked for again where it is lost.

use variant::MetadataPolicy;

use super::*;
use crate::background::For;

/// What a browser that takes AVIF is to get, and what it gets until that is there.
fn avif() -> Recipe {
    let encoding = Encoding::Avif { quality: 60, effort: Effort::Usual };
    let wish = Recipe { metadata: MetadataPolicy::None, ..scaled((32, 24)) };
    Recipe { encoding, meanwhile: Some(Box::new(wish.clone())), ..wish }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_would_take_an_avif_wait_for_none_and_one_is_made() {
    let house = House::new().await;
    let before = house.storage.counts();
    let asked: Vec<_> = (0..1000)
        .map(|_| {
            let (renditions, original) = (house.renditions.clone(), house.original.clone());
            tokio::spawn(async move {
                let found = renditions.find_or_begin(&original, &avif()).await.unwrap();
                let meanwhile = renditions.fetch(&original, &avif().meanwhile.unwrap()).await.unwrap();
                (found, meanwhile)
            })
        })
        .collect();
    for answer in join_all(asked).await {
        let (found, meanwhile) = answer.unwrap();
        assert_eq!(meanwhile.format, Format::Webp);
        assert!(found.is_none_or(|found| found.format == Format::Avif));
    }
    nothing_waits(&house.renditions).await;
    assert_eq!(house.renditions.renders(), 2, "the AVIF, and what was served meanwhile");
    let found = house.renditions.find_or_begin(&house.original, &avif()).await.unwrap().unwrap();
    assert_eq!((found.format, found.width), (Format::Avif, 32));
    assert_eq!(house.renditions.in_memory(&house.original.object, &avif().digest()), Some(found));
    // Each was looked for at rest, its original read, and it was kept; the AVIF was looked for once more when it was made.
    let (gets, puts) = since(before, house.storage.counts());
    assert!(puts == 2 && gets <= 5, "{gets} gets, {puts} puts");
}

#[tokio::test]
async fn what_was_made_in_the_background_is_found_after_a_restart() {
    let house = House::new().await;
    assert!(house.renditions.find_or_begin(&house.original, &avif()).await.unwrap().is_none());
    assert!(house.renditions.is_awaited(&house.original.object, &avif().digest()));
    nothing_waits(&house.renditions).await;
    assert!(!house.renditions.is_awaited(&house.original.object, &avif().digest()));
    let restarted = house.restarted();
    let found = restarted.find_or_begin(&house.original, &avif()).await.unwrap().unwrap();
    assert_eq!((found.format, restarted.renders()), (Format::Avif, 0));
}

#[tokio::test]
async fn whoever_names_the_format_makes_it_himself_or_takes_what_is_there_before() {
    let house = House::new().await;
    house.renditions.find_or_begin(&house.original, &avif()).await.unwrap();
    let named = Recipe { meanwhile: None, ..avif() };
    assert_eq!(house.renditions.fetch(&house.original, &named).await.unwrap().format, Format::Avif);
    nothing_waits(&house.renditions).await;
    let renders = house.renditions.renders();
    assert!((1..=2).contains(&renders), "{renders}");
    house.renditions.fetch(&house.original, &named).await.unwrap();
    assert_eq!(house.renditions.renders(), renders, "it is there");
}

/// Renditions whose only slot in the background is taken for as long as the second value lives.
async fn with_busy_background(house: &House, wait_s: u64) -> (Renditions, Workers, workers::Slot) {
    let one = workers::Config { workers: 1, max_queued: 1, wait_s, ..patient() };
    let workers = Workers::new(one).unwrap();
    let facts = &house.original.facts;
    let taken = workers.slot(Lane::Background, &AccountId::random(), facts).await.unwrap();
    (renditions(&house.catalog, &house.storage, workers.clone()), workers, taken)
}

#[tokio::test]
async fn whoever_waits_does_not_wait_for_the_turn_of_what_nobody_waits_for() {
    let house = House::new().await;
    let (renditions, _workers, taken) = with_busy_background(&house, 120).await;
    renditions.find_or_begin(&house.original, &avif()).await.unwrap();
    let named = Recipe { meanwhile: None, ..avif() };
    assert_eq!(renditions.fetch(&house.original, &named).await.unwrap().format, Format::Avif);
    drop(taken);
    nothing_waits(&renditions).await;
    assert_eq!(renditions.renders(), 1, "what was made for a visitor is not made again");
}

#[tokio::test]
async fn whoever_waits_beside_work_in_the_background_is_told_that_we_are_busy_as_others_are() {
    let house = House::new().await;
    let (renditions, workers, _taken) = with_busy_background(&house, 0).await;
    renditions.find_or_begin(&house.original, &avif()).await.unwrap();
    let _front = workers.slot(Lane::Interactive, &AccountId::random(), &house.original.facts).await.unwrap();
    let refused = renditions.fetch(&house.original, &avif()).await.unwrap_err();
    assert_eq!((refused.problem(), refused.limit().unwrap().retry_after_s), (Problem::Busy, Some(1)));
}

#[tokio::test]
async fn nothing_is_made_in_the_background_of_an_image_that_was_removed() {
    let house = House::new().await;
    let (renditions, _workers, taken) = with_busy_background(&house, 120).await;
    renditions.find_or_begin(&house.original, &avif()).await.unwrap();
    house.remove().await;
    drop(taken);
    nothing_waits(&renditions).await;
    assert_eq!(renditions.renders(), 0);
    assert!(!renditions.is_awaited(&house.original.object, &avif().digest()), "that is no failure");
    assert!(house.lies_nothing().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_of_an_image_that_was_removed_meanwhile_does_not_stay() {
    let house = House::new().await;
    let rendered = house.renditions.render(&house.original, &avif(), For::Visitor).await.unwrap();
    house.remove().await;
    for whom in [For::Nobody((house.original.object, avif().digest())), For::Visitor] {
        let kept = house.renditions.keep_noted(avif().digest(), &house.original, &rendered, whom).await;
        assert_eq!(kept.is_ok(), whom == For::Visitor, "{kept:?}");
        until(async || house.lies_nothing().await).await;
    }
}

#[tokio::test]
async fn what_cannot_be_made_is_put_off_and_tried_no_more_for_a_while() {
    let cut = picture().slice(..picture().len() / 2);
    let house = House::keeping(Storage::memory(), cut).await;
    for _ in 0..10 {
        assert!(house.renditions.find_or_begin(&house.original, &avif()).await.unwrap().is_none());
        nothing_waits(&house.renditions).await;
    }
    assert_eq!(house.renditions.renders(), 1);
    assert!(
        house.renditions.is_awaited(&house.original.object, &avif().digest()),
        "what is served meanwhile goes on"
    );
}

#[tokio::test]
async fn a_queue_that_is_full_takes_nothing_more_and_keeps_nobody() {
    let house = House::new().await;
    let workers = Workers::new(patient()).unwrap();
    let full = Config { max_background_queued: 0, ..Config::default() };
    let (catalog, storage) = (house.catalog.catalog.clone(), house.storage.clone());
    let renditions = Renditions::new(full, catalog, storage, workers, Clock::system());
    let before = house.storage.counts();
    for _ in 0..10 {
        assert!(renditions.find_or_begin(&house.original, &avif()).await.unwrap().is_none());
    }
    assert_eq!((renditions.renders(), renditions.background_queued()), (0, 0));
    assert_eq!(since(before, house.storage.counts()), (1, 0), "it is not looked for again each time");
}
