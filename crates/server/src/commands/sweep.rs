//! `darkroom sweep`: removes what deleted images left, and objects without a row.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use domain::Clock;
use server::Config;

/// Removes what deleted images left, and objects without a row.
#[derive(Debug, Args)]
pub(super) struct Sweep {
    /// Only objects of at least this age are looked at: an upload that runs has no row yet
    #[arg(long, default_value = "24h", value_parser = super::duration)]
    min_age: Duration,
}

/// Sweeps and tells what went.
pub(super) async fn run(sweep: &Sweep, config: &Config) -> anyhow::Result<ExitCode> {
    let (_catalog, uploads) = server::open_uploads(config, Clock::system()).await?;
    let removed = uploads.finish_removals().await?;
    let orphans = uploads.sweep_orphans(sweep.min_age).await?;
    say!("{removed} removed images and {orphans} objects without a row are swept.");
    Ok(ExitCode::SUCCESS)
}
