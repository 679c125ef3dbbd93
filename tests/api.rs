//! The management API over HTTP, one test for each rule of the wire contract that it has to keep. Bad input has a
//! table of its own in `bad_input.rs`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Reply, TestAccount, TestServer, drawn};

/// A form with a drawn file and some text parts.
fn form(name: &str, texts: &[(&str, &str)]) -> Form {
    let file = Part::bytes(drawn::file(name)).file_name(name.to_owned());
    let mut form = Form::new().part("file", file);
    for (name, text) in texts {
        form = form.text((*name).to_owned(), (*text).to_owned());
    }
    form
}

async fn create(account: &TestAccount<'_>, texts: &[(&str, &str)]) -> Reply {
    account.api_form("POST", "/v1", form("logo.png", texts)).await
}

fn result(reply: &Reply) -> Value {
    reply.json()["result"].clone()
}

/// Refused with this status and code, in an envelope whose message holds these words.
#[track_caller]
fn refused(reply: Reply, status: u16, code: i64, words: &str) {
    let reply = reply.expect(status);
    let body = reply.json();
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
    assert_eq!((&body["success"], &body["result"]), (&json!(false), &Value::Null), "{reply}");
    assert_eq!(reply.code(), code, "{reply}");
    let message = body["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains(words), "{message} should say {words}");
}

#[tokio::test]
async fn r_01_an_image_is_made_got_changed_and_deleted_below_client_v4() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let made =
        create(&account, &[("id", "cat"), ("creator", "u1"), ("metadata", r#"{"k":"v"}"#)]).await.expect(200);
    let body = made.json();
    assert_eq!(
        (&body["success"], &body["errors"], &body["messages"]),
        (&json!(true), &json!([]), &json!([]))
    );
    let image = result(&made);
    assert_eq!(image["id"], "cat");
    assert_eq!(image["filename"], "logo.png");
    assert_eq!(image["creator"], "u1");
    assert_eq!(image["requireSignedURLs"], false);
    assert!(image.get("draft").is_none());
    let uploaded = image["uploaded"].as_str().unwrap();
    assert!(uploaded.len() == 24 && uploaded.ends_with('Z'), "{uploaded}");
    assert_eq!(result(&account.api("GET", "/v1/cat").await.expect(200)), image);
    let changed = account.api_json("PATCH", "/v1/cat", &json!({"creator": "u2"})).await.expect(200);
    assert_eq!(result(&changed)["creator"], "u2");
    assert_eq!(result(&account.api("DELETE", "/v1/cat").await.expect(200)), json!({}));
    refused(account.api("GET", "/v1/cat").await, 404, 5404, "not found");
}

#[tokio::test]
async fn r_03_r_10_r_11_an_image_names_its_metadata_twice_and_a_url_for_each_variant() {
    let server =
        TestServer::start_with(|config| config.delivery_url = Some("https://img.example.org".into())).await;
    let account = server.account().await;
    account.with_variant("thumb", "w=100").await;
    let image = result(&create(&account, &[("id", "a/b c%é"), ("metadata", r#"{"k":1}"#)]).await.expect(200));
    assert_eq!(image["meta"], json!({"k": 1}));
    assert_eq!(image["metadata"], image["meta"]);
    let url =
        |variant| format!("https://img.example.org/{}/a/b%20c%25%C3%A9/{variant}", account.account.hash);
    assert_eq!(image["variants"], json!([url("public"), url("thumb")]));
}

#[tokio::test]
async fn r_05_whatever_fails_answers_with_the_envelope() {
    let server = TestServer::start().await;
    let account = server.account().await;
    refused(account.api("GET", "/v1/nobody").await, 404, 5404, "not found");
    let lost = account.api("GET", "/v1/stats").await;
    assert_eq!(lost.json()["errors"][1]["code"], 7000, "{lost}");
    refused(lost, 404, 7003, "Could not route to /client/v4/accounts/");
    for path in [
        "/v1",
        "/v1/batch_token",
        "/v2/direct_upload",
        "/v2/metadata/keys",
        "/v1/variants/public/flat",
        "/v3",
    ] {
        refused(account.api("GET", path).await, 404, 7003, "Could not route");
    }
    let wrong = account.api("DELETE", "/v1/variants").await;
    assert_eq!(wrong.header("allow"), Some("GET, POST"));
    refused(wrong, 405, 10405, "GET, POST");
    refused(server.get("/client/v4/zones").await, 404, 7003, "Could not route to /client/v4/zones");
}

#[tokio::test]
async fn r_06_r_08_r_21_a_duplicate_says_so_in_both_styles_and_is_not_tried_again() {
    let server = TestServer::start().await;
    let account = server.account().await;
    create(&account, &[("id", "cat")]).await.expect(200);
    let again = create(&account, &[("id", "cat")]).await;
    assert_eq!(again.header("x-should-retry"), Some("false"));
    assert_eq!(again.json()["errors"][0]["message"], "ERROR 5409: Resource already exists");
    refused(again, 409, 5409, "ERROR 5409: Resource already exists");
    account.api("DELETE", "/v1/cat").await.expect(200);
    create(&account, &[("id", "cat")]).await.expect(200);
}

#[tokio::test]
async fn r_09_headers_that_nobody_knows_are_ignored() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let bearer = format!("Bearer {}", account.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("api-version", "2026-11-26"),
        ("x-stainless-lang", "js"),
        ("x-stainless-retry-count", "0"),
        ("x-http-method-override", "DELETE"),
        ("user-agent", "Cloudflare/JS 7.3.0"),
    ];
    server.ask("GET", &account.api_path("/v1/variants"), &headers).await.expect(200);
}

#[tokio::test]
async fn r_12_r_14_an_id_that_could_never_be_asked_for_is_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for id in
        ["keys", "stats/x", "variants/a", "config", "batch_token", "direct_upload", "metadata", "sourcingkit"]
    {
        refused(create(&account, &[("id", id)]).await, 400, 5400, "reserved");
    }
    refused(create(&account, &[("id", "photos/blob")]).await, 400, 5400, "/blob");
    refused(create(&account, &[("id", "083eb7b2-5392-4565-b69e-aff66acddd00")]).await, 400, 5400, "UUID");
    assert_eq!(account.account.totals.images, 0);
}

#[tokio::test]
async fn r_13_both_spellings_of_an_id_reach_the_same_image() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for spelling in ["/v1/a%2Fb%20c%25%C3%A9", "/v1/a/b%20c%25%C3%A9"] {
        create(&account, &[("id", "a/b c%é")]).await.expect(200);
        assert_eq!(result(&account.api("GET", spelling).await.expect(200))["id"], "a/b c%é");
        account.api_json("PATCH", spelling, &json!({"creator": "u"})).await.expect(200);
        let original = account.api("GET", &format!("{spelling}/blob")).await.expect(200);
        assert_eq!(original.body, drawn::file("logo.png"));
        account.api("DELETE", spelling).await.expect(200);
    }
}

#[tokio::test]
async fn r_15_r_16_odd_but_harmless_requests_do_not_fail() {
    let server = TestServer::start().await;
    let account = server.account().await;
    create(&account, &[("id", "cat")]).await.expect(200);
    let bearer = format!("Bearer {}", account.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (method, path) in [
        ("GET", "/v1/cat"),
        ("GET", "/v1/cat/?unknown=1&unknown=2"),
        ("GET", "/v2/?unknown=1"),
        ("HEAD", "/v1/cat"),
        ("HEAD", "/v1/cat/blob"),
        ("HEAD", "/v2"),
        ("PUT", "/v1/keys/k2"),
        ("DELETE", "/v1/keys/k2/"),
        ("DELETE", "/v1/cat"),
    ] {
        let reply = server.ask(method, &account.api_path(path), &headers).await.expect(200);
        assert_eq!(reply.body.is_empty(), method == "HEAD", "{method} {path}");
    }
}

#[tokio::test]
async fn r_17_only_a_form_is_taken() {
    let server = TestServer::start().await;
    let account = server.account().await;
    refused(
        account.api_json("POST", "/v1", &json!({"url": "https://e.org/a.png"})).await,
        415,
        5415,
        "multipart/form-data",
    );
    let raw = server.request("POST", &account.api_path("/v1")).bearer_auth(&account.token);
    let reply =
        Reply::of(raw.header("content-type", "image/png").body(drawn::file("a.png")).send().await.unwrap())
            .await;
    refused(reply, 415, 5415, "ERROR 5415: Images must be uploaded as a form");
}

/// A form as a client wrote it on the wire (contract 4.3), with a drawn file at `<bytes>`.
async fn send_captured(account: &TestAccount<'_>, boundary: &str, lines: &str) -> Reply {
    let text = lines.replace('\n', "\r\n");
    let (before, after) = text.split_once("<bytes>").expect("a place for the bytes");
    let body = [before.as_bytes(), &drawn::file("a.png"), after.as_bytes()].concat();
    let request = account.server.request("POST", &account.api_path("/v1")).bearer_auth(&account.token);
    let request =
        request.header("content-type", format!("multipart/form-data; boundary={boundary}")).body(body);
    Reply::of(request.send().await.expect("the server answers")).await
}

#[tokio::test]
async fn r_18_r_19_r_52_forms_of_the_official_clients_are_read() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let npm = "--bnd\nContent-Disposition: form-data; name=\"metadata[k]\"\n\nv\n--bnd\nContent-Disposition: form-data; \
               name=\"metadata[n][x]\"\n\n1\n--bnd\nContent-Disposition: form-data; name=\"requireSignedURLs\"\n\ntrue\n\
               --bnd\nContent-Disposition: form-data; name=\"creator\"\n\nu1\n--bnd\nContent-Disposition: form-data; \
               name=\"id\"\n\na/b c\n--bnd\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\n\
               Content-Type: application/octet-stream\n\n<bytes>\n--bnd--\n";
    let python = "--bnd\nContent-Disposition: form-data; name=\"file\"; filename=\"upload\"\nContent-Type: text/html\n\n<bytes>\n\
                  --bnd\nContent-Disposition: form-data; name=\"id\"\n\npy\n--bnd\nContent-Disposition: form-data; \
                  name=\"metadata.k\"\n\nv\n--bnd\nContent-Disposition: form-data; name=\"metadata.n.x\"\n\n1\n--bnd--\n\n";
    let curl = "--bnd\nContent-Disposition: form-data; name=\"file\"; filename=\"image.jpg\"\nContent-Type: image/jpeg\n\n<bytes>\n\
                --bnd\nContent-Disposition: form-data; name=\"metadata\"\n\n{\"k\":\"v\",\"n\":{\"x\":\"1\"}}\n--bnd--";
    for (lines, filename) in [(npm, "a.png"), (python, "upload"), (curl, "image.jpg")] {
        let image = result(&send_captured(&account, "bnd", lines).await.expect(200));
        assert_eq!(image["meta"], json!({"k": "v", "n": {"x": "1"}}), "{filename}");
        assert_eq!(image["filename"], filename);
        let id: domain::ImageId = image["id"].as_str().unwrap().parse().unwrap();
        let original = account.api("GET", &format!("/v1/{}/blob", id.to_path())).await.expect(200);
        assert_eq!(original.header("content-type"), Some("image/png"), "the bytes decide");
    }
}

#[tokio::test]
async fn r_20_r_23_a_form_holds_exactly_one_image() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let empty = server.request("POST", &account.api_path("/v1")).bearer_auth(&account.token);
    let empty = empty.header("content-type", "multipart/form-data; boundary=x").body("--x--\r\n");
    refused(Reply::of(empty.send().await.unwrap()).await, 400, 5400, "'file'");
    refused(create(&account, &[("url", "https://e.org/a.png")]).await, 400, 5400, "not both");
    let url = Form::new().text("url", "https://e.org/a.png");
    refused(account.api_form("POST", "/v1", url).await, 400, 5400, "not built in this build");
    let two = form("a.png", &[]).part("file", Part::bytes(drawn::file("b.png")).file_name("b.png"));
    refused(account.api_form("POST", "/v1", two).await, 400, 5400, "two");
}

#[tokio::test]
async fn r_22_an_image_with_a_custom_id_may_be_private() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let image = result(&create(&account, &[("id", "cat"), ("requireSignedURLs", "true")]).await.expect(200));
    assert_eq!(image["requireSignedURLs"], true);
}

#[tokio::test]
async fn r_24_a_file_may_come_as_base64_text() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let picture = drawn::file("a.png");
    let text = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let image = result(&account.api_form("POST", "/v1", Form::new().text("file", text)).await.expect(200));
    let original =
        account.api("GET", &format!("/v1/{}/blob", image["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(original.body, picture);
    let path = Form::new().text("file", "/home/me/cat.png");
    refused(account.api_form("POST", "/v1", path).await, 415, 5455, "ERROR 5455: ");
}

/// Ids on a page, and the token of the next.
fn page_of(reply: &Reply) -> (Vec<String>, Option<String>) {
    let result = result(reply);
    let ids = result["images"]
        .as_array()
        .expect("images")
        .iter()
        .map(|image| image["id"].as_str().expect("an id").to_owned());
    (ids.collect(), result["continuation_token"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn r_25_the_list_pages_by_token_in_both_orders() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for number in 0..5 {
        create(&account, &[("id", &format!("n{number}"))]).await.expect(200);
    }
    for (order, expected) in
        [("asc", ["n0", "n1", "n2", "n3", "n4"]), ("desc", ["n4", "n3", "n2", "n1", "n0"])]
    {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("/v2?per_page=2&sort_order={order}&continuation_token={token}");
            let (ids, next) = page_of(&account.api("GET", &path).await.expect(200));
            assert!(ids.len() <= 2);
            seen.extend(ids);
            let Some(next) = next else { break };
            token = next;
        }
        assert_eq!(seen, expected);
    }
    let whole = account.api("GET", "/v2").await.expect(200);
    assert_eq!(page_of(&whole).0[0], "n4", "the newest comes first");
    assert_eq!(whole.json()["result_info"], Value::Null);
    assert_eq!(page_of(&account.api("GET", "/v2?per_page=0").await.expect(200)).0.len(), 1);
    assert_eq!(page_of(&account.api("GET", "/v2?per_page=99999999").await.expect(200)).0.len(), 5);
    refused(account.api("GET", "/v2?continuation_token=bm9uc2Vuc2U").await, 400, 5400, "");
    refused(account.api("GET", "/v2?sort_order=sideways").await, 400, 5400, "asc or desc");
}

#[tokio::test]
async fn the_list_finds_by_creator_and_metadata() {
    let server = TestServer::start().await;
    let account = server.account().await;
    create(&account, &[("id", "a"), ("creator", "u1"), ("metadata", r#"{"status":"active","n":{"x":5}}"#)])
        .await
        .expect(200);
    create(
        &account,
        &[("id", "b"), ("creator", "u2"), ("metadata", r#"{"status":"old","n":{"x":7},"ok":true}"#)],
    )
    .await
    .expect(200);
    create(&account, &[("id", "c")]).await.expect(200);
    for (query, expected) in [
        ("creator=u1", vec!["a"]),
        ("creator=", vec!["c"]),
        ("meta.status%5Beq%5D=active", vec!["a"]),
        ("meta.status[in]=active%7Cold", vec!["b", "a"]),
        ("meta.n.x[gt]=5", vec!["b"]),
        ("meta.n.x[lte:number]=5", vec!["a"]),
        ("meta.ok[eq:boolean]=true", vec!["b"]),
        ("meta.n.x[eq:string]=5", vec![]),
        ("meta.status[eq]=old&creator=u1", vec![]),
    ] {
        assert_eq!(
            page_of(&account.api("GET", &format!("/v2?{query}")).await.expect(200)).0,
            expected,
            "{query}"
        );
    }
    refused(
        account.api("GET", "/v2?meta.a[not-eq]=1").await,
        400,
        5400,
        "Unsupported metadata filter operator: 'not-eq'",
    );
    let six = ["meta.a[eq]=1"; 6].join("&");
    let words = "Too many metadata filters: 6 provided, maximum 5 allowed";
    refused(account.api("GET", &format!("/v2?{six}")).await, 400, 5400, words);
    refused(
        account.api("GET", "/v2?meta.%3Cfield%3E%5B%3Coperator%3E%5D=x").await,
        400,
        5400,
        "metadata field",
    );
}

#[tokio::test]
async fn r_27_r_28_r_29_a_change_replaces_metadata_and_keeps_the_id() {
    let server = TestServer::start().await;
    let account = server.account().await;
    create(&account, &[("id", "cat"), ("metadata", r#"{"a":1,"b":2}"#), ("creator", "u")]).await.expect(200);
    let patch = async |body: Value| result(&account.api_json("PATCH", "/v1/cat", &body).await.expect(200));
    let image = patch(json!({"metadata": {"c": 3}, "requireSignedURLs": true})).await;
    assert_eq!(
        (&image["meta"], &image["requireSignedURLs"], &image["creator"]),
        (&json!({"c": 3}), &json!(true), &json!("u"))
    );
    assert_eq!(image["id"], "cat");
    let image = patch(json!({"requireSignedURLs": "false", "creator": null})).await;
    assert_eq!((&image["meta"], &image["requireSignedURLs"]), (&json!({"c": 3}), &json!(false)));
    assert!(image.get("creator").is_none());
}

#[tokio::test]
async fn r_30_a_change_may_come_as_a_form() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let made = result(&create(&account, &[("creator", "u")]).await.expect(200));
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/{id}");
    let metadata = Part::text(r#"{"k":"v"}"#).mime_str("application/json").unwrap();
    let form = Form::new().text("id", id).part("metadata", metadata).text("requireSignedURLs", "true");
    let image = result(&account.api_form("PATCH", &path, form).await.expect(200));
    assert_eq!(
        (&image["meta"], &image["requireSignedURLs"], &image["creator"]),
        (&json!({"k": "v"}), &json!(true), &json!("u"))
    );
    refused(
        account.api_form("PATCH", &path, Form::new().text("id", "other")).await,
        400,
        5400,
        "keeps its id",
    );
}

#[tokio::test]
async fn r_31_a_deleted_image_is_gone_with_its_bytes() {
    let server = TestServer::start().await;
    let account = server.account().await;
    create(&account, &[("id", "cat")]).await.expect(200);
    account.api("DELETE", "/v1/cat").await.expect(200);
    for method in ["DELETE", "GET"] {
        refused(account.api(method, "/v1/cat").await, 404, 5404, "not found");
    }
    refused(account.api("GET", "/v1/cat/blob").await, 404, 5404, "not found");
}

#[tokio::test]
async fn r_32_the_original_comes_back_byte_for_byte_and_never_as_a_page() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("Kätzchen \"1\".jpg").with_id("pets/cat").await;
    let bearer = format!("Bearer {}", account.token);
    let headers = [("authorization", bearer.as_str()), ("accept", "image/*")];
    let original = server.ask("GET", &account.api_path("/v1/pets%2Fcat/blob"), &headers).await.expect(200);
    assert_eq!(original.body, cat.bytes);
    assert_eq!(original.header("content-type"), Some("image/jpeg"));
    assert_eq!(original.header("content-length"), Some(cat.bytes.len().to_string().as_str()));
    assert_eq!(original.header("x-content-type-options"), Some("nosniff"));
    assert!(original.header("content-security-policy").unwrap().contains("sandbox"));
    let disposition = original.header("content-disposition").unwrap();
    assert_eq!(disposition, "attachment; filename*=UTF-8''K%C3%A4tzchen%20%221%22.jpg");
    let filter = catalog::AuditFilter { act: Some("image.download".into()), limit: 9, ..Default::default() };
    let entries = server.catalog().audit(&filter).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].target, "image:pets/cat");
    assert!(entries[0].actor.name.starts_with("token:") && entries[0].actor.request_id.is_some());
}

/// Names and values of the keys that an answer lists.
fn keys_of(reply: &Reply) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let keys = result(reply)["keys"].as_array().expect("keys").clone();
    keys.iter().map(|key| (text(&key["name"]).expect("a name"), text(&key["value"]))).collect()
}

#[tokio::test]
async fn r_35_values_of_keys_need_their_own_scope() {
    let server = TestServer::start().await;
    let account = server.account().await;
    assert!(keys_of(&account.api("GET", "/v1/keys").await.expect(200))[0].1.is_some());
    let reader = TestAccount { token: account.issue_token("read").await, ..account.clone() };
    assert_eq!(keys_of(&reader.api("GET", "/v1/keys").await.expect(200)), [("default".to_owned(), None)]);
    let writer = TestAccount { token: account.issue_token("keys:write").await, ..account.clone() };
    let made = keys_of(&writer.api("PUT", "/v1/keys/k2").await.expect(200));
    assert!(made.len() == 2 && made.iter().all(|(_, value)| value.is_none()));
}

#[tokio::test]
async fn r_36_r_38_r_39_keys_are_made_replaced_and_deleted_at_once() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let value = |keys: &[(String, Option<String>)], name: &str| {
        keys.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone())
    };
    let first = keys_of(&account.api("PUT", "/v1/keys/k2").await.expect(200));
    let second = keys_of(&account.api("PUT", "/v1/keys/k2").await.expect(200));
    assert_eq!((first.len(), second.len()), (2, 2));
    assert_ne!(value(&first, "k2"), value(&second, "k2"));
    assert_eq!(value(&first, "default"), value(&second, "default"));
    let left = keys_of(&account.api("DELETE", "/v1/keys/default").await.expect(200));
    assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["k2"]);
    refused(account.api("DELETE", "/v1/keys/default").await, 404, 5404, "not found");
    refused(account.api("DELETE", "/v1/keys/no%20name").await, 404, 5404, "not found");
    refused(account.api("PUT", "/v1/keys/no%20name").await, 400, 5400, "name");
    let last = keys_of(&account.api("DELETE", "/v1/keys/k2").await.expect(200));
    assert_eq!(last.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["default"]);
    assert_ne!(value(&last, "default"), value(&first, "default"), "a deleted key does not come back");
}

#[tokio::test]
async fn r_37_an_account_has_so_many_keys_and_no_more() {
    let server = TestServer::start_with(|config| config.max_signing_keys = 2).await;
    let account = server.account().await;
    account.api("PUT", "/v1/keys/k2").await.expect(200);
    refused(account.api("PUT", "/v1/keys/k3").await, 400, 5400, "2");
    account.api("PUT", "/v1/keys/k2").await.expect(200);
}

#[tokio::test]
async fn r_40_r_75_all_keys_verify_until_they_are_replaced_or_deleted() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("logo.png").private().await;
    account.api("PUT", "/v1/keys/k2").await.expect(200);
    let exp = server.clock.now().as_seconds() + 3_600;
    let signed = async |name: &str| {
        let secret = account.secret(name).await;
        let text = format!("{}?exp={exp}", cat.path("public"));
        crate::harness::sign(&text, &secret)
    };
    let (by_default, by_k2) = (signed("default").await, signed("k2").await);
    server.get(&by_default).await.expect(200);
    server.get(&by_k2).await.expect(200);
    account.api("PUT", "/v1/keys/k2").await.expect(200);
    server.get(&by_k2).await.expect(403);
    account.api("DELETE", "/v1/keys/default").await.expect(200);
    server.get(&by_default).await.expect(403);
    let anew = signed("k2").await;
    server.get(&anew).await.expect(200);
}

fn hero() -> Value {
    json!({
        "id": "hero",
        "options": {"fit": "cover", "width": 400, "height": 300, "metadata": "none"},
        "neverRequireSignedURLs": true,
    })
}

#[tokio::test]
async fn r_41_r_42_r_44_variants_are_a_map_and_public_stays() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let made = result(&account.api_json("POST", "/v1/variants", &hero()).await.expect(200));
    assert_eq!(made["variant"], hero());
    assert_eq!(
        (&made["id"], &made["options"], &made["neverRequireSignedURLs"]),
        (&hero()["id"], &hero()["options"], &json!(true))
    );
    let listed = result(&account.api("GET", "/v1/variants").await.expect(200));
    assert_eq!(listed["variants"]["hero"], hero());
    let public = json!({"fit": "scale-down", "width": 1366, "height": 768, "metadata": "none"});
    assert_eq!(listed["variants"]["public"]["options"], public);
    assert_eq!(result(&account.api("GET", "/v1/variants/hero").await.expect(200))["variant"], hero());
    assert_eq!(result(&account.api("DELETE", "/v1/variants/public").await.expect(200)), json!({}));
    account.api("GET", "/v1/variants/public").await.expect(200);
    account.api("DELETE", "/v1/variants/hero").await.expect(200);
    for method in ["GET", "DELETE"] {
        refused(account.api(method, "/v1/variants/hero").await, 404, 5401, "not found");
    }
}

#[tokio::test]
async fn r_43_r_46_a_changed_variant_delivers_its_new_options_at_once() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    account.api_json("POST", "/v1/variants", &hero()).await.expect(200);
    assert_eq!(cat.get("hero").await.expect(200).picture().width(), 400);
    let change = json!({"options": {"width": 200}});
    let changed = result(&account.api_json("PATCH", "/v1/variants/hero", &change).await.expect(200));
    let expected = json!({"fit": "cover", "width": 200, "height": 300, "metadata": "none"});
    assert_eq!((&changed["options"], &changed["neverRequireSignedURLs"]), (&expected, &json!(true)));
    let picture = cat.get("hero").await.expect(200).picture();
    assert_eq!((picture.width(), picture.height()), (200, 300));
    account.api("DELETE", "/v1/variants/hero").await.expect(200);
    cat.get("hero").await.expect(403);
    refused(account.api_json("PATCH", "/v1/variants/hero", &change).await, 404, 5401, "not found");
}

#[tokio::test]
async fn r_45_r_47_r_48_names_numbers_and_options_of_variants() {
    let server = TestServer::start_with(|config| config.max_variants = 3).await;
    let account = server.account().await;
    let post = async |id: &str, options: Value| {
        account.api_json("POST", "/v1/variants", &json!({"id": id, "options": options})).await
    };
    let options = json!({"width": 100, "quality": 70, "format": "webp", "blur": 5, "browser_ttl": 86_400});
    let made = result(&post("card-2_x", options.clone()).await.expect(200));
    let mut expected = options;
    expected["metadata"] = json!("none");
    assert_eq!(made["options"], expected);
    let again = post("card-2_x", json!({"width": 1})).await;
    assert_eq!(again.header("x-should-retry"), Some("false"));
    refused(again, 409, 5409, "already exists");
    for bad in ["w=400", "a,b", "a/b", "", "ä"] {
        refused(post(bad, json!({"width": 1})).await, 400, 5400, "name");
    }
    refused(post("x", json!({"width": 0})).await, 400, 5400, "width");
    refused(post("x", json!({"format": "tiff"})).await, 400, 5400, "format must");
    post("third", json!({"width": 1})).await.expect(200);
    refused(post("fourth", json!({"width": 1})).await, 400, 5400, "3");
}

#[tokio::test]
async fn settings_of_the_account_are_read_and_changed_one_by_one() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let config = |flexible: bool, ttl: u32| json!({"flexible_variants": flexible, "browser_ttl": ttl, "preserve_content_credentials": false});
    assert_eq!(result(&account.api("GET", "/v1/config").await.expect(200)), config(false, 172_800));
    let patch = async |body: Value| account.api_json("PATCH", "/v1/config", &body).await;
    assert_eq!(result(&patch(json!({"flexible_variants": true})).await.expect(200)), config(true, 172_800));
    assert_eq!(result(&patch(json!({"browser_ttl": 3_600})).await.expect(200)), config(true, 3_600));
    assert_eq!(result(&patch(json!({"flexible_variants": false})).await.expect(200)), config(false, 3_600));
    assert_eq!(
        server.catalog().account(&account.account.id).await.unwrap().policy.flexible_variants,
        catalog::Flexible::Signed
    );
    refused(patch(json!({"browser_ttl": 1})).await, 400, 5400, "3600");
    refused(patch(json!({"preserve_content_credentials": true})).await, 400, 5400, "not built in this build");
}

#[tokio::test]
async fn r_58_a_misspelt_field_is_refused_with_its_right_name() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for name in ["requireSignedUrls", "require_signed_urls", "RequireSignedURLs"] {
        refused(create(&account, &[("id", "cat"), (name, "true")]).await, 400, 5400, "'requireSignedURLs'");
    }
    create(&account, &[("id", "cat"), ("unheard_of", "x")]).await.expect(200);
    refused(
        account.api_json("PATCH", "/v1/cat", &json!({"requireSignedUrls": true})).await,
        400,
        5400,
        "'requireSignedURLs'",
    );
    refused(
        account.api_json("PATCH", "/v1/variants/public", &json!({"never_require_signed_urls": true})).await,
        400,
        5400,
        "'neverRequireSignedURLs'",
    );
}

#[tokio::test]
async fn r_84_clients_ask_for_their_token_and_account_first() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let bearer = format!("Bearer {}", account.token);
    let by_bearer = [("authorization", bearer.as_str())];
    let by_key = [("x-auth-email", "me@example.org"), ("x-auth-key", account.token.as_str())];
    for headers in [&by_bearer[..], &by_key[..]] {
        let verified = server.get_with("/client/v4/user/tokens/verify", headers).await.expect(200);
        assert_eq!(result(&verified)["status"], "active");
        assert_eq!(verified.json()["messages"][0]["message"], "This API Token is valid and active");
        let accounts = server.get_with("/client/v4/accounts", headers).await.expect(200);
        assert_eq!(result(&accounts)[0]["id"], account.account.id.to_string());
        assert_eq!(
            accounts.json()["result_info"],
            json!({"count": 1, "page": 1, "per_page": 20, "total_count": 1})
        );
        assert_eq!(
            result(&server.get_with("/client/v4/accounts?page=2", headers).await.expect(200)),
            json!([])
        );
    }
}

/// What each kind of token may do: a line a route, with the bundle that it takes at least.
const SCOPES: [(&str, &str, &str); 17] = [
    ("GET", "/v1/cat", "images:read"),
    ("GET", "/v1/cat/blob", "images:read"),
    ("GET", "/v2", "images:read"),
    ("GET", "/v1/keys", "images:read"),
    ("GET", "/v1/keys", "keys:read"),
    ("GET", "/v1/variants", "images:read"),
    ("GET", "/v1/variants/public", "images:read"),
    ("GET", "/v1/config", "images:read"),
    ("POST", "/v1", "images:write"),
    ("PATCH", "/v1/cat", "images:write"),
    ("POST", "/v1/variants", "variants:write"),
    ("PATCH", "/v1/variants/public", "variants:write"),
    ("DELETE", "/v1/variants/nobody", "variants:write"),
    ("PATCH", "/v1/config", "variants:write"),
    ("PUT", "/v1/keys/k2", "keys:write"),
    ("DELETE", "/v1/keys/nobody", "keys:write"),
    ("DELETE", "/v1/nobody", "images:delete"),
];

#[tokio::test]
async fn every_route_takes_its_scope_and_no_other() {
    let server = TestServer::start().await;
    let account = server.account().await;
    create(&account, &[("id", "cat")]).await.expect(200);
    for (method, path, scope) in SCOPES {
        let with = TestAccount { token: account.issue_token(scope).await, ..account.clone() };
        let allowed = with.api(method, path).await;
        assert_ne!(allowed.status, 403, "{method} {path} with {scope}: {allowed}");
        let needed: Vec<&str> =
            SCOPES.iter().filter(|row| (row.0, row.1) == (method, path)).map(|row| row.2).collect();
        let others: Vec<&str> = [
            "images:read",
            "images:write",
            "images:delete",
            "variants:write",
            "keys:read",
            "keys:write",
            "usage:read",
            "urls:sign",
            "tickets:create",
        ]
        .into_iter()
        .filter(|other| !needed.contains(other))
        .collect();
        let without = TestAccount { token: account.issue_token(&others.join(",")).await, ..account.clone() };
        refused(without.api(method, path).await, 403, 10000, "Authentication error");
    }
    let filter = catalog::AuditFilter { act: Some("api.request".into()), limit: 100, ..Default::default() };
    assert_eq!(server.catalog().audit(&filter).await.unwrap().len(), SCOPES.len(), "each refusal is noted");
}

#[tokio::test]
async fn a_token_may_ask_so_often_and_is_told_when_it_may_again() {
    let server = TestServer::start_with(|config| config.max_api_requests_per_s = 5).await;
    let account = server.account().await;
    let mut replies = Vec::new();
    for _ in 0..30 {
        replies.push(account.api("GET", "/v1/config").await);
    }
    let refused_one = replies.iter().find(|reply| reply.status == 429).expect("one of thirty is too many");
    assert_eq!(refused_one.header("retry-after"), Some("1"));
    assert_eq!(refused_one.json()["success"], false);
    assert_eq!(replies[0].status, 200);
    let other = TestAccount { token: account.issue_token("read").await, ..account.clone() };
    other.api("GET", "/v1/config").await.expect(200);
}

#[tokio::test]
async fn a_create_that_is_sent_again_with_its_idempotency_key_acts_once() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let send = async |key: &str, name: &str| {
        let request = server.request("POST", &account.api_path("/v1")).bearer_auth(&account.token);
        let request = request.header("idempotency-key", key).multipart(form(name, &[("creator", "u")]));
        Reply::of(request.send().await.unwrap()).await
    };
    let first = send("k-1", "logo.png").await.expect(200);
    let second = send("k-1", "logo.png").await.expect(200);
    assert_eq!(result(&first), result(&second));
    refused(send("k-1", "cat.jpg").await, 422, 5400, "idempotency");
    refused(send(&"k".repeat(256), "logo.png").await, 400, 5400, "Idempotency-Key");
    assert_ne!(result(&send("k-2", "logo.png").await.expect(200))["id"], result(&first)["id"]);
    assert_eq!(page_of(&account.api("GET", "/v2").await.expect(200)).0.len(), 2);
}

#[tokio::test]
async fn the_limit_of_a_file_is_exact() {
    let server = TestServer::start_with(|config| config.form.max_upload_bytes = 300_000).await;
    let account = server.account().await;
    let padded = |len: usize| {
        let mut bytes = drawn::file("cat.jpg");
        assert!(bytes.len() < len);
        bytes.resize(len, 0);
        Form::new().part("file", Part::bytes(bytes).file_name("cat.jpg"))
    };
    account.api_form("POST", "/v1", padded(300_000)).await.expect(200);
    refused(
        account.api_form("POST", "/v1", padded(300_001)).await,
        413,
        5413,
        "300,001 bytes; the limit is 300,000 bytes",
    );
    refused(account.api_form("POST", "/v1", padded(900_000)).await, 413, 5413, "the limit is 0.3 MB");
}

/// The head of an upload that says how long its body will be.
fn upload_head(account: &TestAccount<'_>, length: u64) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: {length}\r\n\r\n",
        account.api_path("/v1"),
        account.server.address(),
        account.token,
    )
}

#[tokio::test]
async fn a_body_that_is_too_large_or_not_allowed_is_answered_before_it_comes() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let reply = Reply::raw(server.address(), upload_head(&account, 24_100_000).as_bytes()).await;
    refused(reply, 413, 5413, "this file is 24.1 MB; the limit is 10 MB".trim_start_matches("this "));
    let stranger = TestAccount { token: "drk_nobody".into(), ..account.clone() };
    refused(
        Reply::raw(server.address(), upload_head(&stranger, 9_000_000).as_bytes()).await,
        401,
        10000,
        "Authentication error",
    );
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let server = TestServer::start_with(|config| config.body_grace_s = 1).await;
    let account = server.account().await;
    let request = upload_head(&account, 100_000)
        + "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc";
    refused(Reply::raw(server.address(), request.as_bytes()).await, 408, 5408, "ERROR 5408: ");
    let json = format!(
        "PATCH {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{{",
        account.api_path("/v1/config"),
        server.address(),
        account.token,
    );
    refused(Reply::raw(server.address(), json.as_bytes()).await, 408, 5408, "too slow");
}

#[tokio::test]
async fn a_disk_without_room_takes_no_upload_and_says_so() {
    let server = TestServer::start_with(|config| config.min_free_disk_bytes = u64::MAX / 2).await;
    let account = server.account().await;
    refused(create(&account, &[("id", "cat")]).await, 507, 5540, "ERROR 5540: The storage is full");
    refused(account.api("GET", "/v1/cat").await, 404, 5404, "not found");
    account.api("GET", "/v2").await.expect(200);
}

#[tokio::test]
async fn a_house_with_its_hands_full_says_when_to_come_again() {
    let server = TestServer::start_with(|config| {
        config.workers.workers = 1;
        config.workers.max_queued = 0;
    })
    .await;
    let account = server.account().await;
    let picture = drawn::png(&image::DynamicImage::ImageRgb8(drawn::photo(2_400, 1_800)));
    let slow = || Form::new().part("file", Part::bytes(picture.clone()).file_name("slow.png"));
    let (mut taken, mut busy) = (0, 0);
    while busy == 0 {
        assert!(taken < 60, "six at once were never too many");
        for reply in
            futures_util::future::join_all((0..6).map(|_| account.api_form("POST", "/v1", slow()))).await
        {
            if reply.status == 200 {
                taken += 1;
                continue;
            }
            busy += 1;
            assert_eq!(reply.header("retry-after"), Some("1"));
            refused(reply, 503, 5503, "ERROR 5503: ");
        }
    }
    assert!(taken > 0);
    assert_eq!(page_of(&account.api("GET", "/v2").await.expect(200)).0.len(), taken);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let begun = upload_head(&account, 100_000)
        + "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    stream.write_all(begun.as_bytes()).await.unwrap();
    stream.write_all(&drawn::file("a.png")[..500]).await.unwrap();
    drop(stream);
    crate::harness::eventually("the scratch file goes", Duration::from_secs(10), async || {
        server.scratch_files() == 0
    })
    .await;
    assert_eq!(server.storage_counts().puts, 0);
    account.api("GET", "/v2").await.expect(200);
}

#[tokio::test]
async fn a_connection_is_used_again_after_an_upload() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = [
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n",
        &drawn::file("a.png")[..],
        b"\r\n--x--\r\n",
    ]
    .concat();
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    for _ in 0..2 {
        stream.write_all(upload_head(&account, body.len() as u64).as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(16).any(|window| window == b"\"result_info\":nu") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
    }
}
