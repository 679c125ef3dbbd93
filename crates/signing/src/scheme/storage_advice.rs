//! What to do first about a refusal of S3 or Google Cloud Storage, in the words of their libraries.

use crate::Error;
use crate::verdict::Witness;

/// Lets a verdict through, and advises on a refusal.
pub(super) fn advised<T>(verdict: Result<T, Error>, witness: &mut impl Witness) -> Result<T, Error> {
    if let Some(advice) = verdict.as_ref().err().and_then(|&error| storage_advice(error)) {
        witness.advise(|| advice.to_owned());
    }
    verdict
}

/// The advice on a refusal; none where the general one says it.
const fn storage_advice(error: Error) -> Option<&'static str> {
    Some(match error {
        Error::BadPath => "Ask for a path whose escapes are whole and UTF-8, without raw spaces or accents.",
        Error::DuplicateParam => {
            "Send each parameter, header and form field of the signature once: one was added again after signing."
        }
        Error::MalformedSignature => {
            "Send the signature as the library made it, with the algorithm beside it: 64 hex digits in lower case for HMAC, \
             512 and more for RSA, base64 for signature version 2."
        }
        Error::MalformedParam => {
            "Send all that the library made: algorithm, credential, date, signed headers, and an expiry of at most 7 days."
        }
        Error::MalformedPolicy => {
            "Post the policy as base64 of JSON with an expiration like 2026-09-21T14:23:20Z and conditions of the kinds eq, \
             starts-with and content-length-range, at most 100."
        }
        Error::MissingSignature => {
            "Sign the request with a key of this account; the library adds the signature."
        }
        Error::MissingExp => {
            "Let the library set an expiry: X-Amz-Expires, X-Goog-Expires or Expires is missing."
        }
        Error::UnknownKey => {
            "Register the access key id or service account at this account, send a temporary key's session token, and none \
             with a lasting key."
        }
        Error::KeyRevoked => "Sign with another key of this account: this one is revoked or retired.",
        Error::BadSignature => {
            "Compare method, host, path, query and signed headers with the text that is shown: a proxy may have changed one, \
             or the secret is another."
        }
        Error::Revoked => "Sign again: the account has revoked what was signed before a time.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_a_sentence_and_given_on_refusals_only() {
        for advice in Error::ALL.iter().filter_map(|&error| storage_advice(error)) {
            assert!(advice.ends_with('.') && !advice.contains("  "), "{advice}");
        }
        let mut listener = crate::verdict::Listener::default();
        assert!(advised(Ok(()), &mut listener).is_ok() && listener.advice.is_none());
        assert!(advised::<()>(Err(Error::UnknownKey), &mut listener).is_err());
        assert!(listener.advice.unwrap().contains("access key id"));
    }
}
