//! The seals of the audit log: what was done behind the program's back is found.

use super::*;
use crate::database::{Kind, Lock, query};
use crate::{AuditChain, AuditFilter, BrokenSeal};

/// Writes a line of the account's log.
async fn act(test: &TestCatalog, account: &AccountId, number: u32) {
    let target = format!("image:{number}");
    test.catalog.record(Some(account), &actor(), "image.download", &target, "done").await.unwrap();
}

/// A catalog whose account has ten sealed lines, two seals' worth.
async fn ten_lines() -> (TestCatalog, AccountId) {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    test.catalog.seal_audit().await.unwrap();
    for number in 0..10 {
        act(&test, &account, number).await;
        if number == 2 {
            test.catalog.record(None, &actor(), "session.start", "person:between", "done").await.unwrap();
        }
        if number == 4 {
            test.catalog.seal_audit().await.unwrap();
        }
    }
    assert_eq!(test.catalog.seal_audit().await.unwrap(), 5);
    (test, account)
}

async fn chain(catalog: &Catalog, account: &AccountId) -> AuditChain {
    let all = catalog.verify_audit().await.unwrap();
    all.into_iter().find(|chain| chain.account == Some(*account)).unwrap()
}

/// What somebody with a hand on the database does to the log, and which seal finds it.
async fn tamper(statement: &'static str) -> BrokenSeal {
    let (test, account) = ten_lines().await;
    assert_eq!(chain(&test.catalog, &account).await.broken, None);
    let mut writing = test.catalog.begin(Lock::House).await.unwrap();
    assert_eq!(query(statement).execute(writing.db()).await.unwrap(), 1, "{statement}");
    test.catalog.commit(writing).await.unwrap();
    // Sealing on does not hide it.
    act(&test, &account, 99).await;
    test.catalog.seal_audit().await.unwrap();
    chain(&test.catalog, &account).await.broken.unwrap_or_else(|| panic!("{statement} was not found"))
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_whole() {
    let (test, account) = ten_lines().await;
    test.catalog.record(None, &actor(), "session.start", "person:a", "done").await.unwrap();
    let before = test.catalog.verify_audit().await.unwrap();
    assert_eq!(before[0], AuditChain { account: None, sealed: 1, unsealed: 1, broken: None });
    assert_eq!(test.catalog.seal_audit().await.unwrap(), 1);
    assert_eq!(test.catalog.seal_audit().await.unwrap(), 0, "nothing is sealed twice");
    let after = test.catalog.verify_audit().await.unwrap();
    assert_eq!(after[0], AuditChain { account: None, sealed: 2, unsealed: 0, broken: None });
    // `account.create` was the first of eleven.
    assert_eq!(after[1], AuditChain { account: Some(account), sealed: 11, unsealed: 0, broken: None });
    assert_eq!(after.len(), 2);
}

#[tokio::test]
async fn an_edited_row_is_found_whatever_was_edited() {
    for statement in [
        "update audit set actor = 'nobody' where target = 'image:2'",
        "update audit set address = '192.0.2.1' where target = 'image:2'",
        "update audit set request_id = '' where target = 'image:2'",
        "update audit set act = 'image.upload' where target = 'image:2'",
        "update audit set target = 'image:77' where target = 'image:2'",
        "update audit set result = 'refused' where target = 'image:2'",
        "update audit set at = at + 1 where target = 'image:2'",
        "update audit_seals set digest = (select digest from audit_seals order by id limit 1)
         where id = (select max(id) from audit_seals)",
    ] {
        let broken = tamper(statement).await;
        assert_eq!((broken.rows, broken.found), (5, 5), "{statement}");
        assert!(broken.to_string().starts_with("a row was edited"), "{broken}");
    }
}

#[tokio::test]
async fn a_removed_row_is_found_also_at_the_end() {
    for statement in [
        "delete from audit where target = 'image:2'",
        "delete from audit where target = 'image:9'",
        "update audit set account = null where target = 'image:7'",
    ] {
        let broken = tamper(statement).await;
        assert_eq!((broken.rows, broken.found), (5, 4), "{statement}");
        assert!(broken.to_string().starts_with("rows were removed"), "{broken}");
    }
}

#[tokio::test]
async fn an_inserted_row_is_found() {
    let moved = "update audit set account = (select id from accounts) where target = 'person:between'";
    let broken = tamper(moved).await;
    assert_eq!((broken.rows, broken.found), (5, 6));
    assert!(broken.to_string().starts_with("rows were inserted"), "{broken}");
    // An id before the first.
    let (test, account) = ten_lines().await;
    let mut writing = test.catalog.begin(Lock::House).await.unwrap();
    let overriding = match writing.db().kind() {
        Kind::Sqlite => "",
        Kind::Postgres => "overriding system value",
    };
    let forged = format!(
        "insert into audit (id, at, account, actor, act, target, result) {overriding}
         select -5, at, account, actor, act, 'image:forged', result from audit where target = 'image:2'"
    );
    assert_eq!(query(forged).execute(writing.db()).await.unwrap(), 1);
    test.catalog.commit(writing).await.unwrap();
    let broken = chain(&test.catalog, &account).await.broken.unwrap();
    assert_eq!((broken.rows, broken.found), (1, 2));
}

#[tokio::test]
async fn a_removed_seal_is_found_also_at_the_end_of_its_chain() {
    let middle = "delete from audit_seals where id = (select min(id) from audit_seals where row_count = 5)";
    assert_eq!(tamper(middle).await.found, 10);
    // The last seal of those that belong to no account, with its row: the account's next seal does not fit.
    let (test, account) = ten_lines().await;
    let mut writing = test.catalog.begin(Lock::House).await.unwrap();
    for statement in
        ["delete from audit_seals where length(account) = 0", "delete from audit where account is null"]
    {
        assert_eq!(query(statement).execute(writing.db()).await.unwrap(), 1);
    }
    test.catalog.commit(writing).await.unwrap();
    test.catalog.seal_audit().await.unwrap();
    let broken = chain(&test.catalog, &account).await.broken.unwrap();
    assert_eq!((broken.rows, broken.found), (5, 5));
}

#[tokio::test]
async fn a_log_of_which_nothing_is_left_is_found() {
    let (test, account) = ten_lines().await;
    let mut writing = test.catalog.begin(Lock::House).await.unwrap();
    query("delete from audit where account is not null").execute(writing.db()).await.unwrap();
    test.catalog.commit(writing).await.unwrap();
    let broken = chain(&test.catalog, &account).await.broken.unwrap();
    assert_eq!((broken.rows, broken.found), (1, 0));
}

#[tokio::test]
async fn two_processes_seal_each_row_once() {
    let (test, account) = ten_lines().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    let mut sealed = 0;
    for number in 0..10 {
        act(&test, &account, number).await;
        let (here, there) = tokio::join!(test.catalog.seal_audit(), other.seal_audit());
        sealed += here.unwrap() + there.unwrap();
    }
    assert_eq!(sealed, 10);
    assert_eq!(
        chain(&other, &account).await,
        AuditChain { account: Some(account), sealed: 21, unsealed: 0, broken: None }
    );
}

#[tokio::test]
async fn the_chain_outlives_the_master_key() {
    let hands = Hands::new();
    let test = fresh_with(hands.clock(), |_| {}).await;
    let account = account_of(&test.catalog).await;
    test.catalog.seal_audit().await.unwrap();
    let new = crate::testing::master_key();
    test.catalog.rotate_master_key(&new).await.unwrap();
    let config = crate::Config { master_key: new, ..test.config.clone() };
    let later = Catalog::open(config, hands.clock()).await.unwrap();
    act(&test, &account, 1).await;
    later.seal_audit().await.unwrap();
    assert_eq!(chain(&later, &account).await.broken, None);
    assert_eq!(chain(&test.catalog, &account).await.sealed, 2);
}

#[tokio::test]
async fn long_logs_are_sealed_in_parts() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let mut writing = test.catalog.begin(Lock::Account(account)).await.unwrap();
    for number in 0..2_500 {
        crate::audit::note(
            &mut writing,
            Some(&account),
            &actor(),
            "image.upload",
            &format!("image:{number}"),
        )
        .await
        .unwrap();
    }
    test.catalog.commit(writing).await.unwrap();
    assert_eq!(test.catalog.seal_audit().await.unwrap(), 2_501);
    let lines = test.catalog.audit(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap();
    assert_eq!(lines[0].target, "image:2499");
    assert_eq!(chain(&test.catalog, &account).await.sealed, 2_501);
}
