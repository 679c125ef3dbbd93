//! What goes and what stays: objects of removed images, objects of none, renditions over the budget or in the way.

use catalog::{FetchFilter, Fetched};
use signing::{Scheme, Uses};

use super::*;
use crate::stopping::Stopping;
use crate::{Running, Swept};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_of_a_removed_image_is_gone_soon_after_the_start() {
    let house = House::new().await;
    house.jobs().start().await.unwrap().stop(soon()).await;
    let image = house.upload().await;
    house.renditions(&image, 3).await;
    house.catalog.catalog.flush_at_rest().await.unwrap();
    // The crash came right after the transaction. The job's own time comes in a minute, which never passes here.
    house.catalog.catalog.remove_image(&house.account, &image.id, &Actor::command()).await.unwrap();
    let running = house.jobs().start().await.unwrap();
    until("the objects are gone", async || house.places().await.is_empty()).await;
    until("the place is forgotten", async || house.catalog.catalog.doomed(0, 1).await.unwrap().is_empty())
        .await;
    assert_eq!(house.catalog.catalog.at_rest_total().await.unwrap().renditions, 0);
    running.stop(soon()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_and_reported_is_written_down_at_the_stop_and_swept_after_its_time() {
    let house = House::new().await;
    let (catalog, now) = (&house.catalog.catalog, house.hands.clock().now());
    let running = house.jobs().start().await.unwrap();
    let fetched = Fetched {
        account: house.account,
        image: "cat",
        variant: "card",
        scheme: Scheme::Native,
        key: None,
        subject: None,
        token_id: None,
        verdict: "ok",
        address: None,
    };
    catalog.fetches().note(&fetched, now);
    catalog.reports().note(house.account, Scheme::Bunny, "expired", now);
    running.stop(soon()).await;
    let other = Catalog::open(house.catalog.config.clone(), house.hands.clock()).await.unwrap();
    let filter = FetchFilter { limit: 9, ..FetchFilter::default() };
    let kept = async || {
        let fetches = other.fetches_page(&house.account, &filter).await.unwrap().items.len();
        (fetches, other.scheme_report(&house.account, Scheme::Bunny, 366).await.unwrap().len())
    };
    assert_eq!(kept().await, (1, 1));
    let uses = Uses { counter: [7; 32], most: 1, until_s: Some(now.as_seconds()) };
    catalog.consume_uses(&house.account, &[uses]).await.unwrap();
    house.hands.pass(31 * OVER_A_DAY);
    house.jobs().run_once(Kind::Expired).await.unwrap();
    assert_eq!(kept().await, (0, 1));
    other.consume_uses(&house.account, &[uses]).await.unwrap();
}

#[tokio::test]
async fn the_periodic_sweep_looks_at_the_last_days_and_spares_the_young_and_the_owned() {
    let house = House::new().await;
    house.upload().await;
    // A little more than a day later, that may be the day before yesterday.
    let (young, of_before) = (house.orphan(0).await, house.orphan(9).await);
    house.jobs().run_once(Kind::Orphans).await.unwrap();
    assert_eq!(house.places().await.len(), 3);
    house.hands.pass(OVER_A_DAY);
    house.jobs().run_once(Kind::Orphans).await.unwrap();
    let left = house.places().await;
    assert_eq!((left.len(), left.contains(&young), left.contains(&of_before)), (2, false, true));
}

#[tokio::test]
async fn what_a_check_of_the_storage_left_is_swept_by_itself() {
    let house = House::new().await;
    let today = house.hands.clock().now().as_days();
    let (probe, of_before) = (house.orphan(today).await, house.orphan(9).await);
    assert_eq!(probe.parts().0, 0);
    house.jobs().run_once(Kind::Orphans).await.unwrap();
    assert_eq!(house.places().await.len(), 2, "one that is young may be of a check that runs");
    house.hands.pass(OVER_A_DAY);
    house.jobs().run_once(Kind::Orphans).await.unwrap();
    assert_eq!(house.places().await, [of_before]);
}

#[tokio::test]
async fn a_sweep_by_hand_does_everything_whatever_its_day() {
    let house = House::new().await;
    let [kept, removed] = [house.upload().await, house.upload().await];
    house.orphan(9).await;
    house.orphan(400).await;
    house.catalog.catalog.remove_image(&house.account, &removed.id, &Actor::command()).await.unwrap();
    // The process that put these two died before their rows were written.
    let place = Prefix::new(kept.day, &kept.account, &kept.object);
    for number in 0..2 {
        house.storage.put_spare(&place.rendition(&[number; 16]), vec![7; 600].into()).await.unwrap();
    }
    let first = house.jobs().sweep(Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(first, Swept { removals: 1, found_renditions: 2, ..Swept::default() });
    house.hands.pass(Duration::from_secs(3_700));
    let small = renditions::Config { rest_bytes: 1_000, ..renditions::Config::default() };
    let work = house.work_of(&house.catalog.catalog, small);
    let second = work.sweep(Duration::from_secs(3_600), &Stopping::never()).await.unwrap();
    assert_eq!(second, Swept { orphans: 2, removed_renditions: 1, ..Swept::default() });
    assert_eq!((house.places().await, house.lying_renditions().await), (vec![place], 1));
}

/// Jobs with that budget for renditions.
async fn start(house: &House, rest_bytes: u64) -> (Work, Running) {
    let limits = renditions::Config { rest_bytes, ..renditions::Config::default() };
    let work = house.work_of(&house.catalog.catalog, limits);
    let Work { catalog, storage, uploads, renditions, clock } = work.clone();
    (work, Jobs::new(catalog, storage, uploads, renditions, clock).start().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_holds_while_renditions_are_made() {
    let house = House::new().await;
    let image = house.upload().await;
    let original = renditions::Original::of(&image).unwrap();
    let (work, running) = start(&house, 4_000).await;
    for width in 1..=20 {
        let recipe = recipe(width);
        let rendered = work.renditions.fetch(&original, &recipe).await.unwrap();
        assert_eq!(rendered.width, width);
        house.hands.pass(Duration::from_secs(1));
    }
    until("all were kept", async || work.renditions.kept_beside() == 0).await;
    // Each takes some hundred bytes, so that all of them are over the budget; the clock stands, so nothing comes but
    // what is called for.
    let lying = async || {
        let listed: Vec<_> = house.storage.list().await.unwrap().try_collect().await.unwrap();
        listed.into_iter().flat_map(|listed| listed.renditions).collect::<Vec<_>>()
    };
    until("the budget holds", async || {
        let bytes: u64 = lying().await.iter().map(|rendition| rendition.bytes).sum();
        (1..=4_000).contains(&bytes)
    })
    .await;
    running.stop(soon()).await;
    let lying = lying().await;
    assert!(lying.len() < 20);
    // There may be a row too many, of one that was removed just when it was noted; it goes in its turn.
    let known = house.catalog.catalog.renditions_of(&[image.object]).await.unwrap();
    assert!(lying.iter().all(|rendition| known.iter().any(|row| row.digest == rendition.digest)));
    work.renditions.fetch(&original, &recipe(1)).await.unwrap();
}

fn recipe(width: u32) -> variant::Recipe {
    let encoding = variant::Encoding::WebpLossless { effort: variant::Effort::Usual };
    variant::Recipe::scaling([0.0, 0.0, 20.0, 10.0], (width, 10), encoding)
}

#[tokio::test(flavor = "multi_thread")]
async fn renditions_go_before_an_upload_is_refused_for_want_of_room() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let open = |min_free| Storage::open(storage::Config::on_disk(objects.clone(), min_free));
    let mut house = House::on(open(0).await.unwrap()).await;
    let image = house.upload().await;
    house.renditions(&image, 200).await;
    assert_eq!(house.lying_renditions().await, 200);
    // No disk has so much free: whatever goes, it is not enough.
    house.storage = open(u64::MAX).await.unwrap();
    let (work, running) = start(&house, 10_000_000).await;
    let refused = house.storage.scratch().await.unwrap_err();
    assert!(matches!(refused, storage::Error::Full(_)), "{refused:?}");
    until("every rendition went", async || house.lying_renditions().await == 0).await;
    let place = Prefix::new(image.day, &image.account, &image.object);
    assert!(house.storage.get(&place.original()).await.is_ok(), "an original never goes");
    let kept = house.storage.put_spare(&place.rendition(&[1; 16]), vec![7; 10].into()).await;
    assert!(matches!(kept, Err(storage::Error::Full(_))), "nothing is kept that can be made again");
    until("the rows are gone", async || work.catalog.at_rest_total().await.unwrap().renditions == 0).await;
    // Whoever is refused from now on has waited until all went that could.
    house.storage = open(0).await.unwrap();
    house.renditions(&image, 200).await;
    assert!(matches!(work.storage.scratch().await, Err(storage::Error::Full(_))));
    assert_eq!(house.lying_renditions().await, 0);
    running.stop(soon()).await;
}
