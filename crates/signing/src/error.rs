//! Why a delivery URL is refused: the stable reasons of signing-schemes 10.

use domain::{Fault, Problem};

/// Defines [`Error`] from the table of reasons.
macro_rules! reasons {
    ($($name:ident $reason:literal $problem:ident $text:literal;)*) => {
        /// Why a delivery URL is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[expect(missing_docs, reason = "the text beside each reason says it")]
        pub enum Error { $(#[error($text)] $name,)* }

        impl Error {
            /// Every reason.
            pub const ALL: &[Error] = &[$(Error::$name),*];
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
    BadPath "bad_path" SignatureMalformed "the path is written in a way that is never accepted";
    DuplicateParam "duplicate_param" SignatureMalformed "a parameter of the signature occurs twice";
    MalformedSignature "malformed_signature" SignatureMalformed "the signature is not 64 lower-case hex digits";
    MalformedParam "malformed_param" SignatureMalformed "a parameter of the signature is malformed";
    UnknownConstraint "unknown_constraint" SignatureMalformed "the URL carries a constraint that this server does not know";
    TargetTooLong "target_too_long" TargetTooLong "the URL is too long";
    MissingSignature "missing_signature" SignatureRefused "the image is private and the URL carries no signature";
    MissingExp "missing_exp" SignatureRefused "the URL carries no expiry, and the account requires one";
    UnknownKey "unknown_key" SignatureRefused "the signing key is not known";
    KeyRevoked "key_revoked" SignatureRefused "the signing key is revoked or retired";
    BadSignature "bad_signature" SignatureRefused "the signature does not match";
    NotYetValid "not_yet_valid" SignatureRefused "the URL is not valid yet";
    Expired "expired" SignatureRefused "the URL has expired";
    PathNotAllowed "path_not_allowed" SignatureRefused "the signing key does not open this path";
}
