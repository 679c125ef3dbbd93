//! What Linux tells of a process: memory, processor time, which cores it may use.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// A line of `/proc/PID/status` in MiB: `VmRSS` is what it holds, `VmHWM` the most that it held.
pub(crate) fn memory_mib(pid: u32, line: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))
        .context("the line is there")?;
    Ok(kib.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Forgets the most that it held so far.
pub(crate) fn reset_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the peak is forgotten")
}

/// Processor time of all threads that a process and its children have, in seconds.
pub(crate) fn cpu_s(pid: u32) -> Result<f64> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children).map(own_cpu_s).sum()
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
