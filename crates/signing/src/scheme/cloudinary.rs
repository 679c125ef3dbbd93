//! Cloudinary (signing-schemes 8): `s--…--` in the path, the beginning of a plain hash over what follows it and the
//! secret. It has no expiry, 48 bits in its usual form, and does not sign the version: to be switched on only for
//! URLs that stand in pages already.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, signed_by};
use crate::Error;
use crate::hashing::{Algorithm, Sha1, Sha256, digest};
use crate::key_material::VerifyingKey;
use crate::pairs::split_at;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::same;
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// Characters of a signature: of SHA-1 or SHA-256.
const SHORT_CHARS: usize = 8;
/// Characters of a long signature: of SHA-256.
const LONG_CHARS: usize = 32;
/// Bytes that a long signature stands for.
const LONG_BYTES: usize = 24;

/// Judges a path. Its query is no part of it and has no effect.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let found = split(request.path()).ok_or(Error::MissingSignature);
    let (sig, rest) = witness.step("signature present", found, |_| "The path holds s--…--.".into())?;
    let mut buffer = [0; LONG_BYTES];
    let sig = witness.step("signature syntax", bytes(sig, &mut buffer), |sig| {
        format!("It stands for {} bits.", sig.len() * 8)
    })?;
    let (before, after) = without_version(rest);
    witness.text(|| format!("{before}{after}<secret>"));
    let keys = || verifier.every(Scheme::Cloudinary, now);
    let by_sha1 = (sig.len() < LONG_BYTES)
        .then(|| signer(keys(), |key| is_hash::<Sha1>(key, [before, after], sig)))
        .flatten();
    let key = by_sha1.or_else(|| signer(keys(), |key| is_hash::<Sha256>(key, [before, after], sig)));
    let key = signed_by(key, witness)?;
    Life::default().check(verifier.policy, now, witness)?;
    Ok(Verified::of(Scheme::Cloudinary, key.shared_name()))
}

/// The signature and what follows it: the segment behind cloud, type and delivery, or fewer where the host names
/// these.
fn split(path: &str) -> Option<(&str, &str)> {
    let mut rest = path.strip_prefix('/')?;
    for _ in 0..4 {
        let (segment, after) = split_at(b'/', rest)?;
        if let Some(sig) = segment.strip_prefix("s--").and_then(|sig| sig.strip_suffix("--")) {
            return Some((sig, after));
        }
        rest = after;
    }
    None
}

/// The bytes that a signature stands for.
fn bytes<'b>(sig: &str, buffer: &'b mut [u8; LONG_BYTES]) -> Result<&'b [u8], Error> {
    if !matches!(sig.len(), SHORT_CHARS | LONG_CHARS) {
        return Err(Error::MalformedSignature);
    }
    let length = URL_SAFE_NO_PAD.decode_slice(sig, buffer).map_err(|_| Error::MalformedSignature)?;
    Ok(&buffer[..length])
}

/// What is signed of a path: all but the first segment that is a version, `v1234`.
fn without_version(rest: &str) -> (&str, &str) {
    let mut start = 0;
    for segment in rest.split_inclusive('/') {
        let end = start + segment.len();
        let digits = segment.strip_prefix('v').and_then(|digits| digits.strip_suffix('/'));
        if digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) {
            return (&rest[..start], &rest[end..]);
        }
        start = end;
    }
    (rest, "")
}

fn is_hash<A: Algorithm>(key: &VerifyingKey, texts: [&str; 2], sig: &[u8]) -> Choice {
    let Some(secret) = key.secret() else { return Choice::from(0) };
    let hash = digest::<A>([texts[0], texts[1], secret]);
    same(sig, hash.as_ref().get(..sig.len()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_signature_stands_near_the_start_of_a_path() {
        let check = |path, expected| assert_eq!(split(path), expected, "{path}");
        check("/cloud/image/upload/s--9VQj6Aey--/v1/a.jpg", Some(("9VQj6Aey", "v1/a.jpg")));
        check("/image/upload/s--9VQj6Aey--/a.jpg", Some(("9VQj6Aey", "a.jpg")));
        check("/cloud/image/upload/s----/a.jpg", Some(("", "a.jpg")));
        check("/cloud/image/upload/a/s--9VQj6Aey--/a.jpg", None);
        check("/cloud/image/upload/s--9VQj6Aey--", None);
        check("/cloud/image/upload/a.jpg", None);
    }

    #[test]
    fn a_version_is_not_signed() {
        let check = |rest, expected| assert_eq!(without_version(rest), expected, "{rest}");
        check("c_fill,w_100/v1/folder/a.png", ("c_fill,w_100/", "folder/a.png"));
        check("v1234567890/a.png", ("", "a.png"));
        check("v1/v2/a.png", ("", "v2/a.png"));
        for whole in ["a.png", "v/a.png", "vx1/a.png", "v1", "v1a/x"] {
            check(whole, (whole, ""));
        }
    }

    #[test]
    fn a_signature_has_eight_or_thirty_two_characters() {
        for (sig, length) in [("9VQj6Aey", 6), (&"A".repeat(32) as &str, 24)] {
            assert_eq!(bytes(sig, &mut [0; LONG_BYTES]).map(<[u8]>::len), Ok(length));
        }
        for bad in ["", "9VQj6Ae", "9VQj6Ae+", "9VQj6Aey9", &"A".repeat(31), &"A".repeat(33)] {
            assert_eq!(bytes(bad, &mut [0; LONG_BYTES]), Err(Error::MalformedSignature), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_taken_apart_or_not(path in "(/|s--|--|v[0-9]{0,3}|[a-zA-Z0-9_]{0,9}|\\PC){0,12}") {
            if let Some((sig, rest)) = split(&path) {
                let _ = bytes(sig, &mut [0; LONG_BYTES]);
                let (before, after) = without_version(rest);
                prop_assert!(rest.starts_with(before) && rest.ends_with(after));
            }
        }
    }
}
