//! What a signature costs in a delivery from memory: one rendition, by turns of a private image, verified at every request, and
//! of the same image while it is public. The server's processor time a request is what counts; the rate is shared with the
//! client.
//!
//! While the image is public it is asked for in two ways: by the very URL that was signed, whose query is paid no heed then, and
//! by the bare one. The first is what the target is held against. Request and bytes are the same then, down to where in memory
//! they lie, so that it differs by the verification and what follows from it alone; that a longer request takes longer to be
//! received and cut into its parts is no verification, and every server of signed URLs pays it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::darkroom::{Account, Darkroom};
use crate::hits::{ROUND_S, Side, load, rendition};
use crate::{median, verdict};

/// Turns of each way. Odd, so that the middle one is one that was measured.
const ROUNDS: usize = 11;
/// How much a signature may add.
const MOST: f64 = 1.03;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let darkroom = Darkroom::start(binary, folder.path())?;
    let account = darkroom.account()?;
    let (signed, bytes) = rendition(&darkroom, &account)?;
    let bare = signed.split_once('?').context("a query")?.0.to_owned();
    let id = bare.split('/').nth(2).context("an image")?.to_owned();
    println!("a rendition of {} bytes, 64 connections, {ROUNDS} rounds of {ROUND_S} s each", bytes.len());
    let picture = Picture { darkroom, account, id, bytes, targets: [signed.clone(), signed, bare] };
    let rounds = (0..ROUNDS).map(|round| picture.round(round)).collect::<Result<Vec<_>>>()?;
    let middle = |of: fn(&Round) -> [f64; 3], other: usize| {
        median(rounds.iter().map(|round| of(round)[0] / of(round)[other]).collect())
    };
    println!("requests a second, private / public by that URL: {:.3}", middle(|round| round.rates, 1));
    println!(
        "processor time a request, private / public by the bare URL: {:.3}",
        middle(|round| round.us, 2)
    );
    let ratio = middle(|round| round.us, 1);
    let what = "processor time a request, private / public by that URL";
    verdict(what, ratio, "", ratio < MOST, "below 1.03");
    Ok(())
}

/// A picture, and the ways in which it is asked for: signed and private, by the same URL and public, by the bare one and
/// public.
struct Picture {
    darkroom: Darkroom,
    account: Account,
    id: String,
    bytes: Vec<u8>,
    targets: [String; 3],
}

/// One turn of each way.
struct Round {
    /// Requests a second.
    rates: [f64; 3],
    /// Processor time of the server for each, in microseconds.
    us: [f64; 3],
}

impl Picture {
    fn round(&self, number: usize) -> Result<Round> {
        let mut round = Round { rates: [0.0; 3], us: [0.0; 3] };
        // Who begins changes, so that none is always the one after the same other.
        for place in 0..self.targets.len() {
            let way = (number + place) % self.targets.len();
            (round.rates[way], round.us[way]) = self.turn(way)?;
        }
        let Round { rates: [signed, twin, bare], us: [signed_us, twin_us, bare_us] } = round;
        println!(
            "  round {}: private {signed:.0}/s, public {twin:.0} and {bare:.0}/s; \
             CPU a request {signed_us:.2}, {twin_us:.2} and {bare_us:.2} µs",
            number + 1
        );
        Ok(round)
    }

    fn turn(&self, way: usize) -> Result<(f64, f64)> {
        let (darkroom, target) = (&self.darkroom, &self.targets[way]);
        darkroom.set_private(&self.account, &self.id, way == 0)?;
        // As wrk asks: by no Accept.
        let answer = crate::http::ask(darkroom.at, "GET", target, "", b"")?;
        ensure!(answer.status == 200 && answer.body == self.bytes, "it is the same however it is asked for");
        let side = Side { url: format!("http://{}{target}", darkroom.at), pid: darkroom.pid() };
        load(&side, "2", None)
    }
}
