//! The one table of public failures: status, code in the API, code in delivery (contract 2 and 10).

use std::error::Error;

use crate::Limit;

/// Defines [`Problem`] from a table, a line each.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident: $status:literal, $api:literal, $delivery:literal;)*) => {
        /// A failure that the outside may learn of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Problem {
            $($(#[$doc])* $name,)*
        }

        impl Problem {
            /// Every problem, for tests and documents.
            pub const ALL: &[Problem] = &[$(Problem::$name),*];

            /// The HTTP status at every door.
            pub const fn status(self) -> u16 {
                match self { $(Problem::$name => $status,)* }
            }

            /// The code in the API's envelope.
            pub const fn api_code(self) -> u32 {
                match self { $(Problem::$name => $api,)* }
            }

            /// The code in a delivery's answer.
            pub const fn delivery_code(self) -> u32 {
                match self { $(Problem::$name => $delivery,)* }
            }
        }
    };
}

problems! {
    /// A field, name or value is wrong.
    BadRequest: 400, 5400, 9432;
    /// No credentials were sent.
    CredentialsMissing: 400, 9106, 9424;
    /// The `Authorization` header is no credential.
    CredentialsMalformed: 400, 6003, 9424;
    /// The token is unknown, expired or revoked.
    CredentialsRefused: 401, 10000, 9425;
    /// The token lacks the scope, or the person's role does not allow it.
    Forbidden: 403, 10000, 9425;
    /// No such account or route.
    RouteMissing: 404, 7003, 9404;
    /// Below `/cdn-cgi/imagedelivery/` the hash is of no account here.
    AccountHashWrong: 403, 5403, 9427;
    /// The variant is not known.
    VariantMissing: 404, 5401, 9425;
    /// A delivery URL names a variant that the account does not have.
    VariantDenied: 403, 5401, 9425;
    /// The image is not known.
    ImageMissing: 404, 5404, 9404;
    /// The signing key is not known.
    SigningKeyMissing: 404, 5404, 9404;
    /// The picture needs more memory to decode than this server gives to all decoding.
    TooLargeForServer: 413, 5413, 9413;
    /// The id or name is taken.
    Exists: 409, 5409, 9432;
    /// The idempotency key was used with another request.
    IdempotencyMismatch: 422, 5400, 9432;
    /// An upload came too slowly.
    TooSlow: 408, 5408, 9523;
    /// The file or picture is larger than the limit.
    TooLarge: 413, 5413, 9413;
    /// The original is larger than a rendition may be made from.
    TooLargeToRender: 403, 5413, 9413;
    /// The body is no form.
    NotAForm: 415, 5415, 9432;
    /// The method is not one that the route takes.
    MethodNotAllowed: 405, 10405, 9432;
    /// The client went away in the middle.
    Aborted: 400, 5433, 9528;
    /// Frames times area pass the limit.
    AnimationTooLarge: 400, 5443, 9413;
    /// The image is damaged or ends early.
    Damaged: 422, 5450, 9516;
    /// The bytes are no image of an accepted format.
    NotAnImage: 415, 5455, 9412;
    /// A limit of the account is reached.
    AccountLimit: 403, 5453, 9429;
    /// The account keeps as many as the limit allows, where the contract says 400.
    TooMany: 400, 5400, 9429;
    /// Options or a value in them are wrong or not built.
    OptionsInvalid: 400, 5400, 9401;
    /// Options in the URL are not open here.
    FlexibleOff: 403, 5400, 9429;
    /// A signed URL is malformed.
    SignatureMalformed: 400, 5400, 9432;
    /// The request target passes a limit.
    TargetTooLong: 414, 5400, 9432;
    /// The request's head passes a limit.
    HeadTooLarge: 431, 5400, 9432;
    /// A signature is missing or refused.
    SignatureRefused: 403, 5400, 9425;
    /// The account's rights cannot be read.
    RightsUnavailable: 503, 5503, 9522;
    /// The server has as much to do as it takes on.
    Busy: 503, 5503, 9522;
    /// The database cannot be reached right now, or has as much to do as it takes on.
    Unavailable: 503, 5503, 9522;
    /// Too many requests in a short time.
    TooManyRequests: 429, 10429, 9422;
    /// Rendering took too long.
    RenderTimeout: 422, 5450, 9516;
    /// The disk is full.
    StorageFull: 507, 5540, 9523;
    /// Storage cannot be reached right now.
    StorageUnavailable: 503, 5503, 9522;
    /// Storage failed.
    Storage: 500, 5540, 9523;
    /// Anything that is our fault.
    Internal: 500, 5500, 9523;
}

impl Problem {
    /// Whether it passes by itself, or when an operator has made room: then it meets everybody who asks meanwhile, and
    /// whoever has the outage tells of it once.
    pub const fn passes(self) -> bool {
        matches!(self.status(), 503 | 507)
    }
}

/// An error that knows which public failure it is. Its own text is safe to show.
pub trait Fault: Error {
    /// The public failure that this error is.
    fn problem(&self) -> Problem;

    /// The stable reason of a refused signature, for `x-image-auth` (signing-schemes 10).
    fn reason(&self) -> Option<&'static str> {
        None
    }

    /// The limit that was passed, where that is what failed.
    fn limit(&self) -> Option<Limit> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_a_failure_to_http_and_to_clients() {
        for problem in Problem::ALL {
            assert!(problem.status() >= 400, "{problem:?}");
            assert!(problem.api_code() >= 1000, "{problem:?}");
            assert!((9000..10000).contains(&problem.delivery_code()), "{problem:?}");
        }
    }

    #[test]
    fn an_outage_passes_and_a_failure_of_ours_does_not() {
        let outages = [Problem::Unavailable, Problem::StorageUnavailable, Problem::RightsUnavailable];
        assert!(outages.into_iter().all(Problem::passes) && Problem::StorageFull.passes());
        assert!(![Problem::Internal, Problem::Storage, Problem::BadRequest].into_iter().any(Problem::passes));
    }
}
