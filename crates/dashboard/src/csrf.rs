//! Two walls against forms of other sites: a token that only our pages know, and where a request says it comes from.

use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Secret;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Bytes of a token, and of the pad before it.
const BYTES: usize = 32;

/// A session's token for one page: under a new pad each time, so that a compressed page never tells it by its
/// length.
pub(crate) fn token(secret: &Secret) -> String {
    let pad: [u8; BYTES] = rand::random();
    let digest = digest(secret);
    let mut bytes = [0; 2 * BYTES];
    bytes[..BYTES].copy_from_slice(&pad);
    for index in 0..BYTES {
        bytes[BYTES + index] = pad[index] ^ digest[index];
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether a token was made for this session.
pub(crate) fn fits(token: &str, secret: &Secret) -> bool {
    let mut bytes = [0; 2 * BYTES];
    if URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) != Ok(2 * BYTES) {
        return false;
    }
    let (pad, masked) = bytes.split_at(BYTES);
    let told: Vec<u8> = pad.iter().zip(masked).map(|(pad, masked)| pad ^ masked).collect();
    told.ct_eq(&digest(secret)).into()
}

fn digest(secret: &Secret) -> [u8; BYTES] {
    Sha256::digest(secret.reveal().as_bytes()).into()
}

/// Whether a request that changes something comes from a page of ours (security-and-reliability 4.6): the browser
/// says so itself, or its origin is this host or the public address.
pub(crate) fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(ORIGIN) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    let ours = host.is_some()
        && text(HOST).is_some_and(|own| host.is_some_and(|host| host.eq_ignore_ascii_case(own)));
    ours || origin.eq_ignore_ascii_case(public_url)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_opens_its_own_session_only_and_never_repeats() {
        let (mine, other) = (Secret::new("mine"), Secret::new("other"));
        let (first, second) = (token(&mine), token(&mine));
        assert_ne!(first, second);
        assert!(fits(&first, &mine) && fits(&second, &mine));
        assert!(!fits(&first, &other));
        for bad in ["", "x", &first[1..], &format!("{first}A"), &"A".repeat(first.len())] {
            assert!(!fits(bad, &mine), "{bad}");
        }
    }

    fn check(headers: &[(&'static str, &'static str)], same: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(is_same_origin(&map, "https://img.example.org"), same, "{headers:?}");
    }

    #[test]
    fn only_our_own_pages_may_change_something() {
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "same-site"), ("origin", "https://img.example.org")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true);
        check(&[("origin", "http://127.0.0.1:8081"), ("host", "127.0.0.1:8080")], false);
        check(&[("origin", "https://img.example.org"), ("host", "10.0.0.1")], true);
        check(&[("origin", "http://img.example.org"), ("host", "10.0.0.1")], false);
        check(&[("origin", "null"), ("host", "null")], false);
        check(&[("host", "127.0.0.1:8080")], false);
        check(&[], false);
    }

    proptest! {
        #[test]
        fn any_token_is_judged_without_panic(text in "[A-Za-z0-9_-]{0,120}") {
            prop_assert!(!fits(&text, &Secret::new("mine")));
        }
    }
}
