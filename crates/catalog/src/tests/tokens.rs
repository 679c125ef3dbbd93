//! API tokens.

use proptest::prelude::*;

use super::*;
use crate::api_token::{is_well_formed, random_value};
use crate::{ApiToken, Error, NewToken, Scope, Scopes};

fn new_token(scopes: Scopes) -> NewToken {
    NewToken { label: "ci".into(), scopes, expires_at: None }
}

async fn found(test: &TestCatalog, value: &str) -> Option<ApiToken> {
    test.catalog.token(value).await.unwrap()
}

#[tokio::test]
async fn an_issued_token_acts_for_its_account() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let issued = test.catalog.issue_token(&account, new_token(Scopes::write()), &actor()).await.unwrap();
    let value = issued.value.reveal();
    assert!(value.starts_with("drk_") && value.len() == 4 + 43 + 6, "{value}");
    assert_eq!((issued.token.id.len(), issued.token.account), (16, account));
    let token = found(&test, value).await.unwrap();
    assert_eq!((token.id, token.scopes), (issued.token.id, Scopes::write()));
    assert!(found(&test, random_value().reveal()).await.is_none());
    assert!(found(&test, "").await.is_none());
}

#[tokio::test]
async fn only_a_digest_is_stored() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let issued = test.catalog.issue_token(&account, new_token(Scopes::read()), &actor()).await.unwrap();
    assert!(!is_stored(&test, &issued.value.reveal()[4..]).await);
    assert!(is_stored(&test, &issued.token.id).await, "what is stored would be found");
}

#[tokio::test]
async fn a_revoked_token_ends_at_once_and_elsewhere_soon() {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let account = account_of(&test.catalog).await;
    let issued = test.catalog.issue_token(&account, new_token(Scopes::read()), &actor()).await.unwrap();
    let value = issued.value.reveal();
    assert!(found(&test, value).await.is_some() && other.token(value).await.unwrap().is_some());
    let stranger = test.catalog.revoke_token(&AccountId::random(), &issued.token.id, &actor()).await;
    assert!(matches!(stranger, Err(Error::Missing)));
    test.catalog.revoke_token(&account, &issued.token.id, &actor()).await.unwrap();
    assert!(found(&test, value).await.is_none());
    until("the other process refuses it", || async { other.token(value).await.unwrap().is_none() }).await;
    assert!(test.catalog.tokens(&account).await.unwrap()[0].revoked_at.is_some());
}

#[tokio::test]
async fn guesses_wait_for_a_turn_and_take_no_connections_from_others() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let turns = take_turns(&test.catalog).await;
    let refused = test.catalog.token(random_value().reveal()).await.unwrap_err();
    assert!(matches!(refused, Error::RightsUnavailable), "{refused:?}");
    put_image(&test.catalog, new_image(account, "cat")).await;
    drop(turns);
    assert!(found(&test, random_value().reveal()).await.is_none());
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let hands = Hands::new();
    let test = fresh_with(hands.clock(), |_| {}).await;
    let account = account_of(&test.catalog).await;
    let expires_at = Some(hands.clock().now().plus(Duration::from_secs(60)));
    let new = NewToken { expires_at, ..new_token(Scopes::read()) };
    let issued = test.catalog.issue_token(&account, new, &actor()).await.unwrap();
    hands.pass(Duration::from_secs(59));
    assert!(found(&test, issued.value.reveal()).await.is_some());
    hands.pass(Duration::from_secs(1));
    assert!(found(&test, issued.value.reveal()).await.is_none());
}

#[tokio::test]
async fn the_last_use_is_known_here_at_once_and_elsewhere_after_a_flush() {
    let hands = Hands::new();
    let test = fresh_with(hands.clock(), |_| {}).await;
    let account = account_of(&test.catalog).await;
    let issued = test.catalog.issue_token(&account, new_token(Scopes::read()), &actor()).await.unwrap();
    let elsewhere = Catalog::open(test.config.clone(), hands.clock()).await.unwrap();
    let last_use = async |catalog: &Catalog| catalog.tokens(&account).await.unwrap()[0].last_used_at;
    assert_eq!(last_use(&test.catalog).await, None);
    let first = hands.clock().now();
    found(&test, issued.value.reveal()).await.unwrap();
    assert_eq!((last_use(&test.catalog).await, last_use(&elsewhere).await), (Some(first), None));
    test.catalog.flush_tally().await.unwrap();
    assert_eq!((last_use(&test.catalog).await, last_use(&elsewhere).await), (Some(first), Some(first)));
    hands.pass(Duration::from_secs(3_600));
    found(&test, issued.value.reveal()).await.unwrap();
    found(&test, issued.value.reveal()).await.unwrap();
    let usage = test.catalog.token_usage(&account).await.unwrap()[&issued.token.id];
    assert_eq!((usage.last_at, usage.requests_24h()), (Some(hands.clock().now()), 3));
    hands.pass(Duration::from_secs(23 * 3_600));
    let usage = test.catalog.token_usage(&account).await.unwrap()[&issued.token.id];
    assert_eq!((usage.requests_24h(), usage.requests_7d()), (2, 3));
}

#[tokio::test]
async fn an_account_has_so_many_live_tokens_and_no_more() {
    let test = fresh_with(Clock::system(), |config| config.max_tokens = 2).await;
    let account = account_of(&test.catalog).await;
    let issue = async || test.catalog.issue_token(&account, new_token(Scopes::read()), &actor()).await;
    let first = issue().await.unwrap();
    issue().await.unwrap();
    assert_eq!(issue().await.unwrap_err().to_string(), "this account has 2 API tokens; the limit is 2");
    test.catalog.revoke_token(&account, &first.token.id, &actor()).await.unwrap();
    issue().await.unwrap();
    assert_eq!(test.catalog.tokens(&account).await.unwrap().len(), 3);
}

#[test]
fn scopes_print_as_they_are_read() {
    for (scope, word) in Scope::ALL {
        let scopes = Scopes::parse(word).unwrap();
        assert!(scopes.has(scope));
        assert_eq!(scopes.words(), [word]);
    }
    assert_eq!(Scopes::parse("read").unwrap().words(), ["images:read", "usage:read"]);
    assert_eq!(Scopes::parse("write").unwrap().words().len(), 9);
    assert!(!Scopes::write().has(Scope::AccountAdmin) && Scopes::admin().has(Scope::AccountAdmin));
    assert_eq!(Scopes::parse("images:read, urls:sign").unwrap().words(), ["images:read", "urls:sign"]);
    for bad in ["", "images", "images:read,", "Images:Read"] {
        let error = Scopes::parse(bad).unwrap_err().to_string();
        assert!(error.contains("images:read") && error.contains("admin"), "{error}");
    }
}

proptest! {
    #[test]
    fn a_mistyped_token_is_refused_without_a_look_up(place in 0_usize..53, letter in "[A-Za-z0-9_-]") {
        let value = random_value().reveal().to_owned();
        prop_assert!(is_well_formed(&value));
        let mut mistyped = value.clone();
        mistyped.replace_range(place..=place, &letter);
        prop_assert_eq!(is_well_formed(&mistyped), mistyped == value);
    }

    #[test]
    fn any_text_is_a_token_or_not_without_panic(text in "(drk_)?\\PC{0,60}") {
        prop_assert!(!is_well_formed(&text));
    }
}
