//! The watcher: sees what other processes (and this one) have changed, and has memory forget it. A file for each kind
//! of database.

use std::sync::{Arc, Weak};

use domain::Secret;

use crate::Error;
use crate::catalog::Inner;
use crate::changes;
use crate::database::Database;

mod postgres;
mod sqlite;

/// A watcher that sees whatever changes from now on, and that memory, empty as yet, is given to.
pub(crate) enum Watcher {
    Sqlite { seen: i64 },
    Postgres { url: Secret, line: postgres::Line },
}

impl Watcher {
    /// Begins, before memory holds anything.
    pub(crate) async fn new(database: &Database) -> Result<Watcher, Error> {
        Ok(match database {
            Database::Sqlite { .. } => {
                Watcher::Sqlite { seen: changes::newest(&mut database.acquire().await?).await? }
            }
            Database::Postgres { url, .. } => {
                Watcher::Postgres { url: url.clone(), line: postgres::Line::connect(url).await? }
            }
        })
    }

    /// Watches for as long as the catalog lives.
    pub(crate) fn start(self, catalog: &Arc<Inner>) {
        let catalog: Weak<Inner> = Arc::downgrade(catalog);
        match self {
            Watcher::Sqlite { seen } => tokio::spawn(sqlite::watch(catalog, seen)),
            Watcher::Postgres { url, line } => tokio::spawn(postgres::watch(catalog, url, line)),
        };
    }
}
