//! What renditions are made of and when: AVIF beside the requests, the focal point, overlays, qualities that are found, a
//! number of bytes, working copies, and what the API tells of an image.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Reply, TestImage, TestServer, drawn};

const AVIF: (&str, &str) = ("accept", "image/avif,image/webp,image/*,*/*;q=0.8");
const FOR_LONG: &str = "public, max-age=172800, stale-while-revalidate=7200";
const FOR_NOW: &str = "public, max-age=60";

/// A server that takes its time: a machine that does much else is slow, and that is not what is asked here.
async fn patient() -> TestServer {
    TestServer::start_with(|config| {
        config.workers.render_timeout_s = 120;
        config.workers.avif_timeout_s = 120;
        config.workers.wait_s = 60;
    })
    .await
}

/// Asks until the AVIF is there; every answer before is the next best, for a minute.
async fn until_avif(server: &TestServer, path: &str) -> (Reply, Reply) {
    let first = server.get_with(path, &[AVIF]).await.expect(200);
    assert_eq!(first.header("content-type"), Some("image/webp"), "{first}");
    for _ in 0..2_400 {
        let reply = server.get_with(path, &[AVIF]).await.expect(200);
        if reply.header("content-type") == Some("image/avif") {
            return (first, reply);
        }
        assert_eq!((reply.header("etag"), &reply.body), (first.header("etag"), &first.body));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the AVIF never came");
}

#[tokio::test]
async fn an_avif_keeps_nobody_waiting_and_then_it_is_the_answer() {
    let server = patient().await;
    let cat = server.account().with_image("cat.jpg").await;
    let path = cat.path("public");
    let (first, avif) = until_avif(&server, &path).await;
    assert_eq!(first.header("cache-control"), Some(FOR_NOW));
    assert_eq!(avif.header("cache-control"), Some(FOR_LONG));
    assert_ne!(first.header("etag"), avif.header("etag"));
    assert_eq!((first.header("vary"), avif.header("vary")), (Some("Accept"), Some("Accept")));
    assert_eq!(server.renders(), 2, "each is made once");
    // Whoever has the first one gets the better one now, and is then told that it has it.
    let tag = |reply: &Reply| reply.header("etag").expect("a tag").to_owned();
    let ask = async |tag: &str| server.get_with(&path, &[AVIF, ("if-none-match", tag)]).await;
    ask(&tag(&first)).await.expect(200);
    let known = ask(&tag(&avif)).await.expect(304);
    assert_eq!(known.header("cache-control"), Some(FOR_LONG));
    server.until_idle().await;
    let before = server.storage_counts();
    let head = server.ask("HEAD", &path, &[AVIF]).await.expect(200);
    for name in ["content-type", "content-length", "etag", "cache-control", "vary"] {
        assert_eq!(head.header(name), avif.header(name), "{name}");
    }
    assert_eq!((server.storage_counts(), server.renders()), (before, 2), "a hit leaves the storage alone");
}

#[tokio::test]
async fn until_the_avif_is_there_heads_and_conditions_tell_of_what_is_served() {
    let server = TestServer::start_with(|config| config.max_background_renders = 1).await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let cat = account.with_image("cat.jpg").await;
    // One is under way, so that the queue is full for the other.
    server.get_with(&cat.path("w=700"), &[AVIF]).await.expect(200);
    let path = cat.path("w=100");
    let head = server.ask("HEAD", &path, &[AVIF]).await.expect(200);
    if head.header("content-type") == Some("image/webp") {
        let get = server.get_with(&path, &[AVIF]).await.expect(200);
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        assert_eq!(get.header("cache-control"), Some(FOR_NOW));
        let tag = get.header("etag").expect("a tag");
        let known = server.get_with(&path, &[AVIF, ("if-none-match", tag)]).await.expect(304);
        assert_eq!((known.header("etag"), known.header("cache-control")), (Some(tag), Some(FOR_NOW)));
    }
}

#[tokio::test]
async fn of_a_private_image_nothing_outlives_its_url_and_what_stands_in_not_a_minute() {
    let server = patient().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let left = async |seconds: i64| -> (String, i64) {
        let end = server.clock.now().as_seconds() + seconds;
        let path = cat.account.sign_until(&cat.path("public"), end).await;
        let reply = server.get_with(&path, &[AVIF]).await.expect(200);
        let rule = reply.header("cache-control").expect("a rule").to_owned();
        let seconds = rule.strip_prefix("private, max-age=").expect("private").parse().expect("seconds");
        (reply.header("content-type").expect("a type").to_owned(), seconds)
    };
    let (format, for_now) = left(3_600).await;
    assert_eq!((format.as_str(), for_now), ("image/webp", 60));
    let (_, shorter) = left(20).await;
    assert!((15..=20).contains(&shorter), "{shorter}");
}

#[tokio::test]
async fn whoever_names_avif_waits_for_it() {
    let server = patient().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let cat = account.with_image("cat.jpg").await;
    let reply = cat.get("w=300,f=avif").await.expect(200);
    assert_eq!((reply.header("content-type"), reply.header("vary")), (Some("image/avif"), None));
    assert_eq!((reply.header("cache-control"), server.renders()), (Some(FOR_LONG), 1));
}

fn own(cat: &TestImage<'_>) -> String {
    format!("/api/v1/accounts/{}/images/{}", cat.account.account.id, cat.id.replace('/', "%2F"))
}

async fn ask(cat: &TestImage<'_>, method: &str, body: Option<&Value>) -> Reply {
    let request = cat.account.server.request(method, &own(cat)).bearer_auth(&cat.account.token);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    Reply::of(request.send().await.expect("the server answers")).await
}

#[tokio::test]
async fn the_api_tells_what_an_image_looks_like() {
    let server = TestServer::start().await;
    let logo = server.account().with_image("logo.png").with_id("marks/logo").await;
    let told = ask(&logo, "GET", None).await.expect(200).json()["result"]["image"].take();
    assert_eq!((&told["id"], &told["format"]), (&json!("marks/logo"), &json!("image/png")));
    let shown = image::load_from_memory(&logo.bytes).unwrap();
    assert_eq!((&told["width"], &told["height"]), (&json!(shown.width()), &json!(shown.height())));
    assert!(told["thumbhash"].as_str().is_some_and(|hash| hash.len() > 8), "{told}");
    let colour = told["dominant_color"].as_str().expect("a colour");
    assert!(colour.len() == 7 && colour.starts_with('#'), "{colour}");
    assert!(u64::from_str_radix(told["phash"].as_str().expect("a hash"), 16).is_ok());
    assert_eq!(told["focal_point"], Value::Null);
    // The contract's answer is as it was.
    let contract = logo.account.api("GET", &logo.api_path()).await.expect(200).json()["result"].take();
    assert!(contract.get("focal_point").is_none() && contract.get("phash").is_none(), "{contract}");
    ask(&TestImage { id: "nothing".into(), ..logo.clone() }, "GET", None).await.expect(404);
}

/// How red the middle of a picture is against its blue.
fn is_red(reply: &Reply) -> bool {
    let picture = reply.picture().to_rgb8();
    let [red, _, blue] = picture.get_pixel(picture.width() / 2, picture.height() / 2).0;
    red > blue
}

#[tokio::test]
async fn a_focal_point_is_kept_in_view_from_the_moment_it_is_set() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    // Blue but for a red stripe on the right.
    let drawn = image::RgbImage::from_fn(400, 100, |x, _| {
        image::Rgb(if x < 300 { [0, 0, 220] } else { [220, 0, 0] })
    });
    let stripe = account.with_image("stripe.jpg").with_bytes(drawn::jpeg(&drawn, 95)).await;
    let crop =
        async |gravity: &str| stripe.get(&format!("w=100,h=100,fit=cover,f=jpeg{gravity}")).await.expect(200);
    let before = crop("").await;
    assert!(!is_red(&before));
    let set = json!({"focal_point": {"x": 0.9, "y": 0.5}});
    let told = ask(&stripe, "PATCH", Some(&set)).await.expect(200).json();
    assert_eq!(told["result"]["image"]["focal_point"], json!({"x": 0.9, "y": 0.5}));
    let after = crop("").await;
    assert!(is_red(&after), "a crop that names no gravity");
    assert!(is_red(&crop(",g=auto").await) && is_red(&crop(",g=focal").await));
    assert!(!is_red(&crop(",g=left").await) && !is_red(&crop(",g=center").await), "another wish counts more");
    assert_ne!(before.header("etag"), after.header("etag"));
    for wrong in
        [json!({"focal_point": {"x": 2, "y": 0}}), json!({"focal_point": "left"}), json!({"focus": null})]
    {
        assert_eq!(ask(&stripe, "PATCH", Some(&wrong)).await.expect(400).code(), 5400, "{wrong}");
    }
    ask(&stripe, "PATCH", Some(&json!({"focal_point": null}))).await.expect(200);
    let again = crop("").await;
    assert_eq!((again.header("etag"), &again.body), (before.header("etag"), &before.body));
    let reader = account.issue_token("images:read").await;
    let refused = server.request("PATCH", &own(&stripe)).bearer_auth(reader).json(&set).send().await.unwrap();
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn a_variant_lays_an_image_of_the_account_over_and_follows_its_id() {
    let server = patient().await;
    let account = server.account().await;
    let white = image::RgbImage::from_pixel(200, 200, image::Rgb([255; 3]));
    let mark = |colour| image::RgbImage::from_pixel(40, 40, image::Rgb(colour));
    let page = account.with_image("page.jpg").with_bytes(drawn::jpeg(&white, 95)).await;
    let upload = async |colour| {
        let bytes = drawn::jpeg(&mark(colour), 95);
        account.with_image("mark.jpg").with_id("mark").with_bytes(bytes).private().await
    };
    let first = upload([200, 0, 0]).await;
    account.with_variant("marked", "w=200,f=jpeg,draw=(image=mark;left=0;top=0)").await;
    let corner = async || {
        let reply = page.get("marked").await.expect(200);
        (reply.picture().to_rgb8().get_pixel(20, 20).0, reply.header("etag").map(str::to_owned))
    };
    let (red, first_tag) = corner().await;
    assert!(red[0] > 150 && red[2] < 90, "{red:?}");
    account.api("DELETE", &first.api_path()).await.expect(200);
    let gone = page.get("marked").await;
    assert!((400..500).contains(&gone.status) && gone.text().contains("names an image"), "{gone}");
    upload([0, 0, 200]).await;
    let (blue, second_tag) = corner().await;
    assert!(blue[2] > 150 && blue[0] < 90, "{blue:?}");
    assert_ne!(first_tag, second_tag, "another original is another rendition");
}

#[tokio::test]
async fn a_quality_is_found_once_and_its_tag_is_weak() {
    let server = patient().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let cat = account.with_image("cat.jpg").await;
    let sizes = async |quality: &str| {
        let reply = cat.get(&format!("w=320,f=jpeg,q={quality}")).await.expect(200);
        (reply.body.len(), reply.header("etag").expect("a tag").to_owned())
    };
    let (high, tag) = sizes("auto-high").await;
    let (medium, _) = sizes("auto").await;
    let (low, _) = sizes("auto-low").await;
    assert!(high > medium && medium > low, "{high} {medium} {low}");
    assert!(tag.starts_with("W/\""), "{tag}");
    let path = cat.path("w=320,f=jpeg,q=auto-high");
    let renders = server.renders();
    server.get_with(&path, &[("if-none-match", &tag)]).await.expect(304);
    server.get(&path).await.expect(200);
    assert_eq!(server.renders(), renders);
}

#[tokio::test]
async fn a_variant_may_have_a_number_of_bytes_and_says_so_where_nothing_fits() {
    let server = patient().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    account.with_variant("small", "w=600,f=jpeg,max_bytes=9000").await;
    account.with_variant("tiny", "w=600,f=jpeg,max_bytes=1000").await;
    let reply = cat.get("small").await.expect(200);
    assert!(reply.body.len() <= 9_000 && reply.body.len() > 3_000, "{} bytes", reply.body.len());
    assert_eq!(reply.picture().width(), 600);
    let refused = cat.get("tiny").await.expect(400);
    assert!(refused.text().contains("more than max_bytes=1000"), "{refused}");
}

#[tokio::test]
async fn a_large_original_is_decoded_once_for_all_its_small_renditions() {
    let server = patient().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let large = account.with_image("large.jpg").with_bytes(drawn::photograph(4_000, 3_000, 85)).await;
    let first = large.get("w=320,f=jpeg").await.expect(200);
    assert!(first.header("etag").is_some_and(|tag| tag.starts_with("W/\"")), "{first}");
    server.until_idle().await;
    assert_eq!(server.renders(), 2, "the rendition, and the working copy");
    let before = server.storage_counts();
    for width in [100, 200, 400, 640] {
        let reply = large.get(&format!("w={width},f=jpeg")).await.expect(200);
        assert_eq!(reply.picture().width(), width);
    }
    assert_eq!((server.renders(), server.renders_from_copies()), (6, 4));
    let corners = |reply: &Reply| {
        (0..4).map(|corner| drawn::corner_shown(&reply.picture(), corner)).collect::<Vec<_>>()
    };
    assert_eq!(corners(&first), corners(&large.get("w=640,f=jpeg").await));
    let read = server.storage_counts().gets - before.gets;
    assert!(read <= 4, "{read} reads: a look for each rendition, and none of the original");
    let full = large.get("w=3000,f=jpeg").await.expect(200);
    assert!(full.header("etag").is_some_and(|tag| tag.starts_with('"')), "no copy serves it: {full}");
}
