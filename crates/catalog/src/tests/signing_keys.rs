//! The life of signing keys.

use super::*;
use crate::{Error, KeyEntry, Rotation};

struct Keys {
    test: TestCatalog,
    account: AccountId,
    hands: Hands,
}

impl Keys {
    async fn new() -> Keys {
        let hands = Hands::new();
        let test = fresh_with(hands.clock(), |config| config.max_signing_keys = 4).await;
        let account = account_of(&test.catalog).await;
        Keys { test, account, hands }
    }

    async fn list(&self) -> Vec<KeyEntry> {
        self.test.catalog.signing_keys(&self.account).await.unwrap()
    }

    /// Names with their states; a star for the one that signs.
    async fn check(&self, expected: &[&str]) {
        let list: Vec<String> = self.list().await.iter().map(describe).collect();
        assert_eq!(list, expected);
    }

    async fn create(&self, id: &str) -> Result<KeyEntry, Error> {
        // Keys that are made at the same moment have no order.
        self.hands.pass(Duration::from_secs(1));
        self.test.catalog.create_signing_key(&self.account, &key_id(id), &actor()).await
    }

    async fn rotate(&self, id: &str, new_id: Option<&str>, overlap_s: u64) -> Result<KeyEntry, Error> {
        self.hands.pass(Duration::from_secs(1));
        let rotation = Rotation { new_id: new_id.map(key_id), overlap: Duration::from_secs(overlap_s) };
        self.test.catalog.rotate_signing_key(&self.account, &key_id(id), rotation, &actor()).await
    }

    async fn revoke(&self, id: &str) -> Result<(), Error> {
        self.hands.pass(Duration::from_secs(1));
        self.test.catalog.revoke_signing_key(&self.account, &key_id(id), &actor()).await
    }

    async fn secret(&self, id: &str) -> String {
        let list = self.list().await;
        list.iter().find(|key| key.id.as_str() == id).unwrap().secret.reveal().to_owned()
    }
}

fn describe(key: &KeyEntry) -> String {
    let state = match key.state {
        KeyState::Active => "active",
        KeyState::Retiring { .. } => "retiring",
        KeyState::Retired => "retired",
        KeyState::Revoked => "revoked",
    };
    format!("{}{} {state}", if key.signs { "*" } else { "" }, key.id)
}

#[tokio::test]
async fn a_new_key_verifies_but_does_not_sign() {
    let keys = Keys::new().await;
    let made = keys.create("web").await.unwrap();
    assert_eq!((made.secret.reveal().len(), made.signs), (43, false));
    keys.check(&["*default active", "web active"]).await;
    assert!(matches!(keys.create("web").await, Err(Error::Exists)));
    let catalog = &keys.test.catalog;
    assert_eq!(catalog.signing_key(&keys.account, None).await.unwrap().id(), &SigningKeyId::default_key());
    assert_eq!(
        catalog.signing_key(&keys.account, Some(&key_id("web"))).await.unwrap().secret(),
        &made.secret
    );
    let unknown = catalog.signing_key(&keys.account, Some(&key_id("nosuch"))).await;
    assert!(matches!(unknown, Err(Error::SigningKeyMissing)));
}

#[tokio::test]
async fn another_key_is_chosen_to_sign() {
    let keys = Keys::new().await;
    keys.create("web").await.unwrap();
    let choose =
        async |id: &str| keys.test.catalog.use_signing_key(&keys.account, &key_id(id), &actor()).await;
    choose("web").await.unwrap();
    keys.check(&["*web active", "default active"]).await;
    assert!(matches!(choose("nosuch").await, Err(Error::SigningKeyMissing)));
    keys.rotate("default", None, 60).await.unwrap();
    assert!(matches!(choose("default").await, Err(Error::Invalid(_))), "a retiring key does not sign");
}

#[tokio::test]
async fn rotating_keeps_the_old_key_until_the_overlap_ends() {
    let keys = Keys::new().await;
    let old = keys.secret("default").await;
    let new = keys.rotate("default", None, 600).await.unwrap();
    assert_eq!((new.id.as_str(), new.signs), ("default-2", true));
    keys.check(&["*default-2 active", "default retiring"]).await;
    assert_eq!(keys.secret("default").await, old, "a name never means another key");
    keys.hands.pass(Duration::from_secs(599));
    keys.check(&["*default-2 active", "default retiring"]).await;
    keys.hands.pass(Duration::from_secs(1));
    keys.check(&["*default-2 active", "default retired"]).await;
    assert!(matches!(keys.rotate("default", None, 600).await, Err(Error::SigningKeyMissing)));
}

#[tokio::test]
async fn a_rotated_key_gets_the_next_free_name_or_the_given_one() {
    let keys = Keys::new().await;
    keys.create("web").await.unwrap();
    keys.create("web-2").await.unwrap();
    assert_eq!(keys.rotate("web", None, 0).await.unwrap().id.as_str(), "web-3");
    assert!(matches!(keys.rotate("web-3", Some("web-2"), 0).await, Err(Error::Exists)));
    assert_eq!(keys.rotate("web-3", Some("mobile"), 0).await.unwrap().id.as_str(), "mobile");
    assert!(matches!(keys.rotate("mobile", Some("mobile"), 0).await, Err(Error::Exists)));
    let long = "k".repeat(64);
    keys.revoke("web-2").await.unwrap();
    keys.create(&long).await.unwrap();
    assert_eq!(keys.rotate(&long, None, 0).await.unwrap().id.as_str(), format!("{}-2", "k".repeat(62)));
}

#[tokio::test]
async fn a_revoked_name_is_free_again_for_another_key() {
    let keys = Keys::new().await;
    keys.create("web").await.unwrap();
    let before = keys.secret("web").await;
    keys.revoke("web").await.unwrap();
    keys.check(&["*default active", "web revoked"]).await;
    assert!(matches!(keys.revoke("web").await, Err(Error::SigningKeyMissing)));
    keys.create("web").await.unwrap();
    keys.check(&["*default active", "web active"]).await;
    assert_ne!(keys.secret("web").await, before);
}

#[tokio::test]
async fn when_the_signing_key_goes_the_newest_active_one_takes_over() {
    let keys = Keys::new().await;
    keys.create("older").await.unwrap();
    keys.create("newer").await.unwrap();
    keys.revoke("default").await.unwrap();
    keys.check(&["*newer active", "older active", "default revoked"]).await;
}

#[tokio::test]
async fn when_the_last_key_goes_a_new_default_is_made() {
    let keys = Keys::new().await;
    let before = keys.secret("default").await;
    keys.revoke("default").await.unwrap();
    keys.check(&["*default active"]).await;
    assert_ne!(keys.secret("default").await, before);

    keys.rotate("default", None, 600).await.unwrap();
    keys.revoke("default-2").await.unwrap();
    keys.check(&["*default-3 active", "default retiring", "default-2 revoked"]).await;
}

#[tokio::test]
async fn put_makes_a_key_or_replaces_its_value_at_once() {
    let keys = Keys::new().await;
    let put = async |id: &str| {
        keys.hands.pass(Duration::from_secs(1));
        keys.test.catalog.put_signing_key(&keys.account, &key_id(id), &actor()).await
    };
    put("web").await.unwrap();
    keys.check(&["*default active", "web active"]).await;
    let before = keys.secret("default").await;
    put("default").await.unwrap();
    keys.check(&["*default active", "web active"]).await;
    assert_ne!(keys.secret("default").await, before);
    keys.rotate("default", None, 600).await.unwrap();
    put("default").await.unwrap();
    keys.check(&["*default-2 active", "default active", "web active"]).await;
}

#[tokio::test]
async fn an_imported_secret_is_kept_as_it_is() {
    let keys = Keys::new().await;
    let import = async |id: &str, secret: &str| {
        keys.test.catalog.import_signing_key(&keys.account, &key_id(id), Secret::new(secret), &actor()).await
    };
    import("moved", "short").await.unwrap();
    assert_eq!(keys.secret("moved").await, "short");
    assert!(matches!(import("moved", "other").await, Err(Error::Exists)));
    for bad in [String::new(), "x".repeat(1_025)] {
        assert!(matches!(import("bad", &bad).await, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn an_account_has_so_many_living_keys_and_no_more() {
    let keys = Keys::new().await;
    keys.create("a").await.unwrap();
    keys.create("b").await.unwrap();
    keys.rotate("b", None, 600).await.unwrap();
    let refused = [
        keys.create("c").await.unwrap_err(),
        keys.rotate("a", None, 600).await.unwrap_err(),
        keys.test.catalog.put_signing_key(&keys.account, &key_id("c"), &actor()).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.to_string(), "this account has 4 signing keys; the limit is 4");
    }
    keys.test.catalog.put_signing_key(&keys.account, &key_id("a"), &actor()).await.unwrap();
    keys.hands.pass(Duration::from_secs(600));
    keys.create("c").await.unwrap();
}

#[tokio::test]
async fn the_secret_of_a_revoked_key_opens_nothing_and_its_name_is_known() {
    let keys = Keys::new().await;
    put_image(&keys.test.catalog, NewImage { private: true, ..new_image(keys.account, "cat") }).await;
    let hash = keys.test.catalog.account(&keys.account).await.unwrap().hash;
    keys.create("web").await.unwrap();
    let key = signing_key("web", &keys.secret("web").await);
    let now = keys.hands.clock().now();
    let url =
        url(&signing::sign(&format!("/{hash}/cat/public?s-kid=web"), &key, Some(now.as_seconds() + 60))
            .unwrap());
    let admit = async || keys.test.catalog.rights(&url).await.unwrap().admit(&url, now);
    assert_eq!(admit().await.unwrap().signed.unwrap().key.as_str(), "web");
    keys.revoke("web").await.unwrap();
    assert!(matches!(admit().await, Err(Error::Signature(signing::Error::KeyRevoked))));
    let explanation = keys.test.catalog.rights(&url).await.unwrap().explain(&url, now).unwrap();
    assert_eq!(explanation.verdict, Err(signing::Error::KeyRevoked));
}
