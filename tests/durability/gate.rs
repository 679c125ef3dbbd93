//! Short form or full counts, and the figures that a gate prints.

use std::time::{Duration, Instant};

/// How much of the full counts is wished for: none in `make test`, 1 in the gate, a part of it to try the gate.
fn share() -> Option<f64> {
    let text = std::env::var("TEST_GATE").ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("TEST_GATE is a number, 1 for the whole gate, not {text}")))
}

/// Whether this is the gate, where times are judged too.
pub(crate) fn is_whole() -> bool {
    share().is_some_and(|share| share >= 1.0)
}

/// Whether this is the gate or a part of it.
pub(crate) fn is_gate() -> bool {
    share().is_some()
}

/// A count: `short` in `make test`, `full` in the gate, a part of that to try it.
pub(crate) fn count(short: usize, full: usize) -> usize {
    share().map_or(short, |share| ((full as f64 * share) as usize).max(1))
}

/// Prints a figure of the gate's table.
pub(crate) fn figure(test: &str, measured: &str) {
    println!("figure | {test} | {measured}");
}

/// Rounds up to a count, or until the minutes that a test has in the gate are used up.
pub(crate) struct Rounds {
    wished: usize,
    done: usize,
    end: Instant,
}

impl Rounds {
    /// `short` rounds in `make test`; `full` in the gate, for at most so many minutes.
    pub(crate) fn new(short: usize, full: usize, minutes: u64) -> Rounds {
        Rounds {
            wished: count(short, full),
            done: 0,
            end: Instant::now() + Duration::from_secs(60 * minutes),
        }
    }

    /// How far it came: `1000`, or `800 of 1000 (time)`.
    pub(crate) fn shown(&self) -> String {
        if self.done == self.wished {
            return self.done.to_string();
        }
        format!("{} of {} (time)", self.done, self.wished)
    }
}

impl Iterator for Rounds {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.done == self.wished || Instant::now() > self.end {
            return None;
        }
        self.done += 1;
        Some(self.done - 1)
    }
}
