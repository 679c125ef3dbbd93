//! SVG from upload to delivery: cleaned, the same for every variant, and inert in a browser that would run anything (T14).

use std::path::Path;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::{Reply, TestAccount, TestServer, node, python, shared};

/// What a delivered SVG is allowed to do: nothing.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; sandbox";

const LOGO: &str = r##"<?xml version="1.0"?>
<!-- made by Ada -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 80" onload="alert(1)">
  <metadata>Ada</metadata><script>alert(2)</script>
  <a href="https://elsewhere.example/"><rect id="r" width="120" height="80" fill="#c00"/></a>
  <image href="https://elsewhere.example/t.png" width="9" height="9"/><use href="#r"/>
</svg>"##;

/// What is left of it.
const CLEAN: &str = concat!(
    r##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 120 80">"##,
    r##"<a><rect id="r" width="120" height="80" fill="#c00"/></a><image width="9" height="9"/><use href="#r"/></svg>"##
);

async fn upload(account: &TestAccount<'_>, name: &str, bytes: Vec<u8>) -> Reply {
    let part = Part::bytes(bytes).file_name(name.to_owned());
    account.api_form("POST", "/v1", Form::new().part("file", part)).await
}

async fn deliver(account: &TestAccount<'_>, id: &str, last: &str) -> Reply {
    let path = signing::DeliveryUrl::path_of(&account.account.hash, &id.parse().expect("an id"), last);
    account.server.get(&account.sign(&path).await).await
}

#[tokio::test]
async fn any_variant_of_an_svg_is_the_cleaned_original() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.with_variant("thumb", "w=40,h=40,fit=cover").await;
    let reply = upload(&account, "logo.svg", LOGO.into()).await.expect(200);
    let id = reply.json()["result"]["id"].as_str().expect("an id").to_owned();
    let mut tags = Vec::new();
    for last in ["public", "thumb", "w=400", "w=20,f=png", "f=avif", "blur=9,rotate=90"] {
        let reply = deliver(&account, &id, last).await.expect(200);
        assert_eq!(reply.header("content-type"), Some("image/svg+xml"), "{last}");
        assert_eq!(reply.header("content-security-policy"), Some(POLICY), "{last}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{last}");
        assert_eq!(reply.text(), CLEAN, "{last}");
        tags.push(reply.header("etag").expect("a tag").to_owned());
    }
    tags.dedup();
    assert_eq!(tags.len(), 1, "one rendition for all of them");
    let original = json!({"file_size": LOGO.len(), "width": 120, "height": 80, "format": "image/svg+xml"});
    assert_eq!(deliver(&account, &id, "format=json").await.expect(200).json()["original"], original);
    let blob = account.api("GET", &format!("/v1/{id}/blob")).await.expect(200);
    assert_eq!(blob.text(), LOGO, "the original stays as it came, behind the token");
}

#[tokio::test]
async fn an_svg_that_hides_something_is_refused_and_nothing_is_left() {
    let server = TestServer::start_with(|config| config.workers.limits.max_svg_depth = 3).await;
    let account = server.account().await;
    let open = r#"<svg xmlns="http://www.w3.org/2000/svg">"#;
    for (inside, what) in [
        ("<g><g><g/></g></g>", "it is too deep"),
        ("<g>", "it ends early"),
        ("&lol;", "it refers to an entity"),
        ("<!-- <!ENTITY a 'b'> -->", "it declares an entity"),
    ] {
        let reply = upload(&account, "x.svg", format!("{open}{inside}</svg>").into_bytes()).await;
        assert_eq!((reply.status, reply.code()), (422, 5450), "{what}: {reply}");
    }
    upload(&account, "x.svg", format!("{open}<g><g/></g></svg>").into_bytes()).await.expect(200);
    let totals = server.catalog().account(&account.account.id).await.expect("the account").totals;
    assert_eq!(totals.images, 1);
}

/// Delivers every SVG of a list that is taken, and writes what came into a folder.
async fn delivered(account: &TestAccount<'_>, files: &[(String, Vec<u8>, String)], folder: &Path) -> usize {
    let mut taken = 0;
    for (name, bytes, expected) in files {
        let reply = upload(account, name, bytes.clone()).await;
        assert!(reply.status == 200 || (400..500).contains(&reply.status), "{name}: {reply}");
        assert!(reply.status != 200 || expected != "reject", "{name} was taken: {reply}");
        assert!(reply.status == 200 || expected != "accept", "{name} was refused: {reply}");
        if reply.status != 200 {
            continue;
        }
        let id = reply.json()["result"]["id"].as_str().expect("an id").to_owned();
        let reply = deliver(account, &id, "public").await.expect(200);
        if reply.header("content-type") == Some("image/svg+xml") {
            assert_eq!(reply.header("content-security-policy"), Some(POLICY), "{name}");
            std::fs::write(folder.join(format!("{taken:03}.svg")), &reply.body).expect("a file");
            taken += 1;
        }
    }
    taken
}

/// The SVGs of a manifest: name, bytes, what is expected.
fn listed(manifest: &[u8], folder: &Path) -> Vec<(String, Vec<u8>, String)> {
    let manifest: Value = serde_json::from_slice(manifest).expect("a manifest");
    let files = manifest["files"].as_array().expect("files").iter().filter_map(|file| {
        let name = file["file"].as_str()?.to_owned();
        let is_svg = file["kind"] == "svg" || name.starts_with("svg");
        let expected = file["expected"].as_str()?.to_owned();
        is_svg.then(|| (name.clone(), std::fs::read(folder.join(&name)).expect("a file"), expected))
    });
    files.collect()
}

#[tokio::test]
async fn t_14_delivered_svgs_are_inert() {
    let Some(collection) = shared::path("bad-inputs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join("made");
    let tools = collection.join("tools");
    let tool = python(tools.join("gen.py").to_str().expect("a path"));
    tool.arg("--out").arg(&made).arg("--only").arg("svg").ok().await;
    let read = |path: &Path| std::fs::read(path.join("manifest.json")).expect("a manifest");
    let mut files = listed(&read(&collection), &collection);
    files.extend(listed(&read(&made), &made));
    let corpus = shared::path("corpus").expect("the corpus");
    for name in ["svg-logo.svg", "svg-embedded-images.svg"] {
        files.push((name.into(), std::fs::read(corpus.join(name)).expect("a file"), "accept".into()));
    }
    let server = TestServer::start_with(|config| config.max_api_requests_per_s = 100_000).await;
    let account = server.account().await;
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let taken = delivered(&account, &files, &out).await;
    println!("T14: {} SVGs, {taken} of them taken and delivered", files.len());
    assert!(taken > 60, "{taken}");
    let check = python(tools.join("svg_check.py").to_str().expect("a path"));
    let names: Vec<_> = (0..taken).map(|number| out.join(format!("{number:03}.svg"))).collect();
    names.iter().fold(check, crate::harness::Tool::arg).ok().await;
    println!("{}", node("browser/inert.mjs").env("FOLDER", out.to_str().expect("a path")).ok().await);
}
