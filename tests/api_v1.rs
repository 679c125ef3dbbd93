//! Our own management API, `/api/v1`: what it signs, switches, registers, explains and tells, as programs ask for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Reply, TestAccount, TestServer};

/// The path of something of an account.
fn path(account: &TestAccount<'_>, rest: &str) -> String {
    format!("/api/v1/accounts/{}{rest}", account.account.id)
}

/// A request with this token and perhaps a JSON body.
async fn ask_by(
    token: &str,
    account: &TestAccount<'_>,
    method: &str,
    rest: &str,
    body: Option<&Value>,
) -> Reply {
    let request = account.server.request(method, &path(account, rest)).bearer_auth(token);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    Reply::of(request.send().await.expect("the server answers")).await
}

/// The result of a request that succeeds.
async fn done(account: &TestAccount<'_>, method: &str, rest: &str, body: Option<&Value>) -> Value {
    let reply = ask_by(&account.token, account, method, rest, body).await.expect(200);
    let mut envelope = reply.json();
    assert_eq!((&envelope["success"], &envelope["errors"]), (&json!(true), &json!([])), "{reply}");
    envelope["result"].take()
}

async fn signed(account: &TestAccount<'_>, body: Value) -> Value {
    done(account, "POST", "/sign", Some(&body)).await
}

/// Refused with this status and code, in words that hold these; the whole envelope.
#[track_caller]
fn refused(reply: Reply, status: u16, code: i64, words: &str) -> Value {
    let reply = reply.expect(status);
    let envelope = reply.json();
    assert_eq!((&envelope["success"], &envelope["result"]), (&json!(false), &Value::Null), "{reply}");
    assert_eq!(reply.code(), code, "{reply}");
    let message = envelope["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains(words), "{message} should say {words}");
    envelope
}

/// Path and query of a whole URL.
fn target(signed: &Value) -> String {
    let url = signed["url"].as_str().expect("a URL");
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host + url[host..].find('/').expect("a path")..].to_owned()
}

#[tokio::test]
async fn a_program_has_one_url_signed_and_it_opens_the_image_until_its_end() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let account = &cat.account;
    let signer = account.issue_token("urls:sign").await;
    let body = json!({"image": cat.id, "expires_in_s": 60});
    let reply = ask_by(&signer, account, "POST", "/sign", Some(&body)).await.expect(200);
    let one = &reply.json()["result"];
    assert_eq!(one["key"], "default");
    let now_s = server.clock.now().as_seconds();
    assert!((now_s + 55..=now_s + 60).contains(&one["expires_at_s"].as_i64().unwrap()), "{one}");
    server.get(&target(one)).await.expect(200).picture();

    let flexible = signed(account, json!({"image": cat.id, "options": "w=40,fit=cover,h=30"})).await;
    let picture = server.get(&target(&flexible)).await.expect(200).picture();
    assert_eq!((picture.width(), picture.height()), (40, 30));

    server.clock.stop_at(domain::Timestamp::from_seconds(one["expires_at_s"].as_i64().unwrap()));
    let late = server.get(&target(one)).await.expect(403);
    assert_eq!(late.header("x-image-auth"), Some("expired"));
}

#[tokio::test]
async fn a_program_narrows_what_it_was_given_and_never_widens_it() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("albums/cat").private().await;
    let narrower = account.issue_token("urls:sign").await;
    let narrow = async |body: Value| ask_by(&narrower, &account, "POST", "/narrow", Some(&body)).await;
    let album = signed(&account, json!({"folder": "albums", "expires_in_s": 600})).await;
    let (_, token) = album["url"].as_str().unwrap().split_once('?').unwrap();
    let whole = format!("{}?{token}", cat.path("public"));

    let one = narrow(json!({"url": whole, "expires_in_s": 60, "networks": ["127.0.0.1"]})).await.expect(200);
    let one = one.json()["result"].take();
    assert!(one["key"].is_null() && one["expires_at_s"].is_i64(), "{one}");
    server.get(&target(&one)).await.expect(200).picture();
    let elsewhere = narrow(json!({"url": whole, "networks": ["203.0.113.9"]})).await.expect(200).json();
    let refused_there = server.get(&target(&elsewhere["result"])).await.expect(403);
    assert_eq!(refused_there.header("x-image-auth"), Some("ip_mismatch"));
    let later = narrow(json!({"url": one["url"], "expires_in_s": 6_000})).await.expect(200).json();
    server.clock.stop_at(domain::Timestamp::from_seconds(one["expires_at_s"].as_i64().unwrap()));
    let late = server.get(&target(&later["result"])).await.expect(403);
    assert_eq!(late.header("x-image-auth"), Some("expired"), "the first end still counts");
    server.get(&whole).await.expect(200);

    let many = json!({"urls": [{"url": whole}, {"url": whole, "uses": 1}], "subject": "ada"});
    let many = narrow(many).await.expect(200).json()["result"]["urls"].take();
    assert!(many[1]["token_id"].is_string() && many[0]["token_id"].is_null(), "{many}");
    let alone = signed(&account, json!({"image": cat.id, "expires_in_s": 600})).await;
    for (body, words) in [
        (json!({"url": cat.path("public")}), "it carries no signature of ours"),
        (json!({"url": "/AAAAAAAAAAAAAAAAAAAAAA/cat/public?exp=1&sig=2"}), "not one of this account"),
        (json!({"url": whole, "networks": ["here"]}), "networks: at most 8"),
        (json!({"url": whole, "variants": ["hero"]}), "no variant 'hero'"),
        (json!({"url": whole, "key": "default"}), "unknown field `key`"),
        (json!({"url": alone["url"], "cookie": true}), "this URL was not signed for one"),
    ] {
        refused(narrow(body).await, 400, 5400, words);
    }
    let mut deep = json!(whole);
    for _ in 0..4 {
        deep =
            narrow(json!({"url": deep, "subject": "ada"})).await.expect(200).json()["result"]["url"].take();
    }
    refused(narrow(json!({"url": deep, "subject": "ada"})).await, 400, 5400, "narrowed four times");
}

#[tokio::test]
async fn a_program_rotates_signing_keys_and_chooses_the_one_that_signs() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    let before = signed(&account, json!({"image": cat.id, "expires_in_s": 86_400})).await;
    let turn = json!({"new_name": "web-2", "overlap_s": 3_600});
    let new = done(&account, "POST", "/keys/default/rotate", Some(&turn)).await;
    assert_eq!(
        (&new["name"], &new["signs"], &new["state"]),
        (&json!("web-2"), &json!(true), &json!("active"))
    );
    assert!(new["value"].is_null() && new["secret"].is_null(), "{new}");
    let after = signed(&account, json!({"image": cat.id})).await;
    assert_eq!(after["key"], "web-2");
    for url in [&before, &after] {
        server.get(&target(url)).await.expect(200);
    }
    server.clock.stop_at(server.clock.now().plus(std::time::Duration::from_secs(3_601)));
    let ended = server.get(&target(&before)).await.expect(403);
    assert_eq!(
        ended.header("x-image-auth"),
        Some("bad_signature"),
        "it names no key, and none that verifies signed"
    );

    let third = done(&account, "POST", "/keys/web-2/rotate", Some(&json!({}))).await;
    let again = ask_by(&account.token, &account, "POST", "/keys/web-2/use", Some(&json!({}))).await;
    assert_eq!(again.status, 400, "a key that retires does not sign: {again}");
    account.api("PUT", "/v1/keys/fourth").await.expect(200);
    done(&account, "POST", "/keys/fourth/use", Some(&json!({}))).await;
    assert_eq!(signed(&account, json!({"image": cat.id})).await["key"], "fourth");
    assert_eq!(signed(&account, json!({"image": cat.id, "key": third["name"]})).await["key"], third["name"]);
    for (rest, body, status) in [
        ("/keys/nobody/rotate", json!({}), 404),
        ("/keys/fourth/rotate", json!({"overlap_s": 315_360_001}), 400),
        ("/keys/fourth/rotate", json!({"new_name": "a b"}), 400),
        ("/keys/nobody/use", json!({}), 404),
    ] {
        let reply = ask_by(&account.token, &account, "POST", rest, Some(&body)).await;
        assert_eq!(reply.status, status, "{rest} {body}: {reply}");
    }
    let acts = done(&account, "GET", "/audit?act=key.rotate", None).await;
    assert_eq!(acts["audit"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_thousand_are_signed_at_once_or_none() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.with_variant("thumb", "w=100").await;
    let cat = account.with_image("cat.jpg").with_id("pets/cat").private().await;
    let mut urls: Vec<Value> = (0..999).map(|number| json!({"image": format!("x/{number}")})).collect();
    urls.push(json!({"image": cat.id, "variant": "public", "subject": "ada"}));
    let body = json!({"urls": urls, "variant": "thumb", "window_s": 3600, "key": "default"});
    let many = signed(&account, body.clone()).await;
    let many = many["urls"].as_array().unwrap();
    assert_eq!(many.len(), 1_000);
    assert!(many[0]["url"].as_str().unwrap().contains("/x/0/thumb?exp="), "{}", many[0]);
    server.get(&target(&many[999])).await.expect(200).picture();
    assert_eq!(signed(&account, body).await["urls"].as_array(), Some(many), "all through the window");

    urls[7] = json!({"image": "x", "variant": "hero"});
    urls[500] = json!({"image": "x", "lives": 9});
    let body = json!({"urls": urls});
    let envelope =
        refused(ask_by(&account.token, &account, "POST", "/sign", Some(&body)).await, 400, 5400, "urls[7]: ");
    assert_eq!(envelope["errors"].as_array().unwrap().len(), 2);
    assert_eq!(envelope["errors"][1]["source"]["pointer"], "/urls/500");
    urls.push(json!({"image": "x"}));
    let body = json!({"urls": urls});
    refused(ask_by(&account.token, &account, "POST", "/sign", Some(&body)).await, 400, 5400, "1 to 1,000");
}

#[tokio::test]
async fn a_folder_is_signed_and_its_cookie_opens_what_is_below() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("albums/2026/cat").private().await;
    let folder = signed(&account, json!({"folder": "albums/2026", "cookie": true})).await;
    let (_, token) = folder["url"].as_str().unwrap().split_once('?').unwrap();
    server.get(&format!("{}?{token}", cat.path("public"))).await.expect(200);
    let cookie = folder["cookie"].as_str().unwrap();
    assert!(cookie.contains(&format!("; Path=/{}/albums/2026/; ", account.account.hash)), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    server.get_with(&cat.path("public"), &[("cookie", pair)]).await.expect(200);
    server.get(&cat.path("public")).await.expect(403);
}

#[tokio::test]
async fn who_may_not_sign_and_what_would_not_open_is_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = json!({"image": "a"});
    let reader = account.issue_token("images:read,keys:read").await;
    refused(
        ask_by(&reader, &account, "POST", "/sign", Some(&body)).await,
        403,
        10000,
        "Authentication error",
    );
    let other = server.account_named("other").await;
    let foreign = ask_by(&other.token, &account, "POST", "/sign", Some(&body)).await;
    refused(foreign, 404, 7003, "Could not route");
    let wrong = ask_by(&account.token, &account, "GET", "/sign", None).await;
    assert_eq!(wrong.header("allow"), Some("POST"));
    refused(wrong, 405, 10405, "POST");
    account.set("max_lifetime", "3600").await;
    let long = json!({"image": "a", "expires_in_s": 3_601});
    let reply = ask_by(&account.token, &account, "POST", "/sign", Some(&long)).await;
    refused(reply, 400, 5400, "lifetime_too_long");
    let theirs = json!({"url": format!("/{}/a/public", other.account.hash)});
    let reply = ask_by(&account.token, &account, "POST", "/sign", Some(&theirs)).await;
    refused(reply, 400, 5400, "not one of this account");
    let huge = json!({"image": "a", "subject": "x".repeat(2_200_000)});
    let reply = ask_by(&account.token, &account, "POST", "/sign", Some(&huge)).await;
    refused(reply, 413, 5413, "2,097,152");
}

/// The key of the name in the list of all keys.
async fn key(account: &TestAccount<'_>, name: &str) -> Value {
    let keys = done(account, "GET", "/keys", None).await;
    keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == name).cloned().unwrap_or_default()
}

/// A path signed as imgproxy signs, below its mount.
fn imgproxy(key: &[u8], salt: &[u8], rest: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(salt);
    mac.update(format!("/{rest}").as_bytes());
    format!("/imgproxy/{}/{rest}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn an_account_switches_a_scheme_on_and_registers_its_key() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").private().await;
    let account = &cat.account;
    server.cli(["mount", "give", "imgproxy", "--account", "default"]).ok().await;
    let mounts = done(account, "GET", "/mounts", None).await;
    assert_eq!(
        (&mounts["mounts"][0]["mount"], &mounts["mounts"][0]["scheme"]),
        (&json!("imgproxy"), &json!("imgproxy"))
    );

    let new = json!({"name": "old-site", "scheme": "imgproxy", "key_hex": "00ff10", "salt_hex": "abcdef"});
    let made = done(account, "POST", "/keys", Some(&new)).await;
    assert_eq!((&made["kind"], &made["state"]), (&json!("key_and_salt"), &json!("active")));
    let url = imgproxy(&[0, 0xFF, 0x10], &[0xAB, 0xCD, 0xEF], "w:40/plain/cat");
    server.get(&url).await.expect(403);
    let set = done(account, "PATCH", "/schemes/imgproxy", Some(&json!({"mode": "enforce"}))).await;
    assert_eq!((&set["mode"], &set["keys"]), (&json!("enforce"), &json!(1)));
    server.get(&url).await.expect(200).picture();

    let explained = done(account, "POST", "/explain", Some(&json!({ "url": url }))).await;
    assert_eq!(
        (&explained["verdict"], &explained["scheme"]),
        (&json!("accepted"), &json!("imgproxy")),
        "{explained}"
    );
    assert_eq!((&explained["route"], &explained["key"]), (&json!("imgproxy"), &json!("old-site")));
    let wrong = imgproxy(b"another", b"salt", "w:40/plain/cat");
    let explained = done(account, "POST", "/explain", Some(&json!({ "url": wrong }))).await;
    assert_eq!((&explained["verdict"], &explained["reason"]), (&json!("refused"), &json!("bad_signature")));
    assert!(explained["advice"].is_string() && !explained.to_string().contains("00ff10"), "{explained}");

    done(account, "POST", "/keys/old-site/retire", Some(&json!({"overlap_s": 60}))).await;
    assert_eq!(key(account, "old-site").await["state"], "retiring");
    server.get(&url).await.expect(200);
    done(account, "DELETE", "/keys/old-site", None).await;
    assert_eq!(key(account, "old-site").await["state"], "revoked");
    server.get(&url).await.expect(403);
    let twice = ask_by(&account.token, account, "DELETE", "/keys/old-site", None).await;
    refused(twice, 404, 5404, "not found");
}

#[tokio::test]
async fn no_answer_holds_a_secret_and_what_a_scheme_cannot_use_is_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let secrets = [
        json!({"name": "temporary", "scheme": "s3", "id": "AKIDEXAMPLE", "secret": "hidden-1", "session_token": "hidden-2"}),
        json!({"name": "bunny", "scheme": "bunny", "secret": "hidden-3"}),
    ];
    for new in &secrets {
        let made = done(&account, "POST", "/keys", Some(new)).await;
        assert!(!made.to_string().contains("hidden"), "{made}");
    }
    let salt = json!({"settings": {"salt": "hidden-4", "hash": "sha1"}});
    let set = done(&account, "PATCH", "/schemes/edgeauth", Some(&salt)).await;
    assert_eq!((&set["settings"]["hash"], &set["secret_settings"]), (&json!("sha1"), &json!(["salt"])));
    for rest in ["/keys", "/schemes", "/settings", "/audit"] {
        let told = done(&account, "GET", rest, None).await.to_string();
        assert!(!told.contains("hidden"), "{rest}: {told}");
    }
    let listed = server.cli(["key", "list", "--values"]).ok().await;
    assert!(listed.contains("AKIDEXAMPLE") && !listed.contains("hidden"), "{listed}");
    let listed = server.cli(["scheme", "list", "--json"]).ok().await;
    assert!(listed.contains("salt=…") && !listed.contains("hidden"), "{listed}");

    for (method, rest, body, status, words) in [
        ("POST", "/keys", json!({"name": "a", "scheme": "s3", "secret": "x"}), 400, "name their key"),
        ("POST", "/keys", json!({"name": "a", "scheme": "bunny", "id": "i", "secret": "x"}), 400, "no key"),
        ("POST", "/keys", json!({"name": "a", "scheme": "cloudfront", "id": "i", "secret": "x"}), 400, ""),
        ("POST", "/keys", json!({"name": "a", "scheme": "native", "secret": "x"}), 400, "signing keys"),
        ("POST", "/keys", json!({"name": "bunny", "scheme": "bunny", "secret": "x"}), 409, "exists"),
        ("POST", "/keys", json!({"name": "default", "scheme": "bunny", "secret": "x"}), 409, "exists"),
        ("PATCH", "/schemes/cloudinary", json!({"mode": "enforce"}), 400, "no address serves"),
        ("PATCH", "/schemes/nosuch", json!({"mode": "enforce"}), 404, "there are native"),
        ("PATCH", "/schemes/bunny", json!({"settings": {"colour": "red"}}), 400, "allow_legacy"),
        ("POST", "/keys/bunny/retire", json!({"overlap_s": 999_999_999}), 400, "overlap_s"),
        ("POST", "/keys/nobody/retire", json!({}), 404, "not found"),
    ] {
        let reply = ask_by(&account.token, &account, method, rest, Some(&body)).await;
        let code = match status {
            409 => 5409,
            404 if rest.starts_with("/schemes") => 7003,
            404 => 5404,
            _ => 5400,
        };
        refused(reply, status, code, words);
    }
}

#[tokio::test]
async fn report_mode_opens_nothing_and_tells_what_it_found() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat").private().await;
    let account = &cat.account;
    server.cli(["mount", "give", "imgproxy", "--account", "default"]).ok().await;
    let new = json!({"name": "old", "scheme": "imgproxy", "key_hex": "01", "salt_hex": "02"});
    done(account, "POST", "/keys", Some(&new)).await;
    let said = server.cli(["scheme", "set", "imgproxy", "report"]).ok().await;
    assert!(said.contains("imgproxy=report"), "{said}");
    server.get(&imgproxy(&[1], &[2], "w:40/plain/cat")).await.expect(403);
    server.get(&imgproxy(&[1], &[3], "w:40/plain/cat")).await.expect(403);
    let report = done(account, "GET", "/schemes/imgproxy/report?days=1", None).await;
    let count = |verdict: &str| {
        let found = report["verdicts"].as_array().unwrap().iter().find(|found| found["verdict"] == verdict);
        found.map(|found| found["requests"].as_u64().unwrap())
    };
    assert_eq!((count("ok"), count("bad_signature")), (Some(1), Some(1)), "{report}");
    let wrong = ask_by(&account.token, account, "GET", "/schemes/imgproxy/report?days=0", None).await;
    refused(wrong, 400, 5400, "days: 1 to 366");
}

#[tokio::test]
async fn who_fetched_what_by_which_key_is_found_and_counted() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("cat").private().await;
    let one = signed(&account, json!({"image": "cat", "subject": "ada", "token_id": "download-1"})).await;
    server.get(&target(&one)).await.expect(200);
    server.get(&target(&one)).await.expect(200);
    let other = signed(&account, json!({"image": "cat", "subject": "bob", "not_before_s": 4_000_000_000_i64, "expires_at_s": 4_000_000_060_i64})).await;
    server.get(&target(&other)).await.expect(403);

    let found = done(&account, "GET", "/fetches?subject=ada&image=cat", None).await;
    let found = found["fetches"].as_array().unwrap();
    let requests: u64 = found.iter().map(|fetch| fetch["requests"].as_u64().unwrap()).sum();
    assert_eq!(requests, 2, "{found:?}");
    assert_eq!((&found[0]["key"], &found[0]["token_id"]), (&json!("default"), &json!("download-1")));
    assert_eq!((&found[0]["verdict"], &found[0]["variant"]), (&json!("ok"), &json!("public")));
    assert_eq!(found[0]["last_address"], "127.0.0.1");
    let refusals = done(&account, "GET", "/fetches?verdict=refused", None).await;
    assert_eq!(refusals["fetches"][0]["verdict"], "not_yet_valid", "{refusals}");
    assert_eq!(refusals["fetches"][0]["subject"], "bob", "its signature is right");

    let first = done(&account, "GET", "/fetches?limit=1", None).await;
    let cursor = first["cursor"].as_str().expect("there is more");
    let second = done(&account, "GET", &format!("/fetches?limit=1&cursor={cursor}"), None).await;
    assert_ne!(first["fetches"], second["fetches"]);
    let foreign = ask_by(&account.token, &account, "GET", "/fetches?cursor=AAAA", None).await;
    refused(foreign, 400, 5400, "place in the list");

    let usage = key(&account, "default").await["use"].clone();
    assert_eq!((&usage["requests_24h"], &usage["requests_7d"]), (&json!(2), &json!(2)), "{usage}");
    assert_eq!((&usage["last_variant"], &usage["latest_expiry"]), (&json!("public"), &one["expires_at"]));
    drop(cat);
}

#[tokio::test]
async fn settings_are_read_and_changed_and_the_audit_log_says_by_whom() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = json!({"max_lifetime": 3600, "ignore_params": ["utm_*"], "require_exp": true});
    let set = done(&account, "PATCH", "/settings", Some(&body)).await;
    assert_eq!(
        (&set["settings"]["max_lifetime"], &set["settings"]["ignore_params"]),
        (&json!("3600"), &json!("utm_*"))
    );
    assert_eq!(done(&account, "GET", "/settings", None).await, set);
    let wrong = ask_by(&account.token, &account, "PATCH", "/settings", Some(&json!({"leeway": 61}))).await;
    refused(wrong, 400, 5400, "leeway takes seconds from 0 to 60");
    let changes = done(&account, "GET", "/audit?act=account.set", None).await;
    let change = &changes["audit"][0];
    assert!(change["actor"].as_str().unwrap().starts_with("token:"), "{changes}");
    assert_eq!((&change["result"], &change["address"]), (&json!("done"), &json!("127.0.0.1")));
    let page = done(&account, "GET", "/audit?limit=1", None).await;
    assert_eq!(page["audit"].as_array().unwrap().len(), 1);
    let next = format!("/audit?limit=1&cursor={}", page["cursor"].as_str().unwrap());
    assert_ne!(done(&account, "GET", &next, None).await["audit"], page["audit"]);
}

#[tokio::test]
async fn each_route_needs_its_scope_and_a_refusal_changes_nothing() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let all = "images:read,images:write,images:delete,variants:write,keys:read,keys:write,urls:sign,tickets:create,\
               usage:read,account:admin";
    for (method, rest, needed) in [
        ("POST", "/sign", "urls:sign"),
        ("POST", "/explain", "images:read"),
        ("GET", "/settings", "images:read"),
        ("PATCH", "/settings", "account:admin"),
        ("GET", "/schemes", "images:read"),
        ("PATCH", "/schemes/bunny", "account:admin"),
        ("GET", "/schemes/bunny/report", "usage:read"),
        ("POST", "/keys", "keys:write"),
        ("POST", "/narrow", "urls:sign"),
        ("POST", "/keys/a/retire", "keys:write"),
        ("POST", "/keys/a/rotate", "keys:write"),
        ("POST", "/keys/a/use", "keys:write"),
        ("DELETE", "/keys/a", "keys:write"),
        ("GET", "/mounts", "images:read"),
        ("GET", "/fetches", "account:admin"),
        ("GET", "/audit", "account:admin"),
    ] {
        let others: Vec<&str> = all.split(',').filter(|scope| *scope != needed).collect();
        let without = account.issue_token(&others.join(",")).await;
        let reply = ask_by(&without, &account, method, rest, Some(&json!({}))).await;
        refused(reply, 403, 10000, "Authentication error");
        let with = account.issue_token(needed).await;
        let reply = ask_by(&with, &account, method, rest, Some(&json!({}))).await;
        assert_ne!(reply.status, 403, "{method} {rest}: {reply}");
    }
    let names = account.issue_token("images:read").await;
    ask_by(&names, &account, "GET", "/keys", None).await.expect(200);
}

#[tokio::test]
async fn an_explanation_says_what_to_do_and_nothing_of_the_urls_of_others() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("cat").private().await;
    let bound =
        signed(&account, json!({"image": "cat", "networks": ["203.0.113.0/24"], "subject": "ada"})).await;
    let ask = async |body: Value| done(&account, "POST", "/explain", Some(&body)).await;
    let refusal = ask(json!({"url": bound["url"], "address": "198.51.100.1"})).await;
    assert_eq!((&refusal["reason"], &refusal["status"]), (&json!("ip_mismatch"), &json!(403)));
    assert!(refusal["advice"].is_string(), "{refusal}");
    let failed = refusal["checks"].as_array().unwrap().iter().find(|check| check["passed"] == false).unwrap();
    assert_eq!(failed["check"], "address");
    let fine = ask(json!({"url": bound["url"], "address": "203.0.113.9"})).await;
    assert_eq!((&fine["verdict"], &fine["signature"]["subject"]), (&json!("accepted"), &json!("ada")));
    assert_eq!(
        (&fine["image"], &fine["variant"], &fine["is_here"]),
        (&json!("cat"), &json!("public"), &json!(true))
    );
    assert!(fine["signed_texts"][0].as_str().unwrap().contains("/cat/public?"), "{fine}");
    let odd = ask(json!({"url": format!("/{}//cat/public", account.account.hash)})).await;
    assert_eq!((&odd["verdict"], &odd["reason"]), (&json!("refused"), &json!("bad_path")));

    let other = server.account_named("other").await;
    other.with_image("dog.jpg").with_id("dog").await;
    for url in [
        format!("/{}/dog/public", other.account.hash),
        "/AAAAAAAAAAAAAAAAAAAAAA/dog/public".into(),
        "/v7/dog".into(),
    ] {
        let reply = ask_by(&account.token, &account, "POST", "/explain", Some(&json!({ "url": url }))).await;
        refused(reply, 400, 5400, "no URL of this account");
    }
    drop(cat);
}

/// What an answer has that its schema in the document does not, or lacks that it must have.
fn strays(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        return strays(document, schema, value, place, found);
    }
    if let Some(all) = schema["allOf"].as_array() {
        all.iter()
            .filter(|one| one.get("$ref").is_none())
            .for_each(|one| strays(document, one, value, place, found));
    }
    match value {
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| strays(document, &schema["items"], item, &format!("{place}[]"), found));
        }
        Value::Object(fields) => {
            let known = schema["properties"].as_object();
            let is_open = known.is_none() || schema["allOf"].is_array() || place.is_empty();
            for (name, field) in fields {
                match known.and_then(|known| known.get(name)) {
                    Some(schema) => strays(document, schema, field, &format!("{place}.{name}"), found),
                    None if is_open => {}
                    None => found.push(format!("{place}.{name} is not told")),
                }
            }
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required.filter(|name| !fields.contains_key(name.as_str().unwrap_or_default()));
            found.extend(missing.map(|name| format!("{place}.{name} is missing")));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_id("cat").private().await;
    let one = signed(&account, json!({"image": "cat", "subject": "ada", "uses": 2})).await;
    server.get(&target(&one)).await.expect(200);
    server.get(&target(&one).replace("sig=", "sig=0")).await.expect(400);
    let document = server.get("/api/openapi.json").await.expect(200).json();
    let key = json!({"name": "b", "scheme": "bunny", "secret": "x"});
    let asked = [
        ("/sign", "post", json!({"folder": "a", "cookie": true})),
        ("/explain", "post", json!({"url": one["url"]})),
        ("/settings", "patch", json!({"leeway": 5})),
        ("/settings", "get", Value::Null),
        ("/schemes", "get", Value::Null),
        ("/schemes/bunny", "patch", json!({"mode": "report"})),
        ("/schemes/bunny/report", "get", Value::Null),
        ("/narrow", "post", json!({"url": one["url"], "networks": ["127.0.0.1"]})),
        ("/keys", "post", key),
        ("/keys/default/rotate", "post", json!({"new_name": "next"})),
        ("/keys/next/use", "post", json!({})),
        ("/keys", "get", Value::Null),
        ("/mounts", "get", Value::Null),
        ("/fetches", "get", Value::Null),
        ("/audit", "get", Value::Null),
    ];
    for (rest, method, body) in asked {
        let body = Some(&body).filter(|body| !body.is_null());
        let reply = ask_by(&account.token, &account, &method.to_uppercase(), rest, body).await.expect(200);
        let template = ["bunny", "default", "next"]
            .iter()
            .fold(rest.to_owned(), |path, name| path.replace(&format!("/{name}"), "/{name}"));
        let path = format!("/api/v1/accounts/{{account_id}}{template}");
        let schema =
            &document["paths"][&path][method]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema["allOf"].is_array(), "{path} {method}");
        let mut schema = schema["allOf"][1]["properties"]["result"].clone();
        if matches!(rest, "/sign" | "/narrow") {
            schema = schema["oneOf"][0].clone();
        }
        let mut found = Vec::new();
        strays(&document, &schema, &reply.json()["result"], "result", &mut found);
        assert!(found.is_empty(), "{method} {rest}: {found:?} in {reply}");
    }
    drop(cat);
}
