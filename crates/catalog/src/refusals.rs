//! Refusals by a limit, in the metrics. A limit is known by name at any floor; who tells it to a client counts it.

use domain::Fault;

/// Counts a refusal, where it is one of a limit. Whichever door tells it calls this, once.
pub fn count_refusal(fault: &dyn Fault) {
    if let Some(limit) = fault.limit() {
        metrics::counter!("darkroom_limit_refusals_total", "limit" => limit.name).increment(1);
    }
}
