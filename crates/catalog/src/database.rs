//! The two kinds of database behind one face: SQLite, with one connection that writes and several that read, and
//! PostgreSQL. One text of SQL serves both (`query.rs`); what differs is named here. Knows no table but the one of
//! migrations.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use domain::{AccountId, Secret};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqlitePool;
use sqlx::{ConnectOptions as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Error;

mod migrations;
mod postgres;
mod query;
mod row;
mod session;
mod sqlite;
mod text;

#[cfg(feature = "testing")]
pub(crate) use migrations::digest_of_migrations;
pub(crate) use postgres::Lender;
pub(crate) use postgres::options as connect_options;
pub(crate) use query::{On, Query, Value, query, query_scalar};
pub(crate) use row::Row;
pub(crate) use session::{Session, overdue};
pub(crate) use sqlite::make_private;
pub(crate) use text::restored;

/// Where the rows are.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, `postgres://…`; the URL may hold a password.
    Postgres(Secret),
}

impl From<PathBuf> for DatabaseUrl {
    fn from(file: PathBuf) -> Self {
        DatabaseUrl::Sqlite(file)
    }
}

impl FromStr for DatabaseUrl {
    type Err = domain::Invalid;

    /// Reads `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("sqlite://")
            && !path.is_empty()
        {
            return Ok(DatabaseUrl::Sqlite(path.into()));
        }
        let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_postgres && PgConnectOptions::from_str(text).is_ok() {
            return Ok(DatabaseUrl::Postgres(Secret::new(text)));
        }
        Err(domain::Invalid("not sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned()))
    }
}

/// The URL without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(file) => write!(f, "sqlite://{}", file.display()),
            DatabaseUrl::Postgres(url) => match PgConnectOptions::from_str(url.reveal()) {
                Ok(told) => {
                    write!(f, "postgres://{}@{}:{}", told.get_username(), told.get_host(), told.get_port())?;
                    write!(f, "/{}", told.get_database().unwrap_or(told.get_username()))
                }
                Err(_) => f.write_str("postgres://"),
            },
        }
    }
}

/// Whether there is a database with secrets that some master key has sealed. Makes nothing.
pub async fn holds_secrets(url: &DatabaseUrl) -> Result<bool, Error> {
    match url {
        DatabaseUrl::Sqlite(file) => Ok(file.exists()),
        DatabaseUrl::Postgres(url) => postgres::holds_secrets(url).await,
    }
}

/// What a transaction that writes keeps others from writing until it ends. SQLite has one writer, so there it is
/// always everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Everything: nobody else writes.
    House,
    /// People, their sessions, and what belongs to no account.
    People,
    /// What belongs to one account.
    Account(AccountId),
    /// People and an account: somebody's place in it.
    Member(AccountId),
    /// The account of what lies at rest.
    Renditions,
    /// The seals of the audit log: one process seals at a time.
    Seals,
    /// Nothing but the house as a whole: for statements whose own row locks are enough.
    Rows,
}

/// Which database it is, for the few texts that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// The open database.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite { file: PathBuf, writer: SqlitePool, readers: SqlitePool },
    Postgres { pool: Lender, url: Secret, writers: Writers },
}

/// Leave to write to PostgreSQL: fewer at once than connections, so that readers need not wait for writers.
#[derive(Debug)]
pub(crate) struct Writers(Arc<Semaphore>);

/// A connection, or a transaction that has one. A transaction that is dropped without [`Connection::commit`] never
/// was.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    SqliteAlone(SqliteConnection),
    SqliteTransaction(Transaction<'static, Sqlite>),
    Postgres(Session),
}

impl Database {
    /// Opens the database and brings its schema up to date if `migrate` says so. A SQLite file is made where it is not
    /// there.
    pub(crate) async fn open(url: &DatabaseUrl, migrate: bool) -> Result<Database, Error> {
        match url {
            DatabaseUrl::Sqlite(file) => sqlite::open(file, migrate).await,
            DatabaseUrl::Postgres(url) => postgres::open(url, migrate).await,
        }
    }

    /// A connection to read by.
    pub(crate) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Database::Sqlite { readers, .. } => Connection::Sqlite(readers.acquire().await?),
            Database::Postgres { pool, .. } => Connection::Postgres(pool.lend(None).await?),
        })
    }

    /// A transaction that reads: one view of the database for all its questions.
    pub(crate) async fn snapshot(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Database::Sqlite { readers, .. } => Ok(Connection::SqliteTransaction(readers.begin().await?)),
            Database::Postgres { pool, .. } => {
                let mut session = pool.lend(None).await?;
                session.begin("begin isolation level repeatable read read only".into()).await?;
                Ok(Connection::Postgres(session))
            }
        }
    }

    /// Begins a transaction that may write: it has the lock from the start, so what it reads before it
    /// writes stays so.
    pub(crate) async fn begin(&self, lock: Lock) -> Result<Connection, sqlx::Error> {
        match self {
            Database::Sqlite { writer, .. } => {
                Ok(Connection::SqliteTransaction(writer.begin_with("begin immediate").await?))
            }
            Database::Postgres { pool, writers, .. } => {
                let leave = writers.leave().await?;
                let mut session = pool.lend(Some(leave)).await?;
                session.begin(format!("begin; {}", lock.statement())).await?;
                Ok(Connection::Postgres(session))
            }
        }
    }

    /// A connection to SQLite of its own, on which `pragma data_version` moves with every commit of anyone else.
    pub(crate) async fn watch(file: &Path) -> Result<Connection, sqlx::Error> {
        Ok(Connection::SqliteAlone(sqlite::options(file).read_only(true).connect().await?))
    }
}

impl Writers {
    async fn leave(&self) -> Result<OwnedSemaphorePermit, sqlx::Error> {
        let leave = timeout(postgres::ACQUIRE_TIMEOUT, Arc::clone(&self.0).acquire_owned()).await;
        leave.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)
    }
}

impl Lock {
    /// The lock of an account, or of people where it is none.
    pub(crate) fn of(account: Option<&AccountId>) -> Lock {
        account.map_or(Lock::People, |account| Lock::Account(*account))
    }

    /// What takes it on PostgreSQL, until the transaction ends: the house alone; or a share of the house and then the
    /// part. Parts come in one order, so nobody waits in a circle.
    fn statement(self) -> String {
        const HOUSE: i64 = 0;
        const PEOPLE: i64 = 1;
        const RENDITIONS: i64 = 3;
        const SEALS: i64 = 4;
        let parts = match self {
            Lock::House => return format!("select pg_advisory_xact_lock({HOUSE})"),
            Lock::People => vec![PEOPLE],
            Lock::Account(account) => vec![number(&account)],
            Lock::Member(account) => vec![PEOPLE, number(&account)],
            Lock::Renditions => vec![RENDITIONS],
            Lock::Seals => vec![SEALS],
            Lock::Rows => Vec::new(),
        };
        let parts = parts.iter().map(|part| format!("; select pg_advisory_xact_lock({part})"));
        format!("select pg_advisory_xact_lock_shared({HOUSE}){}", parts.collect::<String>())
    }
}

/// The number of an account's lock, which is none of the others. Two that share one wait for each other now and then,
/// no more.
fn number(account: &AccountId) -> i64 {
    i64::from_be_bytes(std::array::from_fn(|at| account.as_bytes()[at])) & !0xff | 2
}

impl Connection {
    /// Which database it leads to.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Connection::Sqlite(_) | Connection::SqliteAlone(_) | Connection::SqliteTransaction(_) => {
                Kind::Sqlite
            }
            Connection::Postgres(_) => Kind::Postgres,
        }
    }

    /// Makes a transaction so. On a plain connection there is nothing to do.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Connection::SqliteTransaction(transaction) => transaction.commit().await,
            Connection::Postgres(mut session) => session.commit().await,
            Connection::Sqlite(_) | Connection::SqliteAlone(_) => Ok(()),
        }
    }

    fn wire(&mut self) -> Wire<'_> {
        match self {
            Connection::Sqlite(connection) => Wire::Sqlite(connection),
            Connection::SqliteAlone(connection) => Wire::Sqlite(connection),
            Connection::SqliteTransaction(transaction) => Wire::Sqlite(transaction),
            Connection::Postgres(session) => Wire::Postgres(session),
        }
    }
}

/// What a statement is sent over.
enum Wire<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut Session),
}

/// Whether a write broke a promise of uniqueness that this column (`table.column`) takes part in. SQLite lists the
/// columns in its message; in PostgreSQL's migrations the constraint is named by the same list.
pub(crate) fn is_taken(error: &sqlx::Error, column: &str) -> bool {
    error.as_database_error().is_some_and(|error| {
        let columns = error.constraint().unwrap_or_else(|| error.message());
        error.is_unique_violation() && columns.split([' ', ',']).any(|word| word == column)
    })
}

/// Whether a write names a row of another table that is not there.
pub(crate) fn is_orphan(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}
