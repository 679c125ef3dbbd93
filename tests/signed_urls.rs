//! Signed delivery URLs over HTTP: every committed case of Cloudflare's form, raw and by its own clock; URLs that other
//! people's signers make; and what a refusal says.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catalog::{Account, Actor, NewAccount, NewImage, Variant};
use domain::{ImageId, ObjectId, Secret, Timestamp, VariantName};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use signing::DeliveryUrl;
use storage::Prefix;

use crate::harness::{Reply, TestServer, Tool, drawn, node, shared};

#[tokio::test]
async fn every_cloudflare_case_gets_its_status_and_reason_over_http() {
    let (whole, status_only) = check_cases(include_str!("vectors/cloudflare_images.json")).await;
    assert_eq!(whole + status_only, 88);
    assert!(status_only <= 2);
}

#[tokio::test]
async fn every_native_case_gets_its_status_and_reason_over_http() {
    assert_eq!(check_cases(include_str!("vectors/native.json")).await, (99, 0));
    assert_eq!(check_cases(include_str!("vectors/native_stock.json")).await, (46, 0));
}

/// Asks for each case by its own clock, from its own address. Says how many got their status and reason, and how many their
/// status alone.
async fn check_cases(vectors: &str) -> (usize, usize) {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let (mut whole, mut status_only) = (0, 0);
    for cases in houses(&vectors).values() {
        let server = TestServer::start_with(|config| {
            config.trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
        })
        .await;
        furnish(&server, &vectors, cases).await;
        for case in cases {
            server.clock.stop_at(Timestamp::from_seconds(case["request"]["now"].as_i64().unwrap()));
            let target = text(&case["request"]["target"]);
            for _ in 0..case["context"]["uses_before"].as_u64().unwrap_or(0) {
                check_picture(&server.get_raw_with(target, &headers(case)).await, &case["id"]);
            }
            let reply = server.get_raw_with(target, &headers(case)).await;
            assert_eq!(Some(u64::from(reply.status)), case["status"].as_u64(), "{}: {reply}", case["id"]);
            // What no HTTP parser takes gets its bare 400, before any of our code (signing-schemes 12).
            if target.bytes().any(|byte| !(0x21..0x7F).contains(&byte) || b"<>`".contains(&byte)) {
                status_only += 1;
                continue;
            }
            match case["reason"].as_str() {
                Some(reason) => check_refusal(&reply, reason, &case["id"]),
                None => check_picture(&reply, &case["id"]),
            }
            whole += 1;
        }
    }
    println!("{whole} cases with status and reason, {status_only} by status alone");
    (whole, status_only)
}

/// The headers of a case, and the address that it comes from as a proxy says it.
fn headers(case: &Value) -> Vec<(&str, &str)> {
    let request = &case["request"];
    let given = request["headers"].as_object().into_iter().flatten();
    let given = given.map(|(name, value)| (name.as_str(), text(value)));
    given.chain([("x-forwarded-for", text(&request["client_ip"]))]).collect()
}

#[tokio::test]
async fn urls_that_a_javascript_client_signs_work() {
    let server = TestServer::start().await;
    let paths = private_paths(&server).await;
    let secret = server.account().await.secret("default").await;
    let script = node("js/signer.mjs").arg(&secret).arg("3600");
    let urls = paths.iter().fold(script, |script, path| script.arg(server.url(path))).ok().await;
    check_signed_elsewhere(&server, &urls, paths.len()).await;
}

#[tokio::test]
async fn urls_that_the_documented_javascript_signs_work() {
    let documents = ["seeds/000_49836fe9628522e0.txt", "seeds/001_2a84db4e8c72991c.txt"];
    let documents: Vec<_> = documents.into_iter().filter_map(shared::path).collect();
    for document in documents {
        let server = TestServer::start().await;
        let paths = private_paths(&server).await;
        let secret = server.account().await.secret("default").await;
        let script = node("js/documented_worker.mjs").arg(document).arg(server.url("")).arg(&secret);
        let urls = paths.iter().fold(script, Tool::arg).ok().await;
        check_signed_elsewhere(&server, &urls, paths.len()).await;
    }
}

#[tokio::test]
async fn a_signed_url_is_refused_from_the_second_it_expires() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let now = Timestamp::from_seconds(server.clock.now().as_seconds());
    let url = cat.account.sign_until(&cat.path("public"), now.as_seconds() + 10).await;
    let check = async |micros, last_s: Option<&str>| {
        server.clock.stop_at(Timestamp::from_micros(now.as_micros() + micros));
        let reply = server.get(&url).await;
        match last_s {
            Some(last_s) => {
                check_picture(&reply, &"before its end".into());
                assert_eq!(reply.header("cache-control"), Some(&*format!("private, max-age={last_s}")));
            }
            None => check_refusal(&reply, "expired", &"at its end".into()),
        }
    };
    check(0, Some("10")).await;
    check(9_999_999, Some("1")).await;
    check(10_000_000, None).await;
    check(3_600_000_000, None).await;
}

#[tokio::test]
async fn a_url_opens_what_it_was_signed_for_and_nothing_else() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let dog = cat.account.with_image("dog.jpg").private().await;
    cat.account.with_variant("small", "width=100").await;
    let other = server.account_named("other").await;
    let path = cat.path("public");
    let signed = cat.account.sign(&path).await;
    let query = signed.strip_prefix(&path).unwrap();
    check_picture(&server.get(&signed).await, &"signed".into());

    let bad = [
        ("another variant", format!("{}{query}", cat.path("small"))),
        ("options", format!("{}{query}", cat.path("w=100"))),
        ("another image", format!("{}{query}", dog.path("public"))),
        ("moved", format!("/cdn-cgi/imagedelivery{signed}")),
        ("a parameter more", format!("{signed}&utm_source=mail")),
        ("another account's key", other.sign(&path).await),
    ];
    for (what, url) in bad {
        check_refusal(&server.get(&url).await, "bad_signature", &what.into());
    }
    check_refusal(&server.get(&path).await, "missing_signature", &"unsigned".into());
    check_refusal(&server.get(&format!("{signed}&sig=0")).await, "duplicate_param", &"signed twice".into());
}

#[tokio::test]
async fn the_account_decides_what_is_ignored_and_what_has_moved() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let signed = cat.signed("public").await;
    let urls = [format!("{signed}&utm_source=mail"), format!("/cdn-cgi/imagedelivery{signed}")];
    for url in &urls {
        check_refusal(&server.get(url).await, "bad_signature", &url.as_str().into());
    }
    cat.account.set("ignore_params", "utm_*").await;
    cat.account.set("moved_urls", "true").await;
    for url in &urls {
        check_picture(&server.get(url).await, &url.as_str().into());
    }
}

#[tokio::test]
async fn an_album_opens_pictures_and_not_what_they_tell_beside() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.set("flexible_variants", "signed").await;
    let cat = account.with_image("cat.jpg").with_id("albums/2026/cat.jpg").private().await;
    let album = format!("/{}/albums/2026/?s-pfx=3", account.account.hash);
    let token = account.sign(&album).await;
    let token = token.split_once('?').unwrap().1;
    let ask = async |last: &str| server.get(&format!("{}?{token}", cat.path(last))).await;
    check_picture(&ask("public").await, &"a variant".into());
    check_picture(&ask("w=50").await, &"options".into());
    check_refusal(&ask("w=50,metadata=keep").await, "variant_not_allowed", &"metadata".into());
    check_picture(&server.get(&cat.signed("w=50,metadata=keep").await).await, &"the whole path".into());
}

#[tokio::test]
async fn a_cookie_opens_an_album_in_any_account() {
    let server = TestServer::start().await;
    let account = server.account().await;
    // A private image with an id of its own makes the account hide which images there are.
    let cat = account.with_image("cat.jpg").with_id("albums/2026/cat.jpg").private().await;
    let dog = account.with_image("dog.jpg").with_id("albums/2025/dog.jpg").private().await;
    let signed = account.sign(&format!("/{}/albums/2026/?s-pfx=3", account.account.hash)).await;
    let cookie = format!("a=b; imgtoken-album={}", signed.split_once('?').unwrap().1);
    let ask = async |path: &str| server.get_with(path, &[("cookie", &cookie)]).await;
    let reply = ask(&cat.path("public")).await;
    check_picture(&reply, &"a variant".into());
    assert!(reply.header("cache-control").is_some_and(|value| value.starts_with("private")), "{reply}");
    check_picture(&ask(&cat.path("w=50")).await, &"options".into());
    check_picture(&ask(&format!("{}?exp=1&s-ip=::1", cat.path("public"))).await, &"a query".into());
    check_refusal(&ask(&format!("{}?sig=0", cat.path("public"))).await, "malformed_signature", &"sig".into());
    check_refusal(&ask(&dog.path("public")).await, "bad_signature", &"another album".into());
    let none = ask(&cat.path("public").replace("cat", "none")).await;
    assert_eq!(none.status, 404, "{none}");
    check_refusal(&server.get(&cat.path("public")).await, "missing_signature", &"no cookie".into());
}

#[tokio::test]
async fn what_was_revoked_is_refused_from_the_next_request_on() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let now_s = server.clock.now().as_seconds();
    let issued = format!("{}?s-iat={now_s}&s-sub=user-1&s-jti=0123456789", cat.path("public"));
    let signed = cat.account.sign(&issued).await;
    check_picture(&server.get(&signed).await, &"before".into());
    for (setting, value, undone) in [
        ("revoked_subjects", "user-1".to_owned(), ""),
        ("revoked_token_ids", "0123456789".to_owned(), ""),
        ("revoked_before", (now_s + 1).to_string(), "none"),
        ("max_lifetime", "1".to_owned(), "none"),
    ] {
        let reason = if setting == "max_lifetime" { "lifetime_too_long" } else { "revoked" };
        cat.account.set(setting, &value).await;
        check_refusal(&server.get(&signed).await, reason, &setting.into());
        cat.account.set(setting, undone).await;
        check_picture(&server.get(&signed).await, &setting.into());
    }
}

#[tokio::test]
async fn a_public_image_is_not_harmed_by_a_broken_signature() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let path = cat.path("public");
    for query in ["?sig=x", "?exp=1&sig=0000", "?exp=tomorrow", "?s-geo=DE"] {
        check_picture(&server.get(&format!("{path}{query}")).await, &query.into());
    }
    for target in
        [format!("{path}/"), path.replace("/public", "//public"), path.replace("/public", "/../public")]
    {
        check_refusal(&server.get_raw(&target).await, "bad_path", &target.as_str().into());
    }
}

#[tokio::test]
async fn a_target_beyond_the_limits_is_refused_by_name() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    let path = cat.path("public");
    let hash = &cat.account.account.hash;
    let pairs = |count: usize| vec!["x=1"; count].join("&");
    check_picture(&server.get_raw(&format!("{path}?{}", pairs(64))).await, &"64 pairs".into());
    let bad = [
        (format!("{path}?{}", pairs(65)), "malformed_param"),
        (format!("/{hash}/{}/public", "x".repeat(5000)), "target_too_long"),
        (format!("{path}?{}", "x".repeat(9000)), "target_too_long"),
    ];
    for (target, reason) in bad {
        check_refusal(&server.get_raw(&target).await, reason, &reason.into());
    }
}

#[tokio::test]
async fn head_says_what_get_says() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let now_s = server.clock.now().as_seconds();
    server.clock.stop_at(Timestamp::from_seconds(now_s));
    let signed = cat.signed("public").await;
    let urls = [
        signed.clone(),
        cat.path("public"),
        format!("{signed}0"),
        cat.account.sign_until(&cat.path("public"), now_s).await,
    ];
    for url in urls {
        let (head, get) = (server.head(&url).await, server.get(&url).await);
        assert_eq!(head.status, get.status, "{url}");
        assert!(head.body.is_empty(), "{url}");
        for name in ["content-length", "content-type", "cache-control", "etag", "x-image-auth", "cf-images"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {url}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_json_only_where_accept_names_it() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let ask = async |accept| server.get_with(&cat.path("public"), &[("accept", accept)]).await;
    let json = ask("text/html, application/json").await.expect(403);
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.json()["error"]["code"], "missing_signature");
    assert_eq!(json.header("x-image-auth"), Some("missing_signature"));
    assert_eq!(json.header("cf-images"), Some("err=9425"));
    for accept in ["*/*", "image/*", "application/*"] {
        check_refusal(&ask(accept).await, "missing_signature", &accept.into());
    }
}

/// A refusal in its text form: status, reason, and one code in header and body.
#[track_caller]
fn check_refusal(reply: &Reply, reason: &str, what: &Value) {
    let (status, code) = match reason {
        "target_too_long" => (414, 9432),
        "bad_path" | "duplicate_param" | "malformed_signature" | "malformed_param" | "unknown_constraint" => {
            (400, 9432)
        }
        _ => (403, 9425),
    };
    assert_eq!((reply.status, reply.header("x-image-auth")), (status, Some(reason)), "{what}: {reply}");
    assert_eq!(reply.header("cf-images"), Some(&*format!("err={code}")), "{what}: {reply}");
    assert!(reply.text().starts_with(&format!("ERROR {code}: ")), "{what}: {reply}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}: {reply}");
}

/// A picture that came out.
#[track_caller]
fn check_picture(reply: &Reply, what: &Value) {
    assert_eq!((reply.status, reply.header("x-image-auth")), (200, None), "{what}: {reply}");
    assert_eq!(reply.header("cf-images"), Some("internal=ok"), "{what}: {reply}");
    assert!(reply.picture().width() > 0, "{what}");
}

/// Private images under ids that a URL type has something to do with, and options: their paths, not yet encoded.
async fn private_paths(server: &TestServer) -> Vec<String> {
    let account = server.account().await;
    let hash = account.account.hash.clone();
    account.with_image("cat.jpg").with_id("team photos/été 100%, a+b (1)!").private().await;
    let plain = account.with_image("dog.jpg").private().await;
    vec![
        plain.path("public"),
        plain.path("w=80,h=60,fit=cover"),
        format!("{}?download=1&title=a b&x=~*'", plain.path("public")),
        format!("{}?exp=5&v=2", plain.path("public")),
        format!("/{hash}/team photos/été 100%25, a+b (1)!/public"),
    ]
}

/// Asks for each signed URL exactly as it was printed; each is refused without its signature, with a parameter more, and
/// once its time is over, which is a day at most.
async fn check_signed_elsewhere(server: &TestServer, urls: &str, count: usize) {
    let origin = server.url("");
    let elsewhere = |url| panic!("{url} is no URL of this server");
    let targets: Vec<&str> =
        urls.lines().map(|url: &str| url.strip_prefix(&origin).unwrap_or_else(|| elsewhere(url))).collect();
    assert_eq!(targets.len(), count);
    for &target in &targets {
        check_picture(&server.get_raw(target).await, &target.into());
        let (unsigned, _) = target.split_once("&sig=").expect("a signature at the end");
        check_refusal(&server.get_raw(unsigned).await, "missing_signature", &target.into());
        check_refusal(&server.get_raw(&format!("{target}&x=1")).await, "bad_signature", &target.into());
    }
    server.clock.advance(std::time::Duration::from_secs(86_400));
    for target in targets {
        check_refusal(&server.get_raw(target).await, "expired", &target.into());
    }
}

/// The cases by what their account holds: each lot gets a house of its own, and so does each whose token was used before.
fn houses(vectors: &Value) -> BTreeMap<String, Vec<&Value>> {
    let mut houses = BTreeMap::<String, Vec<&Value>>::new();
    for case in vectors["cases"].as_array().into_iter().flatten() {
        let used = case["context"]["uses_before"].is_u64().then_some(&case["id"]);
        houses
            .entry(format!("{} {} {used:?}", case["verifier_keys"], case["policy"]))
            .or_default()
            .push(case);
    }
    houses
}

/// Puts in each account, signing key, variant and private image that the cases name, also those that only a tampered
/// URL names.
async fn furnish(server: &TestServer, vectors: &Value, cases: &[&Value]) {
    let urls: Vec<DeliveryUrl> =
        cases.iter().filter_map(|case| DeliveryUrl::parse(text(&case["request"]["target"])).ok()).collect();
    let hashes: BTreeSet<&str> = urls.iter().map(DeliveryUrl::account).collect();
    for (number, hash) in hashes.into_iter().enumerate() {
        let account = insert_account(server, &format!("moved-{number}"), hash, cases[0]).await;
        insert_keys(server, &account, vectors, cases[0]).await;
        let own: Vec<&DeliveryUrl> = urls.iter().filter(|url| url.account() == hash).collect();
        let names: BTreeSet<VariantName> = own.iter().filter_map(|url| url.last().parse().ok()).collect();
        for name in names.into_iter().filter(|name| *name != VariantName::public()) {
            insert_variant(server, &account, name).await;
        }
        let ids: BTreeSet<ImageId> =
            own.iter().map(|url| url.image().parse().expect("an image's id")).collect();
        for id in ids {
            insert_image(server, &account, id).await;
        }
    }
}

async fn insert_account(server: &TestServer, handle: &str, hash: &str, case: &Value) -> Account {
    // A given hash allows URLs without expiry at first; the cases want the defaults.
    let mut settings = vec![("require_exp".to_owned(), "true".to_owned())];
    let written = |value: &Value| match value {
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    };
    for (name, value) in case["policy"].as_object().into_iter().flatten() {
        match name.as_str() {
            "max_lifetime_s" => settings.push(("max_lifetime".into(), written(value))),
            "leeway_s" => settings.push(("leeway".into(), written(value))),
            "revoked" => settings.extend(revoked(value)),
            // A key is revoked by itself.
            "revoked_keys" => {}
            name => settings.push((name.into(), written(value))),
        }
    }
    let new = NewAccount {
        handle: handle.parse().expect("a handle"),
        display_name: None,
        given: Some((domain::AccountId::random(), hash.parse().expect("an account's hash"))),
        settings,
    };
    server.catalog().insert_account(new, &Actor::command()).await.expect("a new account")
}

fn revoked(value: &Value) -> Vec<(String, String)> {
    let names =
        [("jti", "revoked_token_ids"), ("sub", "revoked_subjects"), ("issued_before", "revoked_before")];
    let of = |&(key, setting): &(&str, &str)| match &value[key] {
        Value::Null => None,
        Value::Array(entries) => {
            Some((setting.into(), entries.iter().map(text).collect::<Vec<_>>().join(",")))
        }
        seconds => Some((setting.into(), seconds.to_string())),
    };
    names.iter().filter_map(of).collect()
}

pub(crate) async fn insert_keys(server: &TestServer, account: &Account, vectors: &Value, case: &Value) {
    let catalog = server.catalog();
    for name in case["verifier_keys"].as_array().into_iter().flatten() {
        let secret = Secret::new(text(&vectors["keys"][text(name)]["secret"]));
        let id = text(name).parse().expect("a signing key's name");
        catalog
            .import_signing_key(&account.id, &id, secret, &Actor::command())
            .await
            .expect("a new signing key");
    }
    for name in case["policy"]["revoked_keys"].as_array().into_iter().flatten() {
        let id = text(name).parse().expect("a signing key's name");
        catalog.revoke_signing_key(&account.id, &id, &Actor::command()).await.expect("the key is revoked");
    }
    let own = domain::SigningKeyId::default_key();
    catalog.revoke_signing_key(&account.id, &own, &Actor::command()).await.expect("its first key goes");
}

pub(crate) async fn insert_variant(server: &TestServer, account: &Account, name: VariantName) {
    let options = variant::Options::parse("width=64").expect("options");
    let created_at = Timestamp::from_seconds(0);
    let new = Variant { name, options, always_public: false, browser_ttl_s: None, created_at };
    server.catalog().insert_variant(&account.id, new, &Actor::command()).await.expect("a new variant");
}

/// An image under any id, one too that the API would not let a client choose.
pub(crate) async fn insert_image(server: &TestServer, account: &Account, id: ImageId) {
    let bytes = Bytes::from(drawn::photograph(96, 64, 85));
    let (object, day) = (ObjectId::random(), 20_700);
    let original = Prefix::new(day, &account.id, &object).original();
    server.storage().put(&original, bytes.clone()).await.expect("the original is put");
    let new = NewImage {
        account: account.id,
        id,
        object,
        day,
        filename: "drawn.jpg".into(),
        metadata: serde_json::Map::new(),
        creator: None,
        private: true,
        facts: variant::probe(&bytes, &variant::Limits::default()).expect("facts"),
        bytes: bytes.len() as u64,
        sha256: Sha256::digest(&bytes).into(),
        glimpse: variant::Glimpse::default(),
        idempotency: None,
    };
    server.catalog().insert_image(new, &Actor::command()).await.expect("a new image");
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is due where {value} stands"))
}
