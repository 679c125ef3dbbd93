//! What is counted, and what is known of signing keys by it.

use std::net::IpAddr;

use signing::{Scheme, Verified};

use super::*;
use crate::database::query;
use crate::{Answered, AtRest, FLEXIBLE, KeyUsage, LastUse, Outcome};

/// A catalog with its clock, its account and the signing key `web`.
struct Desk {
    test: TestCatalog,
    hands: Hands,
    account: AccountId,
    object: ObjectId,
}

impl Desk {
    async fn new() -> Desk {
        let hands = Hands::new();
        let test = fresh_with(hands.clock(), |_| {}).await;
        let account = account_of(&test.catalog).await;
        test.catalog.create_signing_key(&account, &key_id("web"), &actor()).await.unwrap();
        Desk { test, hands, account, object: ObjectId::random() }
    }

    fn catalog(&self) -> &Catalog {
        &self.test.catalog
    }

    /// Another process on the same database.
    async fn other(&self) -> Catalog {
        Catalog::open(self.test.config.clone(), self.hands.clock()).await.unwrap()
    }

    fn deliver(&self, catalog: &Catalog, signed: Option<&Verified>) {
        self.deliver_of(&self.object, catalog, signed);
    }

    fn deliver_of(&self, object: &ObjectId, catalog: &Catalog, signed: Option<&Verified>) {
        let answer = Answered {
            of: crate::Counted { account: self.account, variant: "card" },
            outcome: Outcome::Hit,
            format: Some(Format::Webp),
            sent_bytes: 100,
            object: Some(object),
            digest: Some([9; 16]),
            signed,
            address: Some(IpAddr::from([203, 0, 113, 7])),
        };
        catalog.tally().count(&answer, self.hands.clock().now());
    }

    async fn usage(&self, catalog: &Catalog) -> KeyUsage {
        catalog.signing_key_usage(&self.account).await.unwrap().remove(&key_id("web")).unwrap()
    }

    /// All rows of a table of counters, as text.
    async fn rows(&self, question: &'static str) -> Vec<String> {
        let rows = query(question).fetch_all(&self.catalog().inner.database).await.unwrap();
        rows.iter()
            .map(|row| {
                let word = |column| row.try_get::<String>(column).unwrap();
                let number = |column| row.try_get::<i64>(column).unwrap();
                format!("{} {} {}: {} {}", word(0), word(1), word(2), number(3), number(4))
            })
            .collect()
    }
}

fn verified(expires_s: i64) -> Verified {
    Verified { expires_s: Some(expires_s), ..Verified::of(Scheme::Native, Arc::new(key_id("web"))) }
}

#[tokio::test]
async fn two_processes_add_up_in_the_tables() {
    let desk = Desk::new().await;
    let other = desk.other().await;
    for _ in 0..2 {
        desk.deliver(desk.catalog(), None);
        desk.deliver(&other, None);
        desk.deliver(&other, None);
        assert_eq!(desk.catalog().flush_tally().await.unwrap(), 1);
        assert_eq!(other.flush_tally().await.unwrap(), 2);
    }
    let days = "select variant, result, format, requests, bytes from account_days";
    assert_eq!(desk.rows(days).await, ["card hit webp: 6 600"]);
    let images = "select 'the' as a, 'image' as b, 'day' as c, requests, bytes from image_days";
    assert_eq!(desk.rows(images).await, ["the image day: 6 600"]);
    assert_eq!(desk.catalog().flush_tally().await.unwrap(), 0, "nothing is written twice");
}

#[tokio::test]
async fn who_closes_options_in_the_url_learns_what_that_breaks() {
    let desk = Desk::new().await;
    let signed = verified(2_000_000_000);
    let deliver = |variant, outcome, signed| {
        let of = crate::Counted { account: desk.account, variant };
        let (format, sent_bytes, object, digest, address) = (None, 0, None, None, None);
        let answer = Answered { of, outcome, format, sent_bytes, object, digest, signed, address };
        desk.catalog().tally().count(&answer, desk.hands.clock().now());
    };
    let used = |requests, with_options, unsigned| crate::OptionsUse { requests, with_options, unsigned };
    let told = async || desk.catalog().options_use(&desk.account).await.unwrap();
    assert_eq!(told().await, used(0, 0, 0));
    deliver("card", Outcome::Hit, None);
    deliver(FLEXIBLE, Outcome::Miss, Some(&signed));
    deliver(FLEXIBLE, Outcome::NotModified, None);
    deliver(FLEXIBLE, Outcome::Refused("expired"), None);
    assert_eq!(told().await, used(3, 2, 1), "from memory");
    desk.catalog().flush_tally().await.unwrap();
    deliver(FLEXIBLE, Outcome::Hit, None);
    assert_eq!(told().await, used(4, 3, 2), "from both");
    desk.catalog().flush_tally().await.unwrap();
    assert_eq!(desk.other().await.options_use(&desk.account).await.unwrap(), used(4, 3, 2));
    desk.hands.pass(Duration::from_secs(24 * 3_600));
    assert_eq!(told().await, used(0, 0, 0), "a day later");
    desk.hands.pass(Duration::from_secs(8 * 86_400));
    assert!(desk.catalog().prune_counters().await.unwrap() >= 3);
}

#[tokio::test]
async fn refusals_and_options_in_the_url_are_told_apart() {
    let desk = Desk::new().await;
    let of = |variant| crate::Counted { account: desk.account, variant };
    let count = |variant, outcome| {
        let answer = Answered {
            of: of(variant),
            outcome,
            format: None,
            sent_bytes: 0,
            object: None,
            digest: None,
            signed: None,
            address: None,
        };
        desk.catalog().tally().count(&answer, desk.hands.clock().now());
    };
    count(FLEXIBLE, Outcome::NotModified);
    count(FLEXIBLE, Outcome::Refused("expired"));
    count("?", Outcome::Refused("expired"));
    count("?", Outcome::Refused("expired"));
    assert_eq!(desk.catalog().flush_tally().await.unwrap(), 4);
    let days = "select variant, result, format, requests, bytes from account_days order by variant, result";
    assert_eq!(desk.rows(days).await, [" expired : 1 0", " not_modified : 1 0", "? expired : 2 0"]);
}

#[tokio::test]
async fn a_delivery_makes_its_rendition_younger() {
    let desk = Desk::new().await;
    let new = NewImage { object: desk.object, ..new_image(desk.account, "cat") };
    put_image(desk.catalog(), new).await;
    let used_at = desk.hands.clock().now();
    let (account, object, day, digest) = (desk.account, desk.object, 20_000, [9; 16]);
    desk.catalog()
        .insert_at_rest(&[AtRest { account, object, day, digest, bytes: 100, used_at }])
        .await
        .unwrap();
    desk.hands.pass(Duration::from_secs(3_600));
    desk.deliver(desk.catalog(), None);
    desk.catalog().flush_tally().await.unwrap();
    let at_rest = desk.catalog().renditions_of(&[object]).await.unwrap();
    assert_eq!(at_rest[0].used_at, desk.hands.clock().now());
}

#[tokio::test]
async fn the_use_of_a_key_is_known_here_at_once_and_elsewhere_after_a_flush() {
    let desk = Desk::new().await;
    let other = desk.other().await;
    assert_eq!(desk.usage(desk.catalog()).await, KeyUsage::default());
    desk.deliver(desk.catalog(), Some(&verified(2_000_000_000)));
    desk.hands.pass(Duration::from_secs(60));
    desk.deliver(desk.catalog(), Some(&verified(1_900_000_000)));
    let usage = desk.usage(desk.catalog()).await;
    let at = desk.hands.clock().now();
    let last = LastUse { at, variant: "card".into(), address: Some([203, 0, 113, 7].into()) };
    assert_eq!((usage.last.clone(), usage.requests_24h()), (Some(last), 2));
    assert_eq!(usage.latest_exp_s, Some(2_000_000_000));
    assert_eq!(desk.usage(&other).await, KeyUsage::default());
    desk.catalog().flush_tally().await.unwrap();
    assert_eq!((desk.usage(desk.catalog()).await, desk.usage(&other).await), (usage.clone(), usage));
}

#[tokio::test]
async fn the_last_24_hours_move_on_and_seven_days_are_kept_apart() {
    let desk = Desk::new().await;
    for _ in 0..3 {
        desk.deliver(desk.catalog(), Some(&verified(0)));
        desk.catalog().flush_tally().await.unwrap();
        desk.hands.pass(Duration::from_secs(24 * 3_600));
    }
    desk.deliver(desk.catalog(), Some(&verified(0)));
    assert_eq!(desk.usage(desk.catalog()).await.days, [0, 0, 0, 1, 1, 1, 1]);
    desk.hands.pass(Duration::from_secs(6 * 24 * 3_600));
    let usage = desk.usage(desk.catalog()).await;
    assert_eq!((usage.days, usage.requests_7d(), usage.requests_24h()), ([1, 0, 0, 0, 0, 0, 0], 1, 0));
    assert!(usage.last.is_some());
}

#[tokio::test]
async fn a_new_key_of_an_old_name_was_never_used() {
    let desk = Desk::new().await;
    desk.deliver(desk.catalog(), Some(&verified(2_000_000_000)));
    desk.catalog().flush_tally().await.unwrap();
    desk.catalog().revoke_signing_key(&desk.account, &key_id("web"), &actor()).await.unwrap();
    desk.hands.pass(Duration::from_secs(1));
    desk.catalog().create_signing_key(&desk.account, &key_id("web"), &actor()).await.unwrap();
    assert_eq!(desk.usage(desk.catalog()).await, KeyUsage::default());
}

#[tokio::test]
async fn what_two_processes_saw_last_is_what_was_last() {
    let desk = Desk::new().await;
    let other = desk.other().await;
    desk.deliver(&other, Some(&verified(2_000_000_000)));
    desk.hands.pass(Duration::from_secs(10));
    desk.deliver(desk.catalog(), Some(&verified(1_900_000_000)));
    desk.catalog().flush_tally().await.unwrap();
    other.flush_tally().await.unwrap();
    let usage = desk.usage(&other).await;
    assert_eq!(usage.last.unwrap().at, desk.hands.clock().now());
    assert_eq!((usage.latest_exp_s, usage.days[6]), (Some(2_000_000_000), 2));
}

#[tokio::test]
async fn counters_past_their_time_are_removed() {
    let desk = Desk::new().await;
    desk.deliver(desk.catalog(), Some(&verified(0)));
    desk.catalog().flush_tally().await.unwrap();
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 0);
    desk.hands.pass(Duration::from_secs(9 * 86_400));
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 2, "the hours of key and account");
    desk.hands.pass(Duration::from_secs(392 * 86_400));
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 2, "the days of account and image");
}

#[tokio::test]
async fn however_many_counters_are_past_their_time_all_go() {
    let desk = Desk::new().await;
    for _ in 0..2_345 {
        desk.deliver_of(&ObjectId::random(), desk.catalog(), None);
    }
    desk.catalog().flush_tally().await.unwrap();
    desk.hands.pass(Duration::from_secs(300 * 86_400));
    desk.deliver(desk.catalog(), None);
    desk.catalog().flush_tally().await.unwrap();
    desk.hands.pass(Duration::from_secs(101 * 86_400));
    let gone = desk.catalog().prune_counters().await.unwrap();
    assert_eq!(gone, 2_345 + 1 + 2, "images, the account's day and its hours");
    let left = "select 'a' as a, 'b' as b, 'c' as c, count(*), cast(sum(requests) as bigint) from image_days";
    assert_eq!(desk.rows(left).await, ["a b c: 1 1"]);
}

#[tokio::test]
async fn many_images_are_written_with_few_statements_and_all_there() {
    let desk = Desk::new().await;
    for _ in 0..1_234 {
        desk.deliver(desk.catalog(), None);
        desk.deliver_of(&ObjectId::random(), desk.catalog(), None);
    }
    desk.catalog().flush_tally().await.unwrap();
    let images =
        "select 'a' as a, 'b' as b, 'c' as c, count(*), cast(sum(requests) as bigint) from image_days";
    assert_eq!(desk.rows(images).await, ["a b c: 1235 2468"]);
}
