//! Every case of the shared vectors over HTTP, at the door of its scheme and by its own clock: a refused one gets its
//! status and reason, an accepted one whatever its path names. CloudFront's, imgix's and Bunny's are moved below a path
//! of ours and signed again, by `vectors/moved.py`. Left out, and counted, are the others whose paths are no address of
//! ours, buckets in host names above all. Cloudflare's and the native ones are in `signed_urls.rs`.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Actor, Mount, NewAccount, NewVerifyingKey, SchemeChange, SchemeMode};
use domain::{AccountId, ImageId, Timestamp, VariantName};
use serde_json::Value;
use signing::{DeliveryUrl, KeyMaterial, Scheme};

use crate::harness::{Reply, TestServer, python, shared};
use crate::signed_urls::{insert_image, insert_keys, insert_variant, text};

/// The account below whose address cases are put that have another.
const HASH: &str = "cheeW4oKsx5ljh8e8BoL2A";

/// A file of vectors, and how many of its cases have an address of ours.
struct File {
    name: &'static str,
    scheme: Scheme,
    sent: usize,
}

/// What its cases were answered.
#[derive(Debug, Default)]
struct Answers {
    refused: usize,
    served: usize,
    /// Accepted, and then nothing that is there, or nothing that we do.
    nothing_there: usize,
    no_address: usize,
    /// What a storage of ours does not do, whoever signs it.
    not_taken: usize,
}

#[tokio::test]
async fn every_generic_case_gets_its_status_and_reason_over_http() {
    let vectors = serde_json::from_str(include_str!("vectors/generic_hmac.json")).unwrap();
    let file = File { name: "generic_hmac", scheme: Scheme::Generic, sent: 17 };
    assert_eq!(check_file(&file, &vectors).await, file.sent);
}

#[tokio::test]
async fn every_case_on_a_native_route_gets_its_status_and_reason_over_http() {
    check_shared(&[
        File { name: "akamai_edgeauth", scheme: Scheme::EdgeAuth, sent: 25 },
        File { name: "imagekit", scheme: Scheme::ImageKit, sent: 25 },
        File { name: "fastly", scheme: Scheme::Fastly, sent: 6 },
    ])
    .await;
}

#[tokio::test]
async fn every_case_that_is_signed_again_for_a_path_of_ours_gets_its_status_and_reason_over_http() {
    for (name, scheme, sent) in [
        ("cloudfront_url", Scheme::CloudFront, 81),
        ("cloudfront_cookie", Scheme::CloudFront, 30),
        ("imgix", Scheme::Imgix, 34),
        ("bunny", Scheme::Bunny, 54),
    ] {
        let Some(path) = shared::path(&format!("vectors/{name}.json")) else { return };
        let script = python("vectors/moved.py").arg(path).arg(format!("/{HASH}/moved"));
        let vectors = serde_json::from_str(&script.ok().await).expect("vectors");
        assert_eq!(check_file(&File { name, scheme, sent }, &vectors).await, sent, "{name}");
    }
}

#[tokio::test]
async fn every_case_below_a_mount_gets_its_status_and_reason_over_http() {
    check_shared(&[
        File { name: "cloudimage_sign", scheme: Scheme::Cloudimage, sent: 51 },
        File { name: "cloudimage_seal", scheme: Scheme::Cloudimage, sent: 40 },
        File { name: "imgproxy", scheme: Scheme::Imgproxy, sent: 27 },
        File { name: "thumbor", scheme: Scheme::Thumbor, sent: 21 },
    ])
    .await;
}

#[tokio::test]
async fn every_case_of_a_storage_in_path_style_gets_its_status_and_reason_over_http() {
    check_shared(&[
        File { name: "s3_sigv4_header", scheme: Scheme::S3, sent: 7 },
        File { name: "s3_sigv4_presigned", scheme: Scheme::S3, sent: 12 },
        File { name: "s3_sigv2_query", scheme: Scheme::S3, sent: 4 },
        File { name: "gcs_v4_rsa", scheme: Scheme::Gcs, sent: 38 },
        File { name: "gcs_v4_hmac", scheme: Scheme::Gcs, sent: 31 },
        File { name: "gcs_v2", scheme: Scheme::Gcs, sent: 18 },
        File { name: "gcs_conformance", scheme: Scheme::Gcs, sent: 36 },
    ])
    .await;
}

#[tokio::test]
async fn every_form_of_a_storage_gets_its_status_and_reason_over_http() {
    check_shared(&[
        File { name: "s3_post_policy", scheme: Scheme::S3, sent: 22 },
        File { name: "gcs_post_policy", scheme: Scheme::Gcs, sent: 10 },
    ])
    .await;
}

async fn check_shared(files: &[File]) {
    let mut wrong = Vec::new();
    for file in files {
        let Some(bytes) = shared::file(&format!("vectors/{}.json", file.name)) else { return };
        let vectors = serde_json::from_slice(&bytes).expect("vectors");
        let sent = check_file(file, &vectors).await;
        wrong.extend((sent != file.sent).then(|| format!("{} of {}, not {}", sent, file.name, file.sent)));
    }
    assert!(wrong.is_empty(), "cases that have an address of ours: {wrong:?}");
}

/// How many cases of a file could be sent.
async fn check_file(file: &File, vectors: &Value) -> usize {
    let mut answers = Answers::default();
    for cases in houses(vectors).values() {
        let sent: Vec<(&Value, String)> =
            cases.iter().filter_map(|case| Some((*case, address(file.scheme, case)?))).collect();
        answers.no_address += cases.len() - sent.len();
        if sent.is_empty() {
            continue;
        }
        let server = TestServer::start_with(|config| {
            config.trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
        })
        .await;
        furnish(&server, file.scheme, vectors, &sent).await;
        for (case, target) in &sent {
            server.clock.stop_at(Timestamp::from_seconds(case["request"]["now"].as_i64().unwrap()));
            let reply = send(&server, case, target).await;
            check_answer(case, &reply, &mut answers);
        }
    }
    println!("{}: {answers:?}", file.name);
    answers.refused + answers.served + answers.nothing_there + answers.not_taken
}

#[track_caller]
fn check_answer(case: &Value, reply: &Reply, answers: &mut Answers) {
    let (id, reason) = (&case["id"], reply.header("x-image-auth"));
    if !is_taken(case) {
        assert!(matches!(reply.status, 405 | 501), "{id}: {reply}");
        answers.not_taken += 1;
    } else if names_countries(case) {
        // This server knows no countries, and lets nobody in where one is asked for.
        assert_eq!((reply.status, reason), (403, Some("country_not_allowed")), "{id}: {reply}");
        answers.not_taken += 1;
    } else if case["verdict"] == "reject" {
        assert_eq!(Some(u64::from(reply.status)), case["status"].as_u64(), "{id}: {reply}");
        assert_eq!(reason, case["reason"].as_str(), "{id}: {reply}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{id}: {reply}");
        answers.refused += 1;
    } else if (200..300).contains(&reply.status) {
        answers.served += 1;
    } else {
        // What does not say that the signature is at fault, but for a path that no door of ours takes. A variant that
        // nobody has is 403 by the contract.
        assert!(matches!(reply.status, 400..=422 | 501), "{id}: {reply}");
        assert!(reason.is_none_or(|reason| reason == "bad_path"), "{id}: {reply}");
        answers.nothing_there += 1;
    }
}

/// Whether a case is more than listing a bucket, and than what neither reads nor writes.
fn is_taken(case: &Value) -> bool {
    let request = &case["request"];
    let path = text(&request["target"]).split('?').next().unwrap_or_default();
    let is_object = path.trim_end_matches('/').matches('/').count() > 1;
    request["form"].is_object() || is_object && ["GET", "HEAD", "PUT"].contains(&text(&request["method"]))
}

/// Whether a case is for some countries, at a path that a door of ours takes: one that ends in a slash names no image.
fn names_countries(case: &Value) -> bool {
    let target = text(&case["request"]["target"]);
    target.contains("token_countries") && !target.ends_with('/')
}

/// Cases by the keys and the policy of their account.
fn houses(vectors: &Value) -> BTreeMap<String, Vec<&Value>> {
    let mut houses = BTreeMap::<String, Vec<&Value>>::new();
    for case in vectors["cases"].as_array().into_iter().flatten() {
        let policy: BTreeMap<_, _> = settings(&case["policy"]).into_iter().collect();
        houses.entry(format!("{} {policy:?}", case["verifier_keys"])).or_default().push(case);
    }
    houses
}

/// The target of a case at the door of its scheme; none where no such path leads there. What stands before a path at a
/// mount or a storage is not signed.
fn address(scheme: Scheme, case: &Value) -> Option<String> {
    let request = &case["request"];
    let target = text(&request["target"]);
    match scheme {
        Scheme::Cloudimage if target.starts_with("/v7/") => Some(target.into()),
        Scheme::Cloudimage => Some(format!("/v7{target}")),
        Scheme::Imgproxy => Some(format!("/imgproxy{target}")),
        Scheme::Thumbor => Some(format!("/thumbor{target}")),
        Scheme::ImageKit => Some(target.replacen("/demo_id/", &format!("/{HASH}/demo_id/"), 1)),
        Scheme::S3 | Scheme::Gcs if request["form"].is_object() => {
            case["policy"]["bucket"].as_str().map(|bucket| format!("/storage/{bucket}"))
        }
        Scheme::S3 | Scheme::Gcs => bucket(request).map(|_| format!("/storage{target}")),
        _ => {
            let first = target.split('/').nth(1)?;
            (first.len() == 22 || first.starts_with("bcdn_token=")).then(|| target.into())
        }
    }
}

/// The bucket that a path begins with; none where the host names it.
fn bucket(request: &Value) -> Option<&str> {
    let host = text(&request["host"]);
    let is_plain = ["s3.", "storage.", "minio.", "localhost", "xyz.", "evil.", "media."]
        .iter()
        .any(|start| host.starts_with(start));
    let first = text(&request["target"]).split(['/', '?']).nth(1)?;
    (is_plain && first.contains('-') && !first.contains('%')).then_some(first)
}

async fn furnish(server: &TestServer, scheme: Scheme, vectors: &Value, sent: &[(&Value, String)]) {
    let case = sent[0].0;
    match scheme {
        Scheme::S3 | Scheme::Gcs => furnish_storage(server, scheme, vectors, sent).await,
        Scheme::Cloudimage | Scheme::Imgproxy | Scheme::Thumbor => {
            let account = server.account().await.account;
            switch_on(server, &account.id, scheme, vectors, case).await;
            let mount = Mount::ALL.into_iter().find(|mount| mount.scheme() == scheme).expect("its mount");
            server
                .catalog()
                .give_mount(mount, &account.id, &Actor::command())
                .await
                .expect("the mount is free");
            for id in ["origin.example.net/a.jpg", "origin.example.net/pretty/image.jpg"] {
                insert_image(server, &account, id.parse().expect("an image's id")).await;
            }
        }
        _ => furnish_deliveries(server, scheme, vectors, sent).await,
    }
}

async fn furnish_storage(server: &TestServer, scheme: Scheme, vectors: &Value, sent: &[(&Value, String)]) {
    let mut images = BTreeMap::<&str, BTreeSet<ImageId>>::new();
    for (_, target) in sent {
        let path = target.split('?').next().and_then(|path| path.strip_prefix("/storage/"));
        let (bucket, key) =
            path.and_then(|path| path.split_once('/')).unwrap_or((path.unwrap_or_default(), ""));
        let ids = images.entry(bucket).or_default();
        // An id that is written in a plain way is enough: the others get their answer without an image.
        ids.extend(key.parse().ok().filter(|_| !key.contains('%')));
    }
    for (bucket, ids) in images {
        let account = insert_account(server, bucket, None).await;
        switch_on(server, &account.id, scheme, vectors, sent[0].0).await;
        for id in ids {
            insert_image(server, &account, id).await;
        }
    }
}

async fn furnish_deliveries(server: &TestServer, scheme: Scheme, vectors: &Value, sent: &[(&Value, String)]) {
    let urls: Vec<DeliveryUrl> =
        sent.iter().filter_map(|(_, target)| DeliveryUrl::parse(target).ok()).collect();
    let hashes: BTreeSet<&str> = urls.iter().map(DeliveryUrl::account).collect();
    for (number, hash) in hashes.into_iter().enumerate() {
        let account = insert_account(server, &format!("moved-{number}"), Some(hash)).await;
        switch_on(server, &account.id, scheme, vectors, sent[0].0).await;
        if scheme == Scheme::Generic {
            insert_keys(server, &account, vectors, sent[0].0).await;
        }
        let own = || urls.iter().filter(|url| url.account() == hash);
        let names: BTreeSet<VariantName> = own().filter_map(|url| url.last().parse().ok()).collect();
        for name in names.into_iter().filter(|name| *name != VariantName::public()) {
            insert_variant(server, &account, name).await;
        }
        let ids: BTreeSet<ImageId> = own().filter_map(|url| url.image().parse().ok()).collect();
        for id in ids {
            insert_image(server, &account, id).await;
        }
    }
}

async fn insert_account(server: &TestServer, handle: &str, hash: Option<&str>) -> catalog::Account {
    let new = NewAccount {
        handle: handle.parse().expect("a handle"),
        display_name: None,
        given: hash.map(|hash| (AccountId::random(), hash.parse().expect("an account's hash"))),
        settings: vec![("require_exp".into(), "true".into())],
    };
    server.catalog().insert_account(new, &Actor::command()).await.expect("a new account")
}

/// Enforces the scheme for an account, with the settings and the keys of a case.
async fn switch_on(server: &TestServer, account: &AccountId, scheme: Scheme, vectors: &Value, case: &Value) {
    let (catalog, actor) = (server.catalog(), Actor::command());
    let change = SchemeChange { mode: Some(SchemeMode::Enforce), settings: settings(&case["policy"]) };
    catalog.set_scheme(account, scheme, change, &actor).await.expect("the scheme is switched on");
    for (number, given) in case["verifier_keys"].as_array().into_iter().flatten().enumerate() {
        let of = |part: &str| &vectors["keys"][given.as_str().unwrap_or_else(|| text(&given[part]))];
        let Some(material) = material(scheme, of("material_of")) else { continue };
        let name = format!("key-{number}").parse().expect("a key's name");
        let id = key_id(of("id_of"));
        let new = NewVerifyingKey { name, scheme, id, material, verify_from: None };
        catalog.add_verifying_key(account, new, &actor).await.expect("a new verifying key");
    }
}

/// What the vectors call a policy, as settings of a scheme. The route says which bucket is meant.
fn settings(policy: &Value) -> Vec<(String, String)> {
    let given = policy.as_object().into_iter().flatten();
    let kept = given.filter(|(name, _)| !matches!(name.as_str(), "bucket" | "virtual_host_bucket"));
    kept.map(|(name, value)| {
        let value = match (name.as_str(), value.as_str()) {
            ("endpoint_path", Some(path)) => format!("/{HASH}{path}"),
            (_, Some(text)) => text.into(),
            (_, None) => value.to_string(),
        };
        (if name == "algorithm" { "hash".into() } else { name.clone() }, value)
    })
    .collect()
}

/// A key of a file as an account registers it; none for one that signs natively.
fn material(scheme: Scheme, key: &Value) -> Option<KeyMaterial> {
    let field = |name: &str| text(&key[name]);
    Some(match scheme {
        Scheme::Generic => return None,
        Scheme::Cloudimage => KeyMaterial::text(field("salt")),
        Scheme::Imgproxy => KeyMaterial::key_and_salt_hex(field("key_hex"), field("salt_hex")).expect("hex"),
        Scheme::Thumbor | Scheme::Bunny => KeyMaterial::text(field("security_key")),
        Scheme::Imgix => KeyMaterial::text(field("token")),
        Scheme::EdgeAuth if key["type"] == "cloudinary" => KeyMaterial::text(field("auth_key_hex")),
        Scheme::EdgeAuth => KeyMaterial::text(field("key_hex")),
        Scheme::ImageKit => KeyMaterial::text(field("private_key")),
        Scheme::Fastly => KeyMaterial::text(field("key_base64")),
        _ => match (
            key["secret_access_key"].as_str().or(key["secret"].as_str()),
            key["session_token"].as_str(),
        ) {
            (Some(secret), Some(token)) => KeyMaterial::with_session(secret, token),
            (Some(secret), None) => KeyMaterial::text(secret),
            (None, _) => KeyMaterial::public_key_pem(field("public_pem")).expect("a public key"),
        },
    })
}

/// How requests name a key; nothing where they name none.
fn key_id(key: &Value) -> String {
    ["access_key_id", "access_id", "client_email", "key_pair_id"]
        .iter()
        .find_map(|name| key[*name].as_str())
        .unwrap_or_default()
        .into()
}

/// Sends a case as it stands, to the host that it names, as a trusted proxy passes it on.
async fn send(server: &TestServer, case: &Value, target: &str) -> Reply {
    let request = &case["request"];
    let (mut head, mut body) = (BTreeMap::<&str, String>::new(), Vec::new());
    head.insert("host", text(&request["host"]).into());
    head.insert("connection", "close".into());
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        head.insert(name, text(value).into());
    }
    head.insert("x-forwarded-proto", text(&request["scheme"]).into());
    if let Some(address) = request["client_ip"].as_str() {
        head.insert("x-forwarded-for", address.into());
    }
    if let Some(form) = request["form"].as_object() {
        body = form_body(form, request["file_size"].as_u64().expect("a size") as usize);
        head.insert("content-type", "multipart/form-data; boundary=B".into());
    } else if let Some(given) = request["body"].as_str() {
        body = given.into();
    }
    if text(&request["method"]) != "GET" {
        head.insert("content-length", body.len().to_string());
    }
    let lines: String = head.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut bytes = format!("{} {target} HTTP/1.1\r\n{lines}\r\n", text(&request["method"])).into_bytes();
    bytes.extend(body);
    Reply::raw(server.address(), &bytes).await
}

/// A browser's form with its fields before a file of so many bytes.
fn form_body(form: &serde_json::Map<String, Value>, file_bytes: usize) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in form {
        body += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n", text(value));
    }
    body += "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cat.jpg\"\r\n\r\n";
    body += &"x".repeat(file_bytes);
    (body + "\r\n--B--\r\n").into_bytes()
}
