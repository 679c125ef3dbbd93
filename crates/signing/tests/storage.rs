//! The vectors of S3 and Google Cloud Storage against the public functions: verdict, reason and signed text, and what
//! `Outbound` signs, byte for byte. They are read from the folder that `TEST_SHARED` names; without it this is said aloud.

#![expect(clippy::unwrap_used, reason = "a vector that does not read is a failed test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::{Fault as _, Secret, Timestamp};
use serde_json::Value;
use sha2::Digest as _;
use signing::{
    BucketStyle, Error, Explanation, GcsSettings, KeyMaterial, KeyState, Outbound, OutboundBody,
    OutboundRequest, Payload, Policy, PostForm, Request, S3Settings, Scheme, SchemeSet, SchemeSettings,
    Target, Verified, Verifier, VerifyingKey, explain_form, explain_request, object_url, verify_form,
    verify_request,
};

/// Each file and how many cases it has.
const FILES: [(&str, usize); 9] = [
    ("s3_sigv4_header", 40),
    ("s3_sigv4_presigned", 58),
    ("s3_sigv2_query", 23),
    ("s3_post_policy", 22),
    ("gcs_v4_rsa", 42),
    ("gcs_v4_hmac", 31),
    ("gcs_v2", 18),
    ("gcs_post_policy", 10),
    ("gcs_conformance", 40),
];

#[test]
fn every_case_gets_its_verdict_and_reason() {
    let Some(folder) = folder() else { return };
    for (name, count) in FILES {
        let vectors = read(&folder, name);
        let cases = vectors["cases"].as_array().unwrap();
        for case in cases {
            let (verdict, explanation) = judged(&vectors, case);
            assert_eq!(explanation.verdict, verdict, "{}", case["id"]);
            let found = verdict.as_ref().err().map(|error| error.reason().unwrap());
            let expected = case["reason"].as_str().filter(|_| case["verdict"] == "reject");
            assert_eq!(found, expected, "{}: {}", case["id"], case["title"]);
            let (last, before) = explanation.checks.split_last().unwrap();
            assert!(
                before.iter().all(|check| check.passed) && last.passed == verdict.is_ok(),
                "{}",
                case["id"]
            );
            for text in explained(case) {
                let shown = explanation.signed_texts.iter().any(|own| own == text);
                assert!(shown, "{}: {text} is not in {:?}", case["id"], explanation.signed_texts);
            }
        }
        assert_eq!(cases.len(), count, "{name}");
        println!("{name}: {count} cases");
    }
}

#[test]
fn a_url_with_any_byte_flipped_dropped_or_doubled_is_refused() {
    let Some(folder) = folder() else { return };
    let mut tried = 0;
    for name in ["s3_sigv4_presigned", "s3_sigv2_query", "gcs_v4_rsa", "gcs_v4_hmac", "gcs_v2"] {
        let vectors = read(&folder, name);
        let is_plain = |case: &&Value| {
            case["verdict"] == "accept" && text(&case["request"]["target"]).contains("ignature=")
        };
        for case in vectors["cases"].as_array().unwrap().iter().filter(is_plain).take(2) {
            let target = text(&case["request"]["target"]);
            for changed in changes(target) {
                let mut case = case.clone();
                case["request"]["target"] = changed.as_str().into();
                // A second ampersand is a pair of nothing, and pairs are not signed by version 2.
                let is_free = name.contains("v2") && changed.replace("&&", "&") == target;
                assert_eq!(judged(&vectors, &case).0.is_ok(), is_free, "{target} became {changed}");
                tried += 1;
            }
        }
    }
    println!("{tried} changes are refused");
    assert!(tried > 5_000);
}

/// A target with each byte changed by its last bit, left out, and written twice.
fn changes(target: &str) -> impl Iterator<Item = String> {
    (0..target.len()).flat_map(move |place| {
        let (before, after) = (&target[..place], &target[place + 1..]);
        let byte = target.as_bytes()[place];
        let flipped = char::from(byte ^ 1);
        let whole = char::from(byte);
        [
            format!("{before}{flipped}{after}"),
            format!("{before}{after}"),
            format!("{before}{whole}{whole}{after}"),
        ]
        .into_iter()
        .filter(move |changed| changed != target)
    })
}

#[test]
fn outbound_signs_what_the_libraries_signed() {
    let Some(folder) = folder() else { return };
    let mut compared = 0;
    for name in ["s3_sigv4_header", "gcs_v4_hmac"] {
        let vectors = read(&folder, name);
        for case in vectors["cases"].as_array().unwrap() {
            if case["output"]["headers"]["authorization"].is_null() {
                continue;
            }
            let signed = signed_again(&vectors, case);
            let output = strings(&case["output"]["headers"]);
            for (header, value) in &signed {
                assert_eq!(output.get(*header), Some(value), "{}: {header}", case["id"]);
            }
            assert!(signed.contains_key("authorization") && signed.contains_key("host"));
            compared += 1;
        }
    }
    println!("{compared} requests are signed byte for byte as their libraries did");
    assert_eq!(compared, 16 + 4);
}

#[test]
fn the_url_of_an_object_is_the_one_that_the_libraries_asked_for() {
    let Some(folder) = folder() else { return };
    let mut compared = 0;
    for name in ["s3_sigv4_header", "s3_sigv4_presigned"] {
        for case in read(&folder, name)["cases"].as_array().unwrap() {
            let sign = &case["sign"];
            let (Some(bucket), Some(key)) = (sign["bucket"].as_str(), sign["params"]["Key"].as_str()) else {
                continue;
            };
            let region = text(&sign["region"]);
            let endpoint = sign["endpoint"]
                .as_str()
                .map_or_else(|| format!("https://s3.{region}.amazonaws.com"), str::to_owned);
            let style = if sign["style"] == "path" { BucketStyle::Path } else { BucketStyle::VirtualHost };
            let url = object_url(&endpoint, bucket, key, style).unwrap();
            let output = text(&case["output"]["url"]);
            let asked = output.split_once('?').map_or(output, |(url, _)| url);
            assert_eq!(url, asked, "{}", case["id"]);
            compared += 1;
        }
    }
    println!("{compared} URLs of objects are written as the libraries do");
    assert!(compared > 20);
}

/// The signed texts that a case tells. The last case of Google's own set tells a canonical request that its text to sign
/// is not made of; such a one is left out.
fn explained(case: &Value) -> impl Iterator<Item = &str> {
    let (text, canonical) = (&case["explain"]["string_to_sign"], &case["explain"]["canonical_request"]);
    let is_signed = |canonical: &&str| {
        let digest =
            sha2::Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        text.as_str().is_none_or(|text| text.ends_with(&digest))
    };
    text.as_str().into_iter().chain(canonical.as_str().filter(is_signed))
}

/// What the public functions say of a case.
fn judged(vectors: &Value, case: &Value) -> (Result<Verified, Error>, Explanation) {
    let keys = keys(vectors, case);
    let (settings, policy) = (settings(case), Policy::default());
    let verifier = Verifier {
        schemes: SchemeSet::of(&[Scheme::S3, Scheme::Gcs]),
        foreign_keys: &keys,
        settings: &settings,
        ..Verifier::native(&[], &policy)
    };
    let given = &case["request"];
    let now = Timestamp::from_seconds(given["now"].as_i64().unwrap());
    if given["form"].is_object() {
        let fields: Vec<(String, String)> = strings(&given["form"]).into_iter().collect();
        let file_bytes = given["file_size"].as_u64().unwrap();
        let form = PostForm { fields: &fields, file_name: None, file_bytes };
        return (verify_form(&form, &verifier, now), explain_form(&form, &verifier, now));
    }
    let headers = strings(&given["headers"]);
    let request = Request {
        method: text(&given["method"]),
        is_https: given["scheme"] == "https",
        host: text(&given["host"]),
        headers: &headers,
        payload: given["body"].as_str().map_or(Payload::Unread, |body| Payload::of(body.as_bytes())),
        ..Request::get(Target::Raw(text(&given["target"])))
    };
    (verify_request(&request, &verifier, now), explain_request(&request, &verifier, now))
}

fn settings(case: &Value) -> SchemeSettings {
    let given = |name: &str| case["policy"][name].as_str().map(str::to_owned);
    let (bucket, virtual_host_bucket) = (given("bucket"), given("virtual_host_bucket"));
    SchemeSettings {
        gcs: GcsSettings { bucket: bucket.clone() },
        s3: S3Settings { region: given("region"), bucket, virtual_host_bucket },
        ..SchemeSettings::default()
    }
}

/// The keys that the verifier of a case holds: named ones, or the material of one under the id of another.
fn keys(vectors: &Value, case: &Value) -> Vec<VerifyingKey> {
    let listed = case["verifier_keys"].as_array().unwrap().iter();
    let key = |given: &Value| match given.as_str() {
        Some(name) => verifying_key(&vectors["keys"][name], &vectors["keys"][name]),
        None => {
            let of = |part: &str| &vectors["keys"][text(&given[part])];
            verifying_key(of("id_of"), of("material_of"))
        }
    };
    listed.map(key).collect()
}

fn verifying_key(id: &Value, material: &Value) -> VerifyingKey {
    let is_amazon = material["type"] == "aws";
    let id =
        ["access_key_id", "access_id", "client_email"].iter().find_map(|name| id[*name].as_str()).unwrap();
    let secret = material["secret_access_key"].as_str().or(material["secret"].as_str());
    let material = match (secret, material["session_token"].as_str()) {
        (Some(secret), Some(token)) => KeyMaterial::with_session(secret, token),
        (Some(secret), None) => KeyMaterial::text(secret),
        (None, _) => KeyMaterial::public_key_pem(text(&material["public_pem"])).unwrap(),
    };
    let scheme = if is_amazon { Scheme::S3 } else { Scheme::Gcs };
    VerifyingKey::new(scheme, "archive".parse().unwrap(), id, KeyState::Active, material)
}

/// Signs what a library was given, at its time.
fn signed_again(vectors: &Value, case: &Value) -> BTreeMap<&'static str, String> {
    let (sign, output) = (&case["sign"], &case["output"]);
    let now = Timestamp::from_seconds(sign["clock"].as_i64().unwrap());
    let headers = own_headers(case);
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = match sign["unsigned_payload"].as_bool() {
        Some(true) => OutboundBody::Unsigned,
        _ => OutboundBody::Bytes(sign["body"].as_str().unwrap_or_default().as_bytes()),
    };
    let (method, url) = (text(&output["method"]), text(&output["url"]));
    let key = outbound(&vectors["keys"][text(&case["key"])], output, now);
    key.sign(&OutboundRequest { method, url, headers: &headers, body }, now).unwrap().into_iter().collect()
}

fn outbound(key: &Value, output: &Value, now: Timestamp) -> Outbound {
    let authorization = text(&output["headers"]["authorization"]);
    let region = authorization.split('/').nth(2).unwrap();
    if key["type"] == "gcs-hmac" {
        return Outbound::goog4(text(&key["access_id"]), Secret::new(text(&key["secret"])), region);
    }
    let secret = Secret::new(text(&key["secret_access_key"]));
    let outbound = Outbound::sigv4(text(&key["access_key_id"]), secret, region);
    let ends = Timestamp::from_seconds(now.as_seconds() + 3_600);
    match key["session_token"].as_str() {
        Some(token) => outbound.with_session(Secret::new(token), ends),
        None => outbound,
    }
}

/// The headers that a library signed, without those that a signature makes. What an SDK adds by itself, be it a random id,
/// is taken from what it sent.
fn own_headers(case: &Value) -> BTreeMap<String, String> {
    let sent = strings(&case["output"]["headers"]);
    let signed = sent["authorization"].split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    signed.split(';').map(|name| (name.to_owned(), sent[name].clone())).collect()
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TEST_SHARED").map(|shared| PathBuf::from(shared).join("vectors"));
    if folder.is_none() {
        println!("TEST_SHARED is not set: the vectors of S3 and Google Cloud Storage are left out");
    }
    folder
}

fn read(folder: &std::path::Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    serde_json::from_str(
        &std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
    .unwrap()
}

fn strings(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
