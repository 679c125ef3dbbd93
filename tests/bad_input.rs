//! Bad input, a row each: one clear answer, and nothing left behind.

use std::net::TcpListener;
use std::time::Duration;

use catalog::{Actor, NewToken, Scopes};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::{Cli, Place, Reply, TestAccount, TestServer, drawn, shared};

/// The rows that were run, and the house that they must leave as it was.
struct Table<'s> {
    account: TestAccount<'s>,
    rows: usize,
    left: (usize, i64),
}

impl<'s> Table<'s> {
    async fn over(account: TestAccount<'s>) -> Table<'s> {
        let left = left(&account).await;
        Table { account, rows: 0, left }
    }

    /// The answer has this status and code, says these words, tells nothing of the machine, and left nothing.
    async fn row(&mut self, name: &str, reply: Reply, status: u16, code: i64, words: &str) {
        self.rows += 1;
        assert_eq!((reply.status, code_of(&reply)), (status, code), "{name}: {reply}");
        let text = reply.text();
        assert!(text.contains(words), "{name}: the answer should say {words:?}: {reply}");
        let folder = self.account.server.data_dir().display().to_string();
        for secret in [folder.as_str(), "src/", ".rs:", "panicked", self.account.token.as_str()] {
            assert!(!text.contains(secret), "{name}: the answer tells {secret}");
        }
        assert_eq!(left(&self.account).await, self.left, "{name}: something was left behind");
    }

    /// An odd id that is a good one: the image is there under it, is delivered, and goes again.
    async fn good_id(&mut self, id: &str) {
        self.rows += 1;
        let image = self.account.with_image("logo.png").with_id(id).await;
        assert_eq!(image.created["id"], id);
        self.account.api("GET", &image.api_path()).await.expect(200);
        // A path may be no longer than 4,096 bytes, and each byte of a name may need three.
        if image.path("public").len() <= 4_096 {
            image.get("public").await.expect(200);
        }
        self.account.api("DELETE", &image.api_path()).await.expect(200);
        assert_eq!(left(&self.account).await, self.left, "{id}: something was left behind");
    }
}

/// What a refusal must leave as it is: objects and scratch files, and images in the catalog.
async fn left(account: &TestAccount<'_>) -> (usize, i64) {
    let objects = account.server.place().objects().keys().await.len() + account.server.scratch_files();
    (objects, account.server.catalog().account(&account.account.id).await.expect("the account").totals.images)
}

/// The code in the API's envelope, or in a delivery's text.
fn code_of(reply: &Reply) -> i64 {
    if reply.header("content-type") == Some("application/json") {
        return reply.code();
    }
    let text = reply.text();
    let digits = text.strip_prefix("ERROR ").and_then(|rest| rest.split(':').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn upload(bytes: Vec<u8>, texts: &[(&str, &str)]) -> Form {
    let form = Form::new().part("file", Part::bytes(bytes).file_name("cat.jpg"));
    texts.iter().fold(form, |form, (name, text)| form.text((*name).to_owned(), (*text).to_owned()))
}

/// A PNG whose header names these sides and whose pixels are missing.
fn claimed_png(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(&header);
    bytes.extend(crc(&header).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    bytes
}

/// The check sum of a PNG's chunk (PNG, annex D).
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[tokio::test]
async fn every_bad_request_has_one_clear_answer_and_leaves_nothing_behind() {
    // More requests than a token may make in a second come from here, and none of them is refused for that.
    let server = TestServer::start_with(|config| config.max_api_requests_per_s = 100_000).await;
    let account = server.account().await;
    let public = account.with_image("cat.jpg").with_id("there").await;
    let private = account.with_image("logo.png").private().await;
    let mut table = Table::over(account.clone()).await;
    tokens(&mut table).await;
    forms(&mut table).await;
    pictures(&mut table).await;
    ids(&mut table).await;
    fields(&mut table).await;
    json_bodies(&mut table).await;

    // Delivery.
    let reply = public.get("nobody").await;
    table.row("unknown variant", reply, 403, 9425, "doesn't have variant with this name").await;
    let reply = server.get(&public.path("public").replace("there", "nowhere")).await;
    table.row("unknown image", reply, 404, 9404, "").await;
    let signed = private.signed("public").await;
    let sig = signed.split("&sig=").nth(1).unwrap();
    table.row("two signatures", server.get(&format!("{signed}&sig={sig}")).await, 400, 9432, "").await;
    let path = private.path("public");
    for exp in ["soon", "1e9", "-1", "0x10", "", "99999999999999999999"] {
        let reply = server.get(&format!("{path}?exp={exp}&sig={sig}")).await;
        table.row(&format!("an exp that is {exp:?}"), reply, 400, 9432, "").await;
    }
    for (name, target) in [
        ("a path with dots", format!("/{}/a/../public", account.account.hash)),
        ("a path with an encoded slash", format!("/{}/a%2Fb/public", account.account.hash)),
        ("a path with an empty segment", format!("/{}/a//public", account.account.hash)),
    ] {
        table.row(name, server.get_raw(&target).await, 400, 9432, "").await;
    }
    println!("bad input: {} rows over HTTP", table.rows);
    assert!(table.rows >= 70, "rows were lost: {}", table.rows);
}

async fn tokens(table: &mut Table<'_>) {
    let account = table.account.clone();
    let server = account.server;
    let ask = async |headers: &[(&str, &str)]| server.ask("GET", &account.api_path("/v2"), headers).await;
    let bearer = async |token: &str| ask(&[("authorization", &format!("Bearer {token}"))]).await;
    table.row("missing token", ask(&[]).await, 400, 9106, "Missing X-Auth-Key").await;
    table.row("malformed token", ask(&[("authorization", "Basic YTpi")]).await, 400, 6003, "6111").await;
    table.row("wrong token", bearer("drk_wrong").await, 401, 10000, "Authentication error").await;
    let (rest, last) = account.token.split_at(account.token.len() - 1);
    let altered = format!("{rest}{}", if last == "x" { "y" } else { "x" });
    table.row("altered token", bearer(&altered).await, 401, 10000, "Authentication error").await;
    table
        .row(
            "token in the query",
            server.get(&account.api_path(&format!("/v2?token={}", account.token))).await,
            400,
            9106,
            "Missing",
        )
        .await;

    let catalog = server.catalog();
    let expires_at = Some(server.clock.now().plus(Duration::from_secs(60)));
    let new = NewToken { label: "short".into(), scopes: Scopes::read(), expires_at };
    let expired =
        catalog.issue_token(&account.account.id, new.clone(), &Actor::command()).await.expect("a new token");
    bearer(expired.value.reveal()).await.expect(200);
    server.clock.advance(Duration::from_secs(61));
    table
        .row("expired token", bearer(expired.value.reveal()).await, 401, 10000, "Authentication error")
        .await;
    let new = NewToken { expires_at: None, ..new };
    let revoked =
        catalog.issue_token(&account.account.id, new, &Actor::command()).await.expect("a new token");
    catalog
        .revoke_token(&account.account.id, &revoked.token.id, &Actor::command())
        .await
        .expect("a revoked token");
    table
        .row("revoked token", bearer(revoked.value.reveal()).await, 401, 10000, "Authentication error")
        .await;

    let reader = TestAccount { token: account.issue_token("read").await, ..account.clone() };
    let form = || upload(drawn::file("cat.jpg"), &[]);
    table
        .row(
            "read-only token, upload",
            reader.api_form("POST", "/v1", form()).await,
            403,
            10000,
            "Authentication error",
        )
        .await;
    table
        .row(
            "read-only token, delete",
            reader.api("DELETE", "/v1/there").await,
            403,
            10000,
            "Authentication error",
        )
        .await;
    let other = server.account_named("other").await;
    let foreign = TestAccount { token: other.token.clone(), ..account.clone() };
    table
        .row("foreign token, read", foreign.api("GET", "/v1/there").await, 404, 7003, "No route for that URI")
        .await;
    table
        .row(
            "foreign token, upload",
            foreign.api_form("POST", "/v1", form()).await,
            404,
            7003,
            "No route for that URI",
        )
        .await;
    table
        .row(
            "foreign token, delete",
            foreign.api("DELETE", "/v1/there").await,
            404,
            7003,
            "No route for that URI",
        )
        .await;
    let headers = [("authorization", format!("Bearer {}", account.token))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for unknown in ["00000000000000000000000000000000", "default", "..%2F", "%00"] {
        let path = format!("/client/v4/accounts/{unknown}/images/v2");
        table
            .row(
                &format!("unknown account {unknown}"),
                server.ask("GET", &path, &headers).await,
                404,
                7003,
                "7000",
            )
            .await;
    }
}

async fn forms(table: &mut Table<'_>) {
    let account = table.account.clone();
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = account.server.request("POST", &account.api_path("/v1")).bearer_auth(&account.token);
        Reply::of(
            request.header("content-type", content_type).body(body).send().await.expect("the server answers"),
        )
        .await
    };
    let form = "multipart/form-data; boundary=x";
    let part = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    let long_head = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\r\na\r\n--x--\r\n",
        "n".repeat(9_000)
    );
    let many = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(5_000) + "--x--\r\n";
    let nested = part
        .replace("\r\n\r\n", "\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nz\r\n--y--")
        + "\r\n--x--\r\n";
    let long_boundary = format!("multipart/form-data; boundary={}", "b".repeat(71));
    for (name, content_type, body, status, code, words) in [
        ("empty body", form, String::new(), 400, 5400, "closing boundary"),
        (
            "empty body without a type",
            "application/octet-stream",
            String::new(),
            415,
            5415,
            "multipart/form-data",
        ),
        ("JSON", "application/json", "{}".into(), 415, 5415, "multipart/form-data"),
        (
            "no boundary",
            "multipart/form-data",
            format!("{part}a\r\n--x--\r\n"),
            415,
            5415,
            "multipart/form-data",
        ),
        ("a boundary of 71 characters", &long_boundary, String::new(), 400, 5400, "70"),
        (
            "another boundary",
            "multipart/form-data; boundary=z",
            format!("{part}a\r\n--x--\r\n"),
            400,
            5400,
            "closing boundary",
        ),
        ("no parts", form, "--x--\r\n".into(), 400, 5400, "'file'"),
        (
            "no image",
            form,
            "--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\na\r\n--x--\r\n".into(),
            400,
            5400,
            "'file'",
        ),
        ("no end", form, format!("{part}abc"), 400, 5400, "closing boundary"),
        ("an end in the head", form, "--x\r\nContent-Dispo".into(), 400, 5400, "closing boundary"),
        ("a part without a name", form, "--x\r\nX-A: b\r\n\r\na\r\n--x--\r\n".into(), 400, 5400, "name"),
        ("a malformed head", form, "--x\r\n\u{1}bad\u{2}: \r\n\r\na\r\n--x--\r\n".into(), 400, 5400, "head"),
        ("a head that is too long", form, long_head, 400, 5400, "8,192"),
        ("5,000 parts", form, many, 400, 5400, "32 parts"),
        ("a form in a form", form, nested, 415, 5455, ""),
        (
            "a file in another part",
            form,
            part.replace("\"file\"", "\"image\"") + "a\r\n--x--\r\n",
            400,
            5400,
            "'file'",
        ),
    ] {
        table.row(name, send(content_type, body.into_bytes()).await, status, code, words).await;
    }
    let two =
        upload(drawn::file("a.jpg"), &[]).part("file", Part::bytes(drawn::file("b.png")).file_name("b.png"));
    table.row("two files", account.api_form("POST", "/v1", two).await, 400, 5400, "two").await;
    let both = upload(drawn::file("a.jpg"), &[("url", "https://example.org/a.png")]);
    table.row("file and url", account.api_form("POST", "/v1", both).await, 400, 5400, "not both").await;
    let url = Form::new().text("url", "http://169.254.169.254/latest/meta-data");
    table
        .row("a url", account.api_form("POST", "/v1", url).await, 400, 5400, "not built in this build")
        .await;
}

async fn pictures(table: &mut Table<'_>) {
    let account = table.account.clone();
    let cat = drawn::file("cat.jpg");
    let png = drawn::file("logo.png");
    let mut gif_then_html = b"GIF89a".to_vec();
    gif_then_html.extend(b"<script>alert(1)</script>");
    for (name, bytes, status, code, words) in [
        ("an empty file", Vec::new(), 422, 5450, "empty"),
        ("a truncated JPEG", cat[..cat.len() / 2].to_vec(), 422, 5450, "damaged"),
        ("a truncated PNG", png[..png.len() / 2].to_vec(), 422, 5450, "damaged"),
        ("a JPEG that is only a beginning", cat[..4].to_vec(), 422, 5450, ""),
        ("text that calls itself JPEG", b"this is no picture at all".to_vec(), 415, 5455, "JPEG"),
        ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec(), 415, 5455, ""),
        ("an open SVG", b"<svg xmlns='http://www.w3.org/2000/svg'>".to_vec(), 422, 5450, "early"),
        ("TIFF", b"II*\0\x08\0\0\0\0\0".to_vec(), 415, 5455, "TIFF"),
        ("BMP", b"BM\x3a\0\0\0\0\0\0\0".to_vec(), 415, 5455, ""),
        ("a magic number and then HTML", gif_then_html, 422, 5450, ""),
        ("too large", vec![0xff; 10_000_001], 413, 5413, "10,000,001 bytes; the limit is 10,000,000 bytes"),
        ("too many pixels", claimed_png(11_000, 11_000), 413, 5413, ""),
        ("a side that is too long", claimed_png(12_001, 1), 413, 5413, ""),
        ("no pixels", claimed_png(0, 10), 422, 5450, ""),
        ("a header without pixels", claimed_png(100, 100), 422, 5450, ""),
    ] {
        let reply = account.api_form("POST", "/v1", upload(bytes, &[])).await;
        assert!(reply.text().contains(&format!("ERROR {code}: ")), "{name}: {reply}");
        table.row(name, reply, status, code, words).await;
    }
}

async fn ids(table: &mut Table<'_>) {
    let account = table.account.clone();
    let longest = "x".repeat(1_024);
    let longest_in_utf8 = "é".repeat(512);
    for id in [
        "a/b/c/d.jpg",
        "100%",
        "50%25 off",
        "with space",
        "日本/猫 é",
        "a+b&c=d?e#f",
        "-._~",
        "%zz",
        "a.b",
        &longest,
        &longest_in_utf8,
    ] {
        table.good_id(id).await;
    }
    let too_long = "x".repeat(1_025);
    for (id, words) in [
        ("", "1,024 bytes"),
        (too_long.as_str(), "1,024 bytes"),
        ("/a", "begin or end"),
        ("a/", "begin or end"),
        ("a//b", "empty segment"),
        (".", "'..'"),
        ("..", "'..'"),
        ("a/../b", "'..'"),
        ("a/%2e%2e/b", "'..'"),
        ("a%2Fb", "'..'"),
        ("a\\b", "control characters"),
        ("a\u{0}b", "control characters"),
        ("a\nb", "control characters"),
        ("a\u{7f}b", "control characters"),
        ("a\u{202e}gpj.b", "turn text around"),
        ("keys", "reserved"),
        ("variants/hero", "reserved"),
        ("direct_upload", "reserved"),
        ("photos/blob", "/blob"),
        ("083eb7b2-5392-4565-b69e-aff66acddd00", "UUID"),
    ] {
        let reply = account.api_form("POST", "/v1", upload(drawn::file("logo.png"), &[("id", id)])).await;
        table.row(&format!("the id {:?}", &id[..id.len().min(40)]), reply, 400, 5400, words).await;
    }
    let reply = account.api_form("POST", "/v1", upload(drawn::file("logo.png"), &[("id", "there")])).await;
    table.row("a duplicate id", reply, 409, 5409, "ERROR 5409: Resource already exists").await;
    for path in ["/v1/a%2F..%2Fb", "/v1/%00", "/v1/%ff", "/v1/a//b", "/v1/%5C", "/v1/nobody"] {
        table.row(&format!("GET {path}"), account.api("GET", path).await, 404, 5404, "not found").await;
    }
}

async fn fields(table: &mut Table<'_>) {
    let account = table.account.clone();
    let exact = json!({"k": "v".repeat(1_024 - r#"{"k":""}"#.len())}).to_string();
    let reply = account
        .api_form("POST", "/v1", upload(drawn::file("logo.png"), &[("id", "full"), ("metadata", &exact)]))
        .await;
    reply.expect(200);
    account.api("DELETE", "/v1/full").await.expect(200);
    let too_large = json!({"k": "v".repeat(1_025 - r#"{"k":""}"#.len())}).to_string();
    let deep = format!("{}1{}", "[".repeat(4_000), "]".repeat(4_000));
    let huge = "m".repeat(16_385);
    for (name, value, words) in [
        ("metadata", "[1,2]", "object"),
        ("metadata", "null", "object"),
        ("metadata", "\"text\"", "object"),
        ("metadata", "{\"a\":", "JSON"),
        ("metadata", "", "JSON"),
        ("metadata", &deep, "JSON"),
        ("metadata", &too_large, "1,024"),
        ("metadata[k]", &"v".repeat(1_100), "1,024"),
        ("metadata[", "v", "metadata[key]"),
        ("metadata", &huge, "16,384"),
        ("requireSignedURLs", "yes", "true or false"),
        ("requireSignedURLs", "True", "true or false"),
        ("requireSignedURLs", "", "true or false"),
        ("requireSignedUrls", "true", "'requireSignedURLs'"),
        ("creator", &"c".repeat(1_025), "1,024"),
    ] {
        let reply = account.api_form("POST", "/v1", upload(drawn::file("logo.png"), &[(name, value)])).await;
        let shown: String = value.chars().take(20).collect();
        table.row(&format!("{name}={shown}"), reply, 400, 5400, words).await;
    }
}

async fn json_bodies(table: &mut Table<'_>) {
    let account = table.account.clone();
    let send = async |method: &str, path: &str, body: String| {
        let request = account.server.request(method, &account.api_path(path)).bearer_auth(&account.token);
        Reply::of(
            request
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .expect("the server answers"),
        )
        .await
    };
    for (name, method, path, body, status, words) in [
        ("an empty JSON body", "PATCH", "/v1/there", String::new(), 400, "empty"),
        ("JSON that ends early", "PATCH", "/v1/there", "{\"metadata\":".into(), 400, "valid JSON"),
        ("a JSON list", "PATCH", "/v1/there", "[]".into(), 400, "object"),
        (
            "a number as a switch",
            "PATCH",
            "/v1/there",
            json!({"requireSignedURLs": 1}).to_string(),
            400,
            "true or false",
        ),
        (
            "metadata that is a text",
            "PATCH",
            "/v1/there",
            json!({"metadata": "{}"}).to_string(),
            400,
            "object",
        ),
        (
            "metadata that is too large",
            "PATCH",
            "/v1/there",
            json!({"metadata": {"k": "v".repeat(1_100)}}).to_string(),
            400,
            "1,024",
        ),
        (
            "a creator that is too long",
            "PATCH",
            "/v1/there",
            json!({"creator": "c".repeat(1_025)}).to_string(),
            400,
            "1,024",
        ),
        ("a JSON body of a megabyte", "PATCH", "/v1/there", " ".repeat(1_000_000), 413, "65,536"),
        (
            "a variant without a name",
            "POST",
            "/v1/variants",
            json!({"options": {"width": 1}}).to_string(),
            400,
            "id",
        ),
        (
            "a variant named like options",
            "POST",
            "/v1/variants",
            json!({"id": "w=1", "options": {}}).to_string(),
            400,
            "name",
        ),
        (
            "a width of nothing",
            "POST",
            "/v1/variants",
            json!({"id": "a", "options": {"width": 0}}).to_string(),
            400,
            "width",
        ),
    ] {
        let reply = send(method, path, body).await;
        let code = if status == 413 { 5413 } else { 5400 };
        table.row(name, reply, status, code, words).await;
    }
}

/// A client that tries again as the official ones do: twice after 409, unless it is told not to (contract R-08).
async fn create_stubbornly(url: &str, token: &str) -> u16 {
    let client = reqwest::Client::new();
    for last in [false, false, true] {
        let request =
            client.post(url).bearer_auth(token).multipart(upload(drawn::file("logo.png"), &[("id", "cat")]));
        let reply = Reply::of(request.send().await.expect("the server answers")).await;
        if last || reply.status != 409 || reply.header("x-should-retry") == Some("false") {
            return reply.status;
        }
    }
    unreachable!("the last try returns")
}

#[tokio::test]
async fn a_duplicate_id_is_in_the_servers_log_once() {
    let place = Place::new().await;
    let mut server = place.cli(&["serve"]).serve().await;
    let token = place.cli(&["token", "issue", "--permission", "write"]).ok().await;
    let accounts: serde_json::Value = reqwest::Client::new()
        .get(format!("{}/client/v4/accounts", server.url))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let account = accounts["result"][0]["id"].as_str().unwrap();
    let url = format!("{}/client/v4/accounts/{account}/images/v1", server.url);
    assert_eq!(create_stubbornly(&url, &token).await, 200);
    assert_eq!(create_stubbornly(&url, &token).await, 409);
    let exit = server.terminate().await;
    assert_eq!(exit, 0);
    crate::harness::eventually("the log is whole", Duration::from_secs(5), || {
        std::future::ready(server.log().iter().any(|line| is_conflict(line)))
    })
    .await;
    let conflicts = server.log().iter().filter(|line| is_conflict(line)).count();
    assert_eq!(conflicts, 1, "{:#?}", server.log());
    assert!(!server.log().iter().any(|line| line.contains(&token)), "the log holds the token");
}

/// Whether a line of the log tells of a request that was answered 409; times and ids may have these digits too.
fn is_conflict(line: &str) -> bool {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    line["status"] == 409 || line["fields"]["status"] == 409
}

/// The start is refused: exit code 1, and the words on standard error.
async fn refused_start(name: &str, cli: Cli, words: &[&str]) {
    let said = tokio::time::timeout(Duration::from_secs(20), cli.run()).await.expect("it ends by itself");
    assert_eq!(said.code, 1, "{name}: {said:?}");
    for word in words {
        assert!(said.err.contains(word), "{name} should say {word:?}: {said:?}");
    }
    assert!(!said.err.contains("panicked"), "{name}: {said:?}");
}

#[tokio::test]
async fn a_start_that_cannot_succeed_says_why_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let free = ("DARKROOM_BIND", "127.0.0.1:0");

    // Root writes where others may not, so a file stands in the way.
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, b"a file").unwrap();
    let below = in_the_way.join("data");
    let serve = |data: &std::path::Path| {
        Cli::new(folder.path(), &["serve"]).env("DARKROOM_DATA_DIR", data.to_str().unwrap())
    };
    refused_start(
        "a data directory that cannot be made",
        serve(&below).env(free.0, free.1),
        &["DARKROOM_DATA_DIR"],
    )
    .await;
    refused_start(
        "a data directory in no file system",
        serve("/proc/darkroom".as_ref()).env(free.0, free.1),
        &["DARKROOM_DATA_DIR"],
    )
    .await;
    assert_eq!(std::fs::read(&in_the_way).unwrap(), b"a file");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let data = folder.path().join("taken");
    let address = taken.local_addr().unwrap().to_string();
    refused_start("a port in use", serve(&data).env("DARKROOM_BIND", &address), &["DARKROOM_BIND", &address])
        .await;
    assert!(!data.exists(), "a start without a port makes nothing");

    let data = folder.path().join("keyless");
    Cli::new(folder.path(), &["token", "issue"]).env("DARKROOM_DATA_DIR", data.to_str().unwrap()).ok().await;
    let key = data.join("master.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    refused_start("a master key that is missing", serve(&data).env(free.0, free.1), &["master key"]).await;
    assert!(!key.exists(), "another key would open nothing");
    std::fs::write(&key, kept).unwrap();
    set_mode(&key, 0o644);
    refused_start("a master key that others can read", serve(&data).env(free.0, free.1), &["master"]).await;
    set_mode(&key, 0o600);

    catalog::testing::make_newer(&data.join("darkroom.db").into(), 9999).await;
    refused_start(
        "a database of a newer version",
        serve(&data).env(free.0, free.1),
        &["newer version of darkroom"],
    )
    .await;
    println!("bad input: 6 rows of starts");
}

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("another mode");
}

#[tokio::test]
async fn files_that_broke_others_are_taken_or_refused_as_they_deserve() {
    let Some(list) = shared::file("bad-inputs/manifest.json") else { return };
    let list: Value = serde_json::from_slice(&list).unwrap();
    // What a picture deserves is asked, and not how fast a machine is that runs other tests too.
    let patient = |config: &mut server::Config| {
        config.max_api_requests_per_s = 100_000;
        config.workers.render_timeout_s = 60;
    };
    let server = TestServer::start_with(patient).await;
    let account = server.account().await;
    let mut rows = 0;
    for entry in list["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let Some(bytes) = shared::file(&format!("bad-inputs/{name}")) else { return };
        let reply = account.api_form("POST", "/v1", upload(bytes, &[])).await;
        let expected = entry["expected"].as_str().unwrap();
        let fits = match expected {
            "accept" => reply.status == 200,
            "either" => reply.status == 200 || (400..500).contains(&reply.status),
            _ => (400..500).contains(&reply.status),
        };
        assert!(fits, "{name}, expected {expected}: {reply}");
        rows += 1;
    }
    println!("bad input: {rows} files of the collection");
    let (objects, images) = left(&account).await;
    assert_eq!(objects as i64, images, "one object for each image, and none for what was refused");
}

#[tokio::test]
async fn texts_that_broke_others_are_kept_as_given_or_refused() {
    let Some(list) = shared::file("bad-inputs/strings.json") else { return };
    let list: Value = serde_json::from_slice(&list).unwrap();
    let server = TestServer::start_with(|config| config.max_api_requests_per_s = 100_000).await;
    let account = server.account().await;
    let picture = drawn::jpeg(&drawn::photo(8, 8), 85);
    for text in list["strings"].as_array().unwrap().iter().filter_map(Value::as_str) {
        let metadata = json!({ text: text });
        let texts = [("creator", text), ("metadata", &metadata.to_string())];
        let reply = account.api_form("POST", "/v1", upload(picture.clone(), &texts)).await;
        if metadata.to_string().len() > 1_024 {
            reply.expect(400);
            continue;
        }
        let image = reply.expect(200).json()["result"].clone();
        assert_eq!(image["meta"], metadata);
        assert_eq!(image["creator"].as_str().unwrap_or_default(), text);
        let reply = account.api_form("POST", "/v1", upload(picture.clone(), &[("id", text)])).await;
        match reply.status {
            200 => assert_eq!(reply.json()["result"]["id"], text),
            _ => assert_eq!(reply.code(), 5400, "{text:?}: {reply}"),
        }
        let filter = format!("/v2?creator={}", encoded(text));
        let found = account.api("GET", &filter).await.expect(200);
        assert!(!found.json()["result"]["images"].as_array().unwrap().is_empty(), "{text:?} is found again");
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
