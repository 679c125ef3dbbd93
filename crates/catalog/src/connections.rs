//! How many connections to the database there are, for gauges.

use crate::Catalog;
use crate::database::Database;

/// Connections to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Those that somebody asks by.
    pub used: usize,
    /// Those that wait to be used.
    pub idle: usize,
}

impl Catalog {
    /// The connections right now. The one that watches for changes is not among them.
    pub fn connections(&self) -> Connections {
        let (size, idle) = match &self.inner.database {
            Database::Sqlite { writer, readers, .. } => {
                (writer.size() + readers.size(), writer.num_idle() + readers.num_idle())
            }
            Database::Postgres { pool, .. } => pool.size(),
        };
        Connections { used: (size as usize).saturating_sub(idle), idle }
    }
}
