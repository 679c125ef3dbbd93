//! Uses of a URL: exactly as many as it has, whoever asks at once, in however many processes, and after a crash.

use signing::Uses;

use super::*;
use crate::Error;

fn uses(most: u64) -> Uses {
    Uses { counter: rand::random(), most, until_s: Some(1_900_000_000) }
}

/// Two processes on one database.
async fn two() -> (TestCatalog, Catalog, AccountId) {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let account = account_of(&other).await;
    (test, other, account)
}

fn is_used_up(consumed: &Result<(), Error>) -> bool {
    matches!(consumed, Err(Error::Signature(signing::Error::AlreadyUsed)))
}

/// How many of a hundred who want these at once, half of them in each process, get them.
async fn admitted(catalogs: [&Catalog; 2], account: AccountId, wanted: &[Uses]) -> usize {
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (catalog, wanted) = (catalogs[number % 2].clone(), wanted.to_vec());
            tokio::spawn(async move { catalog.consume_uses(&account, &wanted).await })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        let consumed = task.await.unwrap();
        assert!(consumed.is_ok() || is_used_up(&consumed), "{consumed:?}");
        admitted += usize::from(consumed.is_ok());
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_at_once_in_two_processes_exactly_as_many_pass_as_there_are_uses() {
    let (test, other, account) = two().await;
    for most in [1, 1, 1, 3, 17] {
        assert_eq!(admitted([&test.catalog, &other], account, &[uses(most)]).await as u64, most);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_several_counters_are_asked_for_all_or_none_are_taken() {
    let (test, other, account) = two().await;
    let (many, few) = (uses(50), uses(2));
    assert_eq!(admitted([&test.catalog, &other], account, &[many, few]).await, 2);
    // The order in which they are named does not matter, and those who got nothing took nothing.
    assert_eq!(admitted([&test.catalog, &other], account, &[few, many]).await, 0);
    assert_eq!(admitted([&test.catalog, &other], account, &[many]).await, 48);
}

#[tokio::test]
async fn a_use_is_taken_for_good_and_another_account_has_its_own() {
    let (test, other, account) = two().await;
    let once = uses(1);
    test.catalog.consume_uses(&account, &[once]).await.unwrap();
    assert!(is_used_up(&other.consume_uses(&account, &[once]).await));
    drop((test.catalog, other));
    // Another start, after the process went away without a word.
    let again = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    assert!(is_used_up(&again.consume_uses(&account, &[once]).await));
    again.consume_uses(&AccountId::random(), &[once]).await.unwrap();
    again.consume_uses(&account, &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_visitor_who_goes_away_in_the_middle_never_makes_two_of_one_use() {
    let (test, other, account) = two().await;
    for round in 0..20_u64 {
        let once = uses(1);
        // Some are cut off before they begin, some while they wait, some while they write.
        let cut: Vec<_> = (0..10_u64)
            .map(|number| {
                let catalog = if number % 2 == 0 { test.catalog.clone() } else { other.clone() };
                let patience = Duration::from_micros(round * 200 + number * 50);
                tokio::spawn(async move {
                    tokio::time::timeout(patience, catalog.consume_uses(&account, &[once])).await
                })
            })
            .collect();
        let mut passed = 0;
        for task in cut {
            passed += usize::from(matches!(task.await.unwrap(), Ok(Ok(()))));
        }
        passed += admitted([&test.catalog, &other], account, &[once]).await;
        assert!(passed <= 1, "round {round}: {passed}");
        assert!(is_used_up(&test.catalog.consume_uses(&account, &[once]).await), "round {round}");
    }
}

#[tokio::test]
async fn where_uses_cannot_be_counted_nothing_is_served() {
    let (test, _other, account) = two().await;
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query("drop table token_uses").execute(writing.db()).await.unwrap();
    test.catalog.commit(writing).await.unwrap();
    let consumed = test.catalog.consume_uses(&account, &[uses(1)]).await;
    assert!(
        matches!(consumed, Err(Error::Signature(signing::Error::ReplayStoreUnavailable))),
        "{consumed:?}"
    );
}

#[tokio::test]
async fn nobody_waits_for_a_counter_for_as_long_as_somebody_writes() {
    let (test, other, account) = two().await;
    let once = uses(1);
    let writing = other.begin(crate::database::Lock::House).await.unwrap();
    let consumed = test.catalog.consume_uses(&account, &[once]).await;
    assert!(
        matches!(consumed, Err(Error::Signature(signing::Error::ReplayStoreUnavailable))),
        "{consumed:?}"
    );
    drop(writing);
    test.catalog.consume_uses(&account, &[once]).await.unwrap();
}

#[tokio::test]
async fn counters_are_forgotten_a_day_after_their_urls_ended() {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let account = account_of(&test.catalog).await;
    let now_s = hands.clock().now().as_seconds();
    let (short, endless) = (Uses { until_s: Some(now_s + 60), ..uses(1) }, Uses { until_s: None, ..uses(1) });
    test.catalog.consume_uses(&account, &[short, endless]).await.unwrap();
    // More than one transaction takes away, put there without the hurry of a visitor.
    let mut writing = test.catalog.begin(crate::database::Lock::Rows).await.unwrap();
    let mut many = query("insert into token_uses (account, counter, used, until_s) ");
    many.push_rows((0..600).map(|_| {
        let counter = rand::random::<[u8; 32]>().to_vec();
        [account.as_bytes().to_vec().into(), counter.into(), 1_i64.into(), (now_s + 60).into()]
    }));
    many.execute(writing.db()).await.unwrap();
    test.catalog.commit(writing).await.unwrap();
    hands.pass(Duration::from_secs(86_400 + 60));
    assert_eq!(test.catalog.forget_expired().await.unwrap().uses, 0);
    hands.pass(Duration::from_secs(1));
    assert_eq!(test.catalog.forget_expired().await.unwrap().uses, 601);
    assert!(is_used_up(&test.catalog.consume_uses(&account, &[endless]).await));
}
