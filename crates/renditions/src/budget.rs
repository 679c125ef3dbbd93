//! What lies at rest, kept within its budget: those go first that nobody asked for longest. Objects are deleted before
//! their rows, so a crash between the two leaves a row too many, which goes in its turn, and never bytes that nobody
//! knows of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::{AtRest, AtRestTotal};
use domain::{ObjectId, Timestamp};
use futures_util::StreamExt as _;
use futures_util::stream;
use storage::{Listed, Prefix};

use crate::{Error, Renditions};

/// Renditions that are looked up and removed in one go.
const BATCH: u32 = 200;

/// Deletes that wait for the storage at once.
const DELETES_AT_ONCE: usize = 8;

/// Renditions that one walk passes over because they cannot be deleted.
const MAX_STUCK: usize = 1_000;

/// Looks of one walk in a row that may bring nothing, because all that was to go was asked for meanwhile: others are the
/// longest unused then, but where everything is in use that would go on for ever.
const MAX_MISSES: u32 = 10;

/// In hundredths of the budget: what may lie at rest before some goes, and what is left then. What is between it and the
/// whole budget is room for what is made meanwhile.
const HIGH: u64 = 95;
const LOW: u64 = 90;

/// A part of the budget: when so much was kept that no row knows of yet, whoever writes the rows is woken.
const PRESSING: u64 = 50;

/// Why renditions went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Budget,
    Idle,
    Room,
}

/// What became of the renditions that were to go.
#[derive(Default)]
struct Walk {
    gone: AtRestTotal,
    /// Those that cannot be deleted now: they are in nobody's way.
    stuck: BTreeSet<(ObjectId, [u8; 16])>,
    /// Why the first of them cannot.
    failure: Option<Error>,
    /// Looks in a row that brought nothing.
    misses: u32,
}

impl Walk {
    /// Notes what one look brought; returns whether another one may bring more.
    fn note(&mut self, removed: AtRestTotal, stuck_before: usize) -> bool {
        self.gone.renditions += removed.renditions;
        self.gone.bytes += removed.bytes;
        let is_moving = removed.renditions > 0 || self.stuck.len() > stuck_before;
        self.misses = if is_moving { 0 } else { self.misses + 1 };
        self.misses < MAX_MISSES && self.stuck.len() < MAX_STUCK
    }

    /// What went; an error where nothing could.
    fn end(self) -> Result<AtRestTotal, Error> {
        match self.failure {
            Some(failure) if self.gone.renditions == 0 => Err(failure),
            _ => Ok(self.gone),
        }
    }
}

impl Renditions {
    /// Waits until so much was kept that the rows should be written before their time.
    pub async fn pressed(&self) {
        self.pressed.notified().await;
    }

    /// Whether more lies at rest than should.
    pub async fn is_over_budget(&self) -> Result<bool, Error> {
        Ok(self.catalog.at_rest_total().await?.bytes > self.hundredths(HIGH))
    }

    /// Removes what nobody asked for since the days that it may be idle, and then, where more lies at rest than should,
    /// what was longest unused. Stops early where `is_stopping` says so. Returns what went.
    pub async fn keep_to_budget(&self, is_stopping: impl Fn() -> bool) -> Result<AtRestTotal, Error> {
        let mut walk = Walk::default();
        if let Some(days) = self.config.idle_days {
            let idle = Duration::from_secs(u64::from(days) * 86_400);
            let since = self.clock.now().minus(idle);
            while !is_stopping() && self.remove_some(since, u64::MAX, Reason::Idle, &mut walk).await? {}
        }
        if !self.is_over_budget().await? {
            return walk.end();
        }
        while !is_stopping() {
            let bytes = self.catalog.at_rest_total().await?.bytes;
            let excess = bytes.saturating_sub(self.hundredths(LOW));
            if excess == 0 || !self.remove_some(END, excess, Reason::Budget, &mut walk).await? {
                break;
            }
        }
        walk.end()
    }

    /// Removes what was longest unused until so many bytes are free. Returns what went: less where there is no more.
    pub async fn make_room(&self, bytes: u64) -> Result<AtRestTotal, Error> {
        let mut walk = Walk::default();
        while walk.gone.bytes < bytes
            && self.remove_some(END, bytes - walk.gone.bytes, Reason::Room, &mut walk).await?
        {}
        walk.end()
    }

    /// Notes the renditions of listed prefixes that no row knows of, and forgets rows whose rendition was not in the
    /// listing, which began at `since`. Returns how many were not known.
    pub async fn note_listed(&self, listed: &[Listed], since: Timestamp) -> Result<u64, Error> {
        let places: BTreeMap<ObjectId, &Listed> =
            listed.iter().map(|listed| (listed.prefix.parts().2, listed)).collect();
        let owned: Vec<ObjectId> = places.keys().copied().collect();
        let owned = self.catalog.owned_objects(&owned).await?;
        let rows = self.catalog.renditions_of(&owned.iter().copied().collect::<Vec<_>>()).await?;
        let known: BTreeSet<_> = rows.iter().map(|row| (row.object, row.digest)).collect();
        let lying = places.iter().filter(|(object, _)| owned.contains(object));
        let lying: BTreeMap<_, _> =
            lying.flat_map(|(_, listed)| at_rest(listed)).map(|it| ((it.object, it.digest), it)).collect();
        let gone = rows
            .into_iter()
            .filter(|row| row.used_at < since && !lying.contains_key(&(row.object, row.digest)));
        let gone: Vec<AtRest> = gone.collect();
        let new: Vec<AtRest> =
            lying.into_iter().filter(|(key, _)| !known.contains(key)).map(|(_, it)| it).collect();
        for batch in new.chunks(BATCH as usize) {
            self.catalog.insert_at_rest(batch).await?;
        }
        for batch in gone.chunks(BATCH as usize) {
            self.catalog.forget_renditions(batch).await?;
        }
        Ok(new.len() as u64)
    }

    /// Notes a rendition that was put at rest.
    pub(crate) fn note(&self, prefix: &Prefix, digest: [u8; 16], bytes: u64) {
        let waiting = self.catalog.note_at_rest(self.used_now(prefix, digest, bytes));
        if waiting > self.config.rest_bytes / PRESSING {
            self.pressed.notify_one();
        }
    }

    /// Notes a rendition that was found at rest. That presses nobody: no more lies there than before.
    pub(crate) fn note_found(&self, prefix: &Prefix, digest: [u8; 16], bytes: u64) {
        self.catalog.note_found_at_rest(self.used_now(prefix, digest, bytes));
    }

    fn used_now(&self, prefix: &Prefix, digest: [u8; 16], bytes: u64) -> AtRest {
        let (day, account, object) = prefix.parts();
        AtRest { account, object, day, digest, bytes, used_at: self.clock.now() }
    }

    /// Removes some of those that nobody asked for since then, the longest unused first, until so many bytes went. False
    /// where another look brings nothing more.
    async fn remove_some(
        &self,
        since: Timestamp,
        bytes: u64,
        reason: Reason,
        walk: &mut Walk,
    ) -> Result<bool, Error> {
        let limit = BATCH.saturating_add(walk.stuck.len() as u32);
        let unused = self.catalog.unused_renditions(since, limit).await?;
        let mut chosen_bytes = 0;
        let chosen = unused.into_iter().filter(|it| !walk.stuck.contains(&(it.object, it.digest)));
        let chosen = chosen.take(BATCH as usize).take_while(|rendition| {
            let is_needed = chosen_bytes < bytes;
            chosen_bytes = chosen_bytes.saturating_add(rendition.bytes);
            is_needed
        });
        let chosen: Vec<AtRest> = chosen.collect();
        if chosen.is_empty() {
            return Ok(false);
        }
        let stuck_before = walk.stuck.len();
        let deleted = self.delete(chosen, walk).await?;
        let removed = self.catalog.forget_renditions(&deleted).await?;
        reason.count(&removed);
        Ok(walk.note(removed, stuck_before))
    }

    /// Deletes renditions from storage; returns those that are gone. One that cannot be deleted is passed over from then
    /// on; where the storage is gone it is an error.
    async fn delete(&self, renditions: Vec<AtRest>, walk: &mut Walk) -> Result<Vec<AtRest>, Error> {
        let deletes = stream::iter(renditions).map(|it| async {
            let place = Prefix::new(it.day, &it.account, &it.object).rendition(&it.digest);
            (self.storage.delete_spare(&place).await, it)
        });
        let mut deleted = Vec::new();
        let mut answers = deletes.buffer_unordered(DELETES_AT_ONCE);
        while let Some((answer, rendition)) = answers.next().await {
            let Err(error) = answer else {
                deleted.push(rendition);
                continue;
            };
            if matches!(error, storage::Error::Unavailable(_)) && deleted.is_empty() {
                return Err(Error::Delete(Arc::new(error)));
            }
            walk.stuck.insert((rendition.object, rendition.digest));
            walk.failure.get_or_insert(Error::Delete(Arc::new(error)));
        }
        Ok(deleted)
    }

    fn hundredths(&self, part: u64) -> u64 {
        // Divided first, so that no budget is too large to be counted in.
        (self.config.rest_bytes / 100).saturating_mul(part) + self.config.rest_bytes % 100 * part / 100
    }
}

/// Later than any use.
const END: Timestamp = Timestamp::from_micros(i64::MAX);

/// The renditions of a listed prefix, as rows; last used when they were written.
fn at_rest(listed: &Listed) -> impl Iterator<Item = AtRest> + '_ {
    let (day, account, object) = listed.prefix.parts();
    listed.renditions.iter().map(move |rendition| AtRest {
        account,
        object,
        day,
        digest: rendition.digest,
        bytes: rendition.bytes,
        used_at: Timestamp::from_seconds(rendition.written_s),
    })
}

impl Reason {
    fn count(self, removed: &AtRestTotal) {
        let reason = match self {
            Reason::Budget => "budget",
            Reason::Idle => "idle",
            Reason::Room => "room",
        };
        metrics::counter!("darkroom_renditions_removed_total", "reason" => reason)
            .increment(removed.renditions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_on_past_what_was_asked_for_meanwhile_and_ends_where_all_is_in_use() {
        let (none, one) = (AtRestTotal::default(), AtRestTotal { renditions: 1, bytes: 7 });
        let mut walk = Walk::default();
        for _ in 0..3 {
            assert!((1..MAX_MISSES).all(|_| walk.note(none, 0)), "others may be unused");
            assert!(walk.note(one, 0), "it is moving again");
        }
        let looks = (0..100).take_while(|_| walk.note(none, 0)).count();
        assert_eq!((looks, walk.gone), (MAX_MISSES as usize - 1, AtRestTotal { renditions: 3, bytes: 21 }));
    }

    #[test]
    fn what_cannot_be_deleted_is_no_miss() {
        let mut walk = Walk::default();
        for number in 0..MAX_STUCK {
            let before = walk.stuck.len();
            walk.stuck.insert((ObjectId::from_bytes([0; 16]), (number as u128).to_be_bytes()));
            assert_eq!(walk.note(AtRestTotal::default(), before), number + 1 < MAX_STUCK);
        }
    }
}
