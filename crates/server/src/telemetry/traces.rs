//! Traces for a collector, by OTLP over HTTP with protobuf. Started only where `OTEL_EXPORTER_OTLP_ENDPOINT` (or
//! `…_TRACES_ENDPOINT`) names one; the library reads the other `OTEL_…` names by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// Bytes of a collector's answer that are read: it says little.
const MAX_ANSWER_BYTES: usize = 65_536;

/// How long the last traces may take at a stop: at least so long, also where its time is over, and at most.
const LAST_CHANCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// How long one sending may take where `OTEL_EXPORTER_OTLP_TIMEOUT` says nothing, as OpenTelemetry defines it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The way to the collector.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// By the environment; none where it names no collector.
    pub(super) fn from_environment() -> anyhow::Result<Option<Traces>> {
        if !is_wished(|name| std::env::var(name).ok()) {
            return Ok(None);
        }
        let timeout = of_traces("TIMEOUT", |name| std::env::var(name).ok())
            .and_then(|text| text.parse().ok())
            .map_or(TIMEOUT, Duration::from_millis);
        check_protocol(of_traces("PROTOCOL", |name| std::env::var(name).ok()).as_deref())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Sender::new(timeout)?)
            .build()
            .context("OTEL_EXPORTER_OTLP_…: traces cannot be sent")?;
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let tracer = provider.tracer("darkroom");
        Ok(Some(Traces { provider, tracer }))
    }

    /// Takes the spans that are made for collectors, and no line of the log.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.tracer.clone())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == "span"))
    }

    /// Sends what is left, until that moment or for a last chance.
    pub(super) async fn end(self, until: Instant) {
        let length = until.saturating_duration_since(Instant::now()).clamp(LAST_CHANCE.0, LAST_CHANCE.1);
        let sent = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(length));
        if !matches!(sent.await, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// Whether the environment names a collector and does not take it back.
fn is_wished(read: impl Fn(&str) -> Option<String>) -> bool {
    let named = of_traces("ENDPOINT", &read).is_some();
    let disabled = read("OTEL_SDK_DISABLED").is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    let elsewhere = read("OTEL_TRACES_EXPORTER").is_some_and(|text| !matches!(text.trim(), "" | "otlp"));
    named && !disabled && !elsewhere
}

/// A setting of the exporter: the one for traces, else the one for everything. Empty is not set.
fn of_traces(name: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let full = [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
    full.iter().filter_map(|name| read(name)).map(|text| text.trim().to_owned()).find(|text| !text.is_empty())
}

fn check_protocol(protocol: Option<&str>) -> anyhow::Result<()> {
    match protocol {
        None | Some("http/protobuf") => Ok(()),
        Some(other) => bail!(
            "OTEL_EXPORTER_OTLP_PROTOCOL: '{other}' is not built in; traces go out as http/protobuf (port 4318 of most collectors)"
        ),
    }
}

/// Who sends: `darkroom`, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say otherwise.
fn resource() -> Resource {
    let attributes = std::env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty())
        || attributes.contains("service.name=");
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    if named { resource.build() } else { resource.with_service_name("darkroom").build() }
}

/// Sends over the same client and the same TLS as the storage does. The library calls from a thread of its own, the
/// work is done in our runtime.
#[derive(Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    timeout: Duration,
    /// Whether the last sending failed: the log tells it once, not every five seconds.
    failing: Arc<AtomicBool>,
}

impl Sender {
    fn new(timeout: Duration) -> anyhow::Result<Sender> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring())
            .context("the certificates of this machine cannot be read")?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Sender { client, runtime: Handle::current(), timeout, failing: Arc::default() })
    }

    fn note(&self, failure: Option<&str>) {
        let failing = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !failing => tracing::warn!(error, "traces cannot be sent"),
            None if failing => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, timeout) = (self.client.clone(), self.timeout);
        // The timer too is made in there: out here is no runtime.
        let sending = self
            .runtime
            .spawn(async move { tokio::time::timeout(timeout, send(client, request.map(Full::new))).await });
        let answer = match sending.await? {
            Ok(answer) => answer,
            Err(_) => Err("the collector did not answer in time".into()),
        };
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(answer.status().as_str())),
            Err(error) => self.note(Some(&error.to_string())),
        }
        answer
    }
}

async fn send(
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (head, body) = client.request(request).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

fn ring() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_start_only_where_a_collector_is_named() {
        let wished = |pairs: &[(&str, &str)]| {
            is_wished(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(wished(&[endpoint]));
        assert!(wished(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")]));
        assert!(!wished(&[]));
        assert!(!wished(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]));
        assert!(!wished(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]));
        assert!(!wished(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]));
        assert!(wished(&[endpoint, ("OTEL_TRACES_EXPORTER", "otlp")]));
    }

    #[test]
    fn a_protocol_that_is_not_built_in_is_named_at_the_start() {
        assert!(check_protocol(None).is_ok() && check_protocol(Some("http/protobuf")).is_ok());
        let refused = check_protocol(Some("grpc")).unwrap_err().to_string();
        assert!(refused.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && refused.contains("http/protobuf"));
    }
}
