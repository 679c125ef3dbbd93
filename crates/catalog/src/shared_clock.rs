//! The time by which jobs and holds are kept. The clocks of two machines may be apart, and what one of them holds must
//! not have ended for the other: so where machines share a database, it is the database's own. The processes on SQLite
//! are on one machine, and have one clock.

use std::time::Duration;

use domain::Timestamp;

use crate::catalog::Catalog;
use crate::database::{Database, Query};

/// The database's clock, in microseconds since 1970: the moment at which it was asked.
const DATABASE_NOW: &str = "(extract(epoch from statement_timestamp()) * 1000000)::bigint";

/// More than any wait, and far from where a sum would overflow.
const LONGEST: Duration = Duration::from_secs(1_000 * 365 * 86_400);

/// A clock that all processes on a database agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedClock {
    /// What this process takes for now.
    now: Timestamp,
    /// The database's counts, and `now` only tells how far from it a moment is.
    is_of_database: bool,
}

impl SharedClock {
    /// Writes now into a statement.
    pub(crate) fn push_now(self, query: &mut Query) {
        self.push(query, self.now);
    }

    /// Writes the moment after so long.
    pub(crate) fn push_after(self, query: &mut Query, wait: Duration) {
        self.push(query, self.now.plus(wait));
    }

    /// Writes a moment that this process has from its own clock.
    pub(crate) fn push(self, query: &mut Query, moment: Timestamp) {
        if !self.is_of_database {
            query.push_bind(moment.as_micros());
            return;
        }
        let longest = LONGEST.as_micros() as i64;
        let from_now = moment.as_micros().saturating_sub(self.now.as_micros()).clamp(-longest, longest);
        query.push(DATABASE_NOW).push(" + ").push_bind(from_now);
    }
}

impl Catalog {
    /// The clock that is shared with others, now. One that a test gives is shared already.
    pub(crate) fn shared_clock(&self) -> SharedClock {
        let is_of_database = match self.inner.database {
            Database::Sqlite { .. } => false,
            Database::Postgres { .. } => self.inner.clock.is_of_machine(),
        };
        SharedClock { now: self.now(), is_of_database }
    }
}
