//! Many at once, in two processes on one database: what must hold between rows holds.

use super::*;
use crate::{AuditFilter, Error, NewPerson, NewToken, Rotation, Scopes, SignInVerdict, Variant};

/// Tasks of a test.
const TASKS: usize = 20;

/// Two processes on one database.
struct Two {
    test: TestCatalog,
    other: Catalog,
    account: AccountId,
}

impl Two {
    async fn new(change: impl FnOnce(&mut crate::Config)) -> Two {
        let test = fresh_with(Clock::system(), change).await;
        let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
        let account = account_of(&other).await;
        Two { test, other, account }
    }

    /// Does something in many tasks at once, half of them in each process.
    async fn all<T: Send + 'static, F>(&self, act: impl Fn(Catalog, usize) -> F) -> Vec<Result<T, Error>>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let catalog = if number % 2 == 0 { &self.test.catalog } else { &self.other };
                tokio::spawn(act(catalog.clone(), number))
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }
}

/// How many were done; the others were refused by this.
fn done<T: std::fmt::Debug>(results: &[Result<T, Error>], refused: impl Fn(&Error) -> bool) -> usize {
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(refused(error), "{error:?}");
    }
    results.iter().filter(|result| result.is_ok()).count()
}

fn is_too_many(error: &Error) -> bool {
    matches!(error, Error::TooMany { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_limit_of_an_account_is_passed() {
    let two = Two::new(|config| {
        (config.max_signing_keys, config.max_tokens, config.max_variants) = (5, 6, 7);
    })
    .await;
    let account = two.account;
    let keys = two
        .all(move |catalog, number| async move {
            catalog.create_signing_key(&account, &key_id(&format!("key-{number}")), &actor()).await
        })
        .await;
    assert_eq!(done(&keys, is_too_many), 4, "beside the first one");
    let tokens = two
        .all(move |catalog, _| async move {
            let new = NewToken { label: String::new(), scopes: Scopes::read(), expires_at: None };
            catalog.issue_token(&account, new, &actor()).await
        })
        .await;
    assert_eq!(done(&tokens, is_too_many), 6);
    let variants = two
        .all(move |catalog, number| async move {
            let name = format!("variant-{number}").parse().unwrap();
            let options = variant::Options::parse("w=100").unwrap();
            let created_at = Timestamp::from_micros(0);
            let new = Variant { name, options, always_public: false, browser_ttl_s: None, created_at };
            catalog.insert_variant(&account, new, &actor()).await
        })
        .await;
    assert_eq!(done(&variants, is_too_many), 6, "beside `public`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_signs_after_any_number_of_rotations() {
    let two = Two::new(|config| config.max_signing_keys = 100).await;
    let account = two.account;
    let rotated = two
        .all(move |catalog, number| async move {
            let keys = catalog.signing_keys(&account).await?;
            let signing = keys.into_iter().find(|key| key.signs).unwrap().id;
            let rotation = Rotation {
                new_id: Some(key_id(&format!("new-{number}"))),
                overlap: Duration::from_secs(3_600),
            };
            catalog.rotate_signing_key(&account, &signing, rotation, &actor()).await
        })
        .await;
    let done = done(&rotated, |error| matches!(error, Error::Invalid(_)));
    assert!(done >= 1);
    let keys = two.test.catalog.signing_keys(&account).await.unwrap();
    assert_eq!((keys.len(), keys.iter().filter(|key| key.signs).count()), (done + 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_an_id_and_totals_count_what_is_there() {
    let two = Two::new(|_| {}).await;
    let account = two.account;
    let same = two
        .all(move |catalog, _| async move { catalog.insert_image(new_image(account, "cat"), &actor()).await })
        .await;
    assert_eq!(done(&same, |error| matches!(error, Error::Exists)), 1);
    let others = two
        .all(move |catalog, number| async move {
            let name = format!("image-{number}");
            catalog.insert_image(new_image(account, &name), &actor()).await?;
            if number % 4 == 0 {
                catalog.remove_image(&account, &id(&name), &actor()).await?;
            }
            Ok(())
        })
        .await;
    assert_eq!(done(&others, |_| false), TASKS);
    let totals = two.other.account(&account).await.unwrap().totals;
    assert_eq!((totals.images, totals.bytes), (16, 16_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_idempotency_key_makes_one_image() {
    let two = Two::new(|_| {}).await;
    let account = two.account;
    let results = two
        .all(move |catalog, number| async move {
            let new = new_image(account, &format!("image-{number}"));
            let new = NewImage { idempotency: Some(("key".into(), [7; 32])), ..new };
            catalog.insert_image(new, &actor()).await
        })
        .await;
    assert_eq!(done(&results, |_| false), TASKS);
    let made = results.iter().filter(|result| matches!(result, Ok(Inserted::New(_)))).count();
    assert_eq!((made, two.other.account(&account).await.unwrap().totals.images), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_person_is_the_first_and_many_guesses_learn_as_much_as_one_after_the_other() {
    let two = Two::new(|config| config.max_sign_in_failures = 5).await;
    let people = two
        .all(move |catalog, number| async move {
            let (email, password) = (format!("p{number}@example.org"), Secret::new("a quiet darkroom"));
            let new = NewPerson { email, name: String::new(), password, place: None, operator: true };
            catalog.insert_first_person(new, &actor()).await
        })
        .await;
    assert_eq!(done(&people, |error| matches!(error, Error::Exists)), 1);
    let guesses = two
        .all(move |catalog, _| async move {
            catalog.check_password("ada@example.org", &Secret::new("a wrong guess"), None, false).await
        })
        .await;
    let wrong = guesses.iter().filter(|guess| matches!(guess, Ok(SignInVerdict::Wrong))).count();
    let told_to_wait = guesses.iter().filter(|guess| matches!(guess, Ok(SignInVerdict::Wait(_)))).count();
    assert_eq!((wrong, told_to_wait), (5, TASKS - 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lines_of_the_audit_log_come_in_order() {
    let two = Two::new(|_| {}).await;
    let account = two.account;
    let reader = two.other.clone();
    // Whoever reads on from the last line that it saw misses none: none comes in before it.
    let reading = tokio::spawn(async move {
        let filter = AuditFilter { account: Some(account), act: None, limit: 1_000, ..Default::default() };
        let mut seen = Vec::new();
        while seen.len() < 2 * TASKS {
            let mut lines = reader.audit(&filter).await.unwrap();
            lines.reverse();
            assert_eq!(lines[..seen.len()], seen[..]);
            seen = lines;
        }
    });
    let written = two
        .all(move |catalog, number| async move {
            catalog.insert_image(new_image(account, &format!("image-{number}")), &actor()).await?;
            catalog.record(Some(&account), &actor(), "test", &number.to_string(), "done").await
        })
        .await;
    assert_eq!(done(&written, |_| false), TASKS);
    reading.await.unwrap();
}
