//! Animations from upload to delivery: what moves goes on moving, as long and as often, and looks as another image tool
//! shows it. Browsers choose between WebP and GIF.

use std::path::Path;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, Rgba, RgbaImage};
use serde_json::Value;

use crate::harness::{TestAccount, TestServer, node, shared};

/// How far apart two pictures may be that are seen at the same moment, of 255: 256 colours and losses of WebP included.
const MAX_FAR: f64 = 4.0;

/// A disc that wanders over a clear ground, and how long it stays at each place, in milliseconds.
fn wandering(delays: &[u32], repeat: Repeat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(repeat).expect("memory takes it");
    for (step, delay) in (0_i64..).zip(delays) {
        let picture = RgbaImage::from_fn(120, 60, |x, y| {
            let (x, y) = (i64::from(x) - 20 - step * 15, i64::from(y) - 30);
            if x * x + y * y < 200 { Rgba([210, 40, 60, 255]) } else { Rgba([0; 4]) }
        });
        let delay = Delay::from_numer_denom_ms(*delay, 1);
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).expect("memory takes it");
    }
    drop(encoder);
    bytes
}

/// Holds what is delivered against the original; gives what the other tool tells of both.
async fn beside(account: &TestAccount<'_>, original: &Path, last: &str, accept: &str, kind: &str) -> Value {
    let name = original.file_name().and_then(|name| name.to_str()).expect("a name");
    let bytes = std::fs::read(original).expect("the original");
    let image = account.with_image(name).with_bytes(bytes).await;
    let path = signing::DeliveryUrl::path_of(&account.account.hash, &image.id.parse().expect("an id"), last);
    let url = account.sign(&path).await;
    let reply = account.server.get_with(&url, &[("accept", accept)]).await.expect(200);
    let what = format!("{name} {last}");
    assert_eq!(reply.header("content-type"), Some(format!("image/{kind}").as_str()), "{what}");
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join(format!("made.{kind}"));
    std::fs::write(&made, &reply.body).expect("a file");
    let told = node("pictures/film.mjs").arg(original).arg(&made).ok().await;
    println!("{what}: {}", told.trim());
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["original"]["loop"], told["made"]["loop"], "{what}");
    told
}

/// The two look alike at every moment, and last as long.
fn check_alike(what: &str, told: &Value) {
    assert_eq!(told["made"]["ms"], told["original"]["ms"], "{what}");
    assert!(told["farthest"].as_f64().expect("a number") < MAX_FAR, "{what}: {told}");
}

#[tokio::test]
async fn frames_times_and_loops_are_those_of_the_original() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start().await;
    let account = server.account().await;
    let cases = [
        ("ever.gif", vec![50, 70, 200, 30, 90], Repeat::Infinite),
        ("thrice.gif", vec![120, 40, 40], Repeat::Finite(2)),
    ];
    for (name, delays, repeat) in cases {
        let original = folder.path().join(name);
        std::fs::write(&original, wandering(&delays, repeat)).expect("a file");
        for (last, accept, kind) in [
            ("public", "image/avif,image/webp", "webp"),
            ("w=60", "*/*", "gif"),
            ("w=60,f=webp", "*/*", "webp"),
            ("w=60,f=avif", "*/*", "webp"),
            ("f=gif", "image/webp", "gif"),
        ] {
            let told = beside(&account, &original, last, accept, kind).await;
            assert_eq!(told["made"]["pages"], delays.len(), "{name} {last}");
            check_alike(&format!("{name} {last}"), &told);
        }
    }
    let still = account.with_image("ever.gif").with_bytes(wandering(&[50, 50], Repeat::Infinite)).await;
    for (last, kind) in
        [("anim=false", "image/png"), ("w=60,f=jpeg", "image/jpeg"), ("anim=false,f=gif", "image/gif")]
    {
        let path =
            signing::DeliveryUrl::path_of(&account.account.hash, &still.id.parse().expect("an id"), last);
        let reply = server.get(&account.sign(&path).await).await.expect(200);
        assert_eq!(reply.header("content-type"), Some(kind), "{last}");
    }
}

#[tokio::test]
async fn delays_that_no_browser_obeys_are_written_as_they_are_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start().await;
    let account = server.account().await;
    let original = folder.path().join("hasty.gif");
    std::fs::write(&original, wandering(&[0, 10, 20], Repeat::Infinite)).expect("a file");
    for (last, kind) in [("f=gif", "gif"), ("f=webp", "webp")] {
        let told = beside(&account, &original, last, "*/*", kind).await;
        assert_eq!(told["made"]["ms"], 100 + 100 + 20, "{last}");
    }
}

#[tokio::test]
async fn the_animations_of_the_corpus_look_as_they_did() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for name in ["gif-anim-alpha-30f.gif", "webp-anim-alpha-9f.webp"] {
        let Some(original) = shared::path(&format!("corpus/{name}")) else { return };
        for (last, kind) in
            [("f=gif", "gif"), ("f=webp", "webp"), ("w=50,f=gif", "gif"), ("w=50,f=webp", "webp")]
        {
            let told = beside(&account, &original, last, "*/*", kind).await;
            check_alike(&format!("{name} {last}"), &told);
        }
    }
}
