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
        "the signature is not written as its scheme writes it"
        "Write the signature as the scheme demands (a native one as 64 hex digits in lower case), neither cut nor encoded in another way.";
    MalformedParam "malformed_param" SignatureMalformed
        "a parameter of the signature is malformed"
        "Write exp, s-nbf and s-iat as unix seconds (not milliseconds), their names without escapes, in at most 64 pairs.";
    UnknownConstraint "unknown_constraint" SignatureMalformed
        "the URL carries a constraint that this server does not know"
        "Sign the URL without the s-… parameter that this server does not know: it never ignores one.";
    AmbiguousScheme "ambiguous_scheme" SignatureMalformed
        "the URL carries the marks of two signing schemes"
        "Sign the URL by one scheme only: never is one tried after another.";
    MalformedPolicy "malformed_policy" SignatureMalformed
        "the policy of the signature is malformed"
        "Write the policy with one statement, one resource and only the conditions that are documented, times as JSON numbers.";
    ReplayStoreUnavailable "replay_store_unavailable" Unavailable
        "uses cannot be counted right now"
        "Try again in a moment: while uses cannot be counted, no URL with a number of uses is served.";
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
    Revoked "revoked" SignatureRefused
        "the URL was revoked"
        "Sign the URL again, with another s-jti or s-sub, and with an s-iat after the account's mark where it has one.";
    LifetimeTooLong "lifetime_too_long" SignatureRefused
        "the URL lives longer than the account allows"
        "Sign the URL with an earlier expiry, or let the account allow longer ones.";
    PathNotAllowed "path_not_allowed" SignatureRefused
        "the signature does not open this path"
        "Sign the URL with a signing key of the account that keeps the image, and a prefix as deep as the account demands.";
    IpMismatch "ip_mismatch" SignatureRefused
        "the URL is bound to another address"
        "Ask from the address that the URL names, or sign the URL for the one it comes from.";
    VariantNotAllowed "variant_not_allowed" SignatureRefused
        "the URL is not signed for this variant"
        "Ask for a variant that s-var names, or sign the full path where options or metadata are wished for.";
    RefererNotAllowed "referer_not_allowed" SignatureRefused
        "the URL may not be embedded on this page"
        "Embed the image on a host that s-ref names; a - in that list lets requests without a referer in.";
    SessionMismatch "session_mismatch" SignatureRefused
        "the URL is bound to another session"
        "Send the session cookie that the URL was signed for.";
    CountryNotAllowed "country_not_allowed" SignatureRefused
        "the URL is not open to this country"
        "Ask from a country that the URL names, and let the server know countries: where it does not, none is let in.";
    AlreadyUsed "already_used" SignatureRefused
        "the URL was used as often as it may be"
        "Sign a new URL with an s-jti of its own.";
    SchemeDisabled "scheme_disabled" SignatureRefused
        "this signing scheme is switched off"
        "Switch the scheme on for the account, or sign the URL by one that is.";
    ScopeMismatch "scope_mismatch" SignatureRefused
        "the signature is for another date, region or service"
        "Sign for the region of this server, the service s3 (or storage), and the date of the request.";
    UnsignedHeader "unsigned_header" SignatureRefused
        "a header that must be signed is not"
        "Sign host and each x-amz- or x-goog- header that is sent.";
    PayloadMismatch "payload_mismatch" SignatureRefused
        "the body is not the one that was signed"
        "Sign the SHA-256 of the body that is sent, or UNSIGNED-PAYLOAD.";
    UnsupportedPayload "unsupported_payload" SignatureRefused
        "a body signed in chunks is not taken"
        "Send the body with its SHA-256 or as UNSIGNED-PAYLOAD, not as STREAMING-….";
    RequestTimeSkewed "request_time_skewed" SignatureRefused
        "the request was signed too long ago, or too far ahead"
        "Check the clock of the machine that signed it: 15 minutes are the most.";
    PolicyConditionFailed "policy_condition_failed" SignatureRefused
        "the form does not meet the conditions of its policy"
        "Give each field of the form a condition in the policy, and meet it.";
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
