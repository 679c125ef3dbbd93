//! Why a delivery URL is refused: the stable reasons of signing-schemes 10.

use domain::{Fault, Problem};

/// Defines [`Error`] from the table of reasons: name, reason, public failure, text, advice.
macro_rules! reasons {
    ($($name:ident $reason:literal $problem:ident $text:literal $advice:literal;)*) => {
        /// Why a delivery URL is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[expect(missing_docs, reason = "the text beside each reason says it")]
        pub enum Error { $(#[error($text)] $name,)* }

        impl Error {
            /// Every reason.
            pub const ALL: &[Error] = &[$(Error::$name),*];

            /// What to do first, as far as it can be said without the URL; [`crate::explain`] knows more.
            pub const fn advice(self) -> &'static str {
                match self { $(Error::$name => $advice,)* }
            }
        }

        impl Fault for Error {
            fn problem(&self) -> Problem {
                match self { $(Error::$name => Problem::$problem,)* }
            }

            fn reason(&self) -> Option<&'static str> {
                Some(match self { $(Error::$name => $reason,)* })
            }
        }
    };
}

reasons! {
    BadPath "bad_path" SignatureMalformed
        "the path is written in a way that is never accepted"
        "Write the path as /account/image/variant: no empty segment, no dots alone, no raw spaces or accents, no %2F.";
    DuplicateParam "duplicate_param" SignatureMalformed
        "a parameter of the signature occurs twice"
        "Send each of exp, sig and the s-… parameters once: something added one again after signing.";
    MalformedSignature "malformed_signature" SignatureMalformed
        "the signature is not 64 lower-case hex digits"
        "Write the HMAC-SHA256 as 64 hex digits in lower case, neither cut nor encoded in another way.";
    MalformedParam "malformed_param" SignatureMalformed
        "a parameter of the signature is malformed"
        "Write exp, s-nbf and s-iat as unix seconds (not milliseconds), their names without escapes, in at most 64 pairs.";
    UnknownConstraint "unknown_constraint" SignatureMalformed
        "the URL carries a constraint that this server does not know"
        "Sign the URL without the s-… parameter that this server does not know: it never ignores one.";
    TargetTooLong "target_too_long" TargetTooLong
        "the URL is too long"
        "Shorten the path to 4,096 bytes and path and query together to 8,192.";
    MissingSignature "missing_signature" SignatureRefused
        "the image is private and the URL carries no signature"
        "Sign the URL, or make the image public. The parameter is named sig, in this spelling.";
    MissingExp "missing_exp" SignatureRefused
        "the URL carries no expiry, and the account requires one"
        "Set exp to the end of validity in unix seconds before you sign, or let the account allow URLs without one.";
    UnknownKey "unknown_key" SignatureRefused
        "the signing key is not known"
        "Sign the URL again with a signing key of this account, and name that one in s-kid, or none.";
    KeyRevoked "key_revoked" SignatureRefused
        "the signing key is revoked or retired"
        "Sign the URL again with a signing key that is active, and name that one in s-kid, or none.";
    BadSignature "bad_signature" SignatureRefused
        "the signature does not match"
        "Sign exactly the path and query that the browser asks for, with the secret as it is shown.";
    NotYetValid "not_yet_valid" SignatureRefused
        "the URL is not valid yet"
        "Wait, or check the clock of the machine that signed it.";
    Expired "expired" SignatureRefused
        "the URL has expired"
        "Sign the URL again with a later expiry.";
    PathNotAllowed "path_not_allowed" SignatureRefused
        "the signing key does not open this path"
        "Sign the URL with a signing key of the account that keeps the image.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_name_of_its_own_and_says_what_to_do() {
        let reasons: std::collections::HashSet<_> = Error::ALL.iter().map(Fault::reason).collect();
        assert_eq!(reasons.len(), Error::ALL.len());
        for error in Error::ALL {
            assert!(error.advice().ends_with('.') && !error.to_string().ends_with('.'), "{error}");
        }
    }
}
