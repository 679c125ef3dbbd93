//! The texts that a native signature may stand for: path and query with their bytes (signing-schemes 1.2).

use std::iter::once;

use hmac::Mac as _;
use subtle::{Choice, ConstantTimeEq as _};

use crate::{DeliveryUrl, Policy, SigningKey, TargetLimits};

/// Most runs of signed pairs: of the most pairs that a URL may have, every second one signed.
const MAX_RUNS: usize = TargetLimits::MOST_QUERY_PAIRS / 2 + 1;

/// What is signed of a query: its pairs without `sig` and the ignored ones, as runs of neighbours. Kept as runs, and
/// not pair by pair, since most URLs have a single one.
#[derive(Debug)]
pub(super) struct Runs<'u> {
    runs: [&'u str; MAX_RUNS],
    count: usize,
}

/// A path and what is signed of the query. Never put together: its pieces are hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    path: &'t str,
    runs: &'t [&'t str],
    /// Stands after a path without pairs: a `?`, as Cloudflare's documented code has it, or nothing.
    end: &'static str,
}

impl<'u> Runs<'u> {
    /// No run yet.
    pub(super) fn new() -> Self {
        Runs { runs: [""; MAX_RUNS], count: 0 }
    }

    /// Appends a run. A URL that parsed never has more than there is room for.
    pub(super) fn push(&mut self, run: &'u str) {
        if let Some(place) = self.runs.get_mut(self.count) {
            *place = run;
            self.count += 1;
        }
    }

    /// The runs, in their order.
    pub(super) fn as_slice(&self) -> &[&'u str] {
        &self.runs[..self.count]
    }
}

/// Every text that the policy lets the signature of a URL stand for: the path as requested, also as it was before it
/// moved, and where no pair is left both with and without `?`.
pub(super) fn texts<'t>(
    url: &'t DeliveryUrl,
    runs: &'t Runs<'t>,
    policy: &Policy,
) -> impl Iterator<Item = Text<'t>> + Clone + use<'t> {
    let runs = runs.as_slice();
    let moved = url.path_before_move().filter(|_| policy.moved_urls);
    let ends: &[&str] = if runs.is_empty() { &["", "?"] } else { &[""] };
    once(url.path()).chain(moved).flat_map(move |path| ends.iter().map(move |end| Text { path, runs, end }))
}

impl<'t> Text<'t> {
    /// Gives out the pieces that make the text.
    fn each_piece(self, mut take: impl FnMut(&'t str)) {
        take(self.path);
        let mut joint = "?";
        for run in self.runs {
            take(joint);
            take(run);
            joint = "&";
        }
        take(self.end);
    }

    /// The text in one piece, for people.
    pub(super) fn written(self) -> String {
        let mut written = String::new();
        self.each_piece(|piece| written.push_str(piece));
        written
    }

    /// Whether the key made this signature of the text, in constant time.
    pub(super) fn is_signed(self, key: &SigningKey, sig: &[u8; 32]) -> Choice {
        let mut mac = key.mac();
        self.each_piece(|piece| mac.update(piece.as_bytes()));
        mac.finalize().into_bytes().as_slice().ct_eq(sig)
    }
}

/// The signature of a text in one piece.
pub(super) fn signature(text: &str, key: &SigningKey) -> [u8; 32] {
    key.mac().chain_update(text).finalize().into_bytes().into()
}
