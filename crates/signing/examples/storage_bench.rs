//! What a verdict on a request of S3 or Google Cloud Storage costs beside the bare cryptography of the same texts: the
//! digest of the canonical request, the key of the day and the MAC, or one RSA verification. The requests are those that
//! libraries made, in the folder that `TEST_SHARED` names.
//! `TEST_SHARED=… cargo run --release -p signing --example storage_bench`

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use signing::{
    KeyMaterial, KeyState, Payload, Policy, Request, Scheme, SchemeSet, SchemeSettings, Target, Verifier,
    VerifyingKey, explain_request, verify_request,
};

/// Files whose first case is measured, and what it is.
const FILES: [(&str, &str); 6] = [
    ("s3_sigv4_header", "S3, version 4, header"),
    ("s3_sigv4_presigned", "S3, version 4, presigned"),
    ("s3_sigv2_query", "S3, version 2"),
    ("gcs_v4_hmac", "GCS, version 4, HMAC header"),
    ("gcs_v4_rsa", "GCS, version 4, RSA"),
    ("gcs_v2", "GCS, version 2, RSA"),
];
/// Where the key itself begins in a SubjectPublicKeyInfo of 2,048 bits.
const RSA_HEAD_BYTES: usize = 24;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let Some(shared) = std::env::var_os("TEST_SHARED") else {
        println!("TEST_SHARED is not set: there is no request to verify");
        return Ok(());
    };
    for (name, title) in FILES {
        measure(&PathBuf::from(&shared).join("vectors"), name, title)?;
    }
    Ok(())
}

fn measure(folder: &Path, name: &str, title: &str) -> Result<(), Failed> {
    let vectors: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join(format!("{name}.json")))?)?;
    let case = &vectors["cases"][0];
    let (asked, key) = (&case["request"], &vectors["keys"][text(&case["verifier_keys"][0])?]);
    let headers: BTreeMap<String, String> =
        serde_json::from_value(asked["headers"].clone()).unwrap_or_default();
    let request = Request {
        method: text(&asked["method"])?,
        host: text(&asked["host"])?,
        headers: &headers,
        payload: Payload::EMPTY,
        ..Request::get(Target::Raw(text(&asked["target"])?))
    };
    let (keys, policy, mut settings) = ([verifying_key(key)?], Policy::default(), SchemeSettings::default());
    settings.s3.virtual_host_bucket = case["policy"]["virtual_host_bucket"].as_str().map(str::to_owned);
    let schemes = SchemeSet::of(&[Scheme::S3, Scheme::Gcs]);
    let verifier =
        Verifier { schemes, foreign_keys: &keys, settings: &settings, ..Verifier::native(&[], &policy) };
    let now = Timestamp::from_seconds(asked["now"].as_i64().ok_or("no time")?);
    let explanation = explain_request(&request, &verifier, now);
    explanation.verdict.map_err(|error| format!("{title}: {error}"))?;

    let whole = ns(|| drop(black_box(verify_request(black_box(&request), &verifier, now))));
    let bare = bare_ns(key, &explanation.signed_texts)?;
    println!("{title}: {whole:.0} ns, bare cryptography {bare:.0} ns: {:.2}", bare / whole);
    Ok(())
}

/// The cryptography of a case and nothing else.
fn bare_ns(key: &Value, texts: &[String]) -> Result<f64, Failed> {
    let (canonical, signed) = (texts.first().ok_or("no text")?, texts.last().ok_or("no text")?);
    let is_v4 = texts.len() > 1;
    let digest = || black_box(is_v4.then(|| Sha256::digest(black_box(canonical))));
    let Some(secret) = key["secret_access_key"].as_str().or(key["secret"].as_str()) else {
        let der = STANDARD.decode(
            text(&key["public_pem"])?.lines().filter(|line| !line.starts_with('-')).collect::<String>(),
        )?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der[RSA_HEAD_BYTES..]);
        // Whether it is right costs the same, so that any 256 bytes below the modulus will do.
        let signature = [1; 256];
        return Ok(ns(|| {
            digest();
            let _ = black_box(public.verify(signed.as_bytes(), black_box(&signature)));
        }));
    };
    if !is_v4 {
        let prepared = Hmac::<Sha1>::new_from_slice(secret.as_bytes())?;
        return Ok(ns(|| {
            drop(black_box(prepared.clone().chain_update(black_box(signed)).finalize()));
        }));
    }
    let mut words: Vec<&str> = signed.lines().nth(2).ok_or("no scope")?.split('/').collect();
    words.push(signed);
    let first = format!("{}{secret}", &signed[..signed.find('-').unwrap_or_default()]);
    Ok(ns(|| {
        digest();
        let mut key = first.as_bytes().to_vec();
        for word in &words {
            let mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
            key = mac.chain_update(word).finalize().into_bytes().to_vec();
        }
        drop(black_box(key));
    }))
}

fn verifying_key(key: &Value) -> Result<VerifyingKey, Failed> {
    let id = ["access_key_id", "access_id", "client_email"].iter().find_map(|name| key[*name].as_str());
    let scheme = if key["type"] == "aws" { Scheme::S3 } else { Scheme::Gcs };
    let material = match key["secret_access_key"].as_str().or(key["secret"].as_str()) {
        Some(secret) => KeyMaterial::text(secret),
        None => KeyMaterial::public_key_pem(text(&key["public_pem"])?)?,
    };
    Ok(VerifyingKey::new(scheme, "archive".parse()?, id.ok_or("no id")?, KeyState::Active, material))
}

/// The best of nine runs, in nanoseconds per call.
fn ns(mut work: impl FnMut()) -> f64 {
    const ROUNDS: u32 = 2_000;
    let run = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    };
    (0..9).map(|_| run(&mut work)).fold(f64::INFINITY, f64::min)
}

fn text(value: &Value) -> Result<&str, Failed> {
    value.as_str().ok_or_else(|| format!("{value} is no text").into())
}
