//! The SQLite database: one connection that writes, several that read, the schema's versions.
//! Knows no table but the one of migrations. A second kind of database would become a second arm here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Sqlite, SqliteConnection, Transaction};

use crate::Error;

/// The schema, as the folder of migrations writes it.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read at the same time.
const READERS: u32 = 4;

/// A transaction that writes. Dropped without `commit`, it never was.
pub(crate) type Write = Transaction<'static, Sqlite>;

/// The open database.
#[derive(Debug)]
pub(crate) struct Database {
    file: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens the file, makes it where it is not there, and brings its schema up to date if `migrate` says so.
    pub(crate) async fn open(file: &Path, migrate: bool) -> Result<Database, Error> {
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
        Ok(Database { file: file.to_owned(), writer, readers })
    }

    /// The connections to read by.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a transaction that may write: it has the write lock from the start.
    pub(crate) async fn begin(&self) -> Result<Write, Error> {
        Ok(self.writer.begin_with("begin immediate").await?)
    }

    /// A connection of its own, on which `pragma data_version` moves with every commit of anyone else.
    pub(crate) async fn watch(&self) -> Result<SqliteConnection, sqlx::Error> {
        options(&self.file).read_only(true).connect().await
    }
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
fn make_private(file: &Path) -> Result<(), Error> {
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
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    let mut found = newest_migration(writer).await?;
    if found > known {
        return Err(Error::NewerDatabase { found, known });
    }
    if found < known && !migrate {
        return Err(Error::OlderDatabase { found, known });
    }
    loop {
        // Where nothing is to do this checks that no migration was altered after it ran.
        let Err(error) = MIGRATIONS.run(writer).await else { return Ok(()) };
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

/// Whether a write broke a promise of uniqueness that a column of this name takes part in. SQLite names the columns
/// in its message only.
pub(crate) fn is_taken(error: &sqlx::Error, column: &str) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.is_unique_violation() && error.message().split([' ', ',']).any(|word| word == column)
    })
}

/// Whether a write names a row of another table that is not there.
pub(crate) fn is_orphan(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}
