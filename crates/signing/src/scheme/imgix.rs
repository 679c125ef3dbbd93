//! imgix (signing-schemes 8): `s`, an MD5 over token, path and query. A plain hash and an old one: to be switched on
//! only for URLs that stand in pages already.

use domain::Timestamp;
use md5::{Digest as _, Md5};
use subtle::Choice;

use super::foreign::{Life, carried_signature, query_parts, signed_by, signer, time};
use crate::Error;
use crate::key_material::VerifyingKey;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{lower_hex, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::Verifier;

/// Judges a URL. Its `expires`, which is signed like any parameter, counts.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let pairs = || verifier.pairs(request);
    let sig = carried_signature(pairs(), "s", witness)?;
    let sig = lower_hex::<16>(sig).ok_or(Error::MalformedSignature);
    let sig = witness.step("signature syntax", sig, |_| "It is 32 lower-case hex digits.".into())?;
    let expiry = time(pairs(), "expires");
    let expiry = witness.step("parameters", expiry, |_| "An expiry is there once at most.".into())?;
    let rest = || query_parts(pairs().filter(|pair| pair.name != "s"));
    witness.text(|| format!("<token>{}{}", request.path(), rest().collect::<String>()));
    let key = signer(verifier.every(Scheme::Imgix, now), |key| {
        is_hash(key, &sig, [request.path()].into_iter().chain(rest()))
    });
    let key = signed_by(key, witness)?;
    Life { expires_s: expiry, ..Life::default() }.check(verifier.policy, now, witness)?;
    Ok(Verified { expires_s: expiry, ..Verified::of(Scheme::Imgix, key.shared_name()) })
}

fn is_hash<'t>(key: &VerifyingKey, sig: &[u8; 16], texts: impl Iterator<Item = &'t str>) -> Choice {
    let Some(token) = key.secret() else { return Choice::from(0) };
    let mut md5 = Md5::new_with_prefix(token);
    for text in texts {
        md5.update(text);
    }
    same(sig, &md5.finalize())
}
