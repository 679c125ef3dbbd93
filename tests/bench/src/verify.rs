//! What a verdict costs, scheme by scheme, beside the bare cryptography of the same text: the same key, prepared in the
//! same way, and nothing else. By turns in one process, so that only the ratio counts; and how far a signature that is
//! wrong in its first byte differs in time from one that is wrong in its last.

mod bare;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use signing::{DeliveryUrl, Request, Scheme, Target, verify_form, verify_request};

use self::bare::Bare;
use crate::signed::{Asked, Signed};

/// Turns that each side takes; the best one counts.
const TURNS: usize = 60;
/// How long a turn takes at least.
const TURN: Duration = Duration::from_millis(1);
/// How much of the time of a verdict the bare cryptography must be: for the native form, and for all others.
const NATIVE_RATIO: f64 = 0.6;
const OTHER_RATIO: f64 = 0.8;

pub(crate) fn run(_binary: &Path) -> Result<()> {
    println!(
        "{:<24} {:>10} {:>10} {:>7} {:>8}  wrong first − wrong last byte",
        "", "bare", "verdict", "ratio", "target"
    );
    let mut missed = Vec::new();
    for signed in Signed::all() {
        let row = Row::measure(&signed).with_context(|| signed.id.clone())?;
        println!("{row}");
        if !row.is_met() {
            missed.push(signed.id);
        }
    }
    println!("missed: {}", if missed.is_empty() { "none".into() } else { missed.join(", ") });
    parsing()
}

/// One line of the table, times in nanoseconds.
struct Row {
    id: String,
    scheme: Scheme,
    bare_ns: f64,
    verdict_ns: f64,
    /// Of a signature with a wrong first byte, and with a wrong last one.
    wrong_ns: Option<(f64, f64)>,
}

impl Row {
    fn measure(signed: &Signed) -> Result<Row> {
        let bare = Bare::of(signed)?;
        ensure!(bare.is_right(&signed.asked), "the bare cryptography makes another signature");
        signed.verdict(&signed.asked)?;
        let url = read_by_door(signed)?;
        let [bare_ns, verdict_ns] =
            by_turns([&mut || bare.compute(), &mut || verdict(signed, &signed.asked, url.as_ref())]);
        let wrong_ns = bare.wrong(&signed.asked).map(|(first, last)| {
            let [first, last] =
                by_turns([&mut || verdict(signed, &first, None), &mut || verdict(signed, &last, None)]);
            (first, last)
        });
        Ok(Row { id: signed.id.clone(), scheme: signed.scheme, bare_ns, verdict_ns, wrong_ns })
    }

    fn ratio(&self) -> f64 {
        self.bare_ns / self.verdict_ns
    }

    fn target(&self) -> f64 {
        if self.scheme == Scheme::Native { NATIVE_RATIO } else { OTHER_RATIO }
    }

    fn is_met(&self) -> bool {
        self.ratio() >= self.target()
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.is_met() { "met" } else { "MISSED" };
        let (bare, verdict, ratio, target) = (self.bare_ns, self.verdict_ns, self.ratio(), self.target());
        write!(f, "{:<24} {bare:>7.0} ns {verdict:>7.0} ns {ratio:>7.2} {target:>8.1}  ", self.id)?;
        match self.wrong_ns {
            Some((first, last)) => write!(f, "{:+.0} ns of {last:.0}  {word}", first - last),
            None => write!(f, "{word}"),
        }
    }
}

/// The URL as its door hands it on: on native routes it is read before, since its parts are needed whether it is signed or
/// not. What comes to a mount or with a token in its path is handed on raw.
fn read_by_door(signed: &Signed) -> Result<Option<DeliveryUrl>> {
    let target = &signed.asked.target;
    let is_native = Scheme::NATIVE_ROUTES.contains(signed.scheme)
        && signed.scheme != Scheme::Cloudimage
        && !target.starts_with("/bcdn_token=");
    Ok(is_native.then(|| DeliveryUrl::parse(target)).transpose()?)
}

/// One verdict, whatever it is.
fn verdict(signed: &Signed, asked: &Asked, url: Option<&DeliveryUrl>) {
    let verifier = signed.verifier();
    if let Some(form) = asked.form() {
        drop(black_box(verify_form(black_box(&form), &verifier, signed.now)));
        return;
    }
    let request = asked.request();
    let request = match url {
        Some(url) => Request { target: Target::Delivery(url), ..request },
        None => request,
    };
    drop(black_box(verify_request(black_box(&request), &verifier, signed.now)));
}

/// What reading the URL of a delivery costs, which public ones pay as well.
fn parsing() -> Result<()> {
    let all = Signed::all();
    let target = &all.first().context("a request")?.asked.target;
    let [read_ns] = by_turns([&mut || drop(black_box(DeliveryUrl::parse(black_box(target))))]);
    println!("reading the URL of a native delivery, signed or not: {read_ns:.0} ns");
    Ok(())
}

/// The best turn of each, in nanoseconds per call. The turns are short and alternate, so that a neighbour who takes the core
/// for a while spoils some of both and the best of none.
fn by_turns<const N: usize>(mut works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let calls = works.each_mut().map(|work| calls_of_a_turn(*work));
    let mut best = [f64::INFINITY; N];
    for _ in 0..TURNS {
        for (index, work) in works.iter_mut().enumerate() {
            let begin = Instant::now();
            (0..calls[index]).for_each(|_| work());
            best[index] = best[index].min(begin.elapsed().as_nanos() as f64 / f64::from(calls[index]));
        }
    }
    best
}

/// How many calls fill a turn.
fn calls_of_a_turn(work: &mut dyn FnMut()) -> u32 {
    let mut calls = 1;
    loop {
        let begin = Instant::now();
        (0..calls).for_each(|_| work());
        if begin.elapsed() >= TURN {
            return calls;
        }
        calls *= 2;
    }
}
