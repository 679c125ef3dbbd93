//! What a verdict on a CloudFront URL costs beside the bare cryptography of the same text: RSA and P-256, both digests,
//! canned and custom. The URLs are those that libraries made, in the folder that `TEST_SHARED` names.
//! `TEST_SHARED=… cargo run --release -p signing --example cloudfront_bench`

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey as P256Key};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use signing::{
    KeyMaterial, KeyState, Policy, Request, Scheme, SchemeSet, SchemeSettings, Target, Verifier,
    VerifyingKey, explain_request, verify_request,
};

/// Cases that are accepted, and what each is.
const CASES: [(&str, &str); 5] = [
    ("cloudfront_url-01", "canned, RSA, SHA-1"),
    ("cloudfront_url-03", "canned, RSA, SHA-256"),
    ("cloudfront_url-04", "canned, P-256, SHA-1"),
    ("cloudfront_url-05", "canned, P-256, SHA-256"),
    ("cloudfront_url-12", "custom, RSA, SHA-1"),
];
/// Where the key itself begins in a SubjectPublicKeyInfo.
const RSA_HEAD_BYTES: usize = 24;
const P256_HEAD_BYTES: usize = 26;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let Some(shared) = std::env::var_os("TEST_SHARED") else {
        println!("TEST_SHARED is not set: there is no URL to verify");
        return Ok(());
    };
    let path = PathBuf::from(shared).join("vectors/cloudfront_url.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let cases = vectors["cases"].as_array().ok_or("no cases")?;
    for (id, title) in CASES {
        let case = cases.iter().find(|case| case["id"] == id).ok_or(id)?;
        let name = text(&case["verifier_keys"][0])?;
        measure(title, &case["request"], name, &vectors["keys"][name])?;
    }
    Ok(())
}

fn measure(title: &str, asked: &Value, name: &str, key: &Value) -> Result<(), Failed> {
    let pem = text(&key["public_pem"])?;
    let id = text(&key["key_pair_id"])?;
    let material = KeyMaterial::public_key_pem(pem)?;
    let keys = [VerifyingKey::new(Scheme::CloudFront, name.parse()?, id, KeyState::Active, material)];
    let policy = Policy::default();
    let verifier = Verifier {
        schemes: SchemeSet::of(&[Scheme::CloudFront]),
        keys: &[],
        foreign_keys: &keys,
        settings: SchemeSettings::defaults(),
        policy: &policy,
        counts_uses: false,
    };
    let target = text(&asked["target"])?;
    let request = Request { host: text(&asked["host"])?, ..Request::get(Target::Raw(target)) };
    let now = Timestamp::from_seconds(asked["now"].as_i64().ok_or("no time")?);
    let signed = explain_request(&request, &verifier, now).signed_texts.pop().ok_or("nothing was signed")?;
    let bare = bare(pem, target, signed.into_bytes())?;
    if !bare() || verify_request(&request, &verifier, now).is_err() {
        return Err(format!("{title} is refused").into());
    }
    let bare_ns = ns(&bare);
    let whole_ns = ns(|| verify_request(black_box(&request), &verifier, now).is_ok());
    println!(
        "{title}: bare {bare_ns:.0} ns, verdict {whole_ns:.0} ns, bare / verdict {:.2}",
        bare_ns / whole_ns
    );
    Ok(())
}

/// The cryptography alone, with what it needs at hand.
fn bare(pem: &str, target: &str, text: Vec<u8>) -> Result<Box<dyn Fn() -> bool>, Failed> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let info = STANDARD.decode(body)?;
    let query = target.split_once('?').ok_or("no query")?.1;
    let sent: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let signature = sent["Signature"].replace('-', "+").replace('_', "=").replace('~', "/");
    let signature = STANDARD.decode(signature)?;
    let is_sha256 = sent.get("Hash-Algorithm") == Some(&"SHA256");
    if info.len() > 200 {
        let parameters = if is_sha256 {
            &RSA_PKCS1_2048_8192_SHA256
        } else {
            &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY
        };
        let key = UnparsedPublicKey::new(parameters, info[RSA_HEAD_BYTES..].to_vec());
        return Ok(Box::new(move || key.verify(black_box(&text), &signature).is_ok()));
    }
    let key = P256Key::from_sec1_bytes(&info[P256_HEAD_BYTES..])?;
    let signature = Signature::from_der(&signature)?;
    let digest = move |text: &[u8]| match is_sha256 {
        true => Sha256::digest(text).to_vec(),
        false => Sha1::digest(text).to_vec(),
    };
    Ok(Box::new(move || key.verify_prehash(&digest(black_box(&text)), &signature).is_ok()))
}

fn text(value: &Value) -> Result<&str, Failed> {
    value.as_str().ok_or_else(|| format!("a text is due where {value} stands").into())
}

/// The best of nine runs, in nanoseconds per call.
fn ns(work: impl Fn() -> bool) -> f64 {
    const ROUNDS: u32 = 1_000;
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(work());
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
    }
    best
}
