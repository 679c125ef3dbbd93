//! People: passwords, waits, sessions, roles, and what the audit log says of it all.

use std::net::IpAddr;

use domain::{Fault as _, Limit};

use super::*;
use crate::{AuditFilter, Error, NewPerson, Person, Role, SignInVerdict};

const PASSWORD: &str = "a quiet darkroom at night";

fn new_person(email: &str) -> NewPerson {
    NewPerson {
        email: email.into(),
        name: String::new(),
        password: Secret::new(PASSWORD),
        place: None,
        operator: false,
    }
}

struct House {
    test: TestCatalog,
    hands: Hands,
    ada: Person,
}

impl House {
    async fn new() -> House {
        let hands = Hands::new();
        let test = fresh_with(hands.clock(), |config| {
            config.max_sign_in_failures = 3;
            config.max_address_sign_in_failures = 5;
        })
        .await;
        let ada = test.catalog.insert_first_person(new_person("Ada@Example.org"), &actor()).await.unwrap();
        House { test, hands, ada }
    }

    async fn sign_in(&self, email: &str, password: &str, address: &str) -> SignInVerdict {
        self.try_sign_in(email, password, address, true).await
    }

    async fn try_sign_in(
        &self,
        email: &str,
        password: &str,
        address: &str,
        count_address: bool,
    ) -> SignInVerdict {
        let address: IpAddr = address.parse().unwrap();
        self.test
            .catalog
            .check_password(email, &Secret::new(password), Some(address), count_address)
            .await
            .unwrap()
    }

    async fn fail(&self, email: &str, address: &str) {
        assert_eq!(self.sign_in(email, "wrong wrong wrong", address).await, SignInVerdict::Wrong);
    }

    async fn check_wait(&self, email: &str, address: &str, minutes: u64) {
        check_verdict(&self.sign_in(email, PASSWORD, address).await, minutes);
    }
}

/// The limit that somebody waits for.
fn limit_of(verdict: &SignInVerdict) -> Limit {
    let SignInVerdict::Wait(too_often) = verdict else { panic!("not made to wait: {verdict:?}") };
    too_often.limit().expect("a limit")
}

fn check_verdict(verdict: &SignInVerdict, minutes: u64) {
    assert_eq!(limit_of(verdict).retry_after_s, Some(minutes * 60));
}

#[tokio::test]
async fn the_first_person_runs_the_server_and_there_is_one_first() {
    let test = fresh().await;
    assert!(!test.catalog.has_people().await.unwrap());
    let insert = async |email: &str| test.catalog.insert_first_person(new_person(email), &actor()).await;
    let (one, two) = tokio::join!(insert("ada@example.org"), insert("bob@example.org"));
    assert!(one.is_ok() != two.is_ok());
    let (first, refused) =
        if let Ok(first) = one { (first, two.unwrap_err()) } else { (two.unwrap(), one.unwrap_err()) };
    assert!(first.operator && matches!(refused, Error::Exists));
    assert!(test.catalog.has_people().await.unwrap());
}

#[tokio::test]
async fn a_poor_password_or_e_mail_is_refused() {
    let test = fresh().await;
    let check = async |email: &str, password: &str, fits: bool| {
        let new = NewPerson { password: Secret::new(password), ..new_person(email) };
        match test.catalog.insert_person(new, &actor()).await {
            Ok(_) => assert!(fits, "{email} {password}"),
            Err(error) => assert!(!fits && matches!(error, Error::Invalid(_)), "{email} {password}: {error}"),
        }
    };
    for password in
        ["elevenchars", &"x".repeat(129), "password1234", "PassWord1234", "123456789012", "ann@example.org"]
    {
        check("ann@example.org", password, false).await;
    }
    for email in ["", "ann", "@host", "ann@", "a nn@host", "ann@ho\nst", &format!("{}@x", "a".repeat(253))] {
        check(email, PASSWORD, false).await;
    }
    check("ann@example.org", "twelve chars", true).await;
    check("bea@example.org", &"é".repeat(128), true).await;
    let again = test.catalog.insert_person(new_person("ANN@example.org"), &actor()).await;
    assert!(matches!(again, Err(Error::Exists)));
}

#[tokio::test]
async fn a_right_password_signs_in_whatever_the_case_of_the_e_mail() {
    let house = House::new().await;
    assert_eq!(house.ada.name, "Ada");
    for email in ["Ada@Example.org", "ada@example.ORG"] {
        assert_eq!(
            house.sign_in(email, PASSWORD, "203.0.113.7").await,
            SignInVerdict::Right(house.ada.clone())
        );
    }
    house.fail("ada@example.org", "203.0.113.7").await;
    house.fail("nobody@example.org", "203.0.113.7").await;
}

#[tokio::test]
async fn waits_double_and_hold_for_a_right_password_too() {
    let house = House::new().await;
    for email in ["ada@example.org", "nobody@example.org"] {
        // Each from an address of its own: an unknown e-mail counts as a known one does.
        let address = if email.starts_with("ada") { "203.0.113.7" } else { "203.0.113.8" };
        for _ in 0..3 {
            house.fail(email, address).await;
        }
        house.check_wait(email, address, 1).await;
    }
    let mut expected = 1;
    for _ in 0..7 {
        house.hands.pass(Duration::from_secs(expected * 60));
        expected = (expected * 2).min(60);
        let attempt =
            async |password: &str| house.try_sign_in("ada@example.org", password, "203.0.113.7", false).await;
        assert_eq!(attempt("wrong wrong wrong").await, SignInVerdict::Wrong);
        check_verdict(&attempt(PASSWORD).await, expected);
    }
}

#[tokio::test]
async fn a_wait_is_for_one_address_and_ends() {
    let house = House::new().await;
    for _ in 0..3 {
        house.fail("ada@example.org", "203.0.113.7").await;
    }
    house.check_wait("ada@example.org", "203.0.113.7", 1).await;
    house.check_wait("ada@example.org", "::ffff:203.0.113.7", 1).await;
    let waits = house.sign_in("ada@example.org", PASSWORD, "203.0.113.7").await;
    assert_eq!(limit_of(&waits).name, "max_sign_in_failures");
    let elsewhere = house.sign_in("ada@example.org", PASSWORD, "203.0.113.9").await;
    assert_eq!(elsewhere, SignInVerdict::Right(house.ada.clone()));
    house.hands.pass(Duration::from_secs(60));
    let later = house.sign_in("ada@example.org", PASSWORD, "203.0.113.7").await;
    assert_eq!(later, SignInVerdict::Right(house.ada.clone()));
    for _ in 0..2 {
        house.fail("ada@example.org", "203.0.113.7").await;
    }
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_network_wait_together() {
    let house = House::new().await;
    for host in 1..=3 {
        house.fail("ada@example.org", &format!("2001:db8:1:2::{host}")).await;
    }
    house.check_wait("ada@example.org", "2001:db8:1:2:ffff::1", 1).await;
    for host in 4..=5 {
        house.fail(&format!("{host}@example.org"), &format!("2001:db8:1:2::{host}")).await;
    }
    house.check_wait("nobody@example.org", "2001:db8:1:2::9", 1).await;
    let neighbour = house.sign_in("ada@example.org", PASSWORD, "2001:db8:1:3::1").await;
    assert_eq!(neighbour, SignInVerdict::Right(house.ada.clone()));
}

#[tokio::test]
async fn slow_mistakes_begin_no_wait() {
    let house = House::new().await;
    for _ in 0..4 {
        house.fail("ada@example.org", "203.0.113.7").await;
        house.hands.pass(Duration::from_secs(8 * 60));
    }
}

#[tokio::test]
async fn an_address_waits_over_all_e_mails_and_one_known_password_does_not_help() {
    let house = House::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        assert!(matches!(
            house.sign_in("ada@example.org", PASSWORD, "203.0.113.7").await,
            SignInVerdict::Right(_)
        ));
        house.fail(&format!("{name}@example.org"), "203.0.113.7").await;
    }
    house.check_wait("ada@example.org", "203.0.113.7", 1).await;
    let by_address = house.sign_in("bob@example.org", PASSWORD, "203.0.113.7").await;
    assert_eq!(limit_of(&by_address).name, "max_address_sign_in_failures");
    let uncounted = house.try_sign_in("ada@example.org", PASSWORD, "203.0.113.7", false).await;
    assert!(matches!(uncounted, SignInVerdict::Right(_)), "behind an unknown proxy it says nothing");
}

#[tokio::test]
async fn the_command_line_ends_a_wait_beside_the_server() {
    let house = House::new().await;
    for _ in 0..3 {
        house.fail("ada@example.org", "203.0.113.7").await;
    }
    house.check_wait("ada@example.org", "203.0.113.7", 1).await;
    let beside = Catalog::open(house.test.config.clone(), house.hands.clock()).await.unwrap();
    beside.unlock("ADA@example.org", &actor()).await.unwrap();
    assert!(matches!(
        house.sign_in("ada@example.org", PASSWORD, "203.0.113.7").await,
        SignInVerdict::Right(_)
    ));
    assert!(matches!(beside.unlock("nobody@example.org", &actor()).await, Err(Error::Missing)));
}

#[tokio::test]
async fn many_guesses_at_once_learn_no_more_than_one_after_the_other() {
    let house = House::new().await;
    let guesses: Vec<_> = (0..20)
        .map(|_| {
            let catalog = house.test.catalog.clone();
            tokio::spawn(async move {
                let address = Some("203.0.113.7".parse().unwrap());
                catalog
                    .check_password("ada@example.org", &Secret::new("wrong wrong"), address, true)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut wrong = 0;
    for guess in guesses {
        wrong += i32::from(guess.await.unwrap() == SignInVerdict::Wrong);
    }
    assert_eq!(wrong, 3);
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back() {
    let house = House::new().await;
    let checks: Vec<_> = (0..40)
        .map(|number| {
            let catalog = house.test.catalog.clone();
            let email = format!("{number}@example.org");
            tokio::spawn(
                async move { catalog.check_password(&email, &Secret::new(PASSWORD), None, false).await },
            )
        })
        .collect();
    let mut busy = 0;
    for check in checks {
        busy += i32::from(matches!(check.await.unwrap(), Err(Error::Busy)));
    }
    assert_eq!(busy, 6, "two hash, thirty-two wait");
}

#[tokio::test]
async fn a_restart_forgets_no_wait_and_a_day_forgets_all() {
    let house = House::new().await;
    for _ in 0..3 {
        house.fail("ada@example.org", "203.0.113.7").await;
    }
    let restarted = Catalog::open(house.test.config.clone(), house.hands.clock()).await.unwrap();
    let password = Secret::new(PASSWORD);
    let address = Some("203.0.113.7".parse().unwrap());
    let verdict = restarted.check_password("ada@example.org", &password, address, true).await.unwrap();
    check_verdict(&verdict, 1);
    house.hands.pass(Duration::from_secs(24 * 60 * 60));
    house.fail("ada@example.org", "203.0.113.7").await;
    house.fail("ada@example.org", "203.0.113.7").await;
    let mut reader = house.test.catalog.inner.database.acquire().await.unwrap();
    let kept: i64 =
        query_scalar("select count(*) from sign_in_failures").fetch_one(&mut reader).await.unwrap();
    assert_eq!(kept, 2, "one of the e-mail, one of the address");
}

#[tokio::test]
async fn a_stolen_database_shows_no_password_session_or_mistyped_e_mail() {
    let house = House::new().await;
    let session = house.test.catalog.start_session(&house.ada, &actor()).await.unwrap();
    house.fail("my-password-typed-in-the-wrong-field@x", "203.0.113.7").await;
    for secret in
        [PASSWORD, session.value.reveal(), session.session.csrf.reveal(), "typed-in-the-wrong-field"]
    {
        assert!(!is_stored(&house.test, secret).await, "{secret}");
    }
    let mut reader = house.test.catalog.inner.database.acquire().await.unwrap();
    let hash: String = query_scalar("select password from people").fetch_one(&mut reader).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

#[tokio::test]
async fn a_session_ends_by_idleness_age_sign_out_and_a_new_password() {
    let house = House::new().await;
    let start = async || house.test.catalog.start_session(&house.ada, &actor()).await.unwrap();
    let lives = async |value: &Secret| house.test.catalog.session(value.reveal()).await.unwrap().is_some();
    let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));

    let idle = start().await;
    let session = house.test.catalog.session(idle.value.reveal()).await.unwrap().unwrap();
    assert_eq!((session.person, session.csrf), (house.ada.clone(), idle.session.csrf.clone()));
    assert_ne!(idle.session.csrf, start().await.session.csrf);
    house.hands.pass(hour * 12);
    assert!(!lives(&idle.value).await);

    let old = start().await;
    let noted = async || {
        let mut reader = house.test.catalog.inner.database.acquire().await.unwrap();
        let used: i64 =
            query_scalar("select max(used_at) from sessions").fetch_one(&mut reader).await.unwrap();
        Timestamp::from_micros(used) == house.hands.clock().now()
    };
    for _ in 0..59 {
        house.hands.pass(hour * 12 - Duration::from_secs(1));
        assert!(lives(&old.value).await);
        until("the use is noted", noted).await;
    }
    house.hands.pass(day);
    assert!(!lives(&old.value).await);

    let (left, ended) = (start().await, start().await);
    house.test.catalog.end_session(ended.value.reveal(), &actor()).await.unwrap();
    assert!(lives(&left.value).await && !lives(&ended.value).await);
    house
        .test
        .catalog
        .set_password("ada@example.org", &Secret::new("another long password"), &actor())
        .await
        .unwrap();
    assert!(!lives(&left.value).await);
    house.fail("ada@example.org", "203.0.113.7").await;
    let new = house.sign_in("ada@example.org", "another long password", "203.0.113.7").await;
    assert!(matches!(new, SignInVerdict::Right(_)));

    let last = start().await;
    house.test.catalog.end_sessions(&house.ada, &actor()).await.unwrap();
    assert!(!lives(&last.value).await && !lives(&Secret::new("nonsense")).await);
}

#[tokio::test]
async fn a_session_remembers_when_the_password_was_checked() {
    let house = House::new().await;
    let started = house.test.catalog.start_session(&house.ada, &actor()).await.unwrap();
    house.hands.pass(Duration::from_secs(600));
    let checked = async || {
        let session = house.test.catalog.session(started.value.reveal()).await.unwrap().unwrap();
        house.hands.clock().now().since(session.password_checked_at)
    };
    assert_eq!(checked().await, Duration::from_secs(600));
    house.test.catalog.refresh_password_check(started.value.reveal()).await.unwrap();
    assert_eq!(checked().await, Duration::ZERO);
}

#[tokio::test]
async fn members_see_their_accounts_and_operators_all() {
    let house = House::new().await;
    let catalog = &house.test.catalog;
    let first = account_of(catalog).await;
    let new = crate::NewAccount {
        handle: "shop".parse().unwrap(),
        display_name: Some("A shop".into()),
        given: None,
        settings: vec![],
    };
    let shop = catalog.insert_account(new, &actor()).await.unwrap().id;
    let place = Some((shop, Role::Viewer));
    let bob =
        catalog.insert_person(NewPerson { place, ..new_person("bob@example.org") }, &actor()).await.unwrap();
    let roles = async |person: &Person| -> Vec<(AccountId, Role)> {
        catalog
            .memberships(person)
            .await
            .unwrap()
            .into_iter()
            .map(|member| (member.account, member.role))
            .collect()
    };
    assert_eq!(roles(&bob).await, [(shop, Role::Viewer)]);
    assert_eq!(roles(&house.ada).await, [(shop, Role::Owner), (first, Role::Owner)]);
    let session = catalog.start_session(&bob, &actor()).await.unwrap();
    catalog.set_role(&bob, &shop, Role::Editor, &actor()).await.unwrap();
    catalog.set_role(&bob, &first, Role::Admin, &actor()).await.unwrap();
    assert_eq!(roles(&bob).await, [(shop, Role::Editor), (first, Role::Admin)]);
    assert!(catalog.session(session.value.reveal()).await.unwrap().is_none(), "a new role, a new session");
    let nowhere = catalog.set_role(&bob, &AccountId::random(), Role::Owner, &actor()).await;
    assert!(matches!(nowhere, Err(Error::AccountMissing)));
    assert_eq!(catalog.person_by_email("BOB@example.org").await.unwrap(), bob);
}

#[tokio::test]
async fn each_change_leaves_a_line_with_who_did_it() {
    let house = House::new().await;
    let catalog = &house.test.catalog;
    let account = account_of(catalog).await;
    let who = Actor {
        name: "token:0123 ci".into(),
        address: Some("203.0.113.7".parse().unwrap()),
        request_id: Some("r-1".into()),
    };
    catalog.create_signing_key(&account, &key_id("web"), &who).await.unwrap();
    catalog.revoke_signing_key(&account, &key_id("web"), &who).await.unwrap();
    put_image(catalog, new_image(account, "cat")).await;
    catalog.remove_image(&account, &id("cat"), &who).await.unwrap();
    let lines = catalog.audit(&AuditFilter { account: Some(account), act: None, limit: 100, ..Default::default() }).await.unwrap();
    let acts: Vec<(&str, &str)> =
        lines.iter().map(|line| (line.act.as_str(), line.target.as_str())).collect();
    let expected = [
        ("image.remove", "image:cat"),
        ("image.upload", "image:cat"),
        ("key.revoke", "key:web"),
        ("key.create", "key:web"),
        ("account.create", "account:default"),
    ];
    assert_eq!(acts, expected);
    assert_eq!((&lines[0].actor, lines[0].result.as_str()), (&who, "done"));
    assert_eq!(lines[0].at, house.hands.clock().now());

    // A change that is refused leaves nothing; a refusal that is worth a line is recorded by itself.
    assert!(catalog.revoke_signing_key(&account, &key_id("web"), &who).await.is_err());
    let forged = "a\nb\u{202E}c".to_owned() + &"x".repeat(100);
    catalog.record(Some(&account), &who, "key.revoke", &forged, "refused").await.unwrap();
    let filter = AuditFilter { account: Some(account), act: Some("key.revoke".into()), limit: 1, ..Default::default() };
    let [line] = &catalog.audit(&filter).await.unwrap()[..] else { panic!("one line") };
    assert_eq!(line.result, "refused");
    assert_eq!(line.target, format!("a\\u{{a}}b\\u{{202e}}c{}", "x".repeat(59)));
    let all = catalog
        .audit(&AuditFilter { account: None, act: Some("person.create".into()), limit: 9, ..Default::default() })
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
}
