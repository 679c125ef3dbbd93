//! What to do first about a refusal of another service's URL, where the general advice speaks of ours.

use crate::schemes::Scheme;
use crate::verdict::Witness;
use crate::{Error, Verified};

/// Advises on a refusal, unless its scheme did.
pub(super) fn advise(scheme: Scheme, verdict: &Result<Verified, Error>, witness: &mut impl Witness) {
    if let Some(advice) = verdict.as_ref().err().and_then(|&error| advice(scheme, error)) {
        witness.advise(|| advice.to_owned());
    }
}

/// The advice on a refusal; none where the general one says it, or another file does.
const fn advice(scheme: Scheme, error: Error) -> Option<&'static str> {
    let Some(written) = signature_of(scheme) else { return None };
    Some(match error {
        Error::MalformedSignature => written,
        Error::BadSignature => {
            "Compare the text that is shown with the one that was signed, byte for byte, and register the very key that \
             signs it."
        }
        Error::MalformedParam => {
            "Write times in unix seconds, each parameter without broken escapes, and send at most 64 of them."
        }
        Error::DuplicateParam => {
            "Send each parameter of the signature once: one was added again after signing."
        }
        Error::MissingExp => "Sign the URL with an expiry: this service's tokens always have one.",
        Error::LifetimeTooLong => {
            "Sign for a shorter time; a URL of a service that has no expiry is never short enough for this account."
        }
        Error::Revoked => {
            "Sign again: the account has revoked this session, or all that was issued before a time, and a URL that does \
             not say when it was issued with it."
        }
        Error::CountryNotAllowed => {
            "Ask from a country that the token opens for; where this server does not know countries, sign without them."
        }
        _ => return None,
    })
}

/// How a service writes its signature.
const fn signature_of(scheme: Scheme) -> Option<&'static str> {
    Some(match scheme {
        Scheme::Cloudimage => {
            "Write ci_sign or ci_seal as the first hex digits of the SHA-1, in lower case, as many as the account asks for."
        }
        Scheme::Imgproxy => "Write the first segment as base64url of the HMAC-SHA256, without padding.",
        Scheme::Thumbor => {
            "Write the first segment as base64url of the HMAC-SHA1, 28 characters with their =."
        }
        Scheme::Imgix => "Write s as the MD5 in 32 hex digits in lower case.",
        Scheme::Bunny => {
            "Write token as HS256- (and 1- where it is bound to an address) and base64url without padding; the older form \
             without HS256- is for the account to allow."
        }
        Scheme::Fastly => "Write token as the expiry, _ and the HMAC-SHA1 in 40 hex digits in lower case.",
        Scheme::EdgeAuth => {
            "Write hmac, the token's last field, in hex digits in lower case: 64, or 40 for SHA-1."
        }
        Scheme::ImageKit => "Write ik-s as the HMAC-SHA1 in 40 hex digits in lower case.",
        Scheme::Cloudinary => "Write s--…-- with 8 or 32 characters of base64url.",
        Scheme::Native | Scheme::Generic | Scheme::CloudFront | Scheme::S3 | Scheme::Gcs => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_a_sentence_and_never_speaks_of_another_scheme_s_parameters() {
        let ours = [Scheme::Native, Scheme::Generic, Scheme::CloudFront, Scheme::S3, Scheme::Gcs];
        for &scheme in Scheme::ALL {
            let told: Vec<_> = Error::ALL.iter().filter_map(|&error| advice(scheme, error)).collect();
            assert_eq!(told.is_empty(), ours.contains(&scheme), "{scheme:?}");
            for advice in told {
                assert!(
                    advice.ends_with('.') && !advice.contains("  ") && !advice.contains("s-kid"),
                    "{advice}"
                );
            }
        }
    }
}
