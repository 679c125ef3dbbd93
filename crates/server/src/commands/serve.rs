//! `darkroom serve`: starts, tells where it is, stops on a signal.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::Clock;
use server::Server;
use server::config::Effective;
use tokio::signal::unix::{SignalKind, signal};

use crate::telemetry;

/// Runs the server until SIGTERM or SIGINT; a second signal stops it at once.
pub(super) async fn run(effective: Effective) -> anyhow::Result<ExitCode> {
    let telemetry = telemetry::start(&effective.config)?;
    for warning in &effective.warnings {
        tracing::warn!("{warning}");
    }
    let config = effective.config;
    warn_of_openings(&config);
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be listened for")?;
    let public_url = config.public_url.clone();
    let patience = Duration::from_secs(config.shutdown_timeout_s);
    let server =
        Server::start(config, Clock::system(), |address| say!("Open {address} to create the first admin."))
            .await?;
    let address = server.address();
    say!("Darkroom listens on {address}. Dashboard: {}/", public_url.unwrap_or(format!("http://{address}")));
    if let Some(address) = server.metrics_address() {
        say!("Metrics: http://{address}/metrics");
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: what runs is finished, what is new is refused");
    let until = Instant::now() + patience;
    let stop = async {
        server.stop().await;
        telemetry.end(until).await;
    };
    tokio::select! {
        () = stop => tracing::info!("stopped"),
        _ = terminate.recv() => std::process::exit(1),
        _ = interrupt.recv() => std::process::exit(1),
    }
    Ok(ExitCode::SUCCESS)
}

fn warn_of_openings(config: &server::Config) {
    if !config.bind.ip().is_loopback() && config.public_url.is_none() {
        tracing::warn!(
            "listening beyond this machine without DARKROOM_PUBLIC_URL: delivery URLs will name {}",
            config.bind
        );
    }
    if config.trusted_proxies.is_empty() {
        tracing::warn!(
            "no DARKROOM_TRUSTED_PROXIES: limits by address alone are off for loopback and private addresses"
        );
    }
}
