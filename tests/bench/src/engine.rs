//! The engine beside other programs on their own tasks, each on one core of its own: images a second, the most memory,
//! bytes and score (SSIMULACRA2 against the whole original, resized in linear light).
//!
//! Ours renders at its usual quality. Each other program gets the lowest quality whose bytes are no fewer than ours, so
//! that ours stands at equal or fewer bytes; its score is then to be no higher. Interleaved rounds, the best of each:
//! what else runs on a machine only adds.

pub(crate) mod crowd;
mod lines;
mod peer;
mod task;

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;

pub(crate) use lines::{as_png, serve as serve_lines};
use peer::{Peer, Wish};
use task::{Goal, Task};

use crate::{median, verdict};

const ROUNDS: usize = 9;
/// Rounds where one takes seconds.
const FEW_ROUNDS: usize = 2;
/// What takes longer is measured in few rounds, in milliseconds.
const LONG_MS: f64 = 700.0;
/// A score moves by about so much between two encodings of equal worth.
const SCORE_SLACK: f64 = 0.3;
/// The quality that ours is asked for: its default.
const QUALITY: u32 = 80;

/// What one program made of a task.
struct Made {
    name: String,
    quality: u32,
    ms: f64,
    mib: Option<f64>,
    bytes: usize,
    score: f64,
}

pub(crate) fn run(_binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut sharp = Peer::sharp()?;
    let tasks = task::all(folder.path(), &mut sharp)?;
    let mut others = vec![sharp, Peer::vips(), Peer::pillow()?, Peer::oximg(folder.path())?];
    let mut ours = Peer::ours()?;
    println!("| task | program | quality | ms | images/s and core | peak MiB | bytes | score |");
    println!("|---|---|---|---|---|---|---|---|");
    let (mut ratios, mut qualities) = (Vec::new(), Qualities::new());
    for task in &tasks {
        let made = measure(task, &mut ours, &mut others, &mut qualities)?;
        made.iter().for_each(|made| println!("| {} | {made} |", task.label));
        ratios.push((task, judge(task, &made)));
    }
    println!();
    for (task, ratio) in &ratios {
        let target = task.goal.least();
        verdict(
            &format!("{}, ours against the best", task.label),
            *ratio,
            " x",
            *ratio >= target,
            &format!("at least {target}"),
        );
    }
    let first = ratios.iter().filter(|(task, _)| task.goal == Goal::FirstTime).map(|(_, ratio)| *ratio);
    let middle = median(first.collect());
    verdict("the middle of those rendered for the first time", middle, " x", middle >= 1.5, "at least 1.5");
    Ok(())
}

/// The lowest quality of each program at each task, once it is known: a working copy of ours changes nothing for others.
type Qualities = HashMap<(String, String), u32>;

/// Ours and every other program that writes the format, at settings of about equal bytes.
fn measure(
    task: &Task,
    ours: &mut Peer,
    others: &mut [Peer],
    qualities: &mut Qualities,
) -> Result<Vec<Made>> {
    let wish = task.wish(QUALITY);
    let (_, bytes) = ours.render(&wish)?;
    let mut subjects = vec![(ours, wish)];
    for other in others.iter_mut().filter(|other| other.writes(&task.format)) {
        let known = (other.name.clone(), task.picture());
        let quality = match qualities.get(&known) {
            _ if task.goal == Goal::SameSetting => QUALITY,
            Some(quality) => *quality,
            None => quality_for(other, task, bytes.len())?,
        };
        if task.goal != Goal::SameSetting {
            qualities.insert(known, quality);
        }
        let wish = task.wish(quality);
        subjects.push((other, wish));
    }
    let mut best = vec![f64::INFINITY; subjects.len()];
    for round in 0..ROUNDS {
        for ((subject, wish), best) in subjects.iter_mut().zip(&mut best) {
            if round < FEW_ROUNDS || *best < LONG_MS {
                *best = best.min(subject.render(wish)?.0);
            }
        }
    }
    let tell = |((subject, wish), ms): (&mut (&mut Peer, Wish), f64)| -> Result<Made> {
        let (_, bytes) = subject.render(wish)?;
        let mib = subject.peak_mib(wish)?;
        let (name, quality, score) = (subject.name.clone(), wish.quality, task.score(&bytes)?);
        Ok(Made { name, quality, ms, mib, bytes: bytes.len(), score })
    };
    subjects.iter_mut().zip(best).map(tell).collect()
}

/// The lowest quality of a program whose bytes are no fewer than these; its highest where there is none.
fn quality_for(other: &mut Peer, task: &Task, bytes: usize) -> Result<u32> {
    if task.format == "png" {
        return Ok(QUALITY);
    }
    let (mut low, mut high) = (30, 98);
    while low < high {
        let middle = (low + high) / 2;
        if other.render(&task.wish(middle))?.1.len() >= bytes { high = middle } else { low = middle + 1 }
    }
    Ok(low)
}

/// How many times as fast as the fastest other; says where another picture is finer than ours.
fn judge(task: &Task, made: &[Made]) -> f64 {
    let Some((ours, others)) = made.split_first() else { return f64::NAN };
    for other in others.iter().filter(|other| other.score > ours.score + SCORE_SLACK) {
        let (by, bytes) = (other.score - ours.score, other.bytes as f64 / ours.bytes as f64);
        println!("{}: {} scores {by:.1} higher with {bytes:.2} of our bytes", task.label, other.name);
    }
    // AVIF beside whoever tries as hard for few bytes: its speed beside quick encoders is that of `compression=fast`.
    let counts = |other: &&Made| task.goal != Goal::Avif || other.name == "sharp";
    others.iter().filter(counts).map(|other| other.ms / ours.ms).fold(f64::INFINITY, f64::min)
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Made { name, quality, ms, mib, bytes, score } = self;
        let mib = mib.map_or_else(|| "–".to_owned(), |mib| format!("{mib:.0}"));
        write!(f, "{name} | {quality} | {ms:.1} | {:.1} | {mib} | {bytes} | {score:.1}", 1000.0 / ms)
    }
}
