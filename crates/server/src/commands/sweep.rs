//! `darkroom sweep`: removes what deleted images left, objects without a row, and renditions that are too many.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use domain::Clock;
use server::Config;

/// Removes what deleted images left, objects without a row, and renditions that are too many.
#[derive(Debug, Args)]
pub(super) struct Sweep {
    /// Only objects without a row of at least this age are removed: an upload that runs has no row yet
    #[arg(long, default_value = "24h", value_parser = super::duration)]
    min_age: Duration,
}

/// Sweeps and tells what went.
pub(super) async fn run(sweep: &Sweep, config: &Config) -> anyhow::Result<ExitCode> {
    let swept = server::open_jobs(config, Clock::system()).await?.sweep(sweep.min_age).await?;
    say!("{} removed images and {} objects without a row are swept.", swept.removals, swept.orphans);
    say!(
        "{} renditions were found that no row knew of; {} were removed to keep to the budget.",
        swept.found_renditions,
        swept.removed_renditions
    );
    say!("{} rows were past their time.", swept.expired);
    Ok(ExitCode::SUCCESS)
}
