//! What it costs that pictures are rendered in a process that is shut in: the same renders there and in this process, in
//! turns, and what a worker holds at its work and at rest.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use domain::{AccountId, Hints};
use variant::{Facts, Limits, Options, Originals, Recipe};
use workers::{Config, Inputs, Lane, Sealed, Workers};

use crate::process::{memory_mib, reset_peak};
use crate::{drawn, median, verdict};

const ROUNDS: usize = 25;

/// The area of the original, in megapixels.
const SIDES: (u32, u32) = (4_000, 3_000);

const WISHES: [&str; 3] = ["w=512,f=jpeg", "w=640,f=webp", "w=1600,f=jpeg"];

/// How long a worker rests before its memory is looked at.
const REST: Duration = Duration::from_secs(3);

const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(binary: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(binary))
}

async fn measure(binary: &Path) -> Result<()> {
    let config = Config { program: binary.to_owned(), render_timeout_s: 60, ..Config::default() };
    let workers = Workers::new(config)?;
    let original: Bytes = drawn::photograph(SIDES.0, SIDES.1, 85).into();
    let facts = workers.probe_slot().await?.probe(original.clone()).await?;
    println!("original: JPEG of {} × {}, {} bytes", facts.width, facts.height, original.len());
    println!("missing of the sandbox: {:?}", workers.missing_from_sandbox().await?);
    let mut ratios = Vec::new();
    for wish in WISHES {
        let recipe =
            variant::settle(&Options::parse(wish)?, &facts, None, &Hints::default(), &Limits::default())?;
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (ours, theirs) = (
                in_this_process(&original, &facts, &recipe).await?,
                in_a_worker(&workers, &original, &facts, &recipe).await?,
            );
            // The first of each warms up.
            if round > 0 {
                here.push(ours);
                there.push(theirs);
            }
        }
        let (here, there) = (median(here), median(there));
        println!("{wish}: {here:.1} ms in this process, {there:.1} ms in a worker");
        ratios.push(there / here);
    }
    let ratio = median(ratios);
    verdict("a worker against this process, the middle wish", ratio, " x", ratio <= 1.05, "at most 1.05");
    memory(&workers, &original, &facts).await
}

/// A render here, in milliseconds.
async fn in_this_process(original: &Bytes, facts: &Facts, recipe: &Recipe) -> Result<f64> {
    let (original, facts, recipe) = (original.clone(), facts.clone(), recipe.clone());
    let began = Instant::now();
    let render = move || {
        let originals = Originals::plain(&original, &facts);
        variant::render(&originals, &recipe, &Limits::default(), Instant::now() + DEADLINE)
    };
    tokio::task::spawn_blocking(render).await??;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// The same in a worker, the wait for a slot and all that crosses included. As in the server the original was read to where
/// a worker can read it; in this process it was read elsewhere.
async fn in_a_worker(workers: &Workers, original: &Bytes, facts: &Facts, recipe: &Recipe) -> Result<f64> {
    let mut file = Sealed::blank()?;
    file.write_all(original)?;
    let original = Sealed::of(file)?.into();
    let began = Instant::now();
    let slot = workers.render_slot(Lane::Interactive, &AccountId::random(), facts, &[], recipe).await?;
    let inputs = Inputs { original, facts: facts.clone(), overlays: Vec::new() };
    slot.render(inputs, recipe.clone()).await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// What a worker holds at its work, and after it.
async fn memory(workers: &Workers, original: &Bytes, facts: &Facts) -> Result<()> {
    let tasks = std::fs::read_dir("/proc/self/task")?.flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let list = lists.collect::<Vec<_>>().join(" ");
    let worker: u32 = list.split_whitespace().next().context("a worker")?.parse()?;
    reset_peak(worker)?;
    let options = Options::parse(WISHES[0])?;
    let recipe = variant::settle(&options, facts, None, &Hints::default(), &Limits::default())?;
    in_a_worker(workers, original, facts, &recipe).await?;
    let peak = memory_mib(worker, "VmHWM")?;
    tokio::time::sleep(REST).await;
    println!("a worker: {peak:.1} MiB at its work, {:.1} MiB at rest after it", memory_mib(worker, "VmRSS")?);
    Ok(())
}
