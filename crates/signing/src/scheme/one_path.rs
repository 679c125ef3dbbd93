//! One code path: how many comparisons a verdict takes tells neither where a signature is wrong, nor which key was right.
//! How long it takes is printed by `make bench`.

#[path = "../../../../tests/vectors/signed.rs"]
mod signed;

use domain::{Secret, SigningKeyId};

use self::signed::{Asked, Signed};
use crate::syntax::COMPARISONS;
use crate::{KeyMaterial, KeyState, Scheme, SigningKey, VerifyingKey};

/// How many comparisons a verdict takes, and whether it accepts.
fn comparisons(signed: &Signed, asked: &Asked) -> (usize, bool) {
    let before = COMPARISONS.get();
    let accepted = signed.verdict(asked).is_ok();
    (COMPARISONS.get() - before, accepted)
}

/// Whether a public key verifies it, by arithmetic that holds no secret.
fn is_public(signed: &Signed) -> bool {
    signed.foreign_keys.iter().any(|key| matches!(key.material(), KeyMaterial::PublicKey(_)))
}

/// The request with one character of its signature changed, so that it is wrong in its first, a middle or its last byte.
fn wrong(signed: &Signed) -> Vec<Asked> {
    if is_public(signed) {
        return Vec::new();
    }
    let mark = match signed.scheme {
        Scheme::Native => "sig=",
        Scheme::Generic => "Signature=",
        Scheme::Cloudimage if signed.id == "cloudimage_seal" => "ci_seal=",
        Scheme::Cloudimage => "ci_sign=",
        Scheme::S3 | Scheme::Gcs => "Signature=",
        Scheme::Imgproxy | Scheme::Thumbor => "/",
        Scheme::Imgix => "&s=",
        Scheme::Bunny if signed.id == "bunny_legacy" => "token=",
        Scheme::Bunny => "HS256-",
        Scheme::Fastly => "_",
        Scheme::EdgeAuth => "hmac=",
        Scheme::ImageKit => "ik-s=",
        Scheme::Cloudinary => "s--",
        Scheme::CloudFront => return Vec::new(),
    };
    let target = &signed.asked.target;
    let Some(start) = target.find(mark).map(|at| at + mark.len()) else { return Vec::new() };
    let ends: &[&str] = if signed.scheme == Scheme::Cloudinary { &["--"] } else { &["&", "/", "%", "="] };
    let rest = &target[start..];
    let length = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    // The last characters of base64 may hold stray bits, which are refused before anything is compared.
    let places = [start, start + length / 2, start + length - 1 - 3 * usize::from(length % 16 != 0)];
    let changed = |place: usize| {
        let other = if target.as_bytes()[place] == b'a' { 'b' } else { 'a' };
        signed.asked.at(format!("{}{other}{}", &target[..place], &target[place + 1..]))
    };
    places.map(changed).to_vec()
}

#[test]
fn where_a_signature_is_wrong_makes_no_difference() {
    let mut compared = 0;
    for signed in Signed::all() {
        let counts: Vec<_> = wrong(&signed).iter().map(|asked| comparisons(&signed, asked)).collect();
        for &(count, accepted) in &counts {
            assert!(count > 0 && !accepted && count == counts[0].0, "{}: {counts:?}", signed.id);
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

/// A key that never signed anything, which could have signed this.
fn other_key(key: &VerifyingKey) -> VerifyingKey {
    let material = match key.material() {
        KeyMaterial::Text(_) => KeyMaterial::text("00112233445566778899aabbccddeeff"),
        KeyMaterial::TextWithSession { session_token, .. } => {
            KeyMaterial::with_session("another secret", session_token.reveal())
        }
        KeyMaterial::KeyAndSalt { .. } => KeyMaterial::key_and_salt_hex("00", "00").unwrap(),
        KeyMaterial::PublicKey(key) => KeyMaterial::PublicKey(key.clone()),
    };
    VerifyingKey::new(key.scheme(), SigningKeyId::default_key(), key.id(), KeyState::Active, material)
}

#[test]
fn every_key_is_tried_whichever_is_right() {
    for mut signed in Signed::all() {
        let with_key_at = |signed: &mut Signed, place: usize| {
            let (keys, foreign) = (signed.keys.clone(), signed.foreign_keys.clone());
            for key in &keys {
                let id = key.id().clone();
                let other = || SigningKey::new(id.clone(), Secret::new("another secret"), KeyState::Active);
                signed.keys = vec![other(), other(), other()];
                signed.keys[place] = key.clone();
            }
            for key in &foreign {
                signed.foreign_keys = vec![other_key(key), other_key(key), other_key(key)];
                signed.foreign_keys[place] = key.clone();
            }
            let counted = comparisons(signed, &signed.asked);
            (signed.keys, signed.foreign_keys) = (keys, foreign);
            counted
        };
        let (first, last) = (with_key_at(&mut signed, 0), with_key_at(&mut signed, 2));
        assert_eq!(first, last, "{}", signed.id);
        assert!(first.1 && (is_public(&signed) || first.0 >= 3), "{}: {first:?}", signed.id);
    }
}
