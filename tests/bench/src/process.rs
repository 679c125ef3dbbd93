//! What Linux tells of a process: memory, processor time, which cores it may use.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

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

/// Processor time of a process and its children that still run, in seconds.
pub(crate) fn cpu_s(pid: u32) -> Result<f64> {
    let mut all = vec![pid];
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    all.into_iter().map(own_cpu_s).sum()
}

fn own_cpu_s(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a name in brackets")?.1;
    let ticks: Vec<f64> =
        after_name.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    // The unit is always a hundredth of a second to programs (USER_HZ).
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// Lets a process with its children use these cores only.
pub(crate) fn pin(pid: u32, cores: &str) -> Result<()> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for pid in std::iter::once(pid.to_string()).chain(children.split_whitespace().map(str::to_owned)) {
        let done = Command::new("taskset").args(["-apc", cores, &pid]).output()?.status.success();
        ensure!(done, "taskset {cores} {pid}");
    }
    Ok(())
}
