//! The line before the workers: who is next, in fairness to accounts and within the memory of all decoding.
//! Decides only; nothing here runs or waits, and the time is an argument, in milliseconds.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use domain::AccountId;

/// How often something large is passed over by what fits before it, until nothing passes it any more.
const MAX_PASSED_OVER: u32 = 16;

/// For so long after another account was here no account gets more than half of the slots: whoever renders one picture
/// after the other is not to find both hands full each time.
const MEMORY_MS: u64 = 1_000;

/// Who asks for a piece of work, and so how long it may be kept waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// An original that comes in. Uploads leave one slot to those who look at pictures.
    Upload,
    /// Somebody who waits for a picture.
    Interactive,
    /// Nobody waits. It has slots of its own and takes none of the others'.
    Background,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Lane; 3] = [Lane::Upload, Lane::Interactive, Lane::Background];
}

/// Those who work and those who wait, with the memory that they share. `T` is how a waiter is told.
#[derive(Debug)]
pub(crate) struct Line<T> {
    free_bytes: u64,
    /// Uploads and those who look at pictures.
    front: Queue<T>,
    back: Queue<T>,
}

/// Those who share slots.
#[derive(Debug)]
struct Queue<T> {
    slots: usize,
    free_slots: usize,
    /// How many uploads may run, and how many do.
    max_uploads: usize,
    uploads: usize,
    max_waiting: usize,
    waiting: usize,
    /// How many have come; the number of the newest.
    arrived: u64,
    /// How many have begun.
    begun: u64,
    accounts: HashMap<AccountId, Account<T>>,
    /// The two accounts that were here last, and when: enough to know of any whether another was.
    recent: [Option<(AccountId, u64)>; 2],
}

#[derive(Debug)]
struct Account<T> {
    running: usize,
    /// When it last had its turn, in half turns: of two that hold as many slots, the one with the lower is next. Who
    /// comes anew stands just before the one who had the last turn, so that coming anew is no way to overtake.
    last_turn: u64,
    waiting: VecDeque<Waiter<T>>,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    lane: Lane,
    bytes: u64,
    passed_over: u32,
    tell: T,
}

/// Somebody whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn<T> {
    pub(crate) account: AccountId,
    pub(crate) lane: Lane,
    pub(crate) bytes: u64,
    pub(crate) tell: T,
}

/// What an arrival changed.
#[derive(Debug)]
pub(crate) struct Arrival<T> {
    /// The newcomer's number, to leave by.
    pub(crate) number: u64,
    /// Whose turn it is now.
    pub(crate) turns: Vec<Turn<T>>,
    /// Who lost a place to wait, maybe the newcomer.
    pub(crate) refused: Option<T>,
}

impl<T> Line<T> {
    /// So many at work at once and so many in the background beside them, with so much memory together, and so many who
    /// wait for each.
    pub(crate) fn new(slots: usize, back_slots: usize, bytes: u64, max_waiting: usize) -> Self {
        Line {
            free_bytes: bytes,
            front: Queue::new(slots, max_waiting),
            back: Queue::new(back_slots, max_waiting),
        }
    }

    /// Somebody comes. Where all places to wait are taken, the account that takes most of them loses its newest.
    pub(crate) fn arrive(
        &mut self,
        account: &AccountId,
        lane: Lane,
        bytes: u64,
        tell: T,
        now_ms: u64,
    ) -> Arrival<T> {
        let number = self.queue(lane).join(account, lane, bytes, tell, now_ms);
        let turns = self.turns(now_ms);
        let queue = self.queue(lane);
        let refused = (queue.waiting > queue.max_waiting).then(|| queue.refuse(account)).flatten();
        Arrival { number, turns, refused }
    }

    /// How many slots are free, and how many wait for one; without those in the background.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.front.free_slots, self.front.waiting)
    }

    /// How many are at work in the background.
    pub(crate) fn in_background(&self) -> usize {
        self.back.slots - self.back.free_slots
    }

    /// A waiter leaves before its turn. Nothing happens where its turn has come already.
    pub(crate) fn leave(
        &mut self,
        account: &AccountId,
        lane: Lane,
        number: u64,
        now_ms: u64,
    ) -> Vec<Turn<T>> {
        self.queue(lane).leave(account, number);
        // Whoever left may have been the one that nobody was to pass.
        self.turns(now_ms)
    }

    /// Work ends: its slot and its memory are free again.
    pub(crate) fn end(&mut self, account: &AccountId, lane: Lane, bytes: u64, now_ms: u64) -> Vec<Turn<T>> {
        self.free_bytes += bytes;
        self.queue(lane).end(account, lane, now_ms);
        self.turns(now_ms)
    }

    /// Whose turn it is since time has passed.
    pub(crate) fn look(&mut self, now_ms: u64) -> Vec<Turn<T>> {
        self.turns(now_ms)
    }

    /// When to [`Line::look`] where nothing happens before: somebody is held back while a slot is free, since another
    /// account might come.
    pub(crate) fn held_until_ms(&self, now_ms: u64) -> Option<u64> {
        [&self.front, &self.back].into_iter().filter_map(|queue| queue.held_until_ms(now_ms)).min()
    }

    /// Everybody who can begin now. While something large is waited for, nothing in the background takes its memory.
    fn turns(&mut self, now_ms: u64) -> Vec<Turn<T>> {
        let mut turns = Vec::new();
        if self.front.turns(&mut self.free_bytes, now_ms, &mut turns).is_continue() {
            let _ = self.back.turns(&mut self.free_bytes, now_ms, &mut turns);
        }
        turns
    }

    fn queue(&mut self, lane: Lane) -> &mut Queue<T> {
        match lane {
            Lane::Upload | Lane::Interactive => &mut self.front,
            Lane::Background => &mut self.back,
        }
    }
}

impl<T> Queue<T> {
    fn new(slots: usize, max_waiting: usize) -> Self {
        Queue {
            slots,
            free_slots: slots,
            max_uploads: slots.saturating_sub(1).max(1),
            uploads: 0,
            max_waiting,
            waiting: 0,
            arrived: 0,
            begun: 0,
            accounts: HashMap::new(),
            recent: [None; 2],
        }
    }

    /// Takes a place to wait; returns its number.
    fn join(&mut self, account: &AccountId, lane: Lane, bytes: u64, tell: T, now_ms: u64) -> u64 {
        self.note(account, now_ms);
        self.arrived += 1;
        let (number, last_turn) = (self.arrived, 2 * self.begun);
        let place = self.accounts.entry(*account).or_insert_with(|| Account::new(last_turn));
        place.waiting.push_back(Waiter { number, lane, bytes, passed_over: 0, tell });
        self.waiting += 1;
        number
    }

    fn leave(&mut self, account: &AccountId, number: u64) {
        let Some(place) = self.accounts.get_mut(account) else { return };
        let before = place.waiting.len();
        place.waiting.retain(|waiter| waiter.number != number);
        self.waiting -= before - place.waiting.len();
        self.forget_if_idle(account);
    }

    fn end(&mut self, account: &AccountId, lane: Lane, now_ms: u64) {
        self.note(account, now_ms);
        self.free_slots += 1;
        self.uploads -= usize::from(lane == Lane::Upload);
        if let Some(place) = self.accounts.get_mut(account) {
            place.running -= 1;
        }
        self.forget_if_idle(account);
    }

    /// Adds everybody who can begin now. `Break` says that nobody may begin before one who waits for memory.
    fn turns(&mut self, free_bytes: &mut u64, now_ms: u64, turns: &mut Vec<Turn<T>>) -> ControlFlow<()> {
        while self.free_slots > 0 {
            match self.turn(*free_bytes, now_ms) {
                Next::Turn(turn) => {
                    *free_bytes -= turn.bytes;
                    turns.push(turn);
                }
                Next::Nobody => break,
                Next::Stop => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }

    /// The next one: of the account that holds the fewest slots, and of those the one that had its turn longest ago.
    /// So an account has more than its share only while no other waits.
    fn turn(&mut self, free_bytes: u64, now_ms: u64) -> Next<T> {
        let mut order: Vec<_> = self
            .accounts
            .iter()
            .filter(|(account, place)| !self.has_its_share(account, place, now_ms))
            .filter_map(|(account, place)| {
                let first = place.waiting.front()?;
                Some(((place.running, place.last_turn, first.number), *account))
            })
            .collect();
        order.sort_unstable_by_key(|(rank, _)| *rank);
        let takes_uploads = self.uploads < self.max_uploads;
        for (_, account) in order {
            let Some(place) = self.accounts.get_mut(&account) else { continue };
            match place.fitting(free_bytes, takes_uploads) {
                Fitting::At(index) => return self.begin(account, index).map_or(Next::Nobody, Next::Turn),
                Fitting::None => {}
                Fitting::Stop => return Next::Stop,
            }
        }
        Next::Nobody
    }

    /// Whether an account holds half of the slots while another is about.
    fn has_its_share(&self, account: &AccountId, place: &Account<T>, now_ms: u64) -> bool {
        place.running >= (self.slots / 2).max(1) && self.others_until_ms(account) > now_ms
    }

    /// Until when others than this account are about.
    fn others_until_ms(&self, account: &AccountId) -> u64 {
        let others = self.recent.iter().flatten().filter(|(other, _)| other != account);
        others.map(|(_, at_ms)| at_ms.saturating_add(MEMORY_MS)).max().unwrap_or(0)
    }

    /// When the first may begin of those who wait, though a slot is free, because their account has its share.
    fn held_until_ms(&self, now_ms: u64) -> Option<u64> {
        if self.free_slots == 0 {
            return None;
        }
        let waiting = self.accounts.iter().filter(|(_, place)| !place.waiting.is_empty());
        let held = waiting.filter(|(account, place)| self.has_its_share(account, place, now_ms));
        held.map(|(account, _)| self.others_until_ms(account)).min()
    }

    fn note(&mut self, account: &AccountId, now_ms: u64) {
        if self.recent[0].is_some_and(|(last, _)| last != *account) {
            self.recent[1] = self.recent[0];
        }
        self.recent[0] = Some((*account, now_ms));
    }

    fn begin(&mut self, account: AccountId, index: usize) -> Option<Turn<T>> {
        self.begun += 1;
        let place = self.accounts.get_mut(&account)?;
        let Waiter { lane, bytes, tell, .. } = place.waiting.remove(index)?;
        place.running += 1;
        place.last_turn = 2 * self.begun + 1;
        self.waiting -= 1;
        self.free_slots -= 1;
        self.uploads += usize::from(lane == Lane::Upload);
        Some(Turn { account, lane, bytes, tell })
    }

    /// Takes the newest place of the account that has most of them; of several the newcomer's own.
    fn refuse(&mut self, newcomer: &AccountId) -> Option<T> {
        let most = |(account, place): &(&AccountId, &Account<T>)| (place.waiting.len(), *account == newcomer);
        let account = *self.accounts.iter().max_by_key(most)?.0;
        let refused = self.accounts.get_mut(&account)?.waiting.pop_back()?;
        self.waiting -= 1;
        self.forget_if_idle(&account);
        Some(refused.tell)
    }

    fn forget_if_idle(&mut self, account: &AccountId) {
        if self.accounts.get(account).is_some_and(|place| place.running == 0 && place.waiting.is_empty()) {
            self.accounts.remove(account);
        }
    }
}

/// Who is next in a queue.
enum Next<T> {
    Turn(Turn<T>),
    Nobody,
    /// One waits for memory and has been passed over too often: nobody begins before it.
    Stop,
}

enum Fitting {
    /// The waiter at this index can begin.
    At(usize),
    /// None of this account can begin.
    None,
    /// One of this account has been passed over too often: nobody begins before it.
    Stop,
}

impl<T> Account<T> {
    fn new(last_turn: u64) -> Self {
        Account { running: 0, last_turn, waiting: VecDeque::new() }
    }

    /// The first waiter that the free memory is enough for. Those before it are passed over, and uploads wait aside
    /// where no more of them may run.
    fn fitting(&mut self, free_bytes: u64, takes_uploads: bool) -> Fitting {
        let may_run = |waiter: &Waiter<T>| takes_uploads || waiter.lane != Lane::Upload;
        for (index, waiter) in self.waiting.iter_mut().enumerate().filter(|(_, waiter)| may_run(waiter)) {
            if waiter.bytes <= free_bytes {
                return Fitting::At(index);
            }
            if waiter.passed_over >= MAX_PASSED_OVER {
                return Fitting::Stop;
            }
            waiter.passed_over += 1;
        }
        Fitting::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line whose waiters are words, and the accounts that stand in it.
    struct Told {
        line: Line<&'static str>,
        ids: HashMap<char, AccountId>,
        now_ms: u64,
        /// In which whoever comes or ends is.
        lane: Lane,
    }

    impl Told {
        fn new(slots: usize, bytes: u64, max_waiting: usize) -> Told {
            Told {
                line: Line::new(slots, 1, bytes, max_waiting),
                ids: HashMap::new(),
                now_ms: 0,
                lane: Lane::Interactive,
            }
        }

        /// The account that a word begins with.
        fn account(&mut self, word: &str) -> AccountId {
            let letter = word.chars().next().unwrap();
            *self.ids.entry(letter).or_insert_with(AccountId::random)
        }

        fn arrive(&mut self, word: &'static str, bytes: u64) -> (Vec<&'static str>, Option<&'static str>) {
            let account = self.account(word);
            let Arrival { turns, refused, .. } =
                self.line.arrive(&account, self.lane, bytes, word, self.now_ms);
            (turns.into_iter().map(|turn| turn.tell).collect(), refused)
        }

        fn end(&mut self, word: &'static str, bytes: u64) -> Vec<&'static str> {
            let account = self.account(word);
            self.line.end(&account, self.lane, bytes, self.now_ms).into_iter().map(|turn| turn.tell).collect()
        }
    }

    #[test]
    fn whoever_comes_first_is_first_where_one_account_is_alone() {
        let mut told = Told::new(1, 100, 9);
        assert_eq!(told.arrive("a1", 1), (vec!["a1"], None));
        assert_eq!(told.arrive("a2", 1), (vec![], None));
        assert_eq!(told.arrive("a3", 1), (vec![], None));
        assert_eq!(told.end("a1", 1), ["a2"]);
        assert_eq!(told.end("a2", 1), ["a3"]);
    }

    #[test]
    fn an_account_that_floods_the_line_makes_another_wait_for_one_piece_of_work_only() {
        let mut told = Told::new(2, 100, 64);
        for word in ["a1", "a2", "a3", "a4", "a5", "a6"] {
            told.arrive(word, 1);
        }
        told.arrive("b1", 1);
        told.arrive("b2", 1);
        assert_eq!(told.end("a1", 1), ["b1"], "b holds none, so it is next");
        assert_eq!(told.end("b1", 1), ["b2"], "a holds one of two: half is its share");
        assert_eq!(told.end("a2", 1), ["a3"]);
        assert_eq!(told.end("b2", 1), Vec::<&str>::new(), "b may be back in a moment");
        told.arrive("b3", 1);
        assert_eq!(told.end("b3", 1), Vec::<&str>::new());
        told.now_ms += MEMORY_MS;
        assert_eq!(told.end("a3", 1), ["a4", "a5"], "where no other is about, one account may have all");
    }

    #[test]
    fn whoever_is_held_back_while_a_slot_is_free_is_looked_for_again_when_the_other_account_stays_away() {
        let mut told = Told::new(2, 100, 64);
        told.arrive("b1", 1);
        told.arrive("a1", 1);
        told.arrive("a2", 1);
        assert_eq!(told.line.held_until_ms(0), None, "no slot is free");
        told.now_ms = 300;
        assert_eq!(told.end("b1", 1), Vec::<&str>::new(), "a has its share, and b may be back");
        let until_ms = told.line.held_until_ms(300).expect("somebody is held back");
        assert_eq!(until_ms, 300 + MEMORY_MS);
        assert!(told.line.look(until_ms - 1).is_empty());
        let turns = told.line.look(until_ms);
        assert_eq!(turns.into_iter().map(|turn| turn.tell).collect::<Vec<_>>(), ["a2"]);
        assert_eq!(told.line.held_until_ms(until_ms), None);
    }

    #[test]
    fn three_accounts_take_turns() {
        let mut told = Told::new(1, 100, 64);
        told.arrive("a0", 1);
        for word in ["a1", "b1", "c1", "a2", "b2", "c2"] {
            told.arrive(word, 1);
        }
        let mut order = vec![told.end("a0", 1)[0]];
        while let [next] = told.end(order[order.len() - 1], 1)[..] {
            order.push(next);
        }
        assert_eq!(order, ["b1", "c1", "a1", "b2", "c2", "a2"]);
    }

    #[test]
    fn coming_anew_each_time_is_no_way_to_overtake() {
        let mut told = Told::new(1, 100, 64);
        for word in ["a0", "a1", "a2", "b", "c"] {
            told.arrive(word, 1);
        }
        assert_eq!(told.end("a0", 1), ["b"]);
        assert_eq!(told.end("b", 1), ["c"]);
        told.arrive("b", 1);
        assert_eq!(told.end("c", 1), ["a1"], "b and c have had their turn since");
    }

    #[test]
    fn whoever_takes_most_places_to_wait_loses_one_to_a_newcomer() {
        let mut told = Told::new(1, 100, 3);
        for word in ["a0", "a1", "a2", "a3"] {
            assert_eq!(told.arrive(word, 1).1, None);
        }
        assert_eq!(told.arrive("a4", 1).1, Some("a4"));
        assert_eq!(told.arrive("b1", 1).1, Some("a3"));
        assert_eq!(told.arrive("b2", 1).1, Some("b2"), "of equals the newcomer gives way");
        assert_eq!(told.end("a0", 1), ["b1"]);
    }

    #[test]
    fn what_is_small_is_not_stuck_behind_what_is_large() {
        let mut told = Told::new(3, 100, 64);
        assert_eq!(told.arrive("a-large", 80).0, ["a-large"]);
        assert_eq!(told.arrive("b-large", 80).0, Vec::<&str>::new());
        assert_eq!(told.arrive("b-small", 20).0, ["b-small"]);
        assert_eq!(told.end("b-small", 20), Vec::<&str>::new());
        assert_eq!(told.end("a-large", 80), ["b-large"]);
    }

    #[test]
    fn what_is_large_is_not_passed_over_for_ever() {
        let mut told = Told::new(2, 100, 64);
        told.arrive("a", 30);
        assert_eq!(told.arrive("large", 80).0, Vec::<&str>::new());
        let mut passed = 0;
        while told.arrive("b", 30).0 == ["b"] {
            passed += 1;
            told.end("b", 30);
        }
        assert!((1..=2 * MAX_PASSED_OVER).contains(&passed), "{passed}");
        assert_eq!(told.end("a", 30), ["large"]);
    }

    #[test]
    fn a_waiter_who_leaves_holds_nobody_up_and_nothing_is_remembered() {
        let mut told = Told::new(1, 100, 64);
        told.arrive("a", 10);
        let account = told.account("b");
        let Arrival { number, .. } = told.line.arrive(&account, Lane::Interactive, 10, "b", 0);
        assert!(told.line.leave(&account, Lane::Interactive, number, 0).is_empty());
        assert!(told.end("a", 10).is_empty());
        assert!(told.line.front.accounts.is_empty());
        assert_eq!((told.line.counts(), told.line.free_bytes), ((1, 0), 100));
    }

    #[test]
    fn uploads_leave_one_slot_to_those_who_look_at_pictures() {
        let mut told = Told::new(2, 100, 64);
        told.lane = Lane::Upload;
        assert_eq!(told.arrive("a1", 1).0, ["a1"]);
        assert_eq!(told.arrive("b2", 1).0, Vec::<&str>::new());
        told.lane = Lane::Interactive;
        assert_eq!(told.arrive("b3", 1).0, ["b3"], "an upload of the same account waits aside");
        assert_eq!(told.end("b3", 1), Vec::<&str>::new());
        told.lane = Lane::Upload;
        assert_eq!(told.end("a1", 1), ["b2"]);
        let mut alone = Told::new(1, 100, 64);
        alone.lane = Lane::Upload;
        assert_eq!(alone.arrive("a1", 1).0, ["a1"], "where there is one slot, uploads may have it");
    }

    #[test]
    fn what_nobody_waits_for_has_a_slot_of_its_own_and_shares_only_memory() {
        let mut told = Told::new(2, 100, 2);
        told.lane = Lane::Background;
        assert_eq!(told.arrive("a1", 60).0, ["a1"]);
        for word in ["a2", "a3"] {
            assert_eq!(told.arrive(word, 60), (vec![], None));
        }
        assert_eq!(told.arrive("a4", 60), (vec![], Some("a4")));
        told.lane = Lane::Interactive;
        assert_eq!(told.arrive("b1", 40).0, ["b1"]);
        assert_eq!(told.arrive("c1", 40).0, Vec::<&str>::new(), "there is a slot, and no memory");
        assert_eq!(told.line.counts(), (1, 1));
        told.lane = Lane::Background;
        assert_eq!(
            told.end("a1", 60),
            ["c1"],
            "whoever waits for a picture comes before what nobody waits for"
        );
    }
}
