//! Bringing the schema of either database up to date, or refusing one that this program must not use.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{PgConnection, SqliteConnection};

use crate::Error;

/// The schemas, as the folders of migrations write them: twins, number by number.
static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Since this migration a database says itself which programs may read it.
const SAYS_WHO_READS: i64 = 6;

/// A connection to migrate by.
pub(super) enum Line<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Migrates if `migrate` says so. A newer database is refused unless it says that this program may read it, and an
/// old one that must not be changed is refused too.
///
/// Each migration is a transaction: one that was cut off never was. On PostgreSQL a lock makes those who migrate at
/// once come one after another, on SQLite its one writer.
pub(super) async fn bring_up_to_date(line: &mut Line<'_>, migrate: bool) -> Result<(), Error> {
    let known = line.migrator().iter().map(|migration| migration.version).max().unwrap_or_default();
    let mut found = line.newest().await?;
    if found > known {
        let reads = found >= SAYS_WHO_READS && known >= line.min_reader().await?;
        return if reads { Ok(()) } else { Err(Error::NewerDatabase { found, known }) };
    }
    if found < known && !migrate {
        return Err(Error::OlderDatabase { found, known });
    }
    loop {
        // Where nothing is to do this checks that no migration was altered after it ran.
        let Err(error) = line.run().await else { return Ok(()) };
        // Another process that starts on the same file may have run a migration just before this one did.
        let now = line.newest().await?;
        if now == found {
            return Err(error.into());
        }
        found = now;
    }
}

/// Which migrations there are on PostgreSQL, told apart by what they say.
#[cfg(feature = "testing")]
pub(crate) fn digest_of_migrations() -> String {
    use sha2::{Digest as _, Sha256};
    let checksums = POSTGRES.iter().map(|migration| &*migration.checksum);
    let digest = Sha256::digest(checksums.collect::<Vec<_>>().concat());
    hex::encode(&digest[..8])
}

impl Line<'_> {
    fn migrator(&self) -> &'static Migrator {
        match self {
            Line::Sqlite(_) => &SQLITE,
            Line::Postgres(_) => &POSTGRES,
        }
    }

    async fn run(&mut self) -> Result<(), MigrateError> {
        match self {
            Line::Sqlite(line) => SQLITE.run(&mut **line).await,
            Line::Postgres(line) => POSTGRES.run(&mut **line).await,
        }
    }

    /// The newest migration in the database; 0 where none has run.
    async fn newest(&mut self) -> Result<i64, sqlx::Error> {
        let migrated = match self {
            Line::Sqlite(_) => "select exists (select 1 from sqlite_master where name = '_sqlx_migrations')",
            Line::Postgres(_) => "select to_regclass('_sqlx_migrations') is not null",
        };
        if !self.ask::<bool>(migrated).await? {
            return Ok(0);
        }
        self.ask("select coalesce(max(version), 0) from _sqlx_migrations where success").await
    }

    /// The least that the newest migration of a program must be for it to read this database.
    async fn min_reader(&mut self) -> Result<i64, sqlx::Error> {
        self.ask("select min_reader_version from schema_readers").await
    }

    async fn ask<T>(&mut self, question: &'static str) -> Result<T, sqlx::Error>
    where
        T: Send + Unpin,
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        match self {
            Line::Sqlite(line) => sqlx::query_scalar(question).fetch_one(&mut **line).await,
            Line::Postgres(line) => sqlx::query_scalar(question).fetch_one(&mut **line).await,
        }
    }
}
