//! What can go wrong in storage.

use std::error::Error as StdError;
use std::io;

use domain::{Fault, Limit, Problem};

/// The cause of a failure, for the log alone.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No object lies there.
    #[error("the object is not there")]
    Missing,
    /// The disk is full, or less is left than must stay free; or the store has no room for us.
    #[error("the storage is full")]
    Full(#[source] Option<Cause>),
    /// The bytes are not those that were put there.
    #[error("the object is damaged")]
    Damaged,
    /// The folder of the objects cannot be made or written: at the start, for whoever runs the house.
    #[error("the folder of the objects cannot be written")]
    Unwritable(#[source] io::Error),
    /// The store answers, and refuses what has to be allowed.
    #[error("the storage refuses the server: {why}")]
    Refused {
        /// Why, as far as it told.
        why: Refusal,
        /// What it said.
        #[source]
        cause: Option<Cause>,
    },
    /// The store cannot be reached, or fails at everything, right now.
    #[error("the storage cannot be reached right now")]
    Unavailable(#[source] Option<Cause>),
    /// Reading or writing failed.
    #[error("the storage failed")]
    Io(#[source] Cause),
}

/// Why a store refuses the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The signature is made with another secret.
    #[error("the secret key is wrong")]
    WrongSecret,
    /// The store does not know the access key.
    #[error("the access key is unknown")]
    UnknownKey,
    /// No credentials were found.
    #[error("no credentials were found")]
    NoCredentials,
    /// Temporary credentials ran out and no new ones came.
    #[error("the credentials have expired")]
    Expired,
    /// The credentials are good, but not for this.
    #[error("the credentials do not allow it")]
    NoRight,
    /// The clocks are so far apart that no signature counts, and setting ours right by the store's did not help.
    #[error("the clocks are too far apart")]
    Clock,
    /// There is no such bucket.
    #[error("the bucket is not there")]
    NoBucket,
    /// The bucket lies in another region.
    #[error("the bucket lies in another region")]
    WrongRegion,
    /// Nobody named a region, nor an endpoint that would go without.
    #[error("no region was named")]
    NoRegion,
    /// The endpoint is no address that a request can go to.
    #[error("the endpoint is no address")]
    BadEndpoint,
}

impl Error {
    /// What whoever runs the house can do about it: a sentence that names what to set.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Error::Refused { why, .. } => Some(why.advice()),
            Error::Unavailable(_) => Some(
                "is the store running, and is AWS_ENDPOINT_URL its address (http or https, host and port)? \
                 Without AWS_ENDPOINT_URL requests go to AWS in AWS_REGION",
            ),
            Error::Full(_) => Some("make room on the disk, or raise the store's quota"),
            Error::Unwritable(_) => Some(
                "give the folder of DARKROOM_STORAGE_URL, or of DARKROOM_DATA_DIR, to the server's own user",
            ),
            Error::Missing | Error::Damaged | Error::Io(_) => None,
        }
    }

    /// A failure that is told by a text of ours alone.
    pub(crate) fn io(text: &'static str) -> Self {
        Error::Io(text.into())
    }
}

impl Refusal {
    fn advice(self) -> &'static str {
        match self {
            Refusal::WrongSecret => "set AWS_SECRET_ACCESS_KEY to the secret of the key in AWS_ACCESS_KEY_ID",
            Refusal::UnknownKey => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that the store knows"
            }
            Refusal::NoCredentials => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
            }
            Refusal::Expired => {
                "see to it that whatever hands out the credentials (AWS_PROFILE, the role) renews them"
            }
            Refusal::NoRight => {
                "allow the access key in AWS_ACCESS_KEY_ID to get, put, delete and list in the bucket of DARKROOM_STORAGE_URL \
                 (s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucket); \
                 some stores say the same of a wrong AWS_SECRET_ACCESS_KEY"
            }
            Refusal::Clock => "set this machine's clock, or the store's",
            Refusal::NoBucket => {
                "make the bucket, or set its name in DARKROOM_STORAGE_URL and its server in AWS_ENDPOINT_URL"
            }
            Refusal::WrongRegion => "set AWS_REGION to the region of the bucket",
            Refusal::NoRegion => "set AWS_REGION, or AWS_ENDPOINT_URL where the store is not AWS",
            Refusal::BadEndpoint => {
                "write AWS_ENDPOINT_URL as https://host:port, and AWS_REGION as the store names it"
            }
        }
    }
}

impl From<io::Error> for Error {
    /// A full disk and an exhausted quota are told from all else here, once.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(Some(error.into())),
            _ => Error::Io(error.into()),
        }
    }
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::Full(_) => Problem::StorageFull,
            Error::Unavailable(_) => Problem::StorageUnavailable,
            Error::Missing | Error::Damaged | Error::Unwritable(_) | Error::Refused { .. } | Error::Io(_) => {
                Problem::Storage
            }
        }
    }

    fn limit(&self) -> Option<Limit> {
        matches!(self, Error::Full(_)).then(|| Limit::of("min_free_disk_bytes"))
    }
}
