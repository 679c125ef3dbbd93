//! What a signature costs in a delivery from memory: a private rendition, verified at every request, beside a public one of
//! the same bytes on the same server, by turns. The server's processor time a request is what counts; the rate is shared
//! with the client.

use std::path::Path;

use anyhow::{Result, ensure};

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
    println!("a rendition of {} bytes, 64 connections, {ROUNDS} rounds of {ROUND_S} s each", bytes.len());
    let side = |target| Side { url: format!("http://{}{target}", darkroom.at), pid: darkroom.pid() };
    let (signed, public) = (side(signed_target), side(public_target));
    let (mut times, mut rates) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        // Who begins changes, so that neither is always the one after the other.
        let (first, second) = if round % 2 == 0 { (&signed, &public) } else { (&public, &signed) };
        let (one, other) = (load(first, "2", None)?, load(second, "2", None)?);
        let ((signed_rate, signed_us), (public_rate, public_us)) =
            if round % 2 == 0 { (one, other) } else { (other, one) };
        println!(
            "  round {round}: signed {signed_rate:.0}/s, public {public_rate:.0}/s; \
             CPU a request {signed_us:.2} and {public_us:.2} µs"
        );
        times.push(signed_us / public_us);
        rates.push(signed_rate / public_rate);
    }
    println!("requests a second, signed / public: {:.3}", median(rates));
    let ratio = median(times);
    verdict("processor time a request, signed / public", ratio, "", ratio < MOST, "below 1.03");
    Ok(())
}
