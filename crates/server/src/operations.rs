//! The address for operators: `/metrics`, and the probes once more. Nothing else is there, and `/metrics` is nowhere
//! else.

use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use actix_web::dev::Server;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use catalog::Catalog;
use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use renditions::Renditions;
use storage::Storage;
use workers::Workers;

use crate::readiness::{Readiness, alive};
use crate::{asked, recorder};

/// Connections that the address takes: some scrapers and probes.
const MAX_CONNECTIONS: usize = 64;

/// How often what was measured is sorted into its buckets where nobody scrapes, so that it does not pile up.
const UPKEEP: Duration = Duration::from_secs(5);

/// The address, bound before anything is made, and the recorder, installed before anything counts.
pub(crate) struct Operations {
    listener: TcpListener,
    recorder: PrometheusHandle,
}

/// Whose numbers are looked up when somebody scrapes.
#[derive(Clone)]
pub(crate) struct Gauged {
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) workers: Workers,
    pub(crate) renditions: Renditions,
}

impl Operations {
    /// Binds the address and installs the recorder.
    pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<Operations> {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("{address} cannot be listened on (DARKROOM_METRICS_BIND)"))?;
        started();
        Ok(Operations { listener, recorder: recorder::install()? })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers scrapes and probes until it is stopped.
    pub(crate) fn serve(self, gauged: Gauged, readiness: Readiness) -> std::io::Result<Server> {
        let Operations { listener, recorder } = self;
        tokio::spawn(keep_up(recorder.clone()));
        let server = HttpServer::new(move || {
            let (gauged, recorder) = (gauged.clone(), recorder.clone());
            let readiness = readiness.clone();
            let ready = move || {
                let readiness = readiness.clone();
                async move { readiness.answer().await }
            };
            App::new()
                .wrap(no_store())
                .service(reading("/metrics").to(move || std::future::ready(page(&gauged, &recorder))))
                .service(reading("/readyz").to(ready))
                .service(reading("/healthz").to(async || alive()))
                .service(reading("/health").to(async || alive()))
        });
        let server = server.workers(1).max_connections(MAX_CONNECTIONS).disable_signals();
        Ok(server.shutdown_timeout(1).listen(listener)?.run())
    }
}

fn reading(path: &str) -> actix_web::Resource {
    use actix_web::guard;
    web::resource(path).guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn no_store() -> actix_web::middleware::DefaultHeaders {
    actix_web::middleware::DefaultHeaders::new()
        .add((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .add((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
}

/// The page, in Prometheus's text form.
fn page(gauged: &Gauged, recorder: &PrometheusHandle) -> HttpResponse {
    gauged.look();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(recorder.render())
}

async fn keep_up(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        recorder.run_upkeep();
    }
}

impl Gauged {
    /// Sets what is known at any moment and therefore counted by nobody.
    fn look(&self) {
        let number = |count: usize| count as f64;
        gauge!("darkroom_requests_in_flight").set(asked::in_flight() as f64);
        let load = self.workers.load();
        gauge!("darkroom_workers").set(number(load.workers));
        gauge!("darkroom_workers_busy").set(number(load.busy));
        gauge!("darkroom_workers_in_background").set(number(load.in_background));
        gauge!("darkroom_worker_processes").set(number(load.processes));
        gauge!("darkroom_queue_length").set(number(load.waiting));
        gauge!("darkroom_background_renders").set(number(self.renditions.background_queued()));
        counter!("darkroom_renders_from_copies_total").absolute(self.renditions.renders_from_copies());
        gauge!("darkroom_memory_cache_bytes").set(self.renditions.memory_bytes() as f64);
        let connections = self.catalog.connections();
        gauge!("darkroom_database_connections", "state" => "used").set(number(connections.used));
        gauge!("darkroom_database_connections", "state" => "idle").set(number(connections.idle));
        let storage::Counts { puts, gets, heads, deletes, lists, .. } = self.storage.counts();
        let kinds = [("put", puts), ("get", gets), ("head", heads), ("delete", deletes), ("list", lists)];
        for (kind, count) in kinds {
            counter!("darkroom_storage_requests_total", "kind" => kind).absolute(count);
        }
        look_at_process();
    }
}

fn look_at_process() {
    gauge!("darkroom_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!("darkroom_process_start_time_seconds").set(started());
    if let Some(bytes) = resident_bytes() {
        gauge!("darkroom_process_resident_memory_bytes").set(bytes as f64);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // The folder itself is open while it is read.
        gauge!("darkroom_process_open_fds").set(open.count().saturating_sub(1) as f64);
    }
}

/// When the first server of this process started, in unix seconds.
fn started() -> f64 {
    static STARTED: OnceLock<f64> = OnceLock::new();
    *STARTED.get_or_init(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64())
    })
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_knows_its_own_memory() {
        assert!(resident_bytes().unwrap() > 1_000_000);
    }
}
