//! Limits and overload: each limit that can bite says so with its status, its code and when to come back, and what has
//! not passed it goes on.

use std::net::SocketAddr;
use std::time::Duration;

use catalog::Role;
use futures_util::future::join_all;
use image::DynamicImage;
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Reply, Session, TestAccount, TestServer, drawn, eventually};

/// A connection that is kept.
struct Kept(TcpStream);

impl Kept {
    async fn open(address: SocketAddr) -> Kept {
        Kept(TcpStream::connect(address).await.expect("the server listens"))
    }

    /// A connection whose first request was answered: it is in the server's count.
    async fn used(address: SocketAddr) -> Kept {
        let mut kept = Kept::open(address).await;
        assert!(kept.ask("/healthz").await.starts_with("HTTP/1.1 200"));
        kept
    }

    async fn send(&mut self, bytes: &str) {
        // A connection that was closed meanwhile takes nothing; whoever reads from it sees that.
        let _ = self.0.write_all(bytes.as_bytes()).await;
    }

    async fn ask(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let mut bytes = vec![0; 16_384];
        let read = self.0.read(&mut bytes).await.unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// Waits until the server has closed it; false where it stays open for so long.
    async fn ends_within(&mut self, patience: Duration) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(patience, self.0.read_to_end(&mut rest)).await.is_ok()
    }
}

fn upload(name: &str) -> Form {
    Form::new().part("file", Part::bytes(drawn::file(name)).file_name(name.to_owned()))
}

async fn images(account: &TestAccount<'_>) -> i64 {
    account.server.catalog().account(&account.account.id).await.expect("the account").totals.images
}

/// Seconds of `Retry-After`.
fn retry_after(reply: &Reply) -> u64 {
    let text = reply.header("retry-after").unwrap_or_else(|| panic!("it says when to come back: {reply}"));
    text.parse().expect("whole seconds")
}

#[tokio::test]
async fn an_address_that_was_refused_too_often_has_to_wait_and_others_have_not() {
    let server = TestServer::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
        config.max_refusals_per_minute = 5;
    })
    .await;
    let cat = server.account().with_image("cat.jpg").await;
    let from = async |address: &str, path: &str| server.get_with(path, &[("x-forwarded-for", address)]).await;
    for _ in 0..5 {
        from("203.0.113.9", &cat.path("nosuch")).await.expect(403);
    }
    for path in [cat.path("public"), cat.path("nosuch"), "/dashboard/login".into()] {
        let refused = from("203.0.113.9", &path).await.expect(429);
        assert!((1..=60).contains(&retry_after(&refused)), "{refused}");
        assert!(refused.text().starts_with("ERROR 9422: "), "{refused}");
    }
    let api = from("203.0.113.9", "/client/v4/accounts").await.expect(429);
    assert_eq!(api.code(), 10429);
    assert!(!api.json()["success"].as_bool().expect("an envelope"));
    for probe in ["/healthz", "/readyz"] {
        from("203.0.113.9", probe).await.expect(200);
    }
    from("203.0.113.10", &cat.path("public")).await.expect(200);
    let neighbour = from("2001:db8:1:2::1", &cat.path("nosuch")).await;
    assert_eq!(neighbour.status, 403);
    for host in 2..6 {
        from(&format!("2001:db8:1:2::{host}"), &cat.path("nosuch")).await.expect(403);
    }
    from("2001:db8:1:2:ffff::1", &cat.path("public")).await.expect(429);
}

#[tokio::test]
async fn below_the_api_whoever_refuses_speaks_in_its_envelope() {
    let server = TestServer::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
        config.max_refusals_per_minute = 4;
        config.delivery_url = Some("http://img.example.org".into());
        config.public_url = Some("http://darkroom.example.org".into());
    })
    .await;
    let ask = async |path: &str, header: (&str, &str)| {
        server.get_with(path, &[("x-forwarded-for", "203.0.113.9"), header]).await
    };
    let plain = ("accept", "*/*");
    let fat = "y".repeat(20_000);
    let many = format!("/api/v1/keys?{}", "a&".repeat(65));
    let table = [
        (ask("/api/v1/nothing", plain).await, 404, 7003),
        (ask("/images/v1", plain).await, 404, 7003),
        (ask("/client", plain).await, 404, 7003),
        (ask("/images/v1", ("host", "img.example.org")).await, 404, 7003),
        (ask("/images/v1", ("x-fat", &fat)).await, 429, 10429),
        (server.get_with("/images/v1", &[("x-fat", &fat)]).await, 431, 5400),
        (server.get(&many).await, 400, 5400),
        (server.get(&format!("/client/{}", "x".repeat(5_000))).await, 414, 5400),
    ];
    for (reply, status, code) in table {
        let reply = reply.expect(status);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
        assert_eq!((reply.code(), reply.json()["success"].as_bool()), (code, Some(false)), "{reply}");
        assert_eq!(
            (reply.header("cache-control"), reply.header("x-request-id").is_some()),
            (Some("no-store"), true)
        );
    }
    assert!(server.get("/nothing").await.expect(404).text().starts_with("There is nothing at this address"));
}

#[tokio::test]
async fn an_address_that_tells_nobody_apart_is_never_made_to_wait() {
    let server = TestServer::start_with(|config| config.max_refusals_per_minute = 1).await;
    for _ in 0..5 {
        server.get("/nothing").await.expect(404);
    }
}

#[tokio::test]
async fn connections_past_the_limit_are_told_to_come_back_and_probes_are_answered() {
    let server = TestServer::start_with(|config| config.max_connections = 3).await;
    let held = join_all((0..3).map(|_| Kept::used(server.address()))).await;
    for (path, told) in [("/dashboard/login", "ERROR 9522: "), ("/api/v1/keys", "\"code\":5503")] {
        let mut late = Kept::open(server.address()).await;
        let refused = late.ask(path).await;
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains(told), "{refused}");
        assert!(refused.contains("retry-after: 1") && refused.contains("connection: close"), "{refused}");
        assert!(late.ends_within(Duration::from_secs(5)).await, "it ends with its answer");
    }
    for path in ["/healthz", "/readyz"] {
        let probe = Kept::open(server.address()).await.ask(path).await;
        assert!(probe.starts_with("HTTP/1.1 200") && probe.contains("connection: close"), "{probe}");
    }
    drop(held);
    let welcome = || async {
        !Kept::open(server.address()).await.ask("/dashboard/login").await.starts_with("HTTP/1.1 503")
    };
    eventually("there is room again", Duration::from_secs(10), welcome).await;
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_twice_as_many_are_not_even_answered() {
    let server = TestServer::start_with(|config| {
        config.trusted_proxies = vec!["192.0.2.0/24".parse().expect("a network")];
        config.max_address_connections = 2;
        // On a busy machine those that wait would be cut off before they were counted.
        config.head_timeout_s = 60;
    })
    .await;
    let _held = join_all((0..2).map(|_| Kept::used(server.address()))).await;
    let mut third = Kept::open(server.address()).await;
    assert!(third.ask("/dashboard/login").await.starts_with("HTTP/1.1 503"));
    // One more than it takes: whoever waited for the server to start may have had a place when the first two came.
    let _waiting = join_all((0..3).map(|_| Kept::open(server.address()))).await;
    let cut_off = || async { Kept::open(server.address()).await.ask("/healthz").await.is_empty() };
    eventually("the address has twice its share", Duration::from_secs(10), cut_off).await;
}

#[tokio::test]
async fn a_second_head_that_comes_slowly_is_cut_off_and_a_long_answer_is_not() {
    let server = TestServer::start_with(|config| (config.keep_alive_s, config.head_timeout_s) = (1, 1)).await;
    let mut slow = Kept::used(server.address()).await;
    let mut silent = Kept::used(server.address()).await;
    slow.send("GET /healthz HTTP/1.1\r\n").await;
    let dripped = async {
        for _ in 0..100 {
            slow.send("X-Slow: 1\r\n").await;
            if slow.ends_within(Duration::from_millis(200)).await {
                return true;
            }
        }
        false
    };
    assert!(dripped.await, "a head that never ends ends its connection");
    assert!(silent.ends_within(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_reader_that_takes_its_time_gets_the_whole_of_a_large_answer() {
    let server = TestServer::start_with(|config| (config.keep_alive_s, config.head_timeout_s) = (1, 1)).await;
    let account = server.account().await;
    let bytes = drawn::png(&DynamicImage::ImageRgb8(image::RgbImage::from_fn(1600, 1200, |x, y| {
        let mixed = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519);
        image::Rgb([mixed as u8, (mixed >> 8) as u8, (mixed >> 16) as u8])
    })));
    let picture = account.with_image("noise.png").with_bytes(bytes).await;
    let path = account.sign(&picture.path("w=1600,format=png")).await;
    let whole = server.get(&path).await.expect(200).body;
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("a small buffer");
    let mut reader = Kept(socket.connect(server.address()).await.expect("the server listens"));
    reader.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
    let mut read = Vec::new();
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    // Four seconds: longer than any connection may be silent here.
    let piece = whole.len() / 40 + 1;
    loop {
        pause.tick().await;
        let mut bytes = vec![0; piece];
        match reader.0.read(&mut bytes).await.expect("the server goes on") {
            0 => break,
            len => read.extend_from_slice(&bytes[..len]),
        }
    }
    assert!(read.ends_with(&whole), "{} bytes of {}", read.len(), whole.len());
}

#[tokio::test]
async fn a_form_of_the_dashboard_that_comes_slowly_is_given_up() {
    let server = TestServer::start_with(|config| config.body_grace_s = 1).await;
    let address = server.address();
    let request = format!(
        "POST /dashboard/login HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\nemail="
    );
    Reply::raw(address, request.as_bytes()).await.expect(408);
}

#[tokio::test]
async fn an_account_that_uploads_too_often_has_to_wait_and_another_has_not() {
    let server = TestServer::start_with(|config| config.max_uploads_per_minute = 2).await;
    let (account, other) = (server.account().await, server.account_named("other").await);
    for _ in 0..2 {
        account.api_form("POST", "/v1", upload("cat.jpg")).await.expect(200);
    }
    let refused = account.api_form("POST", "/v1", upload("cat.jpg")).await.expect(429);
    assert_eq!(refused.code(), 10429);
    assert!((2..=60).contains(&retry_after(&refused)), "{refused}");
    other.api_form("POST", "/v1", upload("cat.jpg")).await.expect(200);
    assert_eq!((images(&account).await, images(&other).await), (2, 1));
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back() {
    let server = TestServer::start_with(|config| config.max_api_requests_per_s = 3).await;
    let account = server.account().await;
    let replies = join_all((0..20).map(|_| account.api("GET", "/v1/config"))).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(replies.iter().any(|reply| reply.status == 200) && !refused.is_empty());
    assert!(refused.iter().all(|reply| retry_after(reply) == 1 && reply.code() == 10429));
}

#[tokio::test]
async fn an_account_keeps_no_more_images_than_it_may_however_many_come_at_once() {
    let server = TestServer::start_with(|config| config.max_account_images = 3).await;
    let account = server.account().await;
    let replies = join_all((0..10).map(|_| account.api_form("POST", "/v1", upload("cat.jpg")))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(taken.len(), 3);
    for reply in refused {
        assert_eq!((reply.status, reply.code()), (403, 5453), "{reply}");
        assert!(reply.text().contains("at most 3 images"), "{reply}");
    }
    assert_eq!(images(&account).await, 3);
    let id = taken[0].json()["result"]["id"].as_str().expect("an id").to_owned();
    account.api("DELETE", &format!("/v1/{id}")).await.expect(200);
    account.api_form("POST", "/v1", upload("cat.jpg")).await.expect(200);
}

#[tokio::test]
async fn an_account_keeps_no_more_bytes_than_it_may() {
    let bytes = drawn::file("cat.jpg").len() as u64;
    let server = TestServer::start_with(|config| config.max_account_bytes = 2 * bytes).await;
    let account = server.account().await;
    for _ in 0..2 {
        account.api_form("POST", "/v1", upload("cat.jpg")).await.expect(200);
    }
    let refused = account.api_form("POST", "/v1", upload("cat.jpg")).await.expect(403);
    assert_eq!(refused.code(), 5453);
}

#[tokio::test]
async fn a_person_has_so_many_previews_rendered_a_minute() {
    let server = TestServer::start_with(|config| config.max_previews_per_minute = 2).await;
    let account = server.account().await;
    let person = Session::begin(&account, "ana@example.org", Role::Viewer).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(account.with_image("cat.jpg").await.id);
    }
    let preview = async |id: &str| person.open(&format!("preview?id={id}&variant=public")).await;
    preview(&ids[0]).await.expect(200);
    preview(&ids[0]).await.expect(200);
    preview(&ids[1]).await.expect(200);
    let page = async |id: &str| person.open(&format!("image?id={id}")).await.expect(200).text();
    assert!(!page(&ids[0]).await.contains("previews a minute"), "what is in memory costs nothing");
    assert!(page(&ids[2]).await.contains("2 previews a minute are rendered for one person"));
    let refused = preview(&ids[2]).await.expect(429);
    assert!(retry_after(&refused) > 1, "{refused}");
    preview(&ids[0]).await.expect(200);
}

#[tokio::test]
async fn a_picture_beyond_all_memory_of_decoding_is_refused_and_a_small_one_is_not() {
    let server = TestServer::start_with(|config| config.workers.decode_budget_bytes = 6_000_000).await;
    let account = server.account().await;
    // A PNG, since a JPEG is scaled down while it is decoded.
    let large = drawn::png(&image::DynamicImage::ImageRgb8(drawn::photo(1200, 900)));
    let form = Form::new().part("file", Part::bytes(large).file_name("large.png"));
    let refused = account.api_form("POST", "/v1", form).await.expect(413);
    assert_eq!(refused.code(), 5413);
    assert!(refused.text().contains("more memory than this server"), "{refused}");
    account.api_form("POST", "/v1", upload("cat.jpg")).await.expect(200);
}

#[tokio::test]
async fn renders_that_find_no_place_are_told_to_come_back_and_hits_go_on() {
    let server = TestServer::start_with(|config| {
        (config.workers.workers, config.workers.max_queued, config.workers.wait_s) = (1, 2, 60);
    })
    .await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").with_bytes(drawn::photograph(1800, 1200, 85)).await;
    let hit = cat.path("public");
    server.get(&hit).await.expect(200);
    let mut cold = Vec::new();
    for width in 500..540 {
        cold.push(account.sign(&cat.path(&format!("w={width}"))).await);
    }
    let (cold, hits) = tokio::join!(
        join_all(cold.iter().map(|path| server.get(path))),
        join_all((0..200).map(|_| server.get(&hit)))
    );
    assert!(hits.iter().all(|reply| reply.status == 200));
    let (made, refused): (Vec<_>, Vec<_>) = cold.iter().partition(|reply| reply.status == 200);
    assert!(!made.is_empty() && !refused.is_empty(), "{} made", made.len());
    for reply in refused {
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply}");
        assert_eq!(reply.header("cf-images"), Some("err=9522"), "{reply}");
        assert!(reply.header("cache-control").is_some_and(|rule| rule.contains("no-store")), "{reply}");
    }
}

#[tokio::test]
async fn an_account_that_floods_the_renders_takes_no_place_from_another() {
    let server = TestServer::start_with(|config| {
        (config.workers.workers, config.workers.max_queued, config.workers.wait_s) = (1, 8, 60);
    })
    .await;
    let (flooding, other) = (server.account().await, server.account_named("other").await);
    let large = drawn::photograph(1800, 1200, 85);
    let theirs = flooding.with_image("cat.jpg").with_bytes(large.clone()).await;
    let own = other.with_image("cat.jpg").with_bytes(large).await;
    let mut paths = Vec::new();
    for width in 400..460 {
        paths.push(flooding.sign(&theirs.path(&format!("w={width}"))).await);
    }
    let flood = join_all(paths.iter().map(|path| server.get(path)));
    let asked = async {
        let busy = || async { server.renders() > 0 };
        eventually("the flood has begun", Duration::from_secs(30), busy).await;
        for width in 400..405 {
            let path = other.sign(&own.path(&format!("w={width}"))).await;
            server.get(&path).await.expect(200);
        }
        server.renders()
    };
    let (flood, renders) = tokio::join!(flood, asked);
    assert!(flood.iter().any(|reply| reply.status == 503), "the flood fills the line");
    assert!(renders <= 5 + 2 * 6, "{renders} renders until five of the other account were done");
}

#[tokio::test]
async fn a_stop_answers_whoever_has_come_and_lets_nobody_new_come() {
    let server = TestServer::start().await;
    let address = server.address();
    let mut used = Kept::used(address).await;
    let mut fresh = Kept::open(address).await;
    let stop = tokio::spawn(server.stop());
    // On a machine that is short of time the end may come before an answer; then there is none, and no broken one.
    let said_so = async {
        loop {
            let answer = used.ask("/readyz").await;
            if answer.is_empty() || answer.starts_with("HTTP/1.1 503") {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), said_so).await.expect("not ready any more");
    assert!(answer.is_empty() || answer.contains("connection: close"), "{answer}");
    let answer = fresh.ask("/healthz").await;
    let is_last = answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close");
    assert!(answer.is_empty() || is_last, "{answer}");
    assert!(
        used.ends_within(Duration::from_secs(5)).await && fresh.ends_within(Duration::from_secs(5)).await
    );
    let knock = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await;
    assert!(!matches!(knock, Ok(Ok(_))), "nobody new is let in");
    stop.await.expect("it stops");
}
