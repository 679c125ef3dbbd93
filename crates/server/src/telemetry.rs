//! Where log lines and traces go, and how lines look.

mod lines;
mod traces;

use std::io::IsTerminal as _;
use std::time::Instant;

use anyhow::Context as _;
use server::config::{Config, LogFormat};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use self::traces::Traces;

/// What libraries say of themselves is no news: above all, a stranger's broken request is no error of this server, and
/// must not fill its log; and what is signed for a storage is nobody's to read. Who wants it names it in `DARKROOM_LOG`.
/// `span` are the spans for a collector of traces: the log knows requests by their id.
const QUIET: [(&str, &str); 9] = [
    ("actix_http", "off"),
    ("actix_server", "warn"),
    ("aws_config", "info"),
    ("aws_runtime", "info"),
    ("aws_sdk_s3", "info"),
    ("aws_sigv4", "info"),
    ("aws_smithy_runtime", "info"),
    ("hyper", "info"),
    ("span", "off"),
];

/// What was started; to be ended, so that no trace is lost.
pub(crate) struct Telemetry {
    traces: Option<Traces>,
}

/// Starts logging to standard error, by the configuration, and traces where `OTEL_…` names a collector.
pub(crate) fn start(config: &Config) -> anyhow::Result<Telemetry> {
    let filter = filter(&config.log).with_context(|| format!("DARKROOM_LOG: '{}'", config.log))?;
    let on_terminal = std::io::stderr().is_terminal();
    let pretty = config.log_format.map_or(on_terminal, |format| format == LogFormat::Pretty);
    let colours = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|wish| wish.is_empty());
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = if pretty {
        lines.with_target(false).fmt_fields(lines::Fields).boxed()
    } else {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    };
    let traces = Traces::from_environment()?;
    let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
    // A layer that is absent is not put there either: it would let every span through, and each hit would be watched for
    // nobody.
    let started = match &traces {
        Some(traces) => registry.with(traces.layer()).try_init(),
        None => registry.try_init(),
    };
    started.context("logging cannot be started")?;
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what is not sent yet, until that moment or a little longer.
    pub(crate) async fn end(self, until: Instant) {
        if let Some(traces) = self.traces {
            traces.end(until).await;
        }
    }
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
        assert!(wished.contains("actix_http=debug") && !wished.contains("actix_http=off"), "{wished}");
        assert!(filter("a=b=c").is_err());
    }
}
