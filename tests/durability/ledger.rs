//! What the clients know: which uploads, changes and deletes were acknowledged, and which nobody knows the end of.
//! A server that was killed is held against it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::dice::Dice;
use super::site::Api;

/// Images that are asked for at once.
const AT_ONCE: usize = 8;

/// Everything that the clients know. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<HashMap<String, Entry>>>);

/// What is known of one image.
#[derive(Clone)]
struct Entry {
    sha256: [u8; 32],
    state: State,
    /// The marks that it may have: one, or several where a change was not answered. 0 is none.
    marks: Vec<u64>,
    /// Whether a client is changing or deleting it now.
    busy: bool,
    /// Whether something happened to it since it was last looked at.
    touched: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The upload was not answered, or by an error: there whole or not at all.
    Unanswered,
    /// Acknowledged: it must be there.
    There,
    /// A delete was not answered: there whole or not at all.
    Leaving,
    /// Deleted, or seen not to be there after a restart: it may never come back.
    Gone,
}

/// What a look at the server showed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged images that are not there.
    pub(crate) lost: usize,
    /// Images with other bytes than were sent.
    pub(crate) wrong: usize,
    /// Images that are listed or told of, and whose bytes do not come.
    pub(crate) half_visible: usize,
    /// Images that are there after their delete was acknowledged.
    pub(crate) resurrected: usize,
    /// Images whose metadata is none of those that it may be.
    pub(crate) stale: usize,
}

impl Verdict {
    /// Nothing is wrong.
    pub(crate) const FINE: Verdict = Verdict { lost: 0, wrong: 0, half_visible: 0, resurrected: 0, stale: 0 };

    /// Adds what another look showed.
    pub(crate) fn add(&mut self, other: Verdict) {
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.half_visible += other.half_visible;
        self.resurrected += other.resurrected;
        self.stale += other.stale;
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Verdict { lost, wrong, half_visible, resurrected, stale } = self;
        write!(
            f,
            "{lost} lost, {wrong} with wrong bytes, {half_visible} half visible, {resurrected} resurrected, \
             {stale} stale"
        )
    }
}

/// What the server shows of one image.
struct Seen {
    sha256: [u8; 32],
    mark: u64,
}

impl Ledger {
    /// An upload is about to be sent.
    pub(crate) fn begin(&self, id: &str, bytes: &[u8]) {
        let sha256 = Sha256::digest(bytes).into();
        let entry = Entry { sha256, state: State::Unanswered, marks: vec![0], busy: false, touched: true };
        assert!(self.0.lock().insert(id.to_owned(), entry).is_none(), "{id} is used once");
    }

    /// An upload was acknowledged.
    pub(crate) fn acknowledged(&self, id: &str) {
        self.change(id, |entry| entry.state = State::There);
    }

    /// An image that is there and that nobody else is busy with; the caller is, until [`Ledger::settle`].
    pub(crate) fn take(&self, dice: &mut Dice) -> Option<String> {
        let mut entries = self.0.lock();
        let free: Vec<&String> = entries
            .iter()
            .filter(|(_, entry)| entry.state == State::There && !entry.busy)
            .map(|(id, _)| id)
            .collect();
        let id = free.get(dice.below(free.len().max(1))).map(|id| (*id).clone())?;
        let entry = entries.get_mut(&id)?;
        (entry.busy, entry.touched) = (true, true);
        Some(id)
    }

    /// Nobody may take these images.
    pub(crate) fn keep(&self, ids: &[&str]) {
        for id in ids {
            self.change(id, |entry| entry.busy = true);
        }
    }

    /// A change is about to be sent.
    pub(crate) fn marking(&self, id: &str, mark: u64) {
        self.change(id, |entry| entry.marks.push(mark));
    }

    /// A change was acknowledged.
    pub(crate) fn marked(&self, id: &str, mark: u64) {
        self.change(id, |entry| entry.marks = vec![mark]);
    }

    /// A delete is about to be sent.
    pub(crate) fn leaving(&self, id: &str) {
        self.change(id, |entry| entry.state = State::Leaving);
    }

    /// A delete was acknowledged.
    pub(crate) fn gone(&self, id: &str) {
        self.change(id, |entry| entry.state = State::Gone);
    }

    /// The caller of [`Ledger::take`] is done.
    pub(crate) fn settle(&self, id: &str) {
        self.change(id, |entry| entry.busy = false);
    }

    /// Images that must be there.
    pub(crate) fn there(&self) -> Vec<String> {
        let entries = self.0.lock();
        entries.iter().filter(|(_, entry)| entry.state == State::There).map(|(id, _)| id.clone()).collect()
    }

    /// Deletes that were acknowledged or seen to have happened.
    pub(crate) fn gone_count(&self) -> usize {
        self.0.lock().values().filter(|entry| entry.state == State::Gone).count()
    }

    /// A copy of what is known now, which what comes later does not change.
    pub(crate) fn snapshot(&self) -> Ledger {
        Ledger(Arc::new(Mutex::new(self.0.lock().clone())))
    }

    /// Holds a copy that was made while clients went on against what was known when it began: what was there before
    /// and is there still must be in it, what was gone before must not, and all that is in it has its own bytes.
    pub(crate) async fn look_at_copy(&self, api: &Api, before: &Ledger) -> Verdict {
        let listed: HashSet<String> = api.ids().await.into_iter().collect();
        let mut verdict = Verdict::FINE;
        for id in &listed {
            let blob = api.blob(id).await.expect("an answer on its bytes");
            let sha256 = self.0.lock().get(id).expect("an image that is known").sha256;
            verdict.half_visible += usize::from(blob.status != 200);
            verdict.wrong += usize::from(blob.status == 200 && blob.sha256() != sha256);
        }
        let now_there: HashSet<String> = self.there().into_iter().collect();
        let missing = |id: &String| now_there.contains(id) && !listed.contains(id);
        verdict.lost += before.there().iter().filter(|id| missing(id)).count();
        let gone = before.pick(|entry| entry.state == State::Gone);
        verdict.resurrected += gone.iter().filter(|id| listed.contains(*id)).count();
        verdict
    }

    /// Holds everything that was touched since the last look against the server, and settles what is open.
    pub(crate) async fn look_at_touched(&self, api: &Api) -> Verdict {
        let touched = |entry: &Entry| entry.touched;
        self.look_at(api, self.pick(touched)).await
    }

    /// Holds everything against the server: each image by name, and the whole list.
    pub(crate) async fn look_at_all(&self, api: &Api) -> Verdict {
        let mut verdict = self.look_at(api, self.pick(|_| true)).await;
        let listed = api.ids().await;
        let entries = self.0.lock();
        let there = |id: &String| entries.get(id).is_some_and(|entry| entry.state == State::There);
        verdict.resurrected += listed.iter().filter(|id| !there(id)).count();
        let listed: HashSet<String> = listed.into_iter().collect();
        verdict.lost +=
            entries.iter().filter(|(id, entry)| entry.state == State::There && !listed.contains(*id)).count();
        verdict
    }

    fn pick(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
        self.0.lock().iter().filter(|(_, entry)| wanted(entry)).map(|(id, _)| id.clone()).collect()
    }

    async fn look_at(&self, api: &Api, ids: Vec<String>) -> Verdict {
        let looks = stream::iter(ids).map(|id| self.look(api, id)).buffer_unordered(AT_ONCE);
        looks
            .fold(Verdict::FINE, |mut sum, verdict| async move {
                sum.add(verdict);
                sum
            })
            .await
    }

    async fn look(&self, api: &Api, id: String) -> Verdict {
        let (told, blob) = (api.image(&id).await, api.blob(&id).await);
        let (told, blob) = (told.expect("an answer on an image"), blob.expect("an answer on its bytes"));
        let mut verdict = Verdict::FINE;
        let seen = match (told.status, blob.status) {
            (404, 404) => None,
            (200, 200) => {
                let mark = told.json()["result"]["meta"]["mark"].as_u64().unwrap_or(0);
                Some(Seen { sha256: blob.sha256(), mark })
            }
            (image, bytes) => {
                println!("{id}: {image}, its bytes {bytes}");
                verdict.half_visible += 1;
                return verdict;
            }
        };
        self.change(&id, |entry| verdict.add(entry.judge(&id, seen)));
        verdict
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Entry)) {
        change(self.0.lock().get_mut(id).expect("an image that is known"));
    }
}

impl Entry {
    /// What was seen, against what is known; what was open is settled by it.
    fn judge(&mut self, id: &str, seen: Option<Seen>) -> Verdict {
        let mut verdict = Verdict::FINE;
        match (self.state, seen) {
            (State::There, None) => verdict.lost += 1,
            (State::Gone, Some(_)) => verdict.resurrected += 1,
            (_, None) => self.state = State::Gone,
            (_, Some(seen)) => {
                verdict.wrong += usize::from(seen.sha256 != self.sha256);
                verdict.stale += usize::from(!self.marks.contains(&seen.mark));
                self.state = State::There;
                self.marks = vec![seen.mark];
            }
        }
        if verdict != Verdict::FINE {
            println!("{id}, {:?}: {verdict}", self.state);
        }
        (self.busy, self.touched) = (false, false);
        verdict
    }
}
