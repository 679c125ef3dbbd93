//! Where log lines go and how they look.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use server::config::{Config, LogFormat};
use tracing_subscriber::EnvFilter;

/// What the HTTP library says of itself is no news: above all, a stranger's broken request is no error of this server,
/// and must not fill its log. Who wants it names it in `DARKROOM_LOG`.
const QUIET: [(&str, &str); 2] = [("actix_http", "off"), ("actix_server", "warn")];

/// Starts logging to standard error, by the configuration.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    let filter = filter(&config.log).with_context(|| format!("DARKROOM_LOG: '{}'", config.log))?;
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

fn filter(wanted: &str) -> anyhow::Result<EnvFilter> {
    let mut filter = EnvFilter::try_new(wanted)?;
    for (part, level) in QUIET.into_iter().filter(|(part, _)| !wanted.contains(part)) {
        filter = filter.add_directive(format!("{part}={level}").parse()?);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_requests_of_strangers_are_logged_only_where_that_is_wished() {
        let text = |wanted: &str| filter(wanted).unwrap().to_string();
        assert!(text("info").contains("actix_http=off"));
        assert!(text("trace").contains("actix_http=off"));
        let wished = text("info,actix_http=debug");
        assert!(wished.contains("actix_http=debug") && !wished.contains("off"), "{wished}");
        assert!(filter("a=b=c").is_err());
    }
}
