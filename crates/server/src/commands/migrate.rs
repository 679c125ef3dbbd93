//! `darkroom migrate`: brings the database up to date.

use std::process::ExitCode;

use server::Config;

/// Opens the database with migrations on, whatever the configuration says.
pub(super) async fn run(mut config: Config) -> anyhow::Result<ExitCode> {
    config.migrate = true;
    super::catalog(&config).await?;
    say!("The database {} is up to date.", config.database());
    Ok(ExitCode::SUCCESS)
}
