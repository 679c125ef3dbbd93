//! What is signed, what is refused, and how it is told: a signer without a database.

use domain::Secret;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A signer of an account with the variants `public` and `thumb` and the keys `default`, which signs, and `web`.
fn signer(settings: &[(&str, &str)]) -> Signer {
    let mut policy = catalog::AccountPolicy::default();
    settings.iter().for_each(|(name, value)| policy.set(name, value).unwrap());
    let key = |name: &str| {
        let id: SigningKeyId = name.parse().unwrap();
        (id.clone(), SigningKey::new(id, Secret::new(format!("{name}-0123456789abcdef")), KeyState::Active))
    };
    Signer {
        policy: policy.signing(),
        hash: HASH.parse().unwrap(),
        flexible: policy.flexible_variants,
        keys: [key("default"), key("web")].into(),
        signs: Some(SigningKeyId::default_key()),
        variants: ["public".to_owned(), "thumb".to_owned()].into(),
        delivery_url: "https://img.example.org".into(),
        now: NOW,
    }
}

fn signed(signer: &Signer, body: Value) -> Result<Signed, String> {
    let Value::Object(wish) = body else { panic!("an object") };
    let wish = fields::read(wish).map_err(|failure| failure.message().to_owned())?;
    signer.sign(&wish).map_err(|failure| failure.message().to_owned())
}

/// Signed, and accepted by the account's own rules; its URL without host and signature.
#[track_caller]
fn check(signer: &Signer, body: Value, expected: &str) -> Signed {
    let signed = signed(signer, body).unwrap();
    let target = signed.url.strip_prefix("https://img.example.org/").unwrap();
    let (text, _) = target.split_once("&sig=").unwrap();
    assert_eq!(text.strip_prefix(HASH).unwrap(), expected);
    signed
}

#[track_caller]
fn refuses(signer: &Signer, body: Value, words: &str) {
    let told = signed(signer, body.clone()).expect_err("is refused");
    assert!(told.contains(words), "{body}: {told} should say {words}");
}

#[test]
fn an_image_a_folder_and_a_url_are_signed() {
    let signer = signer(&[]);
    let one = check(&signer, json!({"image": "a/b c"}), "/a/b%20c/public?exp=1790086400");
    assert_eq!((one.key.as_deref(), one.expires_at_s), (Some("default"), Some(1_790_086_400)));
    assert_eq!(one.expires_at.as_deref(), Some("2026-09-22T14:13:20.000Z"));
    check(&signer, json!({"image": "a", "variant": "thumb", "expires_in_s": 60}), "/a/thumb?exp=1790000060");
    check(
        &signer,
        json!({"image": "a", "options": "w=400,fit=cover", "expires_at_s": 1_790_000_001}),
        "/a/w=400,fit=cover?exp=1790000001",
    );
    check(&signer, json!({"folder": "albums/2026"}), "/albums/2026/?s-pfx=3&exp=1790086400");
    check(&signer, json!({"folder": "", "variants": ["thumb"]}), "/?s-pfx=1&s-var=thumb&exp=1790086400");
    let url = format!("https://img.example.org/{HASH}/a/public?b=c&exp=5&sig=0");
    check(&signer, json!({"url": url, "key": "web"}), "/a/public?b=c&exp=1790086400");
}

#[test]
fn every_demand_has_its_field() {
    let demands = json!({
        "image": "a", "variant": "thumb", "variants": ["thumb"], "not_before_s": 1_790_000_005,
        "networks": ["203.0.113.0/24"], "referers": ["*.shop.example", "-"], "session": "value",
        "subject": "user-4711", "token_id": "download-1", "uses": 3,
    });
    let signed = check(
        &signer(&[]),
        demands,
        "/a/thumb?s-nbf=1790000005&s-var=thumb&s-ip=203.0.113.0/24&s-ref=*.shop.example,-&s-sub=user-4711\
         &s-cnf=cd42404d52ad55ccfa9aca4adc828aa5&s-jti=download-1&s-uses=3&exp=1790086400",
    );
    assert_eq!(signed.token_id.as_deref(), Some("download-1"));
}

#[test]
fn a_token_that_counts_has_an_id_of_its_own() {
    let signer = signer(&[]);
    let of = |body| signed(&signer, body).unwrap().token_id;
    let (one, other) =
        (of(json!({"image": "a", "uses": 1})).unwrap(), of(json!({"image": "a", "uses": 1})).unwrap());
    assert!(one.len() == 32 && one != other);
    assert_eq!(of(json!({"image": "a"})), None);
}

#[test]
fn a_url_stays_the_same_all_through_a_window() {
    let mut signer = signer(&[("revoked_before", "5")]);
    let wish = || json!({"image": "a", "expires_in_s": 86_400, "window_s": 3_600});
    let first = signed(&signer, wish()).unwrap().url;
    // 1,790,000,000 lies 800 seconds behind the full hour.
    signer.now = Timestamp::from_seconds(1_790_002_799);
    let last = signed(&signer, wish()).unwrap().url;
    signer.now = Timestamp::from_seconds(1_790_002_801);
    assert_eq!(first, last);
    assert_ne!(signed(&signer, wish()).unwrap().url, first);
}

#[test]
fn a_cookie_opens_a_folder() {
    let signer = signer(&[]);
    let cookie =
        signed(&signer, json!({"folder": "album", "cookie": true, "expires_in_s": 60})).unwrap().cookie;
    let cookie = cookie.unwrap();
    let end = format!("; Path=/{HASH}/album/; Max-Age=60; Secure; HttpOnly; SameSite=Lax");
    assert!(cookie.starts_with("imgtoken=s-pfx=2&exp=1790000060&sig=") && cookie.ends_with(&end), "{cookie}");
    refuses(&signer, json!({"image": "a", "cookie": true}), "cookie: a cookie opens a folder");
}

#[test]
fn what_is_wrong_is_named() {
    let signer = signer(&[]);
    for (body, words) in [
        (json!({}), "one of 'image', 'folder' and 'url'"),
        (json!({"image": "a", "folder": "b"}), "no two of them"),
        (json!({"image": "a", "variant": "b", "options": "w=1"}), "do not go together"),
        (json!({"folder": "a", "variant": "thumb"}), "'variants'"),
        (json!({"image": "a//b"}), "image: "),
        (json!({"image": "a", "variant": "hero"}), "variant: this account has no variant 'hero'"),
        (json!({"image": "a", "options": "hero"}), "options: they are written as in a URL"),
        (json!({"image": "a", "options": "w=none"}), "options: "),
        (json!({"image": "a", "variant": "w=400"}), "options go into 'options'"),
        (json!({"folder": "a", "variants": ["hero"]}), "variants: this account has no variant 'hero'"),
        (json!({"image": "a", "variants": ["thumb"]}), "variant_not_allowed"),
        (json!({"url": "/a/b/c"}), "not one of this account"),
        (json!({"url": "https://img.example.org"}), "url: "),
        (json!({"image": "a", "expires_in_s": 0}), "expires_in_s: 1 to 3,153,600,000"),
        (json!({"image": "a", "expires_in_s": 1, "never_expires": true}), "do not go together"),
        (json!({"image": "a", "expires_at_s": 5}), "has ended already"),
        (json!({"image": "a", "expires_at_s": 1_790_000_060, "window_s": 5}), "window_s: "),
        (json!({"image": "a", "expires_at_s": -5}), "expires_at_s: unix seconds"),
        (json!({"image": "a", "networks": ["nowhere"]}), "networks: at most 8"),
        (json!({"image": "a", "referers": ["Shop.example"]}), "referers: at most 8"),
        (json!({"image": "a", "subject": "a b"}), "subject: 1 to 64"),
        (json!({"image": "a", "token_id": "short"}), "token_id: 8 to 64"),
        (json!({"image": "a", "uses": 0}), "uses: a whole number"),
        (json!({"image": "a", "prefix_segments": 17}), "prefix_segments: 1 to 16"),
        (json!({"image": "a", "prefix_segments": 9}), "path_not_allowed"),
        (json!({"image": "a", "key": "old"}), "key: no active signing key"),
        (json!({"image": "a", "never_expires": true}), "missing_exp"),
        (json!({"image": "a", "expires": 5}), "unknown field `expires`"),
        (json!({"image": "a", "uses": "many"}), "uses: invalid type"),
        (json!({"folder": (["x"; 16].join("/"))}), "folder: at most 15 segments"),
    ] {
        refuses(&signer, body, words);
    }
}

#[test]
fn the_account_s_own_rules_hold_for_the_service_too() {
    let day = json!({"image": "a", "expires_in_s": 86_400});
    refuses(&signer(&[("max_lifetime", "3600")]), day, "lifetime_too_long");
    let short = signer(&[("max_lifetime", "3600")]);
    check(&short, json!({"image": "a"}), "/a/public?exp=1790003600");
    refuses(&signer(&[("min_prefix_depth", "2")]), json!({"folder": ""}), "path_not_allowed");
    refuses(
        &signer(&[("revoked_subjects", "ada")]),
        json!({"image": "a", "subject": "ada"}),
        "would refuse the URL",
    );
    refuses(
        &signer(&[("flexible_variants", "off")]),
        json!({"image": "a", "options": "w=4"}),
        "flexible_variants is off",
    );
    let issued = signer(&[("revoked_before", "1789999999")]);
    check(&issued, json!({"image": "a"}), "/a/public?s-iat=1790000000&exp=1790086400");
    let never = signer(&[("require_exp", "false")]);
    let url = signed(&never, json!({"image": "a", "never_expires": true})).unwrap().url;
    assert!(url.contains("/a/public?sig="), "{url}");
}

/// The entries of a request with many, merged.
fn entries(body: Value) -> Result<Vec<Map<String, Value>>, Failure> {
    let Value::Object(mut body) = body else { panic!("an object") };
    let urls = body.remove(MANY).unwrap();
    list(urls)?.into_iter().map(|own| entry(own, &body)).collect()
}

#[test]
fn an_entry_has_its_own_fields_before_those_that_all_have_in_common() {
    let body = json!({
        "urls": [{"image": "a"}, {"folder": "b", "expires_at_s": 7}, {"image": "c", "options": "w=1", "uses": 2}],
        "expires_in_s": 60, "variant": "thumb", "uses": 1,
    });
    let expected = [
        json!({"image": "a", "expires_in_s": 60, "variant": "thumb", "uses": 1}),
        json!({"folder": "b", "expires_at_s": 7, "variant": "thumb", "uses": 1}),
        json!({"image": "c", "options": "w=1", "expires_in_s": 60, "uses": 2}),
    ];
    let found: Vec<Value> = entries(body).unwrap().into_iter().map(Value::Object).collect();
    assert_eq!(found, expected);
}

#[test]
fn many_are_signed_or_none_and_each_wrong_one_is_told() {
    assert!(entries(json!({"urls": []})).is_err());
    assert!(entries(json!({"urls": {}})).is_err());
    assert!(entries(json!({"urls": ["a"]})).is_err());
    assert!(entries(json!({"urls": vec![json!({}); MAX_URLS]})).is_ok());
    let told = entries(json!({"urls": vec![json!({}); MAX_URLS + 1]})).unwrap_err();
    assert!(told.message().contains("1 to 1,000"), "{}", told.message());
    let common = |value: Value| wish::check_common(value.as_object().unwrap());
    assert!(common(json!({"referers": vec!["a"; 32], "session": "a".repeat(4_096)})).is_ok());
    for long in [json!({"referers": vec!["a"; 33]}), json!({"session": "a".repeat(4_097)})] {
        assert!(common(long).unwrap_err().message().contains("at most 32"));
    }
    let sign = |number: usize| {
        if number.is_multiple_of(2) {
            Ok(number)
        } else {
            Err(Failure::bad_request(format!("{number} is odd")))
        }
    };
    assert_eq!(all(vec![2, 4], sign).unwrap(), [2, 4]);
    let wrong = all(vec![2, 3, 4, 5], sign).unwrap_err();
    assert_eq!(wrong.message(), "urls[1]: 3 is odd");
    assert_eq!(wrong.entries().len(), 2);
    assert_eq!(wrong.entries()[1]["source"]["pointer"], "/urls/3");
    assert_eq!(all((0..1_000).map(|_| 1).collect(), sign).unwrap_err().entries().len(), MAX_TOLD);
}

proptest! {
    #[test]
    fn any_wish_is_signed_or_refused_in_words(
        target in "\\PC{0,30}|[a-z/.%=,]{0,20}",
        text in "\\PC{0,12}",
        number in any::<i64>(),
        kind in prop::sample::select(vec!["image", "folder", "url", "variant", "options"]),
        other in prop::sample::select(vec!["subject", "token_id", "session", "key", "variant"]),
        time in prop::sample::select(vec!["expires_in_s", "expires_at_s", "window_s", "not_before_s", "uses"]),
    ) {
        let body = json!({"image": "a", kind: target, other: text, time: number, "networks": [text]});
        match signed(&signer(&[]), body) {
            Ok(signed) => prop_assert!(signed.url.contains("sig=")),
            Err(told) => prop_assert!(!told.is_empty() && !told.chars().any(char::is_control)),
        }
    }
}
