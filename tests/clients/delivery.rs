//! Signers whose URLs and cookies ask for renditions: on the native routes, and on the mounts of Cloudimage, imgproxy and
//! thumbor.

use serde_json::{Value, json};

use super::{Line, Signed, check_all};
use crate::harness::{TestAccount, TestServer, Tool, drawn, node, python};

#[tokio::test]
async fn what_clients_for_node_sign_is_delivered_until_it_ends() {
    check(node("clients/delivery.mjs")).await;
}

#[tokio::test]
async fn what_clients_for_python_sign_is_delivered_until_it_ends() {
    check(python("clients/delivery.py")).await;
}

/// Lets a script sign for a private image among others, does what it says as the account's owner would, and asks.
async fn check(script: Tool) {
    let server = TestServer::start().await;
    let account = server.account().await;
    for mount in ["v7", "imgproxy", "thumbor"] {
        server.cli(["mount", "give", mount, "--account", "default"]).ok().await;
    }
    let bytes = drawn::photograph(96, 64, 85);
    for id in ["albums/2026/cat.jpg", "albums/2026/dog.jpg", "albums/2025/cat.jpg"] {
        account.with_image("cat.jpg").with_bytes(bytes.clone()).with_id(id).private().await;
    }
    let folder = format!("/{}/albums/2026/", account.account.hash);
    let ends_s = server.clock.now().as_seconds() + 3600;
    let stage = json!({
        "origin": server.url(""),
        "path": format!("{folder}cat.jpg/public"),
        "folder": folder,
        "image": "albums/2026/cat.jpg",
        "ends_s": ends_s,
    });
    let lines = Line::read(&script.arg(stage.to_string()).ok().await);
    let mut all: Vec<Signed> = Vec::new();
    for line in lines {
        match line {
            Line::Scheme { scheme, settings } => {
                let body = json!({ "mode": "enforce", "settings": settings });
                api(&account, "PATCH", &format!("/schemes/{scheme}"), &body).await;
            }
            Line::Key { key } => api(&account, "POST", "/keys", &key).await,
            Line::Signed(signed) => all.push(signed),
        }
    }
    check_all(&server, &all, ends_s).await;
}

/// A request to the account's part of Darkroom's own API.
async fn api(account: &TestAccount<'_>, method: &str, rest: &str, body: &Value) {
    let path = format!("/api/v1/accounts/{}{rest}", account.account.id);
    let request = account.server.request(method, &path).bearer_auth(&account.token).json(body);
    let reply = crate::harness::Reply::of(request.send().await.expect("the server answers")).await;
    assert!(reply.status < 300, "{method} {path} {body}: {reply}");
}
