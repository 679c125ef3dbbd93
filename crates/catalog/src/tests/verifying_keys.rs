//! Keys of foreign schemes: registered, retired, revoked, and never shown again.

use domain::SigningKeyId;
use signing::{KeyKind, KeyMaterial, Scheme};

use super::*;
use crate::changes::Change;
use crate::testing::master_key;
use crate::{Error, NewVerifyingKey, Rotation, VerifyingKeyEntry};

/// A public key of 2,048 bits that nobody has the other half of.
const RSA_PEM: &str = include_str!("../../../signing/src/public_key/rsa.pem");

/// A catalog with its clock and its account.
struct Desk {
    test: TestCatalog,
    hands: Hands,
    account: AccountId,
}

impl Desk {
    async fn new() -> Desk {
        let hands = Hands::new();
        let test = fresh_with(hands.clock(), |config| config.max_verifying_keys = 4).await;
        let account = account_of(&test.catalog).await;
        Desk { test, hands, account }
    }

    async fn add(&self, new: NewVerifyingKey) -> Result<VerifyingKeyEntry, Error> {
        self.hands.pass(Duration::from_secs(1));
        self.test.catalog.add_verifying_key(&self.account, new, &actor()).await
    }

    async fn retire(&self, name: &str, overlap_s: u64) -> Result<(), Error> {
        let overlap = Duration::from_secs(overlap_s);
        self.test.catalog.retire_verifying_key(&self.account, &key_id(name), overlap, &actor()).await
    }

    async fn revoke(&self, name: &str) -> Result<(), Error> {
        self.test.catalog.revoke_verifying_key(&self.account, &key_id(name), &actor()).await
    }

    /// Every key as `scheme name state`, in their order.
    async fn check(&self, expected: &[&str]) {
        let keys = self.test.catalog.verifying_keys(&self.account).await.unwrap();
        let state = |key: &VerifyingKeyEntry| match key.state {
            KeyState::Active => "active",
            KeyState::Retiring { .. } => "retiring",
            KeyState::Retired => "retired",
            KeyState::Revoked => "revoked",
        };
        let told = |key: &VerifyingKeyEntry| format!("{} {} {}", key.scheme.name(), key.name, state(key));
        assert_eq!(keys.iter().map(told).collect::<Vec<_>>(), expected);
    }
}

fn new_key(name: &str, scheme: Scheme, id: &str, material: KeyMaterial) -> NewVerifyingKey {
    let name: SigningKeyId = name.parse().unwrap();
    NewVerifyingKey { name, scheme, id: id.into(), material, verify_from: None }
}

fn bunny(name: &str) -> NewVerifyingKey {
    new_key(name, Scheme::Bunny, "", KeyMaterial::text("bunny-s3cret-of-the-old-house"))
}

#[tokio::test]
async fn a_key_of_each_kind_comes_back_as_it_was_given_but_for_its_secret() {
    let desk = Desk::new().await;
    let from = Timestamp::from_seconds(1_700_000_000);
    let material = KeyMaterial::public_key_pem(RSA_PEM).unwrap();
    let cloudfront = new_key("cdn", Scheme::CloudFront, "K2JCJMDEHXQW5F", material);
    let added = desk.add(NewVerifyingKey { verify_from: Some(from), ..cloudfront }).await.unwrap();
    let salted = KeyMaterial::key_and_salt_hex("00ff", "a0b1").unwrap();
    desk.add(new_key("proxy", Scheme::Imgproxy, "", salted)).await.unwrap();
    let temporary = KeyMaterial::with_session("a secret", "a session token");
    desk.add(new_key("temporary", Scheme::S3, "ASIA4EXAMPLE", temporary)).await.unwrap();
    desk.add(bunny("bunny")).await.unwrap();

    let keys = desk.test.catalog.verifying_keys(&desk.account).await.unwrap();
    let told: Vec<_> = keys.iter().map(|key| (key.name.as_str(), key.id.as_str(), key.kind)).collect();
    assert_eq!(
        told,
        [
            ("bunny", "", KeyKind::Secret),
            ("cdn", "K2JCJMDEHXQW5F", KeyKind::PublicKey),
            ("proxy", "", KeyKind::KeyAndSalt),
            ("temporary", "ASIA4EXAMPLE", KeyKind::SecretWithSession),
        ]
    );
    assert_eq!(keys[1], added);
    assert_eq!((keys[1].verify_from, keys[0].public_key_pem.as_ref()), (Some(from), None));
    assert_eq!(keys[1].public_key_pem.as_deref().map(str::trim), Some(RSA_PEM.trim()));
}

#[tokio::test]
async fn what_a_scheme_cannot_verify_with_is_refused() {
    let desk = Desk::new().await;
    let secret = || KeyMaterial::text("a secret");
    let refused = [
        (new_key("a", Scheme::Native, "", secret()), "signed with signing keys"),
        (new_key("a", Scheme::Generic, "", secret()), "signed with signing keys"),
        (new_key("a", Scheme::Cloudinary, "", secret()), "no address serves URLs of the scheme cloudinary"),
        (new_key("a", Scheme::CloudFront, "K1", secret()), "public_key"),
        (new_key("a", Scheme::EdgeAuth, "", secret()), "hex"),
        (new_key("a", Scheme::S3, "", secret()), "give the id"),
        (new_key("a", Scheme::Thumbor, "K1", secret()), "takes no id"),
        (new_key("a", Scheme::S3, "two words", secret()), "printable ASCII"),
        (new_key("a", Scheme::S3, &"k".repeat(257), secret()), "256"),
    ];
    for (new, why) in refused {
        let error = desk.add(new.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains(why), "{new:?}: {error}");
    }
    let nobody = AccountId::random();
    let orphan = desk.test.catalog.add_verifying_key(&nobody, bunny("a"), &actor()).await;
    assert!(matches!(orphan, Err(Error::AccountMissing)));
    desk.check(&[]).await;
}

#[tokio::test]
async fn a_key_retires_with_an_overlap_and_is_revoked_at_once() {
    let desk = Desk::new().await;
    desk.add(bunny("old")).await.unwrap();
    desk.add(bunny("new")).await.unwrap();
    desk.check(&["bunny new active", "bunny old active"]).await;
    desk.retire("old", 600).await.unwrap();
    desk.check(&["bunny new active", "bunny old retiring"]).await;
    assert!(matches!(desk.retire("old", 600).await, Err(Error::VerifyingKeyMissing)));
    desk.hands.pass(Duration::from_secs(600));
    desk.check(&["bunny new active", "bunny old retired"]).await;
    assert!(matches!(desk.revoke("old").await, Err(Error::VerifyingKeyMissing)));
    desk.revoke("new").await.unwrap();
    desk.check(&["bunny new revoked", "bunny old retired"]).await;
    assert!(matches!(desk.revoke("nobody").await, Err(Error::VerifyingKeyMissing)));
}

#[tokio::test]
async fn a_name_means_one_key_whether_it_signs_or_verifies() {
    let desk = Desk::new().await;
    let (catalog, account) = (&desk.test.catalog, &desk.account);
    let create = async |name: &str| catalog.create_signing_key(account, &key_id(name), &actor()).await;
    desk.add(bunny("shop")).await.unwrap();
    assert!(matches!(desk.add(bunny("shop")).await, Err(Error::Exists)));
    assert!(matches!(desk.add(bunny("default")).await, Err(Error::Exists)));
    assert!(matches!(create("shop").await, Err(Error::Exists)));
    assert!(matches!(catalog.put_signing_key(account, &key_id("shop"), &actor()).await, Err(Error::Exists)));
    let rotate = async |new_id| {
        let rotation = Rotation { new_id, overlap: Duration::ZERO };
        catalog.rotate_signing_key(account, &key_id("default"), rotation, &actor()).await
    };
    assert!(matches!(rotate(Some(key_id("shop"))).await, Err(Error::Exists)));
    desk.add(bunny("default-2")).await.unwrap();
    assert_eq!(rotate(None).await.unwrap().id.as_str(), "default-3");
    // A name that verifies no more is free for the other kind, and means that key from then on.
    desk.revoke("shop").await.unwrap();
    create("shop").await.unwrap();
    desk.check(&["bunny default-2 active"]).await;
    catalog.revoke_signing_key(account, &key_id("shop"), &actor()).await.unwrap();
    desk.add(bunny("shop")).await.unwrap();
    let signing = catalog.signing_keys(account).await.unwrap();
    assert!(signing.iter().all(|key| key.id.as_str() != "shop"));
}

#[tokio::test]
async fn when_the_last_signing_key_goes_a_verifying_key_keeps_its_name() {
    let desk = Desk::new().await;
    let (catalog, account) = (&desk.test.catalog, &desk.account);
    catalog.create_signing_key(account, &key_id("web"), &actor()).await.unwrap();
    catalog.revoke_signing_key(account, &key_id("default"), &actor()).await.unwrap();
    desk.add(bunny("default")).await.unwrap();
    catalog.revoke_signing_key(account, &key_id("web"), &actor()).await.unwrap();
    let signs = catalog.signing_key(account, None).await.unwrap();
    assert_eq!(signs.id().as_str(), "default-2");
    desk.check(&["bunny default active"]).await;
}

#[tokio::test]
async fn an_account_has_so_many_living_verifying_keys_and_no_more() {
    let desk = Desk::new().await;
    for name in ["a", "b", "c", "d"] {
        desk.add(bunny(name)).await.unwrap();
    }
    desk.retire("a", 600).await.unwrap();
    let full = desk.add(bunny("e")).await.unwrap_err();
    assert_eq!(full.to_string(), "this account has 4 verifying keys; the limit is 4");
    desk.hands.pass(Duration::from_secs(600));
    desk.add(bunny("e")).await.unwrap();
}

#[tokio::test]
async fn no_secret_of_a_key_or_a_setting_is_stored_in_the_clear() {
    let desk = Desk::new().await;
    desk.add(bunny("bunny")).await.unwrap();
    let temporary = KeyMaterial::with_session("another-s3cret", "s3ssion-token");
    desk.add(new_key("temporary", Scheme::S3, "ASIA4EXAMPLE", temporary)).await.unwrap();
    let salted = KeyMaterial::key_and_salt_hex("c0ffeec0ffee", "5a175a175a17").unwrap();
    desk.add(new_key("proxy", Scheme::Imgproxy, "", salted)).await.unwrap();
    let change = crate::SchemeChange {
        mode: None,
        settings: vec![("salt".to_owned(), "s3a-salt-of-edgeauth".to_owned())],
    };
    desk.test.catalog.set_scheme(&desk.account, Scheme::EdgeAuth, change, &actor()).await.unwrap();
    for secret in [
        "bunny-s3cret-of-the-old-house",
        "another-s3cret",
        "s3ssion-token",
        "c0ffeec0ffee",
        "5a175a175a17",
        "s3a-salt-of-edgeauth",
    ] {
        assert!(!is_stored(&desk.test, secret).await, "{secret}");
    }
    assert!(is_stored(&desk.test, "ASIA4EXAMPLE").await, "what is no secret is found this way");
}

#[tokio::test]
async fn a_rotated_master_key_seals_verifying_keys_and_settings_too() {
    let desk = Desk::new().await;
    desk.add(bunny("bunny")).await.unwrap();
    let salt = vec![("salt".to_owned(), "pepper".to_owned())];
    let change = crate::SchemeChange { mode: None, settings: salt };
    desk.test.catalog.set_scheme(&desk.account, Scheme::EdgeAuth, change, &actor()).await.unwrap();
    let new = master_key();
    assert_eq!(
        desk.test.catalog.rotate_master_key(&new).await.unwrap(),
        3,
        "a key that signs, one that verifies, a setting"
    );
    let config = crate::Config { master_key: new, ..desk.test.config.clone() };
    let reopened = Catalog::open(config, desk.hands.clock()).await.unwrap();
    assert_eq!(reopened.verifying_keys(&desk.account).await.unwrap().len(), 1);
    let schemes = reopened.schemes(&desk.account).await.unwrap();
    let edge_auth = schemes.iter().find(|entry| entry.scheme == Scheme::EdgeAuth).unwrap();
    assert!(edge_auth.settings.contains(&("salt", "pepper".to_owned())));
}

#[tokio::test]
async fn a_sealed_key_opens_in_its_own_row_only() {
    let desk = Desk::new().await;
    for name in ["a", "b"] {
        desk.add(bunny(name)).await.unwrap();
    }
    let mut writing = desk.test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query("update verifying_keys set material = (select material from verifying_keys where name = 'a')")
        .execute(writing.db())
        .await
        .unwrap();
    writing.changes(Change::Account(desk.account));
    desk.test.catalog.commit(writing).await.unwrap();
    assert!(matches!(desk.test.catalog.verifying_keys(&desk.account).await, Err(Error::MasterKey)));
    let told = format!("verifying key b of account {}", desk.account);
    assert_eq!(desk.test.catalog.unreadable_secrets().await.unwrap(), [told]);
}

#[tokio::test]
async fn who_checks_the_house_is_told_each_secret_that_does_not_open() {
    let desk = Desk::new().await;
    let salt = vec![("salt".to_owned(), "pepper".to_owned())];
    let change = crate::SchemeChange { mode: None, settings: salt };
    desk.test.catalog.set_scheme(&desk.account, Scheme::EdgeAuth, change, &actor()).await.unwrap();
    desk.add(bunny("bunny")).await.unwrap();
    assert!(desk.test.catalog.unreadable_secrets().await.unwrap().is_empty());
    let mut writing = desk.test.catalog.begin(crate::database::Lock::House).await.unwrap();
    for (table, column) in
        [("signing_keys", "secret"), ("verifying_keys", "material"), ("signing_schemes", "settings")]
    {
        let spoil = query(format!("update {table} set {column} = $1")).bind(vec![7_u8; 60]);
        spoil.execute(writing.db()).await.unwrap();
    }
    desk.test.catalog.commit(writing).await.unwrap();
    let unreadable = desk.test.catalog.unreadable_secrets().await.unwrap();
    let of = format!("of account {}", desk.account);
    let told = ["signing key default", "verifying key bunny", "settings of the scheme edgeauth"];
    assert_eq!(unreadable, told.map(|what| format!("{what} {of}")));
}

#[tokio::test]
async fn the_rights_of_an_account_hold_its_verifying_keys_at_once_and_elsewhere_soon() {
    let desk = Desk::new().await;
    let other = Catalog::open(desk.test.config.clone(), desk.hands.clock()).await.unwrap();
    let handle = desk.test.catalog.account(&desk.account).await.unwrap().handle;
    let living = async |catalog: &Catalog| {
        let rights = catalog.account_rights_by_handle(handle.as_str()).await.unwrap().unwrap();
        let now = desk.hands.clock().now();
        rights.foreign_keys.iter().filter(|key| key.verifies_at(now)).count()
    };
    assert_eq!((living(&desk.test.catalog).await, living(&other).await), (0, 0));
    desk.add(bunny("bunny")).await.unwrap();
    assert_eq!(living(&desk.test.catalog).await, 1);
    until("the key verifies elsewhere", || async { living(&other).await == 1 }).await;
    desk.revoke("bunny").await.unwrap();
    assert_eq!(living(&desk.test.catalog).await, 0);
    until("the revoked key is obeyed elsewhere", || async { living(&other).await == 0 }).await;
    let rights = other.account_rights_by_handle(handle.as_str()).await.unwrap().unwrap();
    assert_eq!(rights.foreign_keys.len(), 1, "a revoked key is told from an unknown one");
    assert!(other.account_rights_by_handle("nobody").await.unwrap().is_none());
}
