//! Hostile bytes and hostile readers: the whole collection of bad inputs, and those who never read what they ask for.

use std::io::Cursor;
use std::time::Duration;

use image::{DynamicImage, ImageReader, RgbImage};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::durability::gate;
use crate::harness::{Reply, TestAccount, TestServer, drawn, eventually, shared};

/// Every way in which an accepted file is delivered: last segment, `Accept`, media type. An SVG is one whatever is wished
/// for, and an animation stays one; what is too long for an AVIF and a WebP comes as something else.
const WAYS: [(&str, &str, &[&str]); 4] = [
    ("public", "image/webp", &["image/webp"]),
    ("w=300,format=jpeg,metadata=none", "*/*", &["image/jpeg"]),
    ("w=64,h=64,fit=cover,format=png", "*/*", &["image/png"]),
    ("w=48,format=avif", "*/*", &["image/avif", "image/webp", "image/png", "image/jpeg"]),
];

/// What a delivered SVG is allowed to do: nothing.
const SVG_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; sandbox";

/// What a mark of the manifest forbids in delivered bytes.
const MARKS: [(&str, &[&[u8]]); 3] = [
    ("no_gps", &[b"GPSLatitude", b"exif:GPS", b"GPSLEAK"]),
    (
        "no_metadata",
        &[b"Exif\0\0", b"EXIF", b"eXIf", b"http://ns.adobe.com/xap", b"xmpmeta", b"Photoshop 3.0", b"tEXt"],
    ),
    ("no_payload", &[b"<script", b"<?php", b"javascript:", b"onerror=", b"root:x:0"]),
];

#[tokio::test]
async fn every_bad_input_is_answered_as_the_manifest_says() {
    let Some(manifest) = shared::file("bad-inputs/manifest.json") else { return };
    let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest");
    let files = manifest["files"].as_array().expect("files");
    let server = TestServer::start_with(|config| {
        config.max_api_requests_per_s = 100_000;
        // However busy the machine is.
        (config.workers.render_timeout_s, config.workers.avif_timeout_s) = (60, 60);
    })
    .await;
    let account = server.account().await;
    let (mut accepted, mut refused) = (0_usize, 0);
    for file in files {
        match check(&account, file).await {
            true => accepted += 1,
            false => refused += 1,
        }
    }
    println!("{} bad inputs: {accepted} taken and delivered, {refused} refused", files.len());
    let rows = server.catalog().account(&account.account.id).await.expect("the account").totals.images;
    assert_eq!(usize::try_from(rows), Ok(accepted), "a refused file left a row");
}

/// Uploads one file and delivers it where it was taken; whether it was.
async fn check(account: &TestAccount<'_>, file: &Value) -> bool {
    let name = file["file"].as_str().expect("a name");
    let bytes = shared::file(&format!("bad-inputs/{name}")).expect("the collections are there");
    let part = Part::bytes(bytes.clone()).file_name(name.to_owned());
    let form = Form::new().part("file", part).text("requireSignedURLs", "true");
    let reply = account.api_form("POST", "/v1", form).await;
    let expected = file["expected"].as_str().expect("an expectation");
    if reply.status != 200 {
        assert!(matches!(reply.status, 400 | 413 | 415 | 422), "{name}: {reply}");
        assert!(expected != "accept", "{name} should be taken: {reply}");
        return false;
    }
    assert_ne!(expected, "reject", "{name} should be refused: {}", file["reason"]);
    let id = reply.json()["result"]["id"].as_str().expect("an id").to_owned();
    let original = account.api("GET", &format!("/v1/{id}/blob")).await.expect(200);
    assert_eq!(original.body, bytes, "{name}: the original is another one");
    let ways = if gate::is_gate() { &WAYS[..] } else { &WAYS[..1] };
    for (last, accept, types) in ways {
        let path = signing::DeliveryUrl::path_of(&account.account.hash, &id.parse().expect("an id"), last);
        let url = account.sign(&path).await;
        let reply = account.server.get_with(&url, &[("accept", accept)]).await;
        check_delivered(&format!("{name} as {last}"), file, &reply, types);
    }
    true
}

/// A delivery of a taken file: a picture that decodes, and nothing in it that a mark forbids.
fn check_delivered(what: &str, file: &Value, reply: &Reply, types: &[&str]) {
    if file["expected"] == "either" && matches!(reply.status, 403 | 413 | 415 | 422) {
        return;
    }
    assert_eq!(reply.status, 200, "{what}: {reply}");
    let media_type = reply.header("content-type").unwrap_or_default();
    if media_type == "image/svg+xml" {
        assert_eq!(reply.header("content-security-policy"), Some(SVG_POLICY), "{what}");
    } else {
        assert!(types.contains(&media_type), "{what}: {media_type}");
        check_decodes(what, &reply.body);
    }
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{what}");
    let checks = file["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (check, marks) in MARKS {
        if !checks.iter().any(|wanted| wanted == check) {
            continue;
        }
        for mark in marks {
            let found = reply.body.windows(mark.len()).any(|window| window == *mark);
            assert!(!found, "{what}: {check}: it holds {}", String::from_utf8_lossy(mark));
        }
    }
}

/// The bytes are a picture: of AVIF what our own probe says of it, which shares no code with the encoder.
fn check_decodes(what: &str, bytes: &[u8]) {
    let is_avif = bytes.get(4..12).is_some_and(|brand| brand.starts_with(b"ftypavi"));
    if is_avif {
        variant::probe(bytes, &variant::Limits::default()).unwrap_or_else(|why| panic!("{what}: {why}"));
        return;
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("memory reads");
    reader.decode().unwrap_or_else(|why| panic!("{what} does not decode: {why}"));
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let server = TestServer::start_with(|config| config.reader_stall_s = 1).await;
    let account = server.account().await;
    let image = account.with_image("noise.png").with_bytes(noise(1400)).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address()).await.expect("the server listens");
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        account.api_path(&format!("{}/blob", image.api_path())),
        account.token
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let (server_port, own_port) = (server.address().port(), stream.local_addr().expect("an address").port());
    let held = || async move { is_held(server_port, own_port) };
    eventually("the server holds the connection", Duration::from_secs(10), held).await;
    let let_go = || async move { !is_held(server_port, own_port) };
    eventually("the server lets the stalled reader go", Duration::from_secs(30), let_go).await;
    server.get("/healthz").await.expect(200);
}

/// A PNG that nothing compresses, so that it fits into no buffer of a connection.
fn noise(side: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let picture = RgbImage::from_fn(side, side, |_, _| {
        image::Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    });
    drawn::png(&DynamicImage::ImageRgb8(picture))
}

/// Whether the server's end of a connection is established, as the kernel's own table says.
fn is_held(server_port: u16, own_port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let (local, remote) = (format!(":{server_port:04X}"), format!(":{own_port:04X}"));
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ends = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        ends.0.ends_with(&local) && ends.1.ends_with(&remote) && words.next() == Some("01")
    })
}
