//! A copy of a SQLite catalog in a file of its own: made while others write, and read without being changed, without
//! the master key, whatever version wrote it.

use std::fs::File;
use std::path::Path;

use domain::Secret;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::accounts::Totals;
use crate::catalog::Catalog;
use crate::database::{Connection, Database, make_private, query, query_scalar};
use crate::health::{self, OwnedOriginal};
use crate::sealing::Sealer;
use crate::{Error, master_key};

/// A copy of a catalog that nobody writes to.
#[derive(Debug)]
pub struct CatalogCopy {
    db: Connection,
}

impl Catalog {
    /// Copies all rows, as one moment had them, into a new file with mode 0600. Durable when this returns.
    /// `NotSqlite` where the rows are in PostgreSQL, which has its own way to be copied.
    pub async fn copy_to(&self, file: &Path) -> Result<(), Error> {
        let Database::Sqlite { file: own, .. } = &self.inner.database else { return Err(Error::NotSqlite) };
        make_private(file)?;
        let mut db = Database::watch(own).await?;
        let name = file.to_str().ok_or_else(|| Error::Invalid(format!("{}: no Unicode", file.display())))?;
        query("vacuum into $1").bind(name).execute(&mut db).await?;
        let parent = file.parent().unwrap_or(Path::new("."));
        let synced = File::open(file).and_then(|file| file.sync_all());
        synced
            .and_then(|()| File::open(parent)?.sync_all())
            .map_err(|source| Error::File { path: file.to_owned(), source })
    }
}

impl CatalogCopy {
    /// Opens a copy; neither the file nor its folder is written to.
    pub async fn open(file: &Path) -> Result<CatalogCopy, Error> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
        Ok(CatalogCopy { db: Connection::SqliteAlone(options.connect().await?) })
    }

    /// See [`Catalog::owned_originals`].
    pub async fn owned_originals(&mut self, after: i64, limit: u32) -> Result<Vec<OwnedOriginal>, Error> {
        health::owned_originals(&mut self.db, after, limit).await
    }

    /// See [`Catalog::owned_totals`].
    pub async fn owned_totals(&mut self) -> Result<Totals, Error> {
        health::owned_totals(&mut self.db).await
    }

    /// See [`Catalog::integrity_problems`].
    pub async fn integrity_problems(&mut self) -> Result<Vec<String>, Error> {
        health::integrity_problems(&mut self.db).await
    }

    /// Whether this master key opens the secrets in the copy.
    pub async fn fits(&mut self, master_key: &Secret) -> Result<bool, Error> {
        let canary: Option<Vec<u8>> =
            query_scalar("select value from canary").fetch_optional(&mut self.db).await?;
        let Ok(sealer) = Sealer::new(master_key) else { return Ok(false) };
        Ok(canary.is_some_and(|canary| master_key::fits(&sealer, &canary)))
    }
}
