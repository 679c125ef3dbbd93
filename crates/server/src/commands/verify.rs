//! `darkroom verify`: what the server would say to a delivery URL, and why.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::ExitCode;

use clap::Args;
use domain::{Clock, Fault, Timestamp};
use server::Config;
use signing::{DeliveryUrl, Explanation, Request, Target};

/// Says whether a delivery URL is accepted; exits with 1 where it is refused.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A delivery URL, or its path with its query
    url: String,
    /// Tell the signed text, each check and the first thing to do
    #[arg(long)]
    explain: bool,
    /// The address that asks
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// The page that embeds it
    #[arg(long, value_name = "URL")]
    referer: Option<String>,
    /// The cookies that are sent, as in a Cookie header
    #[arg(long, value_name = "COOKIES")]
    cookie: Option<String>,
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
    let headers = verify.headers();
    let request = Request { headers: &headers, client_ip: verify.ip, ..Request::get(Target::Delivery(&url)) };
    let is_signed = url.has_signature() || verify.cookie.is_some();
    let rights = catalog.rights_of(&url, is_signed).await?;
    if verify.explain {
        match rights.explain_request(&url, &request, now) {
            Some(explanation) => print(&explanation),
            None => say!("No account has the hash '{}'.", url.account()),
        }
    }
    match rights.admit_request(&url, &request, now) {
        Ok(admission) => {
            let end = admission.signed.and_then(|signed| signed.expires_s).map(Timestamp::from_seconds);
            say!("accepted{}", end.map_or_else(String::new, |end| format!(", until {}", end.to_rfc3339())));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(refused(&error)),
    }
}

impl Verify {
    fn headers(&self) -> BTreeMap<String, String> {
        let named = |name: &str, value: &Option<String>| Some((name.to_owned(), value.clone()?));
        [named("referer", &self.referer), named("cookie", &self.cookie)].into_iter().flatten().collect()
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
