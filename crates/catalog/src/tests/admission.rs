//! The one decision about a delivery: who sees what, and what a stranger learns.

use domain::Fault as _;

use super::*;
use crate::database::query;
use crate::{AccountPolicy, Admission, Error, Flexible, HideExistence, Judgement, Rights, Variant};

const PUBLIC_UUID: &str = "083eb7b2-5392-4565-b69e-aff66acddd00";
const PRIVATE_UUID: &str = "bc27a117-9509-446b-8c69-c81bfeac0a01";
const UNKNOWN_UUID: &str = "2cdc28f0-017a-49c4-9ed7-87056c83901f";

/// An account with images of each kind and the variants `public` and `thumb` (always public).
struct House {
    test: TestCatalog,
    account: AccountId,
    hash: String,
    key: SigningKey,
    hands: Hands,
}

impl House {
    async fn new(settings: &[(&str, &str)]) -> House {
        let hands = Hands::new();
        let test = fresh_with(hands.clock(), |_| {}).await;
        let account = test.catalog.accounts().await.unwrap().remove(0);
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        test.catalog.update_account(&account.id, &settings, &actor()).await.unwrap();
        for (id, private) in [(PUBLIC_UUID, false), (PRIVATE_UUID, true), ("open/cat", false)] {
            put_image(&test.catalog, NewImage { private, ..new_image(account.id, id) }).await;
        }
        let thumb = Variant {
            name: "thumb".parse().unwrap(),
            options: variant::Options::parse("w=100,metadata=keep").unwrap(),
            always_public: true,
            browser_ttl_s: Some(7_200),
            created_at: Timestamp::from_seconds(0),
        };
        test.catalog.insert_variant(&account.id, thumb, &actor()).await.unwrap();
        let key = test.catalog.signing_key(&account.id, None).await.unwrap();
        House { test, account: account.id, hash: account.hash.to_string(), key, hands }
    }

    async fn with_private_custom(settings: &[(&str, &str)]) -> House {
        let house = House::new(settings).await;
        put_image(&house.test.catalog, NewImage { private: true, ..new_image(house.account, "secret/cat") })
            .await;
        house
    }

    /// `…` at the end of a path stands for a right signature, `!` for a wrong one, `~` for a malformed one.
    fn target(&self, path: &str) -> String {
        let full = format!("/{}/{}", self.hash, path.trim_end_matches(['…', '!', '~']));
        let expires = self.hands.clock().now().as_seconds() + 60;
        match path.chars().last() {
            Some('…') => signing::sign(&full, &self.key, Some(expires)).unwrap(),
            Some('!') => format!("{full}?exp={expires}&sig={}", "0".repeat(64)),
            Some('~') => format!("{full}?exp={expires}&sig=XYZ"),
            _ => full,
        }
    }

    async fn admit(&self, path: &str) -> Result<Admission, Error> {
        let url = url(&self.target(path));
        self.test.catalog.rights(&url).await.unwrap().admit(&url, self.hands.clock().now())
    }

    /// What a browser would be told: `ok`, `ok signed`, or status, code and reason.
    async fn verdict(&self, path: &str) -> String {
        match self.admit(path).await {
            Ok(Admission { signed: Some(_), .. }) => "ok signed".into(),
            Ok(_) => "ok".into(),
            Err(error) => {
                let (problem, reason) = (error.problem(), error.reason().unwrap_or_default());
                format!("{}/{} {reason}", problem.status(), problem.delivery_code()).trim_end().to_owned()
            }
        }
    }

    async fn check(&self, rows: &[(&str, &str)]) {
        for (path, expected) in rows {
            assert_eq!(self.verdict(path).await, *expected, "{path}");
            // From memory the same is decided.
            assert_eq!(self.verdict(path).await, *expected, "{path}, a second time");
        }
    }
}

fn path(image: &str, last: &str) -> String {
    format!("{image}/{last}")
}

#[tokio::test]
async fn a_named_variant_is_open_on_public_images_and_signed_on_private_ones() {
    let house = House::new(&[]).await;
    let public = |last: &str| path(PUBLIC_UUID, last);
    let private = |last: &str| path(PRIVATE_UUID, last);
    let unknown = |last: &str| path(UNKNOWN_UUID, last);
    house
        .check(&[
            (&public("public"), "ok"),
            (&public("public…"), "ok"),
            (&public("public!"), "ok"),
            (&public("public~"), "ok"),
            (&public("nosuch"), "403/9425"),
            (&public("nosuch…"), "403/9425"),
            (&private("public"), "403/9425 missing_signature"),
            (&private("public…"), "ok signed"),
            (&private("public!"), "403/9425 bad_signature"),
            (&private("public~"), "400/9432 malformed_signature"),
            (&private("nosuch"), "403/9425 missing_signature"),
            (&private("nosuch…"), "403/9425"),
            (&private("thumb"), "ok"),
            (&private("thumb!"), "ok"),
            (&unknown("public"), "404/9404"),
            (&unknown("public…"), "404/9404"),
            (&unknown("public!"), "404/9404"),
            (&unknown("nosuch"), "404/9404"),
            (&unknown("thumb"), "404/9404"),
            ("open/cat/public", "ok"),
            ("closed/cat/public", "404/9404"),
        ])
        .await;
}

#[tokio::test]
async fn what_was_judged_while_rights_were_loaded_counts_until_the_url_ends_and_for_those_rights_alone() {
    let house = House::new(&[("hide_existence", "on")]).await;
    let url = url(&house.target(&path(PRIVATE_UUID, "public…")));
    let (request, judgement) =
        (signing::Request::get(crate::Wanted::from(&url).target()), Judgement::default());
    let rights = house.test.catalog.rights_of(&url, &request, &judgement).await.unwrap();
    assert_eq!(judgement.signer().unwrap().key.as_str(), "default");
    let now = house.hands.clock().now();
    assert!(rights.admit_request(&url, &request, &judgement, now).unwrap().signed.is_some());

    let key = SigningKeyId::default_key();
    house.test.catalog.revoke_signing_key(&house.account, &key, &actor()).await.unwrap();
    let anew = house.test.catalog.rights_of(&url, &request, &judgement).await.unwrap();
    let refused = anew.admit_request(&url, &request, &judgement, now);
    assert!(matches!(refused, Err(Error::Signature(_))), "{refused:?}");

    house.hands.pass(Duration::from_secs(60));
    let late = rights.admit_request(&url, &request, &judgement, house.hands.clock().now());
    assert!(matches!(late, Err(Error::Signature(signing::Error::Expired))), "{late:?}");
}

#[tokio::test]
async fn options_in_the_url_work_when_signed() {
    let house = House::new(&[]).await;
    let public = |last: &str| path(PUBLIC_UUID, last);
    let private = |last: &str| path(PRIVATE_UUID, last);
    house
        .check(&[
            (&public("w=400"), "403/9429"),
            (&public("w=400…"), "ok signed"),
            (&public("w=400!"), "403/9425 bad_signature"),
            (&public("w=400~"), "400/9432 malformed_signature"),
            (&private("w=400"), "403/9425 missing_signature"),
            (&private("w=400…"), "ok signed"),
            (&private("w=400!"), "403/9425 bad_signature"),
            (&public("w=wide"), "403/9429"),
            (&public("w=wide…"), "400/9401"),
            (&private("w=wide"), "403/9425 missing_signature"),
            (&private("w=wide…"), "400/9401"),
            (&path(UNKNOWN_UUID, "w=400"), "404/9404"),
            (&path(UNKNOWN_UUID, "w=wide"), "404/9404"),
            (&path(UNKNOWN_UUID, "w=400…"), "404/9404"),
        ])
        .await;
}

#[tokio::test]
async fn options_in_the_url_may_be_off_or_open_to_all() {
    let house = House::new(&[("flexible_variants", "off")]).await;
    for image in [PUBLIC_UUID, PRIVATE_UUID, UNKNOWN_UUID] {
        for last in ["w=400", "w=400…", "w=400!", "w=wide"] {
            assert_eq!(house.verdict(&path(image, last)).await, "403/9429", "{image} {last}");
        }
    }
    let house = House::new(&[("flexible_variants", "all")]).await;
    house
        .check(&[
            (&path(PUBLIC_UUID, "w=400"), "ok"),
            (&path(PUBLIC_UUID, "w=400!"), "ok"),
            (&path(PUBLIC_UUID, "w=wide"), "400/9401"),
            (&path(PUBLIC_UUID, "w=4,draw=(text=Hi)"), "400/9401"),
            (&path(PUBLIC_UUID, "w=4,draw=(text=Hi)…"), "ok signed"),
            (&path(PUBLIC_UUID, "w=4,draw=(text=Hi)!"), "403/9425 bad_signature"),
            (&path(PRIVATE_UUID, "draw=(text=Hi)…"), "ok signed"),
            (&path(PRIVATE_UUID, "w=400"), "403/9425 missing_signature"),
            (&path(PRIVATE_UUID, "w=400…"), "ok signed"),
            (&path(UNKNOWN_UUID, "w=400"), "404/9404"),
        ])
        .await;
}

#[tokio::test]
async fn an_unsigned_url_keeps_no_metadata() {
    let metadata = |admission: Admission| admission.options.metadata.unwrap();
    let house = House::new(&[("flexible_variants", "all")]).await;
    let unsigned = house.admit(&path(PUBLIC_UUID, "w=400,metadata=keep")).await.unwrap();
    assert_eq!(metadata(unsigned), variant::MetadataPolicy::Copyright);
    let signed = house.admit(&path(PRIVATE_UUID, "w=400,metadata=keep…")).await.unwrap();
    assert_eq!(metadata(signed), variant::MetadataPolicy::Keep);
    let named = house.admit(&path(PUBLIC_UUID, "thumb")).await.unwrap();
    assert_eq!(metadata(named), variant::MetadataPolicy::Keep, "the account's own wish");
}

#[tokio::test]
async fn custom_ids_are_hidden_from_the_first_private_one_on() {
    let house = House::new(&[]).await;
    house.check(&[("guess/public", "404/9404"), ("open/cat/public", "ok")]).await;
    put_image(&house.test.catalog, NewImage { private: true, ..new_image(house.account, "secret/cat") })
        .await;
    let rows = [
        ("guess/public", "403/9425 missing_signature"),
        ("secret/cat/public", "403/9425 missing_signature"),
        ("guess/public!", "403/9425 bad_signature"),
        ("secret/cat/public!", "403/9425 bad_signature"),
        ("guess/public~", "400/9432 malformed_signature"),
        ("secret/cat/public~", "400/9432 malformed_signature"),
        ("guess/nosuch", "403/9425 missing_signature"),
        ("secret/cat/nosuch", "403/9425 missing_signature"),
        ("guess/w=400", "403/9425 missing_signature"),
        ("secret/cat/w=400", "403/9425 missing_signature"),
        ("guess/w=wide", "403/9425 missing_signature"),
        ("secret/cat/w=wide", "403/9425 missing_signature"),
        ("guess/public…", "404/9404"),
        ("secret/cat/public…", "ok signed"),
        ("guess/thumb", "404/9404"),
        ("secret/cat/thumb", "ok"),
        ("open/cat/public", "ok"),
    ];
    house.check(&rows).await;
    house.check(&[(&path(UNKNOWN_UUID, "public"), "404/9404")]).await;

    let secret = id("secret/cat");
    house.test.catalog.remove_image(&house.account, &secret, &actor()).await.unwrap();
    house
        .check(&[
            ("guess/public", "403/9425 missing_signature"),
            ("secret/cat/public", "403/9425 missing_signature"),
        ])
        .await;
}

#[tokio::test]
async fn an_image_that_is_made_private_begins_to_hide_too() {
    let house = House::new(&[]).await;
    house.check(&[("guess/public", "404/9404")]).await;
    let change = crate::ImageChange { private: Some(true), ..crate::ImageChange::default() };
    house.test.catalog.update_image(&house.account, &id("open/cat"), change, &actor()).await.unwrap();
    house
        .check(&[
            ("guess/public", "403/9425 missing_signature"),
            ("open/cat/public", "403/9425 missing_signature"),
        ])
        .await;
}

#[tokio::test]
async fn hiding_may_be_always_or_never() {
    let house = House::with_private_custom(&[("hide_existence", "on")]).await;
    house
        .check(&[
            ("guess/public", "403/9425 missing_signature"),
            (&path(UNKNOWN_UUID, "public"), "403/9425 missing_signature"),
            (&path(UNKNOWN_UUID, "public…"), "404/9404"),
            (&path(UNKNOWN_UUID, "thumb"), "404/9404"),
        ])
        .await;
    let house = House::with_private_custom(&[("hide_existence", "off")]).await;
    house.check(&[("guess/public", "404/9404"), ("secret/cat/public", "403/9425 missing_signature")]).await;
}

#[tokio::test]
async fn a_refusal_that_hides_asks_the_database_each_time() {
    let house = House::with_private_custom(&[]).await;
    house.check(&[("secret/cat/public…", "ok signed")]).await;
    house.check(&[("secret/cat/public", "403/9425 missing_signature")]).await;
    // Rows change behind memory's back: whoever is answered from memory would not notice.
    let make_public = "update images set private = false where id = 'secret/cat'";
    let mut writing = house.test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query(make_public).execute(writing.db()).await.unwrap();
    house.test.catalog.commit(writing).await.unwrap();
    assert_eq!(house.verdict("secret/cat/public").await, "ok");
    let mut writing = house.test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query("delete from images where id = 'secret/cat'").execute(writing.db()).await.unwrap();
    house.test.catalog.commit(writing).await.unwrap();
    let url = url(&house.target("secret/cat/public…"));
    assert!(house.test.catalog.rights_in_memory(&url).is_some());
    assert_eq!(house.verdict("secret/cat/public…").await, "404/9404");
}

#[tokio::test]
async fn people_are_told_what_a_stranger_is_not() {
    let house = House::with_private_custom(&[]).await;
    let now = house.hands.clock().now();
    let explain = async |path: &str| {
        let target = house.target(path);
        house.test.catalog.explain(&target, &crate::Shown::default(), now).await.unwrap()
    };
    let reason = |explained: &crate::Explained| explained.outcome.as_ref().err().and_then(Error::reason);
    let hidden = explain("secret/cat/public").await;
    assert!(hidden.is_here && hidden.account == Some(house.account));
    assert_eq!((hidden.image.as_deref(), reason(&hidden)), (Some("secret/cat"), Some("missing_signature")));
    let guess = explain("guess/public").await;
    assert!(!guess.is_here && reason(&guess) == Some("missing_signature"));
    let signed = explain("secret/cat/w=40…").await;
    assert!(matches!(signed.outcome, Ok(Some(_))) && signed.variant.as_deref() == Some("w=40"));
    let open = explain("open/cat/public!").await;
    assert!(matches!(open.outcome, Ok(None)) && open.explanation.unwrap().verdict.is_err());
    let odd = explain("open//public").await;
    assert!(odd.account.is_none() && reason(&odd) == Some("bad_path"));
}

#[tokio::test]
async fn guesses_at_what_is_hidden_wait_for_a_turn() {
    let house = House::with_private_custom(&[]).await;
    house.check(&[("open/cat/public", "ok")]).await;
    let turns = take_turns(&house.test.catalog).await;
    for path in ["guess/public", "guess/public…", "open/cat/public"] {
        let refused = house.test.catalog.rights(&url(&house.target(path))).await.unwrap_err();
        assert!(matches!(refused, Error::RightsUnavailable), "{path} {refused:?}");
    }
    drop(turns);
    house.check(&[("open/cat/public", "ok")]).await;
}

#[tokio::test]
async fn nobody_learns_of_an_account_that_is_not_there() {
    let house = House::new(&[]).await;
    let stranger = url(&format!("/{}/{PUBLIC_UUID}/public", "x".repeat(22)));
    let rights = house.test.catalog.rights(&stranger).await.unwrap();
    assert!(matches!(rights.admit(&stranger, house.hands.clock().now()), Err(Error::ImageMissing)));
    assert!(rights.explain(&stranger, house.hands.clock().now()).is_none());
}

#[tokio::test]
async fn a_key_opens_no_other_account() {
    let house = House::new(&[]).await;
    let new = crate::NewAccount {
        handle: "other".parse().unwrap(),
        display_name: None,
        given: None,
        settings: Vec::new(),
    };
    let other = house.test.catalog.insert_account(new, &actor()).await.unwrap();
    put_image(&house.test.catalog, NewImage { private: true, ..new_image(other.id, "theirs") }).await;
    let expires = house.hands.clock().now().as_seconds() + 60;
    let target = signing::sign(&format!("/{}/theirs/public", other.hash), &house.key, Some(expires)).unwrap();
    let url = url(&target);
    let refused = house.test.catalog.rights(&url).await.unwrap().admit(&url, house.hands.clock().now());
    assert!(matches!(refused, Err(Error::Signature(signing::Error::BadSignature))), "{refused:?}");
}

#[tokio::test]
async fn an_admission_carries_what_delivery_needs() {
    let house = House::new(&[("browser_ttl", "3600")]).await;
    let image = house.test.catalog.image(&house.account, &id(PRIVATE_UUID)).await.unwrap();
    let admission = house.admit(&path(PRIVATE_UUID, "public…")).await.unwrap();
    assert_eq!(
        (admission.account, admission.object, admission.day),
        (house.account, image.object, image.day)
    );
    assert_eq!((admission.sha256, admission.bytes, &*admission.facts), (image.sha256, image.bytes, &facts()));
    assert_eq!(admission.ttl_s, 3_600);
    let signed = admission.signed.unwrap();
    assert_eq!(signed.expires_s, Some(house.hands.clock().now().as_seconds() + 60));
    assert_eq!(house.admit(&path(PUBLIC_UUID, "thumb")).await.unwrap().ttl_s, 7_200, "the variant's own");
}

#[tokio::test]
async fn a_link_ends_at_its_second() {
    let house = House::new(&[]).await;
    let url = url(&house.target(&path(PRIVATE_UUID, "public…")));
    let admit =
        || async { house.test.catalog.rights(&url).await.unwrap().admit(&url, house.hands.clock().now()) };
    assert!(admit().await.is_ok());
    house.hands.pass(Duration::from_secs(60));
    assert!(matches!(admit().await, Err(Error::Signature(signing::Error::Expired))));
}

#[tokio::test]
async fn a_draft_is_not_delivered() {
    let house = House::new(&[]).await;
    let mut writing = house.test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query("update images set facts = null, format = null where id = $1")
        .bind(PUBLIC_UUID)
        .execute(writing.db())
        .await
        .unwrap();
    house.test.catalog.commit(writing).await.unwrap();
    house.check(&[(&path(PUBLIC_UUID, "public"), "404/9404")]).await;
}

#[test]
fn settings_print_as_they_are_read() {
    let mut policy = AccountPolicy::default();
    for (name, value) in [
        ("require_exp", "false"),
        ("flexible_variants", "all"),
        ("hide_existence", "on"),
        ("ignore_params", "utm_*,fbclid"),
        ("moved_urls", "true"),
        ("browser_ttl", "3600"),
        ("max_lifetime", "604800"),
        ("max_lifetime", "none"),
        ("min_prefix_depth", "2"),
        ("leeway", "60"),
        ("revoked_token_ids", "01J9Z3K8QW,01J9Z3K8QX"),
        ("revoked_subjects", "user-4711"),
        ("revoked_before", "1790000000"),
        ("collapse_refusals", "true"),
        ("corp", "same-site"),
    ] {
        policy.set(name, value).unwrap();
        let printed = policy.settings().into_iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(printed, (name, value.to_owned()));
    }
    assert_eq!((policy.flexible_variants, policy.hide_existence), (Flexible::All, HideExistence::On));
    policy.set("ignore_params", "").unwrap();
    assert!(policy.ignore_params.is_empty());
    let refused = [
        ("require_exp", "yes"),
        ("flexible_variants", "some"),
        ("hide_existence", "true"),
        ("ignore_params", "exp"),
        ("browser_ttl", "3599"),
        ("browser_ttl", "31536001"),
        ("max_lifetime", "0"),
        ("min_prefix_depth", "0"),
        ("min_prefix_depth", "17"),
        ("leeway", "61"),
        ("revoked_token_ids", "a b"),
        ("revoked_before", "yesterday"),
        ("corp", "same_site"),
        ("corp", "none"),
        ("colour", "red"),
    ];
    for (name, value) in refused {
        assert!(matches!(policy.set(name, value), Err(Error::Invalid(_))), "{name}={value}");
    }
    let stored = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<AccountPolicy>(&stored).unwrap(), policy);
}

#[tokio::test]
async fn settings_change_all_or_none() {
    let house = House::new(&[]).await;
    let settings =
        [("moved_urls".to_owned(), "true".to_owned()), ("browser_ttl".to_owned(), "no".to_owned())];
    let refused = house.test.catalog.update_account(&house.account, &settings, &actor()).await.unwrap_err();
    assert!(refused.to_string().contains("seconds from 3600"), "{refused}");
    assert!(!house.test.catalog.account(&house.account).await.unwrap().policy.moved_urls);
}

fn stale(rights: &Rights) -> Rights {
    Rights { stale: true, ..rights.clone() }
}

#[tokio::test]
async fn stale_rights_open_public_images_only() {
    let house = House::new(&[]).await;
    let now = house.hands.clock().now();
    for (image, last, opens) in [
        (PUBLIC_UUID, "public", true),
        (PRIVATE_UUID, "public…", false),
        (PRIVATE_UUID, "thumb", false),
        (UNKNOWN_UUID, "public", false),
    ] {
        let url = url(&house.target(&path(image, last)));
        let rights = stale(&house.test.catalog.rights(&url).await.unwrap());
        match rights.admit(&url, now) {
            Ok(_) => assert!(opens, "{image}"),
            Err(error) => assert!(!opens && matches!(error, Error::RightsUnavailable), "{image} {error}"),
        }
    }
}
