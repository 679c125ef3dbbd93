//! What can go wrong with rows.

use std::path::PathBuf;
use std::time::Duration;

use domain::{Fault, Limit, Problem};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account is not known.
    #[error("there is no such account")]
    AccountMissing,
    /// Below `/cdn-cgi/imagedelivery/` the hash is of no account here.
    #[error("incorrect account id")]
    AccountHashWrong,
    /// The image is not known in this account.
    #[error("image not found")]
    ImageMissing,
    /// The variant is not known in this account.
    #[error("variant not found")]
    VariantMissing,
    /// A delivery URL names a variant that the account does not have.
    #[error("image access denied: This account doesn't have variant with this name")]
    VariantDenied,
    /// Options in a delivery URL are malformed; the text names the option.
    #[error("{0}")]
    Options(String),
    /// Options in the URL are not open: off, or unsigned.
    #[error("options in the URL are not open in this account")]
    FlexibleOff,
    /// The signing key is not known in this account.
    #[error("signing key not found")]
    SigningKeyMissing,
    /// The API token, person or session is not known.
    #[error("not found")]
    Missing,
    /// The id or name is taken.
    #[error("resource already exists")]
    Exists,
    /// The idempotency key was used for a request with another digest.
    #[error("this idempotency key was used with another request")]
    IdempotencyMismatch,
    /// A number of things that the account may have is reached; the text names it and the limit.
    #[error("{told}")]
    TooMany {
        /// The limit's setting.
        limit: &'static str,
        /// What the account has, and what it may have.
        told: String,
    },
    /// The account keeps as many images, or as many bytes of them, as it may; the text names the limit.
    #[error("{told}")]
    AccountFull {
        /// The limit's setting.
        limit: &'static str,
        /// What the account may have.
        told: String,
    },
    /// A value that was given is not acceptable; the text says what is wrong and what would be right.
    #[error("{0}")]
    Invalid(String),
    /// The signature of a delivery URL is missing or refused.
    #[error(transparent)]
    Signature(#[from] signing::Error),
    /// The rights cannot be read, or are too old to be obeyed.
    #[error("the rights of this account cannot be read right now")]
    RightsUnavailable,
    /// Too many passwords are being checked at once.
    #[error("too many sign-ins at once, try again in a moment")]
    Busy,
    /// The database was written by a newer version of this program.
    #[error(
        "the database was written by a newer version of darkroom ({found}); this one reads up to {known}"
    )]
    NewerDatabase {
        /// The version of the newest migration in the database.
        found: i64,
        /// The newest migration that this program knows.
        known: i64,
    },
    /// The database is older than this program, and it must not be changed.
    #[error("the database is of version {found} and this program needs {known}: run `darkroom migrate`")]
    OlderDatabase {
        /// The version of the newest migration in the database; 0 where there is none.
        found: i64,
        /// The newest migration that this program knows.
        known: i64,
    },
    /// A file of the catalog, the database or the one of the master key, cannot be read or written.
    #[error("cannot use the file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database has sealed secrets, and the master key is not the one that sealed them.
    #[error(
        "the master key does not open the secrets in this database; every process on it needs the same one \
         (DARKROOM_MASTER_KEY)"
    )]
    MasterKey,
    /// The rows are in PostgreSQL, and only a SQLite database can be copied so.
    #[error("the database is PostgreSQL, which is copied by its own `pg_dump`")]
    NotSqlite,
    /// There was no first connection to the database; the text says why.
    #[error("{why}")]
    Connect {
        /// Why, for whoever starts the server.
        why: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The database server is not one that keeps what it is given; the text says why.
    #[error("{0}")]
    Unfit(String),
    /// The database failed, or cannot be reached right now.
    #[error("{}", told(.0))]
    Database(#[from] sqlx::Error),
    /// The answer to a commit was lost: whether the change is made is not known.
    #[error("the database went away before it said whether the change is made")]
    Unknown(#[source] sqlx::Error),
    /// A migration failed.
    #[error("the database could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl Fault for Error {
    fn problem(&self) -> Problem {
        match self {
            Error::AccountMissing => Problem::RouteMissing,
            Error::AccountHashWrong => Problem::AccountHashWrong,
            Error::ImageMissing => Problem::ImageMissing,
            Error::VariantMissing => Problem::VariantMissing,
            Error::VariantDenied => Problem::VariantDenied,
            Error::Options(_) => Problem::OptionsInvalid,
            Error::FlexibleOff => Problem::FlexibleOff,
            Error::SigningKeyMissing => Problem::SigningKeyMissing,
            Error::Missing => Problem::RouteMissing,
            Error::Exists => Problem::Exists,
            Error::IdempotencyMismatch => Problem::IdempotencyMismatch,
            Error::TooMany { .. } => Problem::TooMany,
            Error::AccountFull { .. } => Problem::AccountLimit,
            Error::Invalid(_) => Problem::BadRequest,
            Error::Signature(error) => error.problem(),
            Error::RightsUnavailable => Problem::RightsUnavailable,
            Error::Busy => Problem::Busy,
            Error::Database(error) | Error::Unknown(error) if is_disk_full(error) => Problem::StorageFull,
            Error::Database(error) | Error::Unknown(error) if is_unavailable(error) => Problem::Unavailable,
            Error::NewerDatabase { .. }
            | Error::OlderDatabase { .. }
            | Error::File { .. }
            | Error::NotSqlite
            | Error::MasterKey => Problem::Internal,
            Error::Connect { .. } | Error::Unfit(_) => Problem::Internal,
            Error::Database(_) | Error::Unknown(_) | Error::Migrate(_) => Problem::Internal,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Error::Signature(error) => error.reason(),
            Error::RightsUnavailable => Some("rights_unavailable"),
            _ => None,
        }
    }

    fn limit(&self) -> Option<Limit> {
        match self {
            Error::TooMany { limit, .. } | Error::AccountFull { limit, .. } => Some(Limit::of(limit)),
            Error::RightsUnavailable => Some(Limit::for_now("max_stale_rights_s", Duration::from_secs(1))),
            _ => None,
        }
    }
}

impl Error {
    /// The error of a commit. Some say that the change is not made: a conflict, a full disk, which takes no record of a
    /// commit, a database that is busy. After any other it may be found made later: by the recovery after a crash, where
    /// a flush failed, or because the connection broke while the commit was under way.
    pub(crate) fn of_commit(error: sqlx::Error) -> Error {
        let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        let is_certain = code.is_some_and(|code| match code.len() {
            5 => !code.starts_with("57P") && !code.starts_with("XX") && !code.starts_with("58"),
            _ => ["5", "13", "19"].contains(&code.as_str()),
        });
        if is_certain { Error::Database(error) } else { Error::Unknown(error) }
    }
}

fn told(error: &sqlx::Error) -> &'static str {
    if is_unavailable(error) { "the database cannot be reached right now" } else { "the database failed" }
}

/// Codes of a disk without room: SQLite's `SQLITE_FULL`, PostgreSQL's `disk_full`.
fn is_disk_full(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "13" | "53100"))
}

/// Whether the same may succeed in a moment: the database is not there, or has too much to do.
fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    }
}

/// States of PostgreSQL that pass: lost or refused connections (08, 28, 3D), conflicts (40), no room for another
/// session (53), a lock not granted in time (55P03), ended by someone, by a time limit or by a shutdown (57), a server
/// that only reads for now (25006). SQLite: busy (5, 6, and their longer forms).
fn is_passing(code: &str) -> bool {
    let classes = ["08", "28", "3D", "40", "53", "57"];
    let states = ["55P03", "25006", "5", "6", "261", "262", "517", "773"];
    states.contains(&code) || (code.len() == 5 && classes.iter().any(|class| code.starts_with(class)))
}
