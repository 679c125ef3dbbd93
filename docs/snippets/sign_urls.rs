//! Signs delivery URLs of Darkroom with the crates `hmac` 0.13, `sha2` 0.11 and `hex` 0.4. Copy what you need;
//! docs/signed-urls.md explains it.
//!
//! - `sign(url, key, expires_in(86400))`: one image for a day
//! - `sign_album(folder, key, expires_in(3600))`: the query for any image below a folder for an hour
//! - `narrow(url, "s-ip=203.0.113.7")`: a signed URL for one address only; needs no key

use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Unix seconds so long from now.
pub fn expires_in(seconds: u64) -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()) + seconds
}

/// Signs a URL, already percent-encoded, until `expires`. What it demands besides stands in its query.
pub fn sign(url: &str, key: &str, expires: u64) -> String {
    let text = format!("{url}{}exp={expires}", joint(url));
    let sig = mac(key.as_bytes(), target(&text));
    format!("{text}&sig={sig}")
}

/// The query that opens every image below a folder such as `https://images.example.org/HASH/albums/2026/`.
pub fn sign_album(folder: &str, key: &str, expires: u64) -> String {
    let depth = path(folder).matches('/').count() - 1;
    let signed = sign(&format!("{folder}{}s-pfx={depth}", joint(folder)), key, expires);
    signed[signed.find('?').map_or(0, |at| at + 1)..].to_owned()
}

/// The value of `Set-Cookie` under which plain URLs below the folder open; `query` is what [`sign_album`] gave.
pub fn album_cookie(folder: &str, query: &str, seconds: u64) -> String {
    format!("imgtoken={query}; Path={}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax", path(folder))
}

/// Narrows a signed URL: `demands` is like `s-ip=203.0.113.7&exp=1790000300`; it is bound to its path too. None where
/// the URL does not end with a signature.
pub fn narrow(url: &str, demands: &str) -> Option<String> {
    let (text, sig) = url.rsplit_once("&sig=")?;
    let sig = hex::decode(sig).ok()?;
    let (path, query) = target(text).split_once('?')?;
    let number = query.split('&').filter(|pair| pair.starts_with("s-at=")).count() + 1;
    let joint = if demands.is_empty() { "" } else { "&" };
    let block = format!("s-at={number}{joint}{demands}");
    Some(format!("{text}&{block}&sig={}", mac(&sig, &format!("{path}?{block}"))))
}

/// Path and query: protocol and host are not signed.
fn target(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://").filter(|_| !url.starts_with('/')) else { return url };
    rest.find('/').map_or("", |slash| &rest[slash..])
}

fn path(url: &str) -> &str {
    target(url).split('?').next().unwrap_or_default()
}

fn joint(url: &str) -> char {
    if url.contains('?') { '&' } else { '?' }
}

fn mac(key: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// sign_urls day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
pub fn main() {
    run(std::env::args().skip(1)).for_each(|line| println!("{line}"));
}

/// A line for each verb and its words.
pub fn run(mut words: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let verb = words.next()?;
        let (first, second) = (words.next()?, words.next()?);
        let mut number = || words.next()?.parse().ok();
        match verb.as_str() {
            "day" => Some(sign(&second, &first, expires_in(86_400))),
            "sign" => Some(sign(&second, &first, number()?)),
            "album" => Some(sign_album(&second, &first, number()?)),
            "cookie" => Some(album_cookie(&first, &second, number()?)),
            "narrow" => narrow(&first, &second),
            _ => None,
        }
    })
}
