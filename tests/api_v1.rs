//! Our own management API, `/api/v1`: what it signs, switches, registers, explains and tells, as programs ask for it.

use serde_json::{Value, json};

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
