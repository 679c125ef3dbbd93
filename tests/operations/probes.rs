//! The probes: alive, ready, and not ready with the part that fails.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::house::House;
use crate::harness::{Cli, Reply, TestServer, eventually};

#[tokio::test]
async fn a_ready_server_says_so_of_each_part() {
    let server = TestServer::start().await;
    let ready = server.get("/readyz").await.expect(200);
    assert_eq!(ready.text(), r#"{"database":"ok","queue":"ok","status":"ready","storage":"ok"}"#);
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    for path in ["/healthz", "/health"] {
        assert_eq!(server.get(path).await.expect(200).text(), "ok\n", "{path}");
        server.head(path).await.expect(200);
        server.ask("POST", path, &[]).await.expect(405);
    }
    server.ask("DELETE", "/readyz", &[]).await.expect(405);
}

#[tokio::test]
async fn a_part_that_fails_is_named_in_one_word_and_nothing_of_it_is_shown() {
    let house = House::start(&[]).await;
    let objects = house.folder.path().join("objects");
    std::fs::rename(&objects, house.folder.path().join("elsewhere")).unwrap();
    let asked = || async { house.get("/readyz").await };
    eventually("the storage is missed", Duration::from_secs(10), async || asked().await.status == 503).await;
    let reply = asked().await;
    assert_eq!(reply.text(), r#"{"database":"ok","queue":"ok","status":"not ready","storage":"down"}"#);
    house.get("/healthz").await.expect(200);
    let bind = house.address().to_string();
    let said = Cli::new(house.folder.path(), &["health", "--ready", "--bind", &bind]).run().await;
    assert_eq!(said.code, 1, "{said:?}");
    std::fs::rename(house.folder.path().join("elsewhere"), &objects).unwrap();
    eventually("it is found again", Duration::from_secs(10), async || asked().await.status == 200).await;
}

#[tokio::test]
async fn a_stopping_server_is_not_ready_at_once_and_finishes_what_runs() {
    let mut house = House::start(&[("DARKROOM_METRICS_BIND", "127.0.0.1:0")]).await;
    let operators = house.operators().await;
    let mut upload = TcpStream::connect(house.address()).await.unwrap();
    let body = form();
    let head = format!(
        "POST /client/v4/accounts/{}/images/v1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
        house.account,
        house.token,
        body.len(),
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&body[..body.len() - 1]).await.unwrap();
    let in_flight = async || {
        let page =
            Reply::of(house.client.get(format!("{operators}/metrics")).send().await.unwrap()).await.text();
        page.contains("darkroom_requests_in_flight 1")
    };
    eventually("the upload has arrived", Duration::from_secs(10), in_flight).await;
    let pid = house.running.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let stopping = async || {
        let reply = house.client.get(format!("{operators}/readyz")).send().await;
        reply.is_ok_and(|reply| reply.status() == 503)
    };
    eventually("it is not ready", Duration::from_secs(10), stopping).await;
    let reply = Reply::of(house.client.get(format!("{operators}/readyz")).send().await.unwrap()).await;
    assert_eq!(reply.text(), r#"{"status":"stopping"}"#);
    upload.write_all(&body[body.len() - 1..]).await.unwrap();
    let mut answer = Vec::new();
    upload.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_stop_waits_for_a_client_that_hangs_no_longer_than_it_may() {
    let mut house = House::start(&[("DARKROOM_SHUTDOWN_TIMEOUT_S", "2")]).await;
    let mut upload = TcpStream::connect(house.address()).await.unwrap();
    let head = format!(
        "POST /client/v4/accounts/{}/images/v1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000\r\n\r\n--x\r\n",
        house.account, house.token,
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(house.running.terminate().await, 0, "it ends well all the same");
}

#[tokio::test]
async fn a_crash_leaves_no_image_of_memory() {
    let house = House::start(&[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", house.running.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(words, ["0", "0"], "{core}");
}

fn form() -> Vec<u8> {
    let picture = crate::harness::drawn::file("late.jpg");
    let head = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"late.jpg\"\r\n\r\n";
    [head.as_slice(), &picture, b"\r\n--x--\r\n"].concat()
}
