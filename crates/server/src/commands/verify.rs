//! `darkroom verify`: what the server would say to a URL, and why: a delivery URL of ours, one of a mount, or one of an
//! original in storage's form.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::ExitCode;

use catalog::{Error, Explained, Shown};
use clap::Args;
use domain::{Clock, Fault, Timestamp};
use server::Config;
use signing::{Explanation, Verified};

/// Says whether a URL is accepted; exits with 1 where it is refused.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A URL, or its path with its query
    url: String,
    /// Tell the scheme, the key, the signed text, each check and the first thing to do
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
    /// Another header that is sent; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The method that is asked with, such as HEAD, or PUT in storage's form [default: GET]
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// The host as visitors name it; that of the URL where it is not given
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

/// Verifies by the same code that answers browsers.
pub(super) async fn run(verify: &Verify, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    let url = verify.whole_url(config);
    let explained = catalog.explain(&url, &verify.shown(), Clock::system().now()).await?;
    if verify.explain {
        print(&explained);
    }
    match &explained.outcome {
        Ok(verified) => {
            say!("accepted{}", until(verified.as_ref()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if let (true, None, Error::Signature(unread)) = (verify.explain, &explained.explanation, error) {
                say!("first: {}", unread.advice());
            }
            Ok(refused(error))
        }
    }
}

impl Verify {
    /// A path alone is asked for where delivery is.
    fn whole_url(&self, config: &Config) -> String {
        let url = self.url.trim();
        match config.delivery_url.as_ref().or(config.public_url.as_ref()) {
            Some(base) if url.starts_with('/') => format!("{base}{url}"),
            _ => url.to_owned(),
        }
    }

    fn shown(&self) -> Shown {
        let named = |name: &str, value: &Option<String>| Some((name.to_owned(), value.clone()?));
        let named = [named("referer", &self.referer), named("cookie", &self.cookie)];
        let headers: BTreeMap<String, String> =
            self.header.iter().cloned().chain(named.into_iter().flatten()).collect();
        Shown {
            method: self.method.as_ref().map(|method| method.to_ascii_uppercase()),
            host: self.host.clone(),
            is_https: None,
            address: self.ip,
            headers,
        }
    }
}

/// Reads a header as it stands in a request, its name in lower case.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written as 'NAME: VALUE'")?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a header's name has printable characters only".into());
    }
    Ok((name, value.trim().to_owned()))
}

fn until(verified: Option<&Verified>) -> String {
    match verified {
        None => ": it needs no signature".into(),
        Some(Verified { expires_s: None, .. }) => String::new(),
        Some(Verified { expires_s: Some(end_s), .. }) => {
            format!(", until {}", Timestamp::from_seconds(*end_s).to_rfc3339())
        }
    }
}

fn refused(fault: &dyn Fault) -> ExitCode {
    let problem = fault.problem();
    let reason = fault.reason().map_or_else(String::new, |reason| format!(" {reason}"));
    say!("refused{reason} (status {}, code {}): {fault}", problem.status(), problem.delivery_code());
    ExitCode::from(1)
}

fn print(explained: &Explained) {
    say!("address: {}", explained.route.word());
    if let Some(image) = &explained.image {
        let here = if explained.is_here { "" } else { ", which is not there" };
        say!("image: {image}{here}");
    }
    if let Some(variant) = &explained.variant {
        say!("variant or options: {variant}");
    }
    match &explained.explanation {
        Some(explanation) if is_judged(explained, explanation) => print_signature(explanation, explained),
        Some(_) => say!("signature: none is there, and none is needed"),
        None if explained.account.is_none() => say!("account: none here has this URL"),
        None => {}
    }
}

/// Whether there is something to say of a signature: one is there, or one is missing.
fn is_judged(explained: &Explained, explanation: &Explanation) -> bool {
    let is_absent =
        matches!(explanation.verdict, Err(signing::Error::MissingSignature | signing::Error::SchemeDisabled));
    explained.outcome.is_err() || !is_absent
}

fn print_signature(explanation: &Explanation, explained: &Explained) {
    say!("scheme: {}", explanation.scheme.name());
    if let Ok(verified) = &explanation.verdict {
        say!("key: {}", verified.key);
    }
    for text in &explanation.signed_texts {
        say!("signed text: {text}");
    }
    for check in &explanation.checks {
        say!("{} {}: {}", if check.passed { "passed" } else { "FAILED" }, check.name, check.detail);
    }
    if let Some(advice) = explanation.advice.as_ref().filter(|_| explained.outcome.is_err()) {
        say!("first: {advice}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let read = |text: &str| header(text).ok();
        assert_eq!(read("Range: bytes=0-9"), Some(("range".into(), "bytes=0-9".into())));
        assert_eq!(
            read("x-amz-date:20260921T141320Z"),
            Some(("x-amz-date".into(), "20260921T141320Z".into()))
        );
        assert_eq!(read("Referer:"), Some(("referer".into(), String::new())));
        for wrong in ["", "Range", ": x", "a b: c"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
