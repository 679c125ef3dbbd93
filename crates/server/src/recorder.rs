//! The recorder of metrics and the list of all of them. Every crate counts through the `metrics` facade, which does
//! nothing until this recorder is installed; it is installed only where `DARKROOM_METRICS_BIND` is set.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;

/// What a metric does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It sorts durations into buckets.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its labels. Their values are words of ours: never an image, an account, an address or a path.
    pub labels: &'static [&'static str],
    /// What it tells, for its line of help and for `docs/metrics.md`.
    pub about: &'static str,
}

/// Every metric of the house, in the order of `docs/metrics.md`.
pub const METRICS: &[Metric] = &[
    counter("darkroom_requests_total", &["door", "status"], "requests that were answered"),
    histogram("darkroom_request_seconds", &["door", "status"], "from a request's head to its answer's head"),
    gauge("darkroom_requests_in_flight", &[], "requests that wait for more than memory"),
    gauge("darkroom_connections", &[], "connections that are open"),
    counter("darkroom_renders_total", &["format"], "renditions that were made"),
    histogram(
        "darkroom_render_seconds",
        &["format"],
        "from a slot to a rendition, reading the original included",
    ),
    histogram("darkroom_queue_wait_seconds", &[], "how long work waited for a worker"),
    gauge("darkroom_queue_length", &[], "pieces of work that wait for a worker"),
    gauge("darkroom_workers_busy", &[], "workers that are at work"),
    gauge("darkroom_workers", &[], "workers that there may be"),
    gauge("darkroom_workers_in_background", &[], "more workers that are at work which nobody waits for"),
    gauge("darkroom_worker_processes", &[], "processes of workers that there are, resting ones included"),
    histogram(
        "darkroom_worker_start_seconds",
        &[],
        "until a worker's process has shut itself in and is ready",
    ),
    counter(
        "darkroom_worker_ends_total",
        &["reason"],
        "processes of workers that ended: `old`, `idle`, or because they failed (`died`, `overran`, `panicked`, `gone`)",
    ),
    gauge(
        "darkroom_worker_sandbox",
        &["part"],
        "1 where the kernel has this part of what shuts a worker in, else 0",
    ),
    counter(
        "darkroom_renders_from_copies_total",
        &[],
        "renders that began from a working copy, not the original",
    ),
    counter("darkroom_cache_hits_total", &["cache"], "what was found where it is fastest"),
    counter("darkroom_cache_misses_total", &["cache"], "what had to be read or made"),
    gauge("darkroom_background_renders", &[], "renders in the background that wait or are under way"),
    counter(
        "darkroom_background_put_off_total",
        &["reason"],
        "renders in the background that were put off: `full` where too many wait, for a minute; `failed`, for a minute, \
         then ten, an hour, six; `given_up` after that",
    ),
    gauge("darkroom_memory_cache_bytes", &[], "renditions in memory"),
    counter("darkroom_storage_requests_total", &["kind"], "requests of the storage"),
    counter("darkroom_storage_tries_total", &["kind"], "requests to an S3 server that went over the wire"),
    counter("darkroom_storage_retries_total", &["kind"], "those of them that were tries again"),
    gauge("darkroom_storage_up", &[], "0 while an S3 server is known to be gone, else 1"),
    gauge("darkroom_renditions_at_rest", &[], "renditions in the storage"),
    gauge("darkroom_renditions_at_rest_bytes", &[], "their bytes"),
    counter(
        "darkroom_renditions_removed_total",
        &["reason"],
        "renditions that were removed from the storage",
    ),
    gauge("darkroom_removals_waiting", &[], "removed images whose objects are still there"),
    counter("darkroom_jobs_total", &["kind", "result"], "jobs that were worked on"),
    gauge("darkroom_jobs_waiting", &["kind"], "jobs that wait for their turn"),
    gauge("darkroom_jobs_failing", &["kind"], "jobs that failed and will be tried again"),
    gauge("darkroom_jobs_given_up", &["kind"], "jobs that failed too often"),
    gauge("darkroom_database_connections", &["state"], "connections to the database"),
    counter("darkroom_signature_refusals_total", &["reason"], "delivery URLs refused for their signature"),
    counter("darkroom_limit_refusals_total", &["limit"], "refusals by a limit, by the name of its setting"),
    gauge("darkroom_build_info", &["version"], "always 1"),
    gauge("darkroom_process_start_time_seconds", &[], "when the process began, in unix seconds"),
    gauge("darkroom_process_resident_memory_bytes", &[], "memory of the process that is in use"),
    gauge("darkroom_process_open_fds", &[], "open files and connections of the process"),
];

/// Upper bounds in seconds, one scale for all durations: a hit takes a tenth of a millisecond, a render ten to a
/// thousand. The last three are limits of time as they are by default, so that what met one stands in the bucket behind
/// it: the wait for a worker, a render, a stop.
const BUCKETS_S: [f64; 15] =
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Installs the recorder of this process, once. To be called before anything counts: handles that were made earlier
/// count nothing.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let mut recorder = RECORDER.lock();
    if let Some(handle) = &*recorder {
        return Ok(handle.clone());
    }
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS_S)?;
    let handle = builder.install_recorder().context("the recorder of metrics cannot be installed")?;
    METRICS.iter().for_each(describe);
    IS_ON.store(true, Ordering::Relaxed);
    Ok(recorder.insert(handle).clone())
}

/// Whether anything is counted. Where nothing is, nothing need be measured.
pub(crate) fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

fn describe(metric: &Metric) {
    match metric.kind {
        Kind::Counter => metrics::describe_counter!(metric.name, metric.about),
        Kind::Gauge => metrics::describe_gauge!(metric.name, metric.about),
        Kind::Histogram => metrics::describe_histogram!(metric.name, metric.about),
    }
}

const fn counter(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, about }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, about }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, about }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_unique_and_end_as_the_field_ends_them() {
        let mut names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            let Metric { name, kind, about, .. } = metric;
            assert!(name.starts_with("darkroom_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(*kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(!about.is_empty() && !about.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn buckets_rise() {
        assert!(BUCKETS_S.is_sorted());
    }
}
