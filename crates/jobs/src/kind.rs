//! The kinds of work in the queue. Those that there are now are periodic: one row each, which comes again when its time
//! has passed.
//!
//! Removals are not queued one by one. The table of doomed places is their queue already: a place is noted in the
//! transaction that takes the row away, the request deletes the objects right after, and what it could not do is found
//! there, so a second row for each removal would cost a write and tell nothing more.

use std::time::Duration;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Deletes the objects of removed images that a crash, a hold or the storage left.
    Removals,
    /// Deletes objects of the last days that belong to no row.
    Orphans,
    /// Keeps renditions at rest within their budget.
    Renditions,
    /// Forgets sessions, wrong passwords, idempotency keys and counters that are past their time.
    Expired,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::Removals, Kind::Orphans, Kind::Renditions, Kind::Expired];

    /// Its word in the queue, which is the key of its row too.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Removals => "removals",
            Kind::Orphans => "orphans",
            Kind::Renditions => "renditions",
            Kind::Expired => "expired",
        }
    }

    /// The kind of a word.
    pub(crate) fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// How long after it was done it is done again; none where once is enough.
    pub(crate) fn every(self) -> Option<Duration> {
        match self {
            Kind::Removals | Kind::Renditions => Some(Duration::from_secs(60)),
            Kind::Orphans | Kind::Expired => Some(Duration::from_secs(60 * 60)),
        }
    }
}
