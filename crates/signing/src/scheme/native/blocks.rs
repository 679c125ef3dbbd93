//! The blocks of a token: what was signed first, and what its holders added (signing-schemes 1.2). Read from the raw
//! query in one walk, without copying.

use super::demands::Demands;
use super::dialect::{Dialect, Meaning};
use crate::escape::decoded;
use crate::pairs::{Pair, pairs};
use crate::{Error, Policy, TargetLimits};

/// Most blocks that holders may add.
pub(super) const MAX_ADDED_BLOCKS: usize = 4;
/// Most blocks in all.
pub(super) const MAX_BLOCKS: usize = MAX_ADDED_BLOCKS + 1;
/// Most runs of signed pairs: of the most pairs that a URL may have, every second one signed, and each block begins one.
const MAX_RUNS: usize = TargetLimits::MOST_QUERY_PAIRS / 2 + 1 + MAX_ADDED_BLOCKS;

/// What the blocks that holders added demand, one after another; none where there is no block, or a malformed one.
pub(super) type Added<'u> = [Option<Demands<'u>>; MAX_ADDED_BLOCKS];

/// No block was added.
pub(super) const NONE_ADDED: Added<'static> = [const { None }; MAX_ADDED_BLOCKS];

/// A query as its blocks. Each is kept as runs of neighbouring pairs, and not pair by pair, since most URLs have a
/// single run.
#[derive(Debug)]
pub(super) struct Blocks<'u> {
    dialect: Dialect,
    runs: [&'u str; MAX_RUNS],
    run_count: usize,
    /// Where each block ends in the runs.
    ends: [usize; MAX_BLOCKS],
    count: usize,
    sig: Option<&'u str>,
    sig_twice: bool,
    /// Blocks are not numbered one after another, or are too many.
    misnumbered: bool,
    /// A control name is written with an escape, so that it would be no control name to us and one to others.
    disguised: bool,
}

impl<'u> Blocks<'u> {
    /// Walks a query. What the policy ignores is as if it were not there.
    pub(super) fn walk(query: Option<&'u str>, dialect: Dialect, policy: &Policy) -> Self {
        let mut blocks = Blocks {
            dialect,
            runs: [""; MAX_RUNS],
            run_count: 0,
            ends: [0; MAX_BLOCKS],
            count: 1,
            sig: None,
            sig_twice: false,
            misnumbered: false,
            disguised: false,
        };
        let text = query.unwrap_or_default();
        let (mut start, mut offset) = (None, 0);
        for pair in pairs(query) {
            let meaning = dialect.meaning(pair.name);
            let is_signed = meaning != Meaning::Signature && !policy.ignores(pair.name);
            if (!is_signed || meaning == Meaning::Block)
                && let Some(start) = start.take()
            {
                blocks.push(&text[start..offset - 1]);
            }
            if is_signed {
                start.get_or_insert(offset);
                blocks.take_in(meaning, pair);
            } else if meaning == Meaning::Signature {
                blocks.sig_twice |= blocks.sig.replace(pair.value.unwrap_or_default()).is_some();
            }
            offset += pair.raw.len() + 1;
        }
        if let Some(start) = start {
            blocks.push(&text[start..]);
        }
        blocks
    }

    fn take_in(&mut self, meaning: Meaning, pair: Pair<'u>) {
        match meaning {
            Meaning::Block => {
                let is_next = pair.value.and_then(crate::syntax::integer) == i64::try_from(self.count).ok();
                self.misnumbered |= !is_next || self.count > MAX_ADDED_BLOCKS;
                if !self.misnumbered {
                    self.ends[self.count] = self.run_count;
                    self.count += 1;
                }
            }
            Meaning::Ordinary if pair.name.contains('%') => {
                let means = decoded(pair.name).map(|name| self.dialect.meaning(&name));
                self.disguised |= means.is_some_and(|meaning| meaning != Meaning::Ordinary);
            }
            _ => {}
        }
    }

    /// Appends a run to the last block. A query within the limits never has more than there is room for.
    fn push(&mut self, run: &'u str) {
        if let Some(place) = self.runs.get_mut(self.run_count) {
            *place = run;
            self.run_count += 1;
            self.ends[self.count - 1] = self.run_count;
        }
    }

    /// The signature's text: there, and once.
    pub(super) fn signature(&self) -> Result<&'u str, Error> {
        match self.sig {
            None => Err(Error::MissingSignature),
            Some(_) if self.sig_twice => Err(Error::DuplicateParam),
            Some(text) => Ok(text),
        }
    }

    /// How many blocks there are; one at least.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What is signed of a block, in runs.
    pub(super) fn runs(&self, block: usize) -> &[&'u str] {
        let start = if block == 0 { 0 } else { self.ends[block - 1] };
        self.runs.get(start..self.ends[block]).unwrap_or_default()
    }

    /// The pairs of a block.
    pub(super) fn pairs(&self, block: usize) -> impl Iterator<Item = Pair<'u>> + '_ {
        self.runs(block).iter().flat_map(|&run| pairs(Some(run)))
    }

    /// What a block demands.
    pub(super) fn demands(&self, block: usize) -> Result<Demands<'u>, Error> {
        Demands::read(|| self.pairs(block), self.dialect, block > 0)
    }

    /// What the added blocks demand.
    pub(super) fn added(&self) -> Added<'u> {
        let mut added = NONE_ADDED;
        self.read_added(&mut added);
        added
    }

    /// The same, written into its place: most tokens have no such block, and pay for none.
    pub(super) fn read_added(&self, added: &mut Added<'u>) {
        for (block, demands) in (1..self.count).zip(added) {
            *demands = self.demands(block).ok();
        }
    }

    /// What each block demands, the first one's given back: first the syntax of all, then that nothing occurs twice, then
    /// that each constraint is known.
    pub(super) fn check(&self) -> Result<Demands<'u>, Error> {
        let first = self.demands(0);
        let others = (1..self.count).filter_map(|block| self.demands(block).err());
        let fault = first.as_ref().err().copied().into_iter().chain(others).min_by_key(rank);
        match fault {
            _ if self.misnumbered || self.disguised => Err(Error::MalformedParam),
            Some(fault) => Err(fault),
            None => first,
        }
    }

    /// The table of names that it is read by.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// The order in which faults of parameters are told.
fn rank(error: &Error) -> u8 {
    match error {
        Error::MalformedParam => 0,
        Error::DuplicateParam => 1,
        _ => 2,
    }
}
