//! The log: every line of a request has its id, no line has a secret, no stranger writes a line.

use std::time::Duration;

use serde_json::{Value, json};

use super::house::{ADMIN_PASSWORD, House, json_of};
use crate::harness::{Cli, Reply, TestServer, drawn};

const PASSWORD: &str = "correct horse battery staple";
const WRONG_PASSWORD: &str = "wrong donkey battery staple";
const TRACE: (&str, &str) = ("DARKROOM_LOG", "trace");

/// Everything in an answer that must not be written down.
fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie").expect("a cookie").split(';').next().unwrap();
    cookie.split_once('=').unwrap().1.to_owned()
}

/// Uses every secret that there is, also where it does not belong, and gives them back.
async fn use_secrets(house: &House) -> Vec<(&'static str, String)> {
    let folder = house.folder.path();
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let create = ["user", "create", "ada@example.org", "--account", "default", "--role", "owner"];
    let create = [create.as_slice(), &["--password-file", password.to_str().unwrap()]].concat();
    Cli::new(folder, &create).ok().await;
    let key = house.api("GET", "/v1/keys", None).await.expect(200).json();
    let key = key["result"]["keys"][0]["value"].as_str().unwrap().to_owned();
    let signed = house.sign().await;
    let signature = signed.split("sig=").nth(1).unwrap()[..64].to_owned();
    house.hide().await;
    house.get(&signed).await.expect(200);
    house.get(&signed.replace("exp=", "exp=1")).await.expect(403);
    house.get(&format!("/dashboard/verify?url={}", escaped(&signed))).await;
    house.get(&format!("/nowhere/{}?token={}", house.token, house.token)).await.expect(404);
    house.get(&format!("/client/v4/accounts/{}/images/v1?sig={signature}", house.token)).await;
    let session = sign_in(house, PASSWORD).await.expect(303);
    sign_in(house, WRONG_PASSWORD).await;
    let cookie = cookie_of(&session);
    let page = house.request("GET", "/dashboard").header("cookie", format!("session={cookie}"));
    Reply::of(page.send().await.unwrap()).await;
    let master = std::fs::read_to_string(folder.join("master.key")).unwrap().trim().to_owned();
    vec![
        ("token", house.token.clone()),
        ("signing key", key),
        ("signature", signature),
        ("cookie", cookie),
        ("password", PASSWORD.into()),
        ("wrong password", WRONG_PASSWORD.into()),
        ("first administrator's password", ADMIN_PASSWORD.into()),
        ("master key", master),
    ]
}

async fn sign_in(house: &House, password: &str) -> Reply {
    let request = house.request("POST", "/dashboard/login").header("origin", &house.running.url);
    let request = request.form(&[("email", "ada@example.org"), ("password", password)]);
    Reply::of(request.send().await.unwrap()).await
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The log after the server has ended.
async fn whole_log(house: &mut House) -> Vec<String> {
    assert_eq!(house.running.terminate().await, 0);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !house.running.log().iter().any(|line| line.contains("stopped")) {
        assert!(std::time::Instant::now() < end, "the log ends");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    house.running.log().to_vec()
}

#[tokio::test]
async fn no_line_at_any_level_holds_a_secret() {
    for format in ["json", "pretty"] {
        let mut house = House::start(&[TRACE, ("DARKROOM_LOG_FORMAT", format)]).await;
        let secrets = use_secrets(&house).await;
        let log = whole_log(&mut house).await;
        assert!(log.iter().any(|line| line.contains("sig=")), "signatures are there, cut: {log:#?}");
        for (name, secret) in &secrets {
            let shown = log.iter().find(|line| line.contains(secret.as_str()));
            assert!(shown.is_none(), "the {name} in {format}: {shown:?}");
        }
    }
}

#[tokio::test]
async fn a_setup_code_is_in_the_line_that_announces_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Cli::new(folder.path(), &["serve"]).env("DARKROOM_LOG", "trace").serve().await;
    let announced = running.log().iter().find(|line| line.starts_with("Open ")).unwrap().clone();
    let code = announced.split("code=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let client = reqwest::Client::new();
    client.get(format!("{}/dashboard/setup?code={code}", running.url)).send().await.unwrap();
    assert_eq!(running.terminate().await, 0);
    let with_code = running.log().iter().filter(|line| line.contains(&code)).count();
    assert_eq!(with_code, 1, "{:#?}", running.log());
}

#[tokio::test]
async fn every_line_of_a_request_has_its_id() {
    let mut house = House::start(&[TRACE]).await;
    let reply = house.api("GET", "/v1/not-there", None).await.expect(404);
    let id = reply.header("x-request-id").unwrap().to_owned();
    let log: Vec<Value> = whole_log(&mut house)
        .await
        .iter()
        .filter(|line| line.starts_with('{'))
        .map(|line| json_of(line))
        .filter(|line| line["span"]["request_id"] == id.as_str())
        .collect();
    let words: Vec<&str> = log.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(words.contains(&"request") && words.contains(&"refused"), "{log:#?}");
    let access = log.iter().find(|line| line["target"] == "access").unwrap();
    assert_eq!((&access["status"], &access["method"]), (&json!(404), &json!("GET")));
}

#[tokio::test]
async fn deliveries_have_lines_only_where_they_are_wished() {
    for (filter, expected) in [("info", false), ("info,access=debug", true)] {
        let mut house = House::start(&[("DARKROOM_LOG", filter)]).await;
        house.get(&house.public).await.expect(200);
        house.get(&house.public).await.expect(200);
        let path = house.public.clone();
        let log = whole_log(&mut house).await;
        let lines = log.iter().filter(|line| line.contains(&path) && line.contains("access")).count();
        assert_eq!(lines, if expected { 2 } else { 0 }, "{filter}: {log:#?}");
    }
}

#[tokio::test]
async fn a_start_warns_where_limits_by_address_are_off() {
    for (proxies, expected) in [("", true), ("192.0.2.1", false)] {
        let mut house =
            House::start(&[("DARKROOM_LOG", "warn"), ("DARKROOM_TRUSTED_PROXIES", proxies)]).await;
        let warned = house.running.log().iter().any(|line| line.contains("no DARKROOM_TRUSTED_PROXIES"));
        assert_eq!(warned, expected, "{proxies:?}: {:#?}", house.running.log());
    }
}

#[tokio::test]
async fn no_stranger_writes_a_line() {
    for format in ["json", "pretty"] {
        let mut house = House::start(&[TRACE, ("DARKROOM_LOG_FORMAT", format)]).await;
        let forged = "\r\nFORGED {\"level\":\"ERROR\"}\u{1b}[2J\u{2028}FORGED";
        house.upload(forged, drawn::file("a.jpg")).await;
        house.upload(forged, b"FORGED\nFORGED".to_vec()).await;
        house.upload("FORGED.jpg", b"\nFORGED\n".to_vec()).await.expect(415);
        house
            .api("PATCH", &format!("/v1/{}", house.image), Some(json!({ forged: forged, "creator": forged })))
            .await;
        house.api("GET", &format!("/v1/{}", escaped(forged)), None).await;
        house.api("POST", "/v1/variants", Some(json!({ "id": forged, "options": forged }))).await;
        house.get(&format!("/nowhere/{}", escaped(forged))).await;
        let odd = house.request("GET", "/").header("x-request-id", "a FORGED").header("user-agent", "FORGED");
        odd.send().await.unwrap();
        let log = whole_log(&mut house).await;
        for line in &log {
            let begins = line.trim_start_matches(|c: char| !c.is_alphanumeric()).starts_with("FORGED");
            assert!(!begins && !line.contains('\u{1b}'), "{format}: {line:?}");
        }
    }
}

#[tokio::test]
async fn the_id_of_a_request_is_in_every_answer_and_comes_from_a_trusted_proxy_alone() {
    let server =
        TestServer::start_with(|config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await;
    let plain = TestServer::start().await;
    let image = server.account().with_image("cat.jpg").await;
    let missing = format!("{}x", image.path("public"));
    for path in ["/healthz", "/readyz", "/nowhere", "/dashboard/login", "/client/v4/accounts", &missing] {
        let given = [("x-request-id", "edge-1")];
        assert_eq!(server.get_with(path, &given).await.header("x-request-id"), Some("edge-1"), "{path}");
        let made = plain.get_with(path, &given).await.header("x-request-id").unwrap().to_owned();
        assert_eq!(made.len(), 16, "{path}: {made}");
    }
    let (first, second) = (image.get("public").await, image.get("public").await);
    let id = |reply: &Reply| reply.header("x-request-id").unwrap().to_owned();
    assert_ne!(id(&first.expect(200)), id(&second.expect(200)), "hits have one too");
}

#[tokio::test]
async fn the_audit_log_has_the_id_of_the_request() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let reply = account.api("PUT", "/v1/keys/web-2").await.expect(200);
    let filter =
        catalog::AuditFilter { account: Some(account.account.id), act: None, limit: 1, ..Default::default() };
    let entries = server.catalog().audit(&filter).await.unwrap();
    assert_eq!(entries[0].actor.request_id.as_deref(), reply.header("x-request-id"));
}
