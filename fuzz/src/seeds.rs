//! The seeds of a scheme: its requests of `schemes.json`, and where `TEST_SHARED` names the outside collections, the
//! requests of all their vectors.

use std::path::{Path, PathBuf};

use serde_json::Value;
use signing::Scheme;

use crate::judged::Judge;

/// Writes the seeds into a folder.
pub(crate) fn write(judge: &Judge, scheme: Scheme, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let put = |name: &str, seed: String| std::fs::write(folder.join(name), seed).expect("a seed is written");
    for (name, seed) in judge.seeds() {
        put(name, seed);
    }
    let Some(shared) = std::env::var_os("TEST_SHARED") else { return };
    for file in files(scheme) {
        let path = PathBuf::from(&shared).join("vectors").join(format!("{file}.json"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let vectors: Value = serde_json::from_str(&text).expect("JSON");
        for case in vectors["cases"].as_array().expect("cases") {
            put(case["id"].as_str().expect("an id"), seed(judge.first_id(), &case["request"]));
        }
    }
}

/// The files of vectors that belong to a scheme.
fn files(scheme: Scheme) -> &'static [&'static str] {
    match scheme {
        Scheme::Native => &["native", "native_stock", "cloudflare_images"],
        Scheme::Generic => &["generic_hmac"],
        Scheme::Cloudimage => &["cloudimage_sign", "cloudimage_seal"],
        Scheme::CloudFront => &["cloudfront_url", "cloudfront_cookie"],
        Scheme::S3 => &["s3_sigv4_header", "s3_sigv4_presigned", "s3_sigv2_query", "s3_post_policy"],
        Scheme::Gcs => &["gcs_v4_rsa", "gcs_v4_hmac", "gcs_v2", "gcs_post_policy", "gcs_conformance"],
        Scheme::Imgproxy => &["imgproxy"],
        Scheme::Thumbor => &["thumbor"],
        Scheme::Imgix => &["imgix"],
        Scheme::Bunny => &["bunny"],
        Scheme::Fastly => &["fastly"],
        Scheme::EdgeAuth => &["akamai_edgeauth"],
        Scheme::ImageKit => &["imagekit"],
        Scheme::Cloudinary => &["cloudinary"],
    }
}

/// A request of a vector, as `judged.rs` reads it.
fn seed(id: &str, request: &Value) -> String {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let lines = |value: &Value, joint: &str| {
        let pairs = value.as_object().into_iter().flatten();
        let line = |(name, value): (&String, &Value)| {
            format!("{}{joint}{}\n", name.to_lowercase(), value.as_str().unwrap_or_default())
        };
        pairs.map(line).collect::<String>()
    };
    let head = format!("{id}\n{} {}\n{}", text("method"), text("target"), lines(&request["headers"], ": "));
    if request["form"].is_object() { format!("{head}\n{}", lines(&request["form"], "=")) } else { head }
}
