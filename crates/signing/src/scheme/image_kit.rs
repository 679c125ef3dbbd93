//! ImageKit (signing-schemes 8): `ik-s`, an HMAC-SHA1 over what follows the endpoint and the expiry `ik-t`, which are
//! not told apart in the text.

use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, SignedText, carried_signature, each_once, joined_time, signed_by};
use crate::Error;
use crate::key_material::VerifyingKey;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{lower_hex, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// What is signed in place of an expiry where there is none.
const NEVER: &str = "9999999999";

/// Judges a URL.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let endpoint = verifier.settings.image_kit.endpoint_path.as_str();
    let path = request.path().strip_prefix(endpoint);
    let mut signed = SignedText::of(request, path.unwrap_or_default());
    let [sig, expiry] = each_once(verifier.pairs(request), ["ik-s", "ik-t"], |place, pair| {
        if place.is_none() {
            signed.push(pair);
        }
    });
    let sig = carried_signature(sig, "ik-s", witness)?;
    let sig = lower_hex::<20>(sig).ok_or(Error::MalformedSignature);
    let sig = witness.step("signature syntax", sig, |_| "It is 40 lower-case hex digits.".into())?;
    let expiry = expiry.and_then(|value| {
        value.map(|value| joined_time(value).map(|expires_s| (value, expires_s))).transpose()
    });
    let expiry = witness.step("parameters", expiry, |_| "An expiry is there once at most.".into())?;
    let (signed_expiry, expires_s) =
        expiry.map_or((NEVER, None), |(text, expires_s)| (text, Some(expires_s)));
    let path = path.map(drop).ok_or(Error::BadSignature);
    witness.step("endpoint", path, |()| format!("The path begins with {endpoint}"))?;
    witness.text(|| signed.written() + signed_expiry);
    let text = signed.pieces().chain([signed_expiry]);
    let key = signer(verifier.every(Scheme::ImageKit, now), |key| is_signed(key, &sig, text.clone()));
    let key = signed_by(key, witness)?;
    Life { expires_s, ..Life::default() }.check(verifier.policy, now, witness)?;
    Ok(Verified { expires_s, ..Verified::of(Scheme::ImageKit, key.shared_name()) })
}

fn is_signed<'t>(key: &VerifyingKey, sig: &[u8; 20], text: impl Iterator<Item = &'t str>) -> Choice {
    let Some(mac) = key.mac_sha1() else { return Choice::from(0) };
    same(sig, &mac.of(text))
}
