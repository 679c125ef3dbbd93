//! Where log lines go and how they look.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use server::config::{Config, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error, by the configuration.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(&config.log).with_context(|| format!("DARKROOM_LOG: '{}'", config.log))?;
    let pretty = match config.log_format {
        Some(format) => format == LogFormat::Pretty,
        None => std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if pretty {
        lines.with_target(false).init();
    } else {
        lines.json().flatten_event(true).init();
    }
    Ok(())
}
