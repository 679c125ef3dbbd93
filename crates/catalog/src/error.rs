//! What can go wrong with rows.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use domain::{Fault, Limit, Problem};

/// A failure of this crate.
#[derive(thiserror::Error)]
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
    /// The verifying key is not known in this account, or verifies no more.
    #[error("verifying key not found")]
    VerifyingKeyMissing,
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

/// For the log: the text, and what the database said. Its details are left out: they quote what stands in rows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match self {
            Error::Database(cause) | Error::Unknown(cause) | Error::Connect { source: cause, .. } => {
                write!(f, " ({})", said(cause))
            }
            Error::Migrate(cause) => write!(f, " ({cause})"),
            _ => Ok(()),
        }
    }
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
            Error::VerifyingKeyMissing => Problem::SigningKeyMissing,
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
    /// The error of a commit. A few say for certain that the change is not made. After any other it may be found made
    /// later: by the recovery after a crash, where a flush failed, or because the connection broke while the commit was
    /// under way, also one behind a pooler, which answers then with a code of its own.
    pub(crate) fn of_commit(error: sqlx::Error) -> Error {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if code.is_some_and(|code| is_certain(&code)) {
            Error::Database(error)
        } else {
            Error::Unknown(error)
        }
    }
}

/// Codes with which a commit says that it made nothing. PostgreSQL: a conflict (40001, 40P01), a constraint (23), a full
/// disk, which takes no record of a commit (53100), a transaction that had failed before (25P02). SQLite: busy (5), full
/// (13), a constraint (19).
fn is_certain(code: &str) -> bool {
    let codes = ["40001", "40P01", "53100", "25P02", "5", "13", "19"];
    codes.contains(&code) || (code.len() == 5 && code.starts_with("23"))
}

/// What a database answered: its code, its message and the constraint that it names.
fn said(error: &sqlx::Error) -> String {
    let Some(answer) = error.as_database_error() else { return error.to_string() };
    let code = answer.code().map(|code| format!("{code}: ")).unwrap_or_default();
    let constraint = answer.constraint().map(|name| format!(", {name}")).unwrap_or_default();
    format!("{code}{}{constraint}", answer.message())
}

fn told(error: &sqlx::Error) -> &'static str {
    if is_unavailable(error) { "the database cannot be reached right now" } else { "the database failed" }
}

/// Codes of a disk without room: SQLite's `SQLITE_FULL` and `SQLITE_IOERR_SHMSIZE` (its index of the log cannot grow),
/// PostgreSQL's `disk_full`.
fn is_disk_full(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "13" | "4874" | "53100"))
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
/// that only reads for now (25006), a transaction that failed or took too long (25P02, 25P03, 25P04). SQLite: busy (5,
/// 6, and their longer forms), a file system that only reads for now (8, and its longer forms), a write that failed
/// (`SQLITE_IOERR_WRITE`).
fn is_passing(code: &str) -> bool {
    let classes = ["08", "28", "3D", "40", "53", "57"];
    let states = ["55P03", "25006", "25P02", "25P03", "25P04"];
    let results =
        ["5", "6", "261", "262", "517", "773", "8", "264", "520", "776", "1032", "1288", "1544", "778"];
    states.contains(&code)
        || results.contains(&code)
        || (code.len() == 5 && classes.iter().any(|class| code.starts_with(class)))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// An answer of a database, known by its code.
    #[derive(Debug)]
    struct Answer(&'static str);

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn answer(code: &'static str) -> sqlx::Error {
        sqlx::Error::Database(Box::new(Answer(code)))
    }

    #[test]
    fn only_a_few_answers_to_a_commit_say_for_certain_that_nothing_is_made() {
        for code in ["40001", "40P01", "23505", "23503", "53100", "25P02", "5", "13", "19"] {
            assert!(matches!(Error::of_commit(answer(code)), Error::Database(_)), "{code}");
        }
        // 08P01 is what PgBouncer says where the server went away during the commit.
        let unknown =
            ["08P01", "08006", "40003", "25P03", "57P01", "57014", "58030", "XX000", "53200", "10", "778"];
        for code in unknown {
            assert!(matches!(Error::of_commit(answer(code)), Error::Unknown(_)), "{code}");
        }
        assert!(matches!(Error::of_commit(sqlx::Error::WorkerCrashed), Error::Unknown(_)));
    }

    #[test]
    fn what_passes_is_no_failure_of_ours() {
        let problem = |code| Error::Database(answer(code)).problem();
        for code in ["55P03", "25P02", "25P03", "25P04", "25006", "08P01", "8", "1032", "778", "517"] {
            assert_eq!(problem(code), Problem::Unavailable, "{code}");
        }
        assert_eq!(["13", "4874", "53100"].map(problem), [Problem::StorageFull; 3]);
        assert_eq!(["54000", "42601", "1"].map(problem), [Problem::Internal; 3]);
    }
}
