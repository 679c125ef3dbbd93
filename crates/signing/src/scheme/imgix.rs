//! imgix (signing-schemes 8): `s`, an MD5 over token, path and query. A plain hash and an old one: to be switched on
//! only for URLs that stand in pages already.

use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, SignedText, carried_signature, each_once, signed_by, time};
use crate::Error;
use crate::hashing::{Md5, digest};
use crate::key_material::VerifyingKey;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{lower_hex, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// Judges a URL. Its `expires`, which is signed like any parameter, counts.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let mut signed = SignedText::of(request, request.path());
    let [sig, expires] = each_once(verifier.pairs(request), ["s", "expires"], |place, pair| {
        if place != Some(0) {
            signed.push(pair);
        }
    });
    let sig = carried_signature(sig, "s", witness)?;
    let sig = lower_hex::<16>(sig).ok_or(Error::MalformedSignature);
    let sig = witness.step("signature syntax", sig, |_| "It is 32 lower-case hex digits.".into())?;
    let expiry = expires.and_then(time);
    let expiry = witness.step("parameters", expiry, |_| "An expiry is there once at most.".into())?;
    witness.text(|| format!("<token>{}", signed.written()));
    let key = signer(verifier.every(Scheme::Imgix, now), |key| is_hash(key, &sig, &signed));
    let key = signed_by(key, witness)?;
    Life { expires_s: expiry, ..Life::default() }.check(verifier.policy, now, witness)?;
    Ok(Verified { expires_s: expiry, ..Verified::of(Scheme::Imgix, key.shared_name()) })
}

fn is_hash(key: &VerifyingKey, sig: &[u8; 16], signed: &SignedText<'_>) -> Choice {
    let Some(token) = key.secret() else { return Choice::from(0) };
    same(sig, &digest::<Md5>(std::iter::once(token).chain(signed.pieces())))
}
