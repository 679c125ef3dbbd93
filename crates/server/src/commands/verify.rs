//! `darkroom verify`: what the server would say to a delivery URL, and why.

use std::process::ExitCode;

use clap::Args;
use domain::{Clock, Fault, Timestamp};
use server::Config;
use signing::{DeliveryUrl, Explanation};

/// Says whether a delivery URL is accepted; exits with 1 where it is refused.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A delivery URL, or its path with its query
    url: String,
    /// Tell the signed text, each check and the first thing to do
    #[arg(long)]
    explain: bool,
}

/// Verifies by the same code that answers browsers.
pub(super) async fn run(verify: &Verify, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    let now = Clock::system().now();
    let url = match DeliveryUrl::parse_url(&verify.url) {
        Ok(url) => url,
        Err(error) => {
            if verify.explain {
                say!("first: {}", error.advice());
            }
            return Ok(refused(&error));
        }
    };
    let rights = catalog.rights(&url).await?;
    if verify.explain {
        match rights.explain(&url, now) {
            Some(explanation) => print(&explanation),
            None => say!("No account has the hash '{}'.", url.account()),
        }
    }
    match rights.admit(&url, now) {
        Ok(admission) => {
            let end = admission.signed.and_then(|signed| signed.expires_s).map(Timestamp::from_seconds);
            say!("accepted{}", end.map_or_else(String::new, |end| format!(", until {}", end.to_rfc3339())));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(refused(&error)),
    }
}

fn refused(fault: &dyn Fault) -> ExitCode {
    let problem = fault.problem();
    let reason = fault.reason().map_or_else(String::new, |reason| format!(" {reason}"));
    say!("refused{reason} (status {}, code {}): {fault}", problem.status(), problem.delivery_code());
    ExitCode::from(1)
}

fn print(explanation: &Explanation) {
    say!("scheme: {}", explanation.scheme.name());
    for text in &explanation.signed_texts {
        say!("signed text: {text}");
    }
    for check in &explanation.checks {
        say!("{} {}: {}", if check.passed { "passed" } else { "FAILED" }, check.name, check.detail);
    }
    if let Some(advice) = &explanation.advice {
        say!("first: {advice}");
    }
}
