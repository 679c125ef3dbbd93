//! Schemes: switched on and off by an account, with their settings, and obeyed by every process.

use signing::{KeyMaterial, Scheme, SchemeSet};

use super::*;
use crate::{AuditFilter, Error, NewVerifyingKey, SchemeChange, SchemeEntry, SchemeMode};

fn mode(mode: SchemeMode) -> SchemeChange {
    SchemeChange { mode: Some(mode), settings: Vec::new() }
}

fn setting(name: &str, value: &str) -> SchemeChange {
    SchemeChange { mode: None, settings: vec![(name.to_owned(), value.to_owned())] }
}

async fn set(catalog: &Catalog, scheme: Scheme, change: SchemeChange) -> Result<SchemeEntry, Error> {
    catalog.set_scheme(&account_of(catalog).await, scheme, change, &actor()).await
}

/// The schemes in each mode, as deliveries see them.
async fn in_force(catalog: &Catalog) -> (SchemeSet, SchemeSet) {
    let hash = catalog.accounts().await.unwrap()[0].handle.clone();
    let rights = catalog.account_rights_by_handle(hash.as_str()).await.unwrap().unwrap();
    (rights.schemes, rights.reported)
}

#[tokio::test]
async fn at_first_the_native_scheme_alone_is_on() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let schemes = test.catalog.schemes(&account).await.unwrap();
    assert!(schemes.iter().map(|entry| entry.scheme).eq(Scheme::SERVED.iter()));
    for entry in &schemes {
        let native = entry.scheme == Scheme::Native;
        assert_eq!(entry.mode == SchemeMode::Enforce, native, "{entry:?}");
        assert!(native || entry.mode == SchemeMode::Off, "{entry:?}");
        let keys = usize::from(matches!(entry.scheme, Scheme::Native | Scheme::Generic));
        assert_eq!((entry.keys, entry.changed_at), (keys, None), "{entry:?}");
    }
    assert_eq!(in_force(&test.catalog).await, (SchemeSet::NATIVE, SchemeSet::EMPTY));
}

#[tokio::test]
async fn a_scheme_is_as_it_was_set_and_counts_its_keys() {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let account = account_of(&test.catalog).await;
    let material = KeyMaterial::text("a secret");
    let new = NewVerifyingKey {
        name: key_id("bunny"),
        scheme: Scheme::Bunny,
        id: String::new(),
        material,
        verify_from: None,
    };
    test.catalog.add_verifying_key(&account, new, &actor()).await.unwrap();
    let settings = vec![("allow_legacy".to_owned(), "true".to_owned())];
    let change = SchemeChange { mode: Some(SchemeMode::Report), settings };
    let entry = set(&test.catalog, Scheme::Bunny, change).await.unwrap();
    assert_eq!(
        (entry.mode, entry.keys, entry.changed_at),
        (SchemeMode::Report, 1, Some(hands.clock().now()))
    );
    assert!(entry.settings.contains(&("allow_legacy", "true".to_owned())));
    // A change of the one leaves the other as it was.
    let entry = set(&test.catalog, Scheme::Bunny, mode(SchemeMode::Enforce)).await.unwrap();
    assert!(entry.settings.contains(&("allow_legacy", "true".to_owned())));
    let entry = set(&test.catalog, Scheme::Bunny, setting("allow_legacy", "")).await.unwrap();
    assert_eq!((entry.mode, entry.settings[0].1.as_str()), (SchemeMode::Enforce, "false"));
    let listed = test.catalog.schemes(&account).await.unwrap();
    assert!(listed.contains(&entry));
    test.catalog.revoke_verifying_key(&account, &key_id("bunny"), &actor()).await.unwrap();
    let listed = test.catalog.schemes(&account).await.unwrap();
    assert!(listed.iter().any(|entry| entry.scheme == Scheme::Bunny && entry.keys == 0));
}

#[tokio::test]
async fn a_change_of_a_scheme_holds_here_at_once_and_elsewhere_soon() {
    let test = fresh().await;
    let other = Catalog::open(test.config.clone(), Clock::system()).await.unwrap();
    assert_eq!(in_force(&other).await, (SchemeSet::NATIVE, SchemeSet::EMPTY));
    set(&test.catalog, Scheme::Imgix, mode(SchemeMode::Enforce)).await.unwrap();
    set(&test.catalog, Scheme::Thumbor, mode(SchemeMode::Report)).await.unwrap();
    let wanted = (SchemeSet::NATIVE.with(Scheme::Imgix), SchemeSet::EMPTY.with(Scheme::Thumbor));
    assert_eq!(in_force(&test.catalog).await, wanted);
    until("the schemes are seen", || async { in_force(&other).await == wanted }).await;
    set(&test.catalog, Scheme::Native, mode(SchemeMode::Off)).await.unwrap();
    set(&test.catalog, Scheme::Imgix, mode(SchemeMode::Off)).await.unwrap();
    until("all is off", || async { in_force(&other).await.0 == SchemeSet::EMPTY }).await;
}

#[tokio::test]
async fn what_a_scheme_does_not_take_changes_nothing() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let both = SchemeChange {
        mode: Some(SchemeMode::Enforce),
        settings: vec![("allow_legacy".into(), "true".into()), ("salt".into(), "x".into())],
    };
    let refused = [
        (Scheme::Cloudinary, mode(SchemeMode::Report), "no address serves"),
        (Scheme::Native, setting("region", "eu"), "no settings"),
        (Scheme::Cloudimage, setting("min_signature_chars", "5"), "6 to 40"),
        (Scheme::Bunny, both, "allow_legacy"),
    ];
    for (scheme, change, why) in refused {
        let error = set(&test.catalog, scheme, change).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let nobody = AccountId::random();
    let orphan = test.catalog.set_scheme(&nobody, Scheme::Bunny, mode(SchemeMode::Off), &actor()).await;
    assert!(matches!(orphan, Err(Error::AccountMissing)));
    let schemes = test.catalog.schemes(&account).await.unwrap();
    assert!(schemes.iter().all(|entry| entry.changed_at.is_none()));
}

#[tokio::test]
async fn no_ignored_parameter_is_one_that_a_scheme_needs_whichever_comes_first() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let ignore = async |names: &str| {
        let settings = [("ignore_params".to_owned(), names.to_owned())];
        test.catalog.update_account(&account, &settings, &actor()).await.map(|_| ())
    };
    ignore("token,utm_*").await.unwrap();
    let error = set(&test.catalog, Scheme::Bunny, mode(SchemeMode::Report)).await.unwrap_err();
    assert!(error.to_string().contains("\"token\"") && error.to_string().contains("bunny"), "{error}");
    ignore("utm_*").await.unwrap();
    set(&test.catalog, Scheme::Bunny, mode(SchemeMode::Report)).await.unwrap();
    assert!(matches!(ignore("token").await, Err(Error::Invalid(_))));
    // The name that EdgeAuth's token has is one that an account chooses.
    ignore("auth*").await.unwrap();
    set(&test.catalog, Scheme::EdgeAuth, mode(SchemeMode::Enforce)).await.unwrap();
    let error = set(&test.catalog, Scheme::EdgeAuth, setting("parameter", "authToken")).await.unwrap_err();
    assert!(error.to_string().contains("auth*"), "{error}");
    ignore("").await.unwrap();
    set(&test.catalog, Scheme::EdgeAuth, setting("parameter", "authToken")).await.unwrap();
    assert!(matches!(ignore("authToken").await, Err(Error::Invalid(_))));
    ignore("authTokens").await.unwrap();
}

#[tokio::test]
async fn the_audit_log_tells_what_was_set_and_no_value() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let change = SchemeChange {
        mode: Some(SchemeMode::Enforce),
        settings: vec![("salt".into(), "s3cret-salt".into()), ("hash".into(), "sha1".into())],
    };
    set(&test.catalog, Scheme::EdgeAuth, change).await.unwrap();
    let filter = AuditFilter { act: Some("scheme.set".into()), limit: 9, ..AuditFilter::default() };
    let page = test.catalog.audit_page(&account, &filter).await.unwrap();
    let told: Vec<&str> = page.items.iter().map(|line| line.target.as_str()).collect();
    assert_eq!(told, ["scheme:edgeauth hash", "scheme:edgeauth salt", "scheme:edgeauth mode=enforce"]);
}

#[tokio::test]
async fn a_row_that_another_version_wrote_is_off() {
    let test = fresh().await;
    set(&test.catalog, Scheme::Bunny, mode(SchemeMode::Enforce)).await.unwrap();
    set(&test.catalog, Scheme::EdgeAuth, setting("hash", "sha1")).await.unwrap();
    set(&test.catalog, Scheme::EdgeAuth, mode(SchemeMode::Enforce)).await.unwrap();
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    let sealer = test.catalog.sealer(writing.db()).await.unwrap();
    let account = account_of(&test.catalog).await;
    let row = format!("{account}/edgeauth");
    let place = crate::sealing::Place { table: "signing_schemes", row: &row, column: "settings" };
    query("update signing_schemes set settings = $1 where scheme = 'edgeauth'")
        .bind(sealer.seal(place, br#"{"hash":"sha512"}"#))
        .execute(writing.db())
        .await
        .unwrap();
    query("update signing_schemes set scheme = 'of-tomorrow' where scheme = 'bunny'")
        .execute(writing.db())
        .await
        .unwrap();
    writing.changes(crate::changes::Change::Account(account));
    test.catalog.commit(writing).await.unwrap();
    assert_eq!(in_force(&test.catalog).await.0, SchemeSet::NATIVE);
}
