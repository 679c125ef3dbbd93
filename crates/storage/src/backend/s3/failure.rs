//! What went wrong with one request: which failure of ours it is, and whether asking again can help.

use std::error::Error as StdError;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};

use crate::Error;
use crate::error::{Cause, Refusal};

/// One request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// Which failure it is, should it be the last word.
    pub(super) error: Error,
    /// Whether asking again can help.
    pub(super) again: Again,
    /// Whether the store was heard: it answered, however badly.
    pub(super) heard: bool,
}

/// Whether a request may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It would fail the same way.
    Never,
    /// Once, since the client has corrected its clock by what the store answered.
    AfterClock,
    /// Once, with credentials that are asked for anew.
    AfterCredentials,
    /// After a pause.
    Later,
}

impl Failure {
    /// The answer came, and says no.
    pub(super) fn told(error: Error, again: Again) -> Self {
        Failure { error, again, heard: true }
    }

    /// The bytes that came are not those that were put.
    pub(super) fn damaged() -> Self {
        Failure::told(Error::Damaged, Again::Later)
    }

    /// The connection broke, or nothing came in time.
    pub(super) fn lost(cause: impl Into<Cause>) -> Self {
        Failure { error: Error::Unavailable(Some(cause.into())), again: Again::Later, heard: false }
    }

    /// The store is known to be gone, so nobody waits for it.
    pub(super) fn gone() -> Self {
        Failure { error: Error::Unavailable(None), again: Again::Never, heard: false }
    }

    /// What the client says of a request.
    pub(super) fn of<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match &error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let told = refusal(status, answer.err().code().unwrap_or_default());
                Failure::told(told.error(error.into()), told.again())
            }
            SdkError::ResponseError(answer) => {
                // No answer of S3, whatever stands between: a proxy's page, or a body that broke off.
                let status = answer.raw().status().as_u16();
                let told = if (400..500).contains(&status) { refusal(status, "") } else { Told::Busy };
                Failure::told(told.error(error.into()), told.again())
            }
            SdkError::ConstructionFailure(_) => of_preparation(error.into()),
            SdkError::DispatchFailure(failure) if is_preparation(failure.as_connector_error()) => {
                of_preparation(error.into())
            }
            _ => Failure::lost(error),
        }
    }
}

/// What an answer of the store means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Missing,
    Full,
    Busy,
    Refused(Refusal),
    Else,
}

impl Told {
    fn error(self, cause: Cause) -> Error {
        match self {
            Told::Missing => Error::Missing,
            Told::Full => Error::Full(Some(cause)),
            Told::Busy => Error::Unavailable(Some(cause)),
            Told::Refused(why) => Error::Refused { why, cause: Some(cause) },
            Told::Else => Error::Io(cause),
        }
    }

    fn again(self) -> Again {
        match self {
            Told::Busy => Again::Later,
            Told::Refused(Refusal::Clock) => Again::AfterClock,
            Told::Refused(Refusal::Expired) => Again::AfterCredentials,
            Told::Missing | Told::Full | Told::Refused(_) | Told::Else => Again::Never,
        }
    }
}

/// The codes of S3's error table, and those that other servers use in their place (s3s, Garage, Ceph, MinIO).
fn refusal(status: u16, code: &str) -> Told {
    match code {
        "NoSuchKey" | "NotFound" | "NoSuchUpload" => Told::Missing,
        "NoSuchBucket" => Told::Refused(Refusal::NoBucket),
        "SignatureDoesNotMatch" => Told::Refused(Refusal::WrongSecret),
        "InvalidAccessKeyId" | "NotSignedUp" => Told::Refused(Refusal::UnknownKey),
        "RequestTimeTooSkewed" | "RequestExpired" => Told::Refused(Refusal::Clock),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "InvalidToken" => {
            Told::Refused(Refusal::Expired)
        }
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => {
            Told::Refused(Refusal::WrongRegion)
        }
        "QuotaExceeded" | "ServiceQuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" => Told::Full,
        // The bytes suffered on their way to the store: they are still whole here.
        "BadDigest" | "IncompleteBody" | "RequestTimeout" | "XAmzContentSHA256Mismatch" => Told::Busy,
        "SlowDown" | "ServiceUnavailable" | "InternalError" | "Throttling" => Told::Busy,
        _ => by_status(status),
    }
}

fn by_status(status: u16) -> Told {
    match status {
        301 | 307 => Told::Refused(Refusal::WrongRegion),
        401 | 403 => Told::Refused(Refusal::NoRight),
        404 => Told::Missing,
        507 => Told::Full,
        // The server cannot do it, and will not be able to.
        501 => Told::Else,
        408 | 429 | 500..=599 => Told::Busy,
        _ => Told::Else,
    }
}

/// Whether a request failed before anything was sent: for want of credentials, or of an address to send it to.
fn is_preparation(error: Option<&ConnectorError>) -> bool {
    error.is_some_and(|error| error.is_user() || chain(error).any(<dyn StdError>::is::<CredentialsError>))
}

fn of_preparation(cause: Cause) -> Failure {
    let why = match chain(&*cause).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
        // Whoever hands them out may be slow or down for a moment.
        Some(CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)) => Refusal::Expired,
        Some(_) => Refusal::NoCredentials,
        None => Refusal::BadEndpoint,
    };
    let again = if why == Refusal::Expired { Again::Later } else { Again::Never };
    // Nothing was sent, so this says nothing about the store: it is not held against it.
    Failure { error: Error::Refused { why, cause: Some(cause) }, again, heard: true }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What it means that one object of several was not deleted.
pub(super) fn of_one(code: &str) -> Error {
    refusal(0, code).error(format!("an object was not deleted: {code}").into())
}

/// A wait that ended without an answer.
pub(super) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_means_one_thing() {
        let check = |status: u16, code: &str, expected: Told| {
            assert_eq!(refusal(status, code), expected, "{status} {code}");
        };
        check(404, "NoSuchKey", Told::Missing);
        check(404, "", Told::Missing);
        check(404, "NoSuchBucket", Told::Refused(Refusal::NoBucket));
        check(403, "SignatureDoesNotMatch", Told::Refused(Refusal::WrongSecret));
        check(403, "InvalidAccessKeyId", Told::Refused(Refusal::UnknownKey));
        check(403, "AccessDenied", Told::Refused(Refusal::NoRight));
        check(403, "RequestTimeTooSkewed", Told::Refused(Refusal::Clock));
        check(400, "ExpiredToken", Told::Refused(Refusal::Expired));
        check(400, "AuthorizationHeaderMalformed", Told::Refused(Refusal::WrongRegion));
        check(301, "", Told::Refused(Refusal::WrongRegion));
        check(507, "", Told::Full);
        check(403, "QuotaExceeded", Told::Full);
        check(400, "BadDigest", Told::Busy);
        check(503, "SlowDown", Told::Busy);
        check(500, "", Told::Busy);
        check(429, "", Told::Busy);
        check(400, "InvalidPart", Told::Else);
    }

    #[test]
    fn only_what_can_pass_is_asked_again() {
        assert_eq!(Told::Busy.again(), Again::Later);
        assert_eq!(Told::Refused(Refusal::Clock).again(), Again::AfterClock);
        assert_eq!(Told::Refused(Refusal::Expired).again(), Again::AfterCredentials);
        for told in [Told::Missing, Told::Full, Told::Refused(Refusal::WrongSecret), Told::Else] {
            assert_eq!(told.again(), Again::Never, "{told:?}");
        }
    }
}
