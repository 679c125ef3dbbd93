//! What a signature costs in a delivery from memory: a private rendition, verified at every request, beside a public one of
//! the same bytes on the same server, by turns. The server's processor time a request is what counts; the rate is shared
//! with the client.
//!
//! The public one is asked for in two ways: by the query of the signed URL, which it pays no heed to, and by none. The first
//! is what the target is held against, since it differs by the verification and nothing else; what a longer request takes to
//! be received and cut into its parts is no verification, and any other server of signed URLs pays it too.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::darkroom::Darkroom;
use crate::hits::{ROUND_S, Side, load, rendition};
use crate::{median, verdict};

/// Turns of each side. Odd, so that the middle one is one that was measured.
const ROUNDS: usize = 11;
/// How much a signature may add.
const MOST: f64 = 1.03;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let darkroom = Darkroom::start(binary, folder.path())?;
    let account = darkroom.account()?;
    let (signed_target, bytes) = rendition(&darkroom, &account, true)?;
    let (public_target, public_bytes) = rendition(&darkroom, &account, false)?;
    ensure!(bytes == public_bytes, "both are of the same bytes");
    let query = signed_target.split_once('?').context("a query")?.1;
    let targets = [signed_target.clone(), format!("{public_target}?{query}"), public_target.clone()];
    ensure!(targets[0].len() == targets[1].len(), "both targets are of one length");
    println!("a rendition of {} bytes, 64 connections, {ROUNDS} rounds of {ROUND_S} s each", bytes.len());
    let sides =
        targets.map(|target| Side { url: format!("http://{}{target}", darkroom.at), pid: darkroom.pid() });
    let rounds = (0..ROUNDS).map(|round| Round::run(round, &sides)).collect::<Result<Vec<_>>>()?;
    let middle = |of: fn(&Round) -> [f64; 3], other: usize| {
        median(rounds.iter().map(|round| of(round)[0] / of(round)[other]).collect())
    };
    println!("requests a second, signed / public: {:.3}", middle(|round| round.rates, 1));
    println!("processor time a request, signed / public without a query: {:.3}", middle(|round| round.us, 2));
    let ratio = middle(|round| round.us, 1);
    verdict("processor time a request, signed / public with that query", ratio, "", ratio < MOST, "below 1.03");
    Ok(())
}

/// One turn of each side: of the signed one, of the public one with the same query, and of that without one.
struct Round {
    /// Requests a second.
    rates: [f64; 3],
    /// Processor time of the server for each, in microseconds.
    us: [f64; 3],
}

impl Round {
    fn run(number: usize, sides: &[Side; 3]) -> Result<Round> {
        let mut round = Round { rates: [0.0; 3], us: [0.0; 3] };
        // Who begins changes, so that none is always the one after the same other.
        for place in 0..sides.len() {
            let side = (number + place) % sides.len();
            (round.rates[side], round.us[side]) = load(&sides[side], "2", None)?;
        }
        let ([signed, twin, public], us) = (round.rates, round.us);
        println!(
            "  round {}: {signed:.0}, {twin:.0} and {public:.0}/s; CPU a request {:.2}, {:.2} and {:.2} µs",
            number + 1,
            us[0],
            us[1],
            us[2]
        );
        Ok(round)
    }
}
