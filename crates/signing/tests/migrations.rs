//! The vectors of other services' URLs against the public functions: the verdict, the reason, and the signed text.
//! They are read from the folder that `TEST_SHARED` names; without it this is said aloud, and `foreign.rs` beside it
//! stands alone.

#![expect(clippy::unwrap_used, reason = "a vector that does not read is a failed test")]

use std::path::PathBuf;

use domain::{Fault as _, Timestamp};
use serde_json::Value;
use signing::{
    Error, KeyMaterial, KeyState, Policy, Request, Scheme, SchemeSet, SchemeSettings, Target, Verifier,
    VerifyingKey, cloudimage_operations, explain_request, verify_request,
};

/// Each file, its scheme, and how many cases it has.
const FILES: [(&str, Scheme, usize); 10] = [
    ("cloudimage_sign", Scheme::Cloudimage, 51),
    ("cloudimage_seal", Scheme::Cloudimage, 40),
    ("imgproxy", Scheme::Imgproxy, 27),
    ("thumbor", Scheme::Thumbor, 21),
    ("imgix", Scheme::Imgix, 34),
    ("bunny", Scheme::Bunny, 54),
    ("akamai_edgeauth", Scheme::EdgeAuth, 39),
    ("imagekit", Scheme::ImageKit, 25),
    ("cloudinary", Scheme::Cloudinary, 25),
    ("fastly", Scheme::Fastly, 8),
];

#[test]
fn every_case_gets_its_verdict_and_reason() {
    let Some(folder) = folder() else { return };
    for (name, scheme, count) in FILES {
        let vectors = read(&folder, name);
        let cases = vectors["cases"].as_array().unwrap();
        for case in cases {
            let (found, texts) = found(&vectors, case, scheme);
            let expected = case["reason"].as_str().filter(|_| case["verdict"] == "reject");
            assert_eq!(found, expected, "{}: {}", case["id"], case["title"]);
            check_texts(case, &texts);
        }
        assert_eq!(cases.len(), count, "{name}");
        println!("{name}: {count} cases");
    }
}

#[test]
fn a_sealed_operation_wins_in_every_case() {
    let Some(folder) = folder() else { return };
    let vectors = read(&folder, "cloudimage_seal");
    let mut compared = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let Some(effective) = case["explain"]["effective"].as_object() else { continue };
        let query = text(&case["request"]["target"]).split_once('?').unwrap().1;
        let found = cloudimage_operations(Some(query)).unwrap();
        let found: serde_json::Map<_, _> = found
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (unescaped(name), unescaped(value).into()))
            .collect();
        assert_eq!(&found, effective, "{}", case["id"]);
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
}

/// Where the shared vectors lie, unless this is a lone clone.
fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("TEST_SHARED");
    if shared.is_none() {
        println!("TEST_SHARED is not set: the vectors of other services are left out");
    }
    shared.map(|shared| PathBuf::from(shared).join("vectors"))
}

fn read(folder: &std::path::Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is due where {value} stands"))
}

/// What the public function says, having made sure that the explanation says the same; and the texts of that.
fn found(vectors: &Value, case: &Value, scheme: Scheme) -> (Option<&'static str>, Vec<String>) {
    let keys: Vec<_> = case["verifier_keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| key(scheme, text(name), &vectors["keys"][text(name)]))
        .collect();
    let (settings, policy) = (settings(&case["policy"]), Policy::default());
    let verifier = Verifier {
        schemes: SchemeSet::of(&[scheme]),
        keys: &[],
        foreign_keys: &keys,
        settings: &settings,
        policy: &policy,
        counts_uses: false,
    };
    let asked = &case["request"];
    let request = Request {
        host: text(&asked["host"]),
        client_ip: asked["client_ip"].as_str().map(|address| address.parse().unwrap()),
        country: case["context"]["country"].as_str(),
        ..Request::get(Target::Raw(text(&asked["target"])))
    };
    let now = Timestamp::from_seconds(asked["now"].as_i64().unwrap());
    let verdict = verify_request(&request, &verifier, now);
    let explanation = explain_request(&request, &verifier, now);
    assert_eq!(explanation.verdict, verdict, "{}", case["id"]);
    assert_eq!(explanation.advice.is_none(), verdict.is_ok(), "{}", case["id"]);
    let last = explanation.checks.last().unwrap();
    assert_eq!(last.passed, verdict.is_ok(), "{}: {last:?}", case["id"]);
    (verdict.err().and_then(|error: Error| error.reason()), explanation.signed_texts)
}

/// A key of the file as an account registers it.
fn key(scheme: Scheme, name: &str, value: &Value) -> VerifyingKey {
    let field = |name: &str| text(&value[name]);
    let material = match scheme {
        Scheme::Cloudimage => KeyMaterial::text(field("salt")),
        Scheme::Imgproxy => KeyMaterial::key_and_salt_hex(field("key_hex"), field("salt_hex")).unwrap(),
        Scheme::Thumbor | Scheme::Bunny => KeyMaterial::text(field("security_key")),
        Scheme::Imgix => KeyMaterial::text(field("token")),
        Scheme::EdgeAuth if value["type"] == "cloudinary" => KeyMaterial::text(field("auth_key_hex")),
        Scheme::EdgeAuth => KeyMaterial::text(field("key_hex")),
        Scheme::ImageKit => KeyMaterial::text(field("private_key")),
        Scheme::Fastly => KeyMaterial::text(field("key_base64")),
        _ => KeyMaterial::text(field("api_secret")),
    };
    VerifyingKey::new(scheme, name.parse().unwrap(), "", KeyState::Active, material)
}

fn settings(policy: &Value) -> SchemeSettings {
    let mut settings = SchemeSettings::default();
    let number = |name: &str| policy[name].as_u64().map(|number| number as usize);
    let flag = |name: &str| policy[name].as_bool().unwrap_or_default();
    let cloudimage = &mut settings.cloudimage;
    cloudimage.min_signature_chars = number("min_signature_chars").unwrap_or(cloudimage.min_signature_chars);
    let imgproxy = &mut settings.imgproxy;
    imgproxy.signature_size_bytes = number("signature_size").unwrap_or(imgproxy.signature_size_bytes);
    settings.bunny.allow_legacy = flag("allow_legacy");
    settings.bunny.ip_validation = flag("ip_validation");
    settings.edge_auth.escape_early = flag("escape_early");
    settings.edge_auth.escape_acl = flag("escape_acl");
    settings.edge_auth.salt = policy["salt"].as_str().map(Into::into);
    if policy["algorithm"] == "sha1" {
        settings.edge_auth.hash = signing::EdgeAuthHash::Sha1;
    }
    if let Some(path) = policy["endpoint_path"].as_str() {
        settings.image_kit.endpoint_path = path.to_owned();
    }
    settings
}

/// What a file says of the signed text is one of the texts of the explanation.
fn check_texts(case: &Value, texts: &[String]) {
    let explain = &case["explain"];
    let expected = explain["signed_text"].as_str().or_else(|| explain["hashed_text"].as_str());
    let Some(expected) = expected.filter(|_| case["verdict"] == "accept") else { return };
    // Bunny's legacy form is a hash over the key and what is signed today.
    let plain = |text: &str| {
        text.replace("<key>", "").replace("<ip bytes>", "<address>").replace("<ip>", "<address>")
    };
    assert!(texts.iter().any(|text| *text == plain(expected)), "{}: {texts:?} lacks {expected}", case["id"]);
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}
