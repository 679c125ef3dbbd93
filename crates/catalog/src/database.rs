//! The two kinds of database behind one face: SQLite, with one connection that writes and several that read, and
//! PostgreSQL. One text of SQL serves both (`query.rs`); what differs is named here. Knows no table but the one of
//! migrations.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use domain::{AccountId, Secret};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use crate::Error;

mod query;
mod row;

pub(crate) use query::{Query, query, query_scalar};
pub(crate) use row::Row;

/// The schemas, as the folders of migrations write them: twins, number by number.
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections to SQLite that read at the same time.
const READERS: u32 = 4;

/// Connections to PostgreSQL.
const CONNECTIONS: u32 = 16;

/// How long anyone waits for one of them: within this a write that cannot be done is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

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
    Postgres { pool: PgPool },
}

/// A connection, or a transaction that has one. A transaction that is dropped without [`Connection::commit`] never
/// was.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    SqliteAlone(SqliteConnection),
    SqliteTransaction(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
}

impl Database {
    /// Opens the database and brings its schema up to date if `migrate` says so. A SQLite file is made where it is not
    /// there.
    pub(crate) async fn open(url: &DatabaseUrl, migrate: bool) -> Result<Database, Error> {
        match url {
            DatabaseUrl::Sqlite(file) => Self::open_sqlite(file, migrate).await,
            DatabaseUrl::Postgres(url) => Self::open_postgres(url, migrate).await,
        }
    }

    async fn open_sqlite(file: &Path, migrate: bool) -> Result<Database, Error> {
        make_private(file)?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options(file))
            .await?;
        bring_up_to_date(&writer, migrate).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options(file).read_only(true))
            .await?;
        Ok(Database::Sqlite { file: file.to_owned(), writer, readers })
    }

    async fn open_postgres(url: &Secret, _migrate: bool) -> Result<Database, Error> {
        let options = PgConnectOptions::from_str(url.reveal())?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        POSTGRES_MIGRATIONS.run(&pool).await?;
        Ok(Database::Postgres { pool })
    }

    /// A connection to read by.
    pub(crate) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Database::Sqlite { readers, .. } => Connection::Sqlite(readers.acquire().await?),
            Database::Postgres { pool } => Connection::Postgres(pool.acquire().await?),
        })
    }

    /// A transaction that reads: one view of the database for all its questions.
    pub(crate) async fn snapshot(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Database::Sqlite { readers, .. } => Connection::SqliteTransaction(readers.begin().await?),
            Database::Postgres { pool } => Connection::PostgresTransaction(
                pool.begin_with("begin isolation level repeatable read read only").await?,
            ),
        })
    }

    /// Begins a transaction that may write: it has the lock from the start, so what it reads before it
    /// writes stays so.
    pub(crate) async fn begin(&self, lock: Lock) -> Result<Connection, sqlx::Error> {
        match self {
            Database::Sqlite { writer, .. } => {
                Ok(Connection::SqliteTransaction(writer.begin_with("begin immediate").await?))
            }
            Database::Postgres { pool } => {
                let mut transaction = Connection::PostgresTransaction(pool.begin().await?);
                lock.take(&mut transaction).await?;
                Ok(transaction)
            }
        }
    }

    /// A connection to SQLite of its own, on which `pragma data_version` moves with every commit of anyone else.
    pub(crate) async fn watch(file: &Path) -> Result<Connection, sqlx::Error> {
        Ok(Connection::SqliteAlone(options(file).read_only(true).connect().await?))
    }
}

impl Lock {
    /// The lock of an account, or of people where it is none.
    pub(crate) fn of(account: Option<&AccountId>) -> Lock {
        account.map_or(Lock::People, |account| Lock::Account(*account))
    }

    /// Takes it on PostgreSQL, by advisory locks: the house alone, or a share of the house and then the part.
    async fn take(self, transaction: &mut Connection) -> Result<(), sqlx::Error> {
        const HOUSE: i64 = 0;
        let part = match self {
            Lock::House => {
                query("select pg_advisory_xact_lock($1)").bind(HOUSE).execute(transaction).await?;
                return Ok(());
            }
            Lock::People => 1,
            // Two accounts that share a number wait for each other now and then, no more.
            Lock::Account(account) => {
                i64::from_be_bytes(std::array::from_fn(|at| account.as_bytes()[at])) & !0xff | 2
            }
        };
        let both = query("select pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock($2)");
        both.bind(HOUSE).bind(part).execute(transaction).await?;
        Ok(())
    }
}

impl Connection {
    /// Which database it leads to.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Connection::Sqlite(_) | Connection::SqliteAlone(_) | Connection::SqliteTransaction(_) => {
                Kind::Sqlite
            }
            Connection::Postgres(_) | Connection::PostgresTransaction(_) => Kind::Postgres,
        }
    }

    /// Makes a transaction so. On a plain connection there is nothing to do.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Connection::SqliteTransaction(transaction) => transaction.commit().await,
            Connection::PostgresTransaction(transaction) => transaction.commit().await,
            Connection::Sqlite(_) | Connection::SqliteAlone(_) | Connection::Postgres(_) => Ok(()),
        }
    }

    fn wire(&mut self) -> Wire<'_> {
        match self {
            Connection::Sqlite(connection) => Wire::Sqlite(connection),
            Connection::SqliteAlone(connection) => Wire::Sqlite(connection),
            Connection::SqliteTransaction(transaction) => Wire::Sqlite(transaction),
            Connection::Postgres(connection) => Wire::Postgres(connection),
            Connection::PostgresTransaction(transaction) => Wire::Postgres(transaction),
        }
    }
}

/// What a statement is sent over.
enum Wire<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
}

/// Makes the file with mode 0600 before SQLite does: its journal files take over the mode.
pub(crate) fn make_private(file: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::File { path: file.to_owned(), source }),
    }
}

/// Refuses a database of a newer program, and an old one that must not be changed; migrates else.
async fn bring_up_to_date(writer: &SqlitePool, migrate: bool) -> Result<(), Error> {
    let known = SQLITE_MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    let mut found = newest_migration(writer).await?;
    if found > known {
        return Err(Error::NewerDatabase { found, known });
    }
    if found < known && !migrate {
        return Err(Error::OlderDatabase { found, known });
    }
    loop {
        // Where nothing is to do this checks that no migration was altered after it ran.
        let Err(error) = SQLITE_MIGRATIONS.run(writer).await else { return Ok(()) };
        // Another process that starts on the same file may have run a migration just before this one did.
        let now = newest_migration(writer).await?;
        if now == found {
            return Err(error.into());
        }
        found = now;
    }
}

/// The newest migration in a database; 0 where none has run.
async fn newest_migration(writer: &SqlitePool) -> Result<i64, Error> {
    let migrated: bool =
        sqlx::query_scalar("select exists (select 1 from sqlite_master where name = '_sqlx_migrations')")
            .fetch_one(writer)
            .await?;
    if !migrated {
        return Ok(0);
    }
    Ok(sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
        .fetch_one(writer)
        .await?)
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
