//! The log of fetches and what report mode found: noted here, written down, read page by page.

use std::net::IpAddr;

use signing::Scheme;

use super::*;
use crate::{Error, FetchEntry, FetchFilter, Fetched, Page, ReportedVerdict};

/// A catalog with its clock and its account.
struct Desk {
    test: TestCatalog,
    hands: Hands,
    account: AccountId,
}

impl Desk {
    async fn new() -> Desk {
        Desk::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut crate::Config)) -> Desk {
        let hands = Hands::new();
        let test = fresh_with(hands.clock(), change).await;
        let account = account_of(&test.catalog).await;
        Desk { test, hands, account }
    }

    fn catalog(&self) -> &Catalog {
        &self.test.catalog
    }

    /// Another process on the same database.
    async fn other(&self) -> Catalog {
        Catalog::open(self.test.config.clone(), self.hands.clock()).await.unwrap()
    }

    fn ok<'a>(&self, image: &'a str) -> Fetched<'a> {
        Fetched {
            account: self.account,
            image,
            variant: "card",
            scheme: Scheme::Native,
            key: None,
            subject: None,
            token_id: None,
            verdict: "ok",
            address: Some(IpAddr::from([203, 0, 113, 7])),
        }
    }

    fn note(&self, catalog: &Catalog, fetched: &Fetched<'_>) {
        catalog.fetches().note(fetched, self.hands.clock().now());
    }

    async fn page(&self, catalog: &Catalog, filter: FetchFilter) -> Page<FetchEntry> {
        catalog.fetches_page(&self.account, &filter).await.unwrap()
    }

    async fn images(&self, filter: FetchFilter) -> Vec<String> {
        let page = self.page(self.catalog(), FetchFilter { limit: 100, ..filter }).await;
        let image = |entry: FetchEntry| entry.image.unwrap_or_default();
        let mut images: Vec<String> = page.items.into_iter().map(image).collect();
        images.sort();
        images
    }
}

fn all() -> FetchFilter {
    FetchFilter { limit: 100, ..FetchFilter::default() }
}

#[tokio::test]
async fn a_fetch_is_known_here_at_once_and_elsewhere_after_a_flush() {
    let desk = Desk::new().await;
    let other = desk.other().await;
    let key = key_id("web");
    let whole = Fetched {
        key: Some(&key),
        subject: Some("user-4711"),
        token_id: Some("download-1"),
        ..desk.ok("albums/2026/cat")
    };
    desk.note(desk.catalog(), &whole);
    desk.hands.pass(Duration::from_secs(3));
    desk.note(desk.catalog(), &Fetched { address: Some([198, 51, 100, 1].into()), ..whole });
    let expected = FetchEntry {
        minute: Timestamp::from_seconds(1_800_000_000),
        image: Some("albums/2026/cat".into()),
        variant: "card".into(),
        scheme: "native".into(),
        key: Some(key.clone()),
        subject: Some("user-4711".into()),
        token_id: Some("download-1".into()),
        verdict: "ok".into(),
        requests: 2,
        last_at: desk.hands.clock().now(),
        last_address: Some([198, 51, 100, 1].into()),
    };
    assert_eq!(desk.page(desk.catalog(), all()).await.items, std::slice::from_ref(&expected));
    assert!(desk.page(&other, all()).await.items.is_empty());
    assert_eq!(desk.catalog().flush_fetches().await.unwrap(), 2);
    assert_eq!(desk.page(&other, all()).await.items, std::slice::from_ref(&expected));
    // Both add up, and who saw it last was last.
    desk.note(&other, &whole);
    desk.note(desk.catalog(), &whole);
    other.flush_fetches().await.unwrap();
    let both = FetchEntry { requests: 4, last_address: whole.address, ..expected };
    assert_eq!(desk.page(desk.catalog(), all()).await.items, std::slice::from_ref(&both));
    desk.catalog().flush_fetches().await.unwrap();
    assert_eq!(desk.catalog().flush_fetches().await.unwrap(), 0, "nothing is written twice");
    assert_eq!(desk.page(&other, all()).await.items, [both]);
}

#[tokio::test]
async fn fetches_are_found_by_what_they_are() {
    let desk = Desk::new().await;
    let (key, now) = (key_id("web"), desk.hands.clock().now());
    let of_key = Fetched { key: Some(&key), ..desk.ok("of-key") };
    let of_subject = Fetched { subject: Some("ada"), ..desk.ok("of-subject") };
    let of_token = Fetched { token_id: Some("token-00"), ..desk.ok("of-token") };
    let expired = Fetched { verdict: "expired", ..desk.ok("expired") };
    let stranger = Fetched { verdict: "bad_signature", ..desk.ok("") };
    for (number, fetched) in [of_key, of_subject, of_token, expired, stranger].iter().enumerate() {
        desk.note(desk.catalog(), fetched);
        desk.hands.pass(Duration::from_secs(60));
        if number == 2 {
            desk.catalog().flush_fetches().await.unwrap();
        }
    }
    let text = |text: &str| Some(text.to_owned());
    // In memory and in the table the same is asked.
    for _ in 0..2 {
        assert_eq!(desk.images(all()).await, ["", "expired", "of-key", "of-subject", "of-token"]);
        assert_eq!(desk.images(FetchFilter { key: text("web"), ..all() }).await, ["of-key"]);
        assert_eq!(desk.images(FetchFilter { subject: text("ada"), ..all() }).await, ["of-subject"]);
        assert_eq!(desk.images(FetchFilter { token_id: text("token-00"), ..all() }).await, ["of-token"]);
        assert_eq!(desk.images(FetchFilter { image: text("expired"), ..all() }).await, ["expired"]);
        assert_eq!(desk.images(FetchFilter { verdict: text("expired"), ..all() }).await, ["expired"]);
        assert_eq!(desk.images(FetchFilter { verdict: text("refused"), ..all() }).await, ["", "expired"]);
        let ok = FetchFilter { verdict: text("ok"), ..all() };
        assert_eq!(desk.images(ok).await, ["of-key", "of-subject", "of-token"]);
        let second = now.plus(Duration::from_secs(60));
        let between =
            FetchFilter { from: Some(second), to: Some(second.plus(Duration::from_secs(60))), ..all() };
        assert_eq!(desk.images(between).await, ["of-subject"]);
        let none = FetchFilter { key: text("web"), subject: text("ada"), ..all() };
        assert!(desk.images(none).await.is_empty());
        desk.catalog().flush_fetches().await.unwrap();
    }
    let nobody = desk.catalog().fetches_page(&AccountId::random(), &all()).await.unwrap();
    assert!(nobody.items.is_empty());
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended_over_memory_and_table_and_back() {
    let desk = Desk::new().await;
    // Each minute has three; every other minute is in the table, and of some the half.
    for minute in 0..10 {
        for image in ["a", "b", "c"] {
            desk.note(desk.catalog(), &desk.ok(image));
            if minute % 3 == 0 && image == "b" {
                desk.catalog().flush_fetches().await.unwrap();
            }
        }
        if minute % 2 == 0 {
            desk.catalog().flush_fetches().await.unwrap();
        }
        desk.hands.pass(Duration::from_secs(60));
    }
    let whole = desk.page(desk.catalog(), all()).await.items;
    assert_eq!((whole.len(), whole.iter().map(|entry| entry.requests).sum::<u64>()), (30, 30));
    assert!(whole.is_sorted_by_key(|entry| std::cmp::Reverse(entry.minute)));
    let (mut seen, mut after, mut previous) = (Vec::new(), None, Vec::new());
    loop {
        let page = desk.page(desk.catalog(), FetchFilter { after: after.clone(), limit: 7, ..all() }).await;
        previous.push((page.previous.clone(), seen.len()));
        seen.extend(page.items);
        match page.next {
            Some(next) => after = Some(next.as_str().to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, whole);
    for (cursor, until) in previous {
        let Some(cursor) = cursor else { continue };
        let after = Some(cursor.as_str().to_owned());
        let page = desk.page(desk.catalog(), FetchFilter { after, limit: 7, ..all() }).await;
        assert_eq!(page.items, whole[until.saturating_sub(7)..until]);
    }
    let foreign = FetchFilter { after: Some("AAAA".into()), ..all() };
    assert!(matches!(desk.catalog().fetches_page(&desk.account, &foreign).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let desk = Desk::new().await;
    for image in ["a", "b"] {
        desk.note(desk.catalog(), &desk.ok(image));
        desk.catalog().record(Some(&desk.account), &actor(), "test.act", image, "done").await.unwrap();
    }
    let page = desk.page(desk.catalog(), FetchFilter { limit: 1, ..all() }).await;
    let after = page.next.map(|next| next.as_str().to_owned());
    let filter = crate::AuditFilter { after, limit: 1, ..crate::AuditFilter::default() };
    assert!(matches!(desk.catalog().audit_page(&desk.account, &filter).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn the_log_is_kept_for_its_days_and_may_be_off() {
    let desk = Desk::new().await;
    desk.note(desk.catalog(), &desk.ok("cat"));
    desk.catalog().flush_fetches().await.unwrap();
    desk.hands.pass(Duration::from_secs(30 * 86_400));
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 0);
    desk.hands.pass(Duration::from_secs(60));
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 1);

    let off = Desk::with(|config| config.fetch_log_days = 0).await;
    off.note(off.catalog(), &off.ok("cat"));
    assert_eq!(off.catalog().flush_fetches().await.unwrap(), 0);
    assert!(off.page(off.catalog(), all()).await.items.is_empty());
}

#[tokio::test]
async fn more_rows_than_are_kept_go_the_oldest_first() {
    let desk = Desk::with(|config| config.max_fetch_log_rows = 1_500).await;
    for minute in ["old", "new"] {
        for number in 0..1_300 {
            desk.note(desk.catalog(), &desk.ok(&format!("{minute}-{number}")));
        }
        desk.hands.pass(Duration::from_secs(60));
    }
    desk.catalog().flush_fetches().await.unwrap();
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 1_100);
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 0);
    let newest = desk.page(desk.catalog(), FetchFilter { limit: 1_000, ..all() }).await;
    let next = newest.next.map(|next| next.as_str().to_owned());
    let rest = desk.page(desk.catalog(), FetchFilter { limit: 1_000, after: next, ..all() }).await;
    let all: Vec<FetchEntry> = newest.items.into_iter().chain(rest.items).collect();
    let new = all.iter().filter(|entry| entry.image.as_deref().is_some_and(|image| image.starts_with("new")));
    assert_eq!((all.len(), new.count()), (1_500, 1_300));
    let boundless = Desk::with(|config| config.max_fetch_log_rows = 0).await;
    boundless.note(boundless.catalog(), &boundless.ok("cat"));
    boundless.catalog().flush_fetches().await.unwrap();
    assert_eq!(boundless.catalog().prune_counters().await.unwrap(), 0);
}

#[tokio::test]
async fn what_cannot_be_written_is_kept_for_the_next_time() {
    let desk = Desk::new().await;
    desk.note(desk.catalog(), &desk.ok("cat"));
    desk.catalog().reports().note(desk.account, Scheme::Bunny, "expired", desk.hands.clock().now());
    let rename = async |from: &str, to: &str| {
        let mut writing = desk.catalog().begin(crate::database::Lock::House).await.unwrap();
        for table in ["fetches", "scheme_report_days"] {
            let statement = format!("alter table {table}{from} rename to {table}{to}");
            query(statement).execute(writing.db()).await.unwrap();
        }
        desk.catalog().commit(writing).await.unwrap();
    };
    rename("", "_away").await;
    assert!(desk.catalog().flush_fetches().await.is_err() && desk.catalog().flush_reports().await.is_err());
    rename("_away", "").await;
    assert_eq!(desk.catalog().flush_fetches().await.unwrap(), 1);
    desk.catalog().flush_reports().await.unwrap();
    assert_eq!(desk.page(desk.catalog(), all()).await.items.len(), 1);
    assert_eq!(desk.catalog().scheme_report(&desk.account, Scheme::Bunny, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn many_fetches_are_written_with_few_statements_and_all_there() {
    let desk = Desk::new().await;
    for number in 0..1_234 {
        desk.note(desk.catalog(), &desk.ok(&format!("image-{number}")));
    }
    assert_eq!(desk.catalog().flush_fetches().await.unwrap(), 1_234);
    let page = desk.page(desk.catalog(), FetchFilter { limit: 9_999, ..all() }).await;
    assert_eq!((page.items.len(), page.next.is_some()), (1_000, true), "a page has its bound");
}

#[tokio::test]
async fn what_report_mode_found_adds_up_by_verdict_over_days_and_processes() {
    let desk = Desk::new().await;
    let other = desk.other().await;
    let note = |catalog: &Catalog, verdict| {
        catalog.reports().note(desk.account, Scheme::Bunny, verdict, desk.hands.clock().now());
    };
    note(desk.catalog(), "expired");
    desk.hands.pass(Duration::from_secs(86_400));
    for verdict in ["ok", "ok", "expired", "ok"] {
        note(desk.catalog(), verdict);
        note(&other, verdict);
    }
    other.reports().note(desk.account, Scheme::Thumbor, "bad_signature", desk.hands.clock().now());
    other.flush_reports().await.unwrap();
    let last_at = desk.hands.clock().now();
    let told = |verdict: &str, requests| ReportedVerdict { verdict: verdict.into(), requests, last_at };
    let report = async |days| desk.catalog().scheme_report(&desk.account, Scheme::Bunny, days).await.unwrap();
    for _ in 0..2 {
        assert_eq!(report(1).await, [told("ok", 6), told("expired", 2)]);
        assert_eq!(report(2).await, [told("ok", 6), told("expired", 3)]);
        desk.catalog().flush_reports().await.unwrap();
    }
    let thumbor = desk.catalog().scheme_report(&desk.account, Scheme::Thumbor, 30).await.unwrap();
    assert_eq!(thumbor, [told("bad_signature", 1)]);
    desk.hands.pass(Duration::from_secs(401 * 86_400));
    assert_eq!(desk.catalog().prune_counters().await.unwrap(), 4, "a row a day and verdict");
}
