//! Fastly (signing-schemes 8): `token`, an expiry and an HMAC-SHA1 over path and expiry, as the vendor's example for
//! token authentication has it. A customer who changed that example signs something else, which is refused.

use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, carried_signature, joined_time, once, signed_by};
use crate::Error;
use crate::key_material::VerifyingKey;
use crate::pairs::split_at;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{lower_hex, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// Judges a URL. Other parameters are not signed and must have no effect.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let token = carried_signature(once(verifier.pairs(request), "token"), "token", witness)?;
    let parts = split_at(b'_', token).ok_or(Error::MalformedSignature);
    let parts = parts.and_then(|(expiry, sig)| {
        lower_hex(sig).map(|sig: [u8; 20]| (expiry, sig)).ok_or(Error::MalformedSignature)
    });
    let (expiry, sig) =
        witness.step("signature syntax", parts, |_| "It is 40 lower-case hex digits.".into())?;
    let expires_s = witness.step("parameters", joined_time(expiry), |_| "The expiry is a time.".into())?;
    let path = request.path();
    witness.text(|| format!("{path}{expiry}"));
    let key = signer(verifier.every(Scheme::Fastly, now), |key| is_signed(key, [path, expiry], &sig));
    let key = signed_by(key, witness)?;
    let expires_s = Some(expires_s);
    Life { expires_s, ..Life::default() }.check(verifier.policy, now, witness)?;
    Ok(Verified { expires_s, ..Verified::of(Scheme::Fastly, key.shared_name()) })
}

fn is_signed(key: &VerifyingKey, texts: [&str; 2], sig: &[u8; 20]) -> Choice {
    match key.mac_sha1() {
        Some(mac) => same(sig, &mac.of(texts)),
        None => Choice::from(0),
    }
}
