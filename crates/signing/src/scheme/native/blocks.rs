//! The blocks of a token: what was signed first, and what its holders added (signing-schemes 1.2), each with what it
//! demands. Read from the raw query in one walk, without copying.

use super::demands::Demands;
use super::dialect::{Dialect, Meaning};
use crate::escape::decoded;
use crate::pairs::{Pair, pairs};
use crate::{Error, Policy, TargetLimits};

/// Most blocks that holders may add.
pub(super) const MAX_ADDED_BLOCKS: usize = 4;
/// Most blocks in all.
const MAX_BLOCKS: usize = MAX_ADDED_BLOCKS + 1;
/// Most runs of signed pairs: of the most pairs that a URL may have, every second one signed, and each block begins one.
const MAX_RUNS: usize = TargetLimits::MOST_QUERY_PAIRS / 2 + 1 + MAX_ADDED_BLOCKS;

/// A query as its blocks. Each is kept as runs of neighbouring pairs, and not pair by pair, since most URLs have a
/// single run.
#[derive(Debug)]
pub(super) struct Blocks<'u> {
    dialect: Dialect,
    query: &'u str,
    /// Where each run begins and ends in the query.
    runs: [(u32, u32); MAX_RUNS],
    run_count: usize,
    /// Where each block ends in the runs.
    ends: [usize; MAX_BLOCKS],
    count: usize,
    /// What the first block demands.
    first: Demands<'u>,
    /// What the blocks demand that holders added.
    added: [Option<Demands<'u>>; MAX_ADDED_BLOCKS],
    /// What stood in the last block already, a bit for each meaning.
    seen: u32,
    sig: Option<&'u str>,
    faults: Faults,
}

/// What is wrong with the form of a token.
#[derive(Debug, Default)]
struct Faults {
    sig_twice: bool,
    /// More pairs than any URL may have: a cookie's.
    overfull: bool,
    /// A value is malformed; blocks are not numbered one after another, or are too many; or a control name is written with
    /// an escape, so that it would be no control name to us and one to others.
    malformed: bool,
    twice: bool,
    unknown: bool,
}

impl<'u> Blocks<'u> {
    /// Walks a query. What the policy ignores is as if it were not there. Never inlined: so the blocks, which are large, are
    /// made where they stay.
    #[inline(never)]
    pub(super) fn walk(query: Option<&'u str>, dialect: Dialect, policy: &Policy) -> Self {
        let mut blocks = Blocks::new(query.unwrap_or_default(), dialect);
        if query.is_some() {
            blocks.read(policy);
        }
        blocks
    }

    /// The blocks of a query that is yet to be read.
    fn new(query: &'u str, dialect: Dialect) -> Self {
        Blocks {
            dialect,
            query,
            runs: [(0, 0); MAX_RUNS],
            run_count: 0,
            ends: [0; MAX_BLOCKS],
            count: 1,
            first: Demands::default(),
            added: [None, None, None, None],
            seen: 0,
            sig: None,
            faults: Faults::default(),
        }
    }

    fn read(&mut self, policy: &Policy) {
        let (mut start, mut offset) = (None, 0);
        for (number, pair) in pairs(Some(self.query)).enumerate() {
            if number == TargetLimits::MOST_QUERY_PAIRS {
                self.faults.overfull = true;
                return;
            }
            let meaning = self.dialect.meaning(pair.name);
            let is_signed = meaning != Meaning::Signature && !policy.ignores(pair.name);
            if (!is_signed || meaning == Meaning::Block)
                && let Some(start) = start.take()
            {
                self.push(start, offset - 1);
            }
            if is_signed {
                start.get_or_insert(offset);
                self.take_in(meaning, pair);
            } else if meaning == Meaning::Signature {
                self.faults.sig_twice |= self.sig.replace(pair.value.unwrap_or_default()).is_some();
            }
            offset += pair.raw.len() + 1;
        }
        if let Some(start) = start {
            self.push(start, self.query.len());
        }
        let is_whole = self.all().all(Demands::is_whole);
        self.faults.malformed |= !is_whole;
    }

    fn take_in(&mut self, meaning: Meaning, pair: Pair<'u>) {
        match meaning {
            Meaning::Block => self.open(pair),
            Meaning::Ordinary if pair.name.contains('%') => {
                let means = decoded(pair.name).map(|name| self.dialect.meaning(&name));
                self.faults.malformed |= means.is_some_and(|meaning| meaning != Meaning::Ordinary);
            }
            Meaning::Ordinary => {}
            Meaning::Unknown => self.faults.unknown = true,
            _ => {
                let (bit, is_added) = (1 << meaning as u32, self.count > 1);
                self.faults.twice |= self.seen & bit != 0;
                self.seen |= bit;
                let of_issuer = matches!(meaning, Meaning::Key | Meaning::IssuedAt);
                let takes = self.last().take(meaning, pair.value.unwrap_or_default());
                self.faults.malformed |= !takes || is_added && of_issuer;
            }
        }
    }

    /// Begins a block.
    fn open(&mut self, pair: Pair<'u>) {
        let is_next = pair.value.and_then(crate::syntax::integer) == i64::try_from(self.count).ok();
        match self.added.get_mut(self.count - 1) {
            Some(place) if is_next => {
                *place = Some(Demands::default());
                self.ends[self.count] = self.run_count;
                self.count += 1;
                self.seen = 0;
            }
            _ => self.faults.malformed = true,
        }
    }

    /// What the last block demands.
    fn last(&mut self) -> &mut Demands<'u> {
        match self.count.checked_sub(2).and_then(|place| self.added.get_mut(place)) {
            Some(Some(demands)) => demands,
            _ => &mut self.first,
        }
    }

    /// Appends a run to the last block. A query within the limits never has more than there is room for.
    fn push(&mut self, start: usize, end: usize) {
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else { return };
        if let Some(place) = self.runs.get_mut(self.run_count) {
            *place = (start, end);
            self.run_count += 1;
            self.ends[self.count - 1] = self.run_count;
        }
    }

    /// The query.
    pub(super) fn query(&self) -> &'u str {
        self.query
    }

    /// Whether there are more pairs than any URL may have.
    pub(super) fn is_overfull(&self) -> bool {
        self.faults.overfull
    }

    /// The signature's text: there, and once.
    pub(super) fn signature(&self) -> Result<&'u str, Error> {
        match self.sig {
            None => Err(Error::MissingSignature),
            Some(_) if self.faults.sig_twice => Err(Error::DuplicateParam),
            Some(text) => Ok(text),
        }
    }

    /// How many blocks there are; one at least.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What is signed of a block: where its runs begin and end in the query.
    pub(super) fn runs(&self, block: usize) -> &[(u32, u32)] {
        let start = if block == 0 { 0 } else { self.ends[block - 1] };
        self.runs.get(start..self.ends[block]).unwrap_or_default()
    }

    /// The pairs of a block.
    pub(super) fn pairs(&self, block: usize) -> impl Iterator<Item = Pair<'u>> + '_ {
        let text = |run: &(u32, u32)| self.query.get(run.0 as usize..run.1 as usize);
        self.runs(block).iter().flat_map(move |run| pairs(text(run)))
    }

    /// What the first block demands.
    pub(super) fn first(&self) -> &Demands<'u> {
        &self.first
    }

    /// What each block demands, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Demands<'u>> + Clone {
        // Most tokens have no block but the first, and do not look for others.
        let added = self.added.get(..self.count - 1).unwrap_or_default();
        std::iter::once(&self.first).chain(added.iter().flatten())
    }

    /// Checks first the syntax of all blocks, then that nothing occurs twice in one, then that each constraint is known.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.faults {
            Faults { malformed: true, .. } => Err(Error::MalformedParam),
            Faults { twice: true, .. } => Err(Error::DuplicateParam),
            Faults { unknown: true, .. } if self.has_stranger_twice() => Err(Error::DuplicateParam),
            Faults { unknown: true, .. } => Err(Error::UnknownConstraint),
            _ => Ok(()),
        }
    }

    /// Whether a constraint that nobody knows stands twice in one block.
    fn has_stranger_twice(&self) -> bool {
        let named = |block, name| self.pairs(block).filter(|pair| pair.name == name).count();
        let is_stranger = |pair: &Pair<'_>| self.dialect.meaning(pair.name) == Meaning::Unknown;
        (0..self.count)
            .any(|block| self.pairs(block).filter(is_stranger).any(|pair| named(block, pair.name) > 1))
    }

    /// The table of names that it is read by.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<(), Error> {
        Blocks::walk(Some(query), Dialect::Native, &Policy::default()).check()
    }

    #[test]
    fn each_value_has_its_grammar() {
        let names =
            ["s-var=", "s-ip=", "s-ref=", "s-sub=", "s-cnf=", "s-jti=", "s-uses=", "s-pfx=", "s-kid="];
        for name in names {
            assert_eq!(read(name).err(), Some(Error::MalformedParam), "{name}");
        }
        for good in [
            "s-var=a,B_-9",
            "s-var=a%2Cb",
            "s-ip=10.0.0.1",
            "s-ip=10.0.0.0/8,::1",
            "s-ip=10.0.0.0%2F8",
            "s-ref=shop.example,*.shop.example,-",
            "s-ref=[::1]",
            "s-ref=localhost",
            "s-sub=user-4711@example:x",
            "s-cnf=00112233445566778899aabbccddeeff",
            "s-jti=01J9Z3K8",
            "s-jti=01J9Z3K8&s-uses=1",
            "s-uses=999999999999&s-jti=01J9Z3K8",
            "s-pfx=1",
            "s-pfx=16",
            "s-kid=a%2Eb",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "s-var=a,,b",
            "s-var=a=1",
            "s-var=a+b",
            "s-var=%FF",
            "s-ip=10.0.0",
            "s-ip=10.0.0.1,",
            "s-ip= ::1",
            "s-ref=Shop.example",
            "s-ref=https://shop.example",
            "s-ref=shop.example:8080",
            "s-ref=*",
            "s-ref=*.",
            "s-ref=a.*.b",
            "s-ref=*.[::1]",
            "s-sub=a+b",
            "s-cnf=00112233445566778899AABBCCDDEEFF",
            "s-jti=1234567",
            "s-uses=1",
            "s-uses=0&s-jti=01J9Z3K8",
            "s-uses=%31&s-jti=01J9Z3K8",
            "s-pfx=0",
            "s-pfx=17",
            "s-pfx=03",
            "s-pfx=%33",
            "s-kid=a/b",
        ] {
            assert_eq!(read(bad).err(), Some(Error::MalformedParam), "{bad}");
        }
    }

    #[test]
    fn a_list_has_as_many_entries_as_its_limit() {
        let check = |name: &str, entry: &str, entries: usize, fits: bool| {
            let query = format!("{name}={}", vec![entry; entries].join(","));
            assert_eq!(read(&query).is_ok(), fits, "{query}");
        };
        for (name, entry, most) in [("s-var", "a", 32), ("s-ip", "::1", 8), ("s-ref", "a", 8)] {
            check(name, entry, most, true);
            check(name, entry, most + 1, false);
        }
    }

    #[test]
    fn a_holder_names_no_key_and_no_issue() {
        for query in ["s-kid=a", "s-iat=1"] {
            assert!(read(query).is_ok());
            assert_eq!(read(&format!("s-at=1&{query}")), Err(Error::MalformedParam), "{query}");
        }
    }

    #[test]
    fn syntax_goes_before_what_stands_twice_and_that_before_what_is_unknown() {
        for (query, expected) in [
            ("a=1&a=2&s-sub=x&s-at=1&s-sub=x", None),
            ("s-x=1&s-at=1&s-x=1", Some(Error::UnknownConstraint)),
            ("s-x=1&s-x=2", Some(Error::DuplicateParam)),
            ("s-x=1&s-at=1&exp=1&exp=1", Some(Error::DuplicateParam)),
            ("s-x=1&exp=1&exp=1&s-at=1&s-pfx=0", Some(Error::MalformedParam)),
            ("s-at=2", Some(Error::MalformedParam)),
            ("s-at=1&s-at=1", Some(Error::MalformedParam)),
            ("s-at=1&s-at=2&s-at=3&s-at=4", None),
            ("s-at=1&s-at=2&s-at=3&s-at=4&s-at=5", Some(Error::MalformedParam)),
            ("%73-sub=x", Some(Error::MalformedParam)),
        ] {
            assert_eq!(read(query).err(), expected, "{query}");
        }
    }

    #[test]
    fn what_is_signed_of_a_block_is_kept_as_runs() {
        let policy = Policy { ignore_params: vec!["utm".into()], ..Policy::default() };
        let query = "a=1&sig=x&b&&utm=1&c=2&s-at=1&exp=9&utm";
        let blocks = Blocks::walk(Some(query), Dialect::Native, &policy);
        let texts = |block| -> Vec<&str> {
            blocks.runs(block).iter().map(|run| &query[run.0 as usize..run.1 as usize]).collect()
        };
        assert_eq!((texts(0), texts(1)), (vec!["a=1", "b&", "c=2"], vec!["s-at=1&exp=9"]));
        assert_eq!((blocks.count(), blocks.signature()), (2, Ok("x")));
        assert_eq!(blocks.all().map(|demands| demands.expires_s).collect::<Vec<_>>(), [None, Some(9)]);
    }
}
