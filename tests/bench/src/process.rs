//! What Linux tells of a process: memory, processor time, which cores it may use.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// A line of `/proc/PID/status` in MiB: `VmRSS` is what it holds, `VmHWM` the most that it held.
pub(crate) fn memory_mib(pid: u32, line: &str) -> Result<f64> {
    mib(&format!("/proc/{pid}/status"), line)
}

fn mib(file: &str, line: &str) -> Result<f64> {
    let text = std::fs::read_to_string(file)?;
    let kib = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib = kib.with_context(|| format!("{line} stands in {file}"))?;
    Ok(kib.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Forgets the most that it held so far.
pub(crate) fn reset_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the peak is forgotten")
}

/// [`reset_peak`] of a process and its children.
pub(crate) fn reset_family_peak(pid: u32) -> Result<()> {
    family(pid).into_iter().try_for_each(reset_peak)
}

/// The sum of the most that a process and each of its children held, in MiB; they need not have held it at once. What they
/// share, their program, counts once.
pub(crate) fn family_peak_mib(pid: u32) -> Result<f64> {
    let own = |pid| {
        let share = mib(&format!("/proc/{pid}/smaps_rollup"), "Pss_File")?;
        Ok(memory_mib(pid, "VmHWM")? - memory_mib(pid, "RssFile")? + share)
    };
    family(pid).into_iter().map(own).sum()
}

/// A process and its children.
fn family(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    std::iter::once(pid).chain(children).collect()
}

/// Processor time of all threads that a process and its children have, in seconds.
pub(crate) fn cpu_s(pid: u32) -> Result<f64> {
    family(pid).into_iter().map(own_cpu_s).sum()
}

fn own_cpu_s(pid: u32) -> Result<f64> {
    let mut all_ns = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the two calls.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        all_ns += text.split_whitespace().next().context("a time")?.parse::<f64>()?;
    }
    Ok(all_ns / 1e9)
}

/// A command of a program that may use these cores only, or any.
pub(crate) fn on_cores(program: &Path, cores: Option<&str>) -> Command {
    let Some(cores) = cores else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program);
    command
}
