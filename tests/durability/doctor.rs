//! T29 and its like: what was changed behind the program's back is named by `doctor`, and only that.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use super::gate::figure;
use super::site::Site;
use super::sql::execute;
use crate::harness::{Place, Setup, eventually};

#[tokio::test]
async fn a_row_of_the_audit_log_that_was_edited_removed_or_inserted_is_named() {
    for setup in [Setup::Embedded, Setup::PostgresS3] {
        for (what, statement) in [
            ("edited", "update audit set target = 'nothing' where act = 'token.issue'"),
            ("removed", "delete from audit where act = 'token.issue'"),
            (
                "inserted",
                "insert into audit (id, at, account, actor, act, target, result)
                 select -1, at, account, actor, act, target, result from audit where act = 'token.issue'",
            ),
        ] {
            let site = sealed(setup).await;
            execute(site.place(), statement_on(setup, statement)).await;
            let told = site.doctor(&["--quick"]).await;
            let findings = told["findings"].as_array().expect("findings");
            let named = findings.iter().map(|finding| finding["check"].as_str().unwrap_or_default());
            assert!(named.eq(["audit"]), "{setup:?}, {what}: {told}");
        }
    }
    figure("T29", "audit rows edited, removed, inserted on both databases: each named by doctor");
}

/// A house whose audit log is sealed.
async fn sealed(setup: Setup) -> Site {
    let site = Site::on(setup).await;
    let mut door = site.serve().await;
    let all_sealed = || async { site.doctor(&["--quick"]).await["audit_unsealed"] == 0 };
    eventually("the audit log is sealed", Duration::from_secs(20), all_sealed).await;
    assert_eq!(door.running.terminate().await, 0);
    assert_eq!(site.doctor(&["--quick"]).await["findings"], json!([]));
    site
}

/// PostgreSQL gives the numbers itself, and lets nobody else do it without being asked.
fn statement_on(setup: Setup, statement: &str) -> String {
    match setup {
        Setup::Embedded => statement.to_owned(),
        Setup::PostgresS3 => statement.replace("result)\n", "result) overriding system value\n"),
    }
}

#[tokio::test]
async fn a_secret_that_does_not_open_is_named() {
    let site = Site::embedded().await;
    execute(site.place(), "update signing_keys set secret = zeroblob(60)".into()).await;
    let told = site.doctor(&["--quick"]).await;
    let findings = told["findings"].as_array().expect("findings");
    let [finding] = &findings[..] else { panic!("{told}") };
    assert_eq!(finding["check"], "secrets");
    assert!(finding["subject"].as_str().is_some_and(|subject| subject.starts_with("signing key")), "{told}");
}

#[tokio::test]
async fn totals_that_do_not_add_up_and_files_that_are_open_to_others_are_named() {
    let site = Site::embedded().await;
    execute(site.place(), "update accounts set images = 7, bytes = 5".into()).await;
    let database = site.data_dir().join("darkroom.db");
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).expect("a mode is set");
    let told = site.doctor(&[]).await;
    let findings = told["findings"].as_array().expect("findings");
    let named: Vec<_> = findings.iter().map(|finding| (&finding["check"], &finding["subject"])).collect();
    let database = database.to_str().expect("a path of plain letters");
    assert_eq!(
        named,
        [(&json!("permissions"), &json!(database)), (&json!("totals"), &json!("default"))],
        "{told}"
    );
}

#[tokio::test]
async fn a_house_that_is_not_there_is_not_made() {
    let place = Place::on(Setup::Embedded).await;
    let said = place.cli(&["doctor"]).run().await;
    assert!(said.code == 1 && said.out.contains("is not there"), "{said:?}");
    assert_eq!(std::fs::read_dir(place.folder()).expect("a folder").count(), 0, "nothing was made");
}
