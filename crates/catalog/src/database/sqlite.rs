//! Opening a SQLite file: one connection that writes, several that read.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use super::Database;
use super::migrations::{self, Line};
use crate::Error;

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long until a first connection is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// The result code of a file that is locked, in its lowest byte.
const SQLITE_BUSY: u32 = 5;

/// Connections that read at the same time.
const READERS: u32 = 4;

/// Opens the file, made where it is not there.
pub(super) async fn open(file: &Path, migrate: bool) -> Result<Database, Error> {
    make_private(file)?;
    let writer = connect(&pool(1).max_lifetime(None).idle_timeout(None), options(file)).await?;
    migrations::bring_up_to_date(&mut Line::Sqlite(&mut *writer.acquire().await?), migrate).await?;
    let readers = connect(&pool(READERS), options(file).read_only(true)).await?;
    Ok(Database::Sqlite { file: file.to_owned(), writer, readers })
}

/// Connects for the first time. Two processes that turn a new file to WAL at once are not made to wait by
/// `BUSY_TIMEOUT`: SQLite sees that they would wait for each other and tells one that the file is locked, at once.
async fn connect(pool: &SqlitePoolOptions, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let began = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_locked(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(RETRY).await;
            }
            outcome => return outcome,
        }
    }
}

fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.parse().is_ok_and(|code: u32| code & 0xff == SQLITE_BUSY))
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .after_release(|connection, _| Box::pin(is_usable(connection)))
}

/// Whether a connection that comes back can begin another transaction. One whose commit failed for want of a disk
/// cannot: SQLite has rolled back by itself, and the driver waits for the end of a transaction for ever.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A transaction that was dropped is being rolled back: done once this is answered.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// How a file is connected to.
pub(super) fn options(file: &Path) -> SqliteConnectOptions {
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
