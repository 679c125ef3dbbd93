//! Pages of the audit log: of one account, by act, actor and time, on and back.

use super::*;
use crate::{AuditEntry, AuditFilter, Error, Page};

/// A log with twelve lines of the account, a minute apart and two at a time, and some of nobody's.
async fn log() -> (TestCatalog, AccountId, Timestamp) {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let account = account_of(&test.catalog).await;
    hands.pass(Duration::from_secs(3_600));
    let began = hands.clock().now();
    let (ada, command) = (Actor { name: "person:ada@example.org".into(), ..Actor::default() }, actor());
    for number in 0..6 {
        let act = if number % 2 == 0 { "test.even" } else { "test.odd" };
        for who in [&ada, &command] {
            test.catalog.record(Some(&account), who, act, &format!("{number}"), "done").await.unwrap();
        }
        test.catalog.record(None, &ada, act, "elsewhere", "refused").await.unwrap();
        hands.pass(Duration::from_secs(60));
    }
    (test, account, began)
}

async fn page(test: &TestCatalog, account: &AccountId, filter: AuditFilter) -> Page<AuditEntry> {
    test.catalog.audit_page(account, &filter).await.unwrap()
}

fn targets(page: &Page<AuditEntry>) -> Vec<&str> {
    page.items.iter().map(|line| line.target.as_str()).collect()
}

#[tokio::test]
async fn lines_are_found_by_act_actor_and_time_newest_first() {
    let (test, account, began) = log().await;
    let since = AuditFilter { from: Some(began), limit: 100, ..AuditFilter::default() };
    let check = async |filter: AuditFilter, expected: &[&str]| {
        assert_eq!(targets(&page(&test, &account, filter.clone()).await), expected, "{filter:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    let minute = |number: u64| Some(began.plus(Duration::from_secs(60 * number)));
    check(since.clone(), &["5", "5", "4", "4", "3", "3", "2", "2", "1", "1", "0", "0"]).await;
    check(AuditFilter { act: text("test.odd"), ..since.clone() }, &["5", "5", "3", "3", "1", "1"]).await;
    check(AuditFilter { actor: text("command"), ..since.clone() }, &["5", "4", "3", "2", "1", "0"]).await;
    check(AuditFilter { from: minute(1), to: minute(3), ..since.clone() }, &["2", "2", "1", "1"]).await;
    let one = AuditFilter { act: text("test.even"), actor: text("command"), to: minute(3), ..since.clone() };
    check(one, &["2", "0"]).await;
    let of_nobody = page(&test, &AccountId::random(), since).await;
    assert!(of_nobody.items.is_empty() && of_nobody.next.is_none());
}

#[tokio::test]
async fn pages_of_the_log_go_on_and_back_without_a_gap() {
    let (test, account, began) = log().await;
    let filter = |after: Option<&str>| AuditFilter {
        from: Some(began),
        after: after.map(str::to_owned),
        limit: 5,
        ..AuditFilter::default()
    };
    let first = page(&test, &account, filter(None)).await;
    assert!(first.previous.is_none());
    let second = page(&test, &account, filter(first.next.as_ref().map(crate::Cursor::as_str))).await;
    let third = page(&test, &account, filter(second.next.as_ref().map(crate::Cursor::as_str))).await;
    assert_eq!(targets(&second), ["3", "2", "2", "1", "1"]);
    assert_eq!((targets(&third), third.next.is_none()), (vec!["0", "0"], true));
    // What is written meanwhile moves no page.
    test.catalog.record(Some(&account), &actor(), "test.late", "late", "done").await.unwrap();
    let back = page(&test, &account, filter(second.previous.as_ref().map(crate::Cursor::as_str))).await;
    assert_eq!(back.items, first.items);
    assert!(back.previous.is_some(), "what came meanwhile is before it");
    let (nobody, after) = (AccountId::random(), filter(first.next.as_ref().map(crate::Cursor::as_str)));
    let foreign = test.catalog.audit_page(&nobody, &after);
    assert!(matches!(foreign.await, Err(Error::Invalid(_))));
}
