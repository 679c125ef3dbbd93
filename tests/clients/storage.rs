//! Clients of S3 and of Google Cloud Storage: what they sign asks for originals, and they put and post them too.

use serde_json::{Value, json};
use tokio::process::Command;

use super::{Line, Signed, check_all};
use crate::harness::{Reply, TestAccount, TestServer, Tool, drawn, node, python};

#[tokio::test]
async fn what_clients_of_storage_for_python_sign_is_delivered_until_it_ends() {
    check(|| python("clients/storage.py")).await;
}

#[tokio::test]
async fn what_clients_of_storage_for_node_sign_is_delivered_until_it_ends() {
    check(|| node("clients/storage.mjs")).await;
}

/// What curl signs itself, in the words of both, is let in until a quarter of an hour has passed.
#[tokio::test]
async fn what_curl_signs_is_delivered() {
    let server = TestServer::start().await;
    let (cat, account) = furnish(&server).await;
    for scheme in ["s3", "gcs"] {
        api(&account, "PATCH", &format!("/schemes/{scheme}"), &json!({ "mode": "enforce" })).await;
        let id = format!("ID{scheme}");
        let key = json!({ "name": scheme, "scheme": scheme, "id": id, "secret": "curl/Secret+1" });
        api(&account, "POST", "/keys", &key).await;
    }
    let bytes = picture();
    let file = server.data_dir().join("curl.jpg");
    std::fs::write(&file, &bytes).expect("the file is written");
    let url = server.url(&format!("/storage/default/{cat}"));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (sigv4, id, prefix) in
        [("aws:amz:eu-central-1:s3", "IDs3", "x-amz"), ("goog:goog:auto:storage", "IDgcs", "x-goog")]
    {
        let digest = format!("{prefix}-content-sha256: {empty}");
        let user = format!("{id}:curl/Secret+1");
        let get = curl(&["--aws-sigv4", sigv4, "--user", &user, "-H", &digest, &url]).await;
        assert_eq!(get, bytes, "{sigv4}");
        let wrong = format!("{id}:curl/Secret+2");
        let refused = curl(&["--aws-sigv4", sigv4, "--user", &wrong, "-H", &digest, &url]).await;
        assert!(String::from_utf8_lossy(&refused).contains("<Code>SignatureDoesNotMatch</Code>"), "{sigv4}");
        let body = format!("@{}", file.display());
        let unsigned = format!("{prefix}-content-sha256: UNSIGNED-PAYLOAD");
        let put = server.url(&format!("/storage/default/curl/{id}"));
        let stored = curl(&[
            "--aws-sigv4",
            sigv4,
            "--user",
            &user,
            "-H",
            &unsigned,
            "-X",
            "PUT",
            "--data-binary",
            &body,
            &put,
        ])
        .await;
        assert!(stored.is_empty(), "{sigv4}: {}", String::from_utf8_lossy(&stored));
        account.api("GET", &format!("/v1/curl%2F{id}")).await.expect(200);
    }
}

async fn curl(arguments: &[&str]) -> Vec<u8> {
    let output =
        Command::new("curl").args(["--silent", "--show-error", "--max-time", "60"]).args(arguments).output();
    let output = output.await.expect("curl runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Lets a script sign for an original among others, does what it says as the account's owner would, and asks; and lets
/// its clients put and read by themselves.
async fn check(script: impl Fn() -> Tool) {
    let server = TestServer::start().await;
    let (cat, account) = furnish(&server).await;
    let ends_s = server.clock.now().as_seconds() + 3600;
    let picture = server.data_dir().join("picture.jpg");
    std::fs::write(&picture, drawn::file("sky.jpg")).expect("the file is written");
    let stage = json!({
        "origin": server.url(""),
        "account": "default",
        "image": cat,
        "ends_s": ends_s,
        "picture": picture,
    });
    let mut all: Vec<Signed> = Vec::new();
    for line in Line::read(&script().arg(stage.to_string()).arg("sign").ok().await) {
        match line {
            Line::Scheme { scheme, settings } => {
                let body = json!({ "mode": "enforce", "settings": settings });
                api(&account, "PATCH", &format!("/schemes/{scheme}"), &body).await;
            }
            Line::Key { key } => api(&account, "POST", "/keys", &key).await,
            Line::Signed(signed) => all.push(signed),
        }
    }
    script().arg(stage.to_string()).arg("act").ok().await;
    check_all(&server, &all, ends_s).await;
}

/// A small picture: what is tested is who gets it.
fn picture() -> Vec<u8> {
    drawn::photograph(96, 64, 85)
}

/// Two private images in a folder; the id of the first, and whose they are.
async fn furnish(server: &TestServer) -> (String, TestAccount<'_>) {
    let account = server.account().await;
    let bytes = picture();
    for id in ["albums/2026/cat.jpg", "albums/2026/dog.jpg"] {
        account.with_image("cat.jpg").with_bytes(bytes.clone()).with_id(id).private().await;
    }
    ("albums/2026/cat.jpg".into(), account)
}

/// A request to the account's part of Darkroom's own API.
async fn api(account: &TestAccount<'_>, method: &str, rest: &str, body: &Value) {
    let path = format!("/api/v1/accounts/{}{rest}", account.account.id);
    let request = account.server.request(method, &path).bearer_auth(&account.token).json(body);
    let reply = Reply::of(request.send().await.expect("the server answers")).await;
    assert!(reply.status < 300, "{method} {path} {body}: {reply}");
}
