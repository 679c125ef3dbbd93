//! thumbor (signing-schemes 8): `/{signature}/{options}/{image}`, an HMAC-SHA1 over the path behind the signature. It
//! has no expiry. The target is the one below the mount.

use base64::engine::general_purpose::URL_SAFE;
use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, signed_by};
use crate::Error;
use crate::key_material::VerifyingKey;
use crate::pairs::split_at;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{base64_bytes, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// Characters of a signature, its `=` among them.
const SIGNATURE_CHARS: usize = 28;

/// Judges a path. Its query is no part of it and has no effect.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let path = request.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (segment, rest) = split_at(b'/', path).unwrap_or((path, ""));
    let found = if matches!(segment, "" | "unsafe") { Err(Error::MissingSignature) } else { Ok(segment) };
    let segment = witness.step("signature present", found, |_| "It is the first segment.".into())?;
    let sig = witness.step("signature syntax", bytes(segment), |_| "It is base64url of 20 bytes.".into())?;
    witness.text(|| rest.to_owned());
    let key = signer(verifier.every(Scheme::Thumbor, now), |key| is_signed(key, rest, &sig));
    let key = signed_by(key, witness)?;
    Life::default().check(verifier.policy, now, witness)?;
    Ok(Verified::of(Scheme::Thumbor, key.shared_name()))
}

/// The bytes of a signature.
fn bytes(segment: &str) -> Result<[u8; 20], Error> {
    let bytes = base64_bytes(&URL_SAFE, segment).filter(|_| segment.len() == SIGNATURE_CHARS);
    bytes.ok_or(Error::MalformedSignature)
}

fn is_signed(key: &VerifyingKey, rest: &str, sig: &[u8; 20]) -> Choice {
    match key.mac_sha1() {
        Some(mac) => same(sig, &mac.of([rest])),
        None => Choice::from(0),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_has_one_spelling() {
        assert!(bytes("03sJk_aP1VJxs18a4ngqdbBTcWI=").is_ok());
        let bad = [
            "03sJk_aP1VJxs18a4ngqdbBTcWI",
            "03sJk_aP1VJxs18a4ngqdbBTcWJ=",
            "03sJk_aP1VJxs18a4ngqdbBTcWI%3D",
            "+3sJk_aP1VJxs18a4ngqdbBTcWI=",
            "03sJk_aP1VJxs18a4ngqdbBTcWIA",
            "k_aP1VJxs18a4ngqdbBTcWI=",
            "300x200",
        ];
        for bad in bad {
            assert_eq!(bytes(bad), Err(Error::MalformedSignature), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_reads_as_a_signature_is_written_so(segment in "[A-Za-z0-9_=+/-]{20,30}") {
            if let Ok(bytes) = bytes(&segment) {
                prop_assert_eq!(URL_SAFE.encode(bytes), segment);
            }
        }
    }
}
