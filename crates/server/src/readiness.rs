//! Whether the server can do its work: database, storage, queue. Probes cost no more than one look a second, and a
//! bucket no more than one every five.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use catalog::Catalog;
use storage::Storage;
use tokio::sync::Mutex;
use workers::Workers;

/// How long one part may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a finding is told again.
const KEEP: Duration = Duration::from_secs(1);

/// The same for storage that is far away: each look at a bucket is three requests that somebody pays for.
const KEEP_FAR: Duration = Duration::from_secs(5);

/// The probe. Clones share what was found.
#[derive(Clone)]
pub(crate) struct Readiness {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    storage: Storage,
    workers: Workers,
    stopping: AtomicBool,
    found: Mutex<Last>,
}

/// What was found last, and when.
#[derive(Default)]
struct Last {
    found: Option<(Instant, Found)>,
    storage: Option<(Instant, &'static str)>,
}

/// One clear word for each part: no address, no secret, nothing that an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    database: &'static str,
    storage: &'static str,
    queue: &'static str,
}

const OK: &str = "ok";

impl Readiness {
    pub(crate) fn new(catalog: Catalog, storage: Storage, workers: Workers) -> Readiness {
        let (stopping, found) = (AtomicBool::new(false), Mutex::default());
        Readiness { inner: Arc::new(Inner { catalog, storage, workers, stopping, found }) }
    }

    /// From now on the server is not ready, so that nobody sends it anything new.
    pub(crate) fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.load(Ordering::Relaxed)
    }

    /// The answer of `/readyz`: 200, or 503 that names the part.
    pub(crate) async fn answer(&self) -> HttpResponse {
        if self.is_stopping() {
            return told("stopping", None);
        }
        let found = self.look().await;
        told(if found.is_ready() { "ready" } else { "not ready" }, Some(found))
    }

    /// Whoever comes while another looks waits for what that one finds.
    async fn look(&self) -> Found {
        let mut last = self.inner.found.lock().await;
        if let Some(found) = fresh(last.found, KEEP) {
            return found;
        }
        let Inner { catalog, storage, workers, .. } = &*self.inner;
        let (database, storage) = tokio::join!(
            within(PATIENCE, catalog.check(), |_| "down"),
            look_at_storage(storage, &mut last.storage)
        );
        let queue = if workers.load().stuck { "stuck" } else { OK };
        let found = Found { database, storage, queue };
        if found.is_news_after(last.found.map(|(_, before)| before)) {
            match found.is_ready() {
                true => tracing::info!("ready again"),
                false => tracing::warn!(database, storage, queue, "not ready"),
            }
        }
        last.found = Some((Instant::now(), found));
        found
    }
}

impl Found {
    fn is_ready(self) -> bool {
        [self.database, self.storage, self.queue] == [OK; 3]
    }

    /// Whether the log is told of it: an outage makes a line where it begins, changes and ends, however often somebody
    /// asks.
    fn is_news_after(self, before: Option<Found>) -> bool {
        before.map_or(!self.is_ready(), |before| before != self)
    }
}

/// What was found within that time.
fn fresh<T>(last: Option<(Instant, T)>, keep: Duration) -> Option<T> {
    last.filter(|(at, _)| at.elapsed() < keep).map(|(_, found)| found)
}

/// The word for the storage, looked at anew where it is time. A look that takes too long is finished all the same.
async fn look_at_storage(storage: &Storage, last: &mut Option<(Instant, &'static str)>) -> &'static str {
    let keep = if storage.is_near() { KEEP } else { KEEP_FAR };
    if let Some(word) = fresh(*last, keep) {
        return word;
    }
    let word = within(PATIENCE, storage.check(), |error| match error {
        storage::Error::Full(_) => "full",
        _ => "down",
    })
    .await;
    *last = Some((Instant::now(), word));
    word
}

/// `ok`, the word for a failure, or `slow`.
async fn within<E>(
    patience: Duration,
    check: impl Future<Output = Result<(), E>>,
    word: impl FnOnce(E) -> &'static str,
) -> &'static str {
    match tokio::time::timeout(patience, check).await {
        Ok(Ok(())) => OK,
        Ok(Err(error)) => word(error),
        Err(_) => "slow",
    }
}

/// The answer of `/healthz`: whoever can say so lives.
pub(crate) fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

fn told(status: &'static str, found: Option<Found>) -> HttpResponse {
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = serde_json::json!({ "status": status });
    if let Some(Found { database, storage, queue }) = found {
        for (part, word) in [("database", database), ("storage", storage), ("queue", queue)] {
            body[part] = word.into();
        }
    }
    HttpResponse::build(code).json(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_does_not_answer_is_slow_and_one_that_fails_has_its_word() {
        assert_eq!(
            within(Duration::ZERO, std::future::pending::<Result<(), ()>>(), |()| "down").await,
            "slow"
        );
        assert_eq!(within(PATIENCE, std::future::ready(Err("x")), |_| "down").await, "down");
        assert_eq!(within(PATIENCE, std::future::ready(Ok::<(), ()>(())), |()| "down").await, OK);
    }

    #[test]
    fn a_finding_is_told_again_until_it_is_old() {
        let found = Some((Instant::now(), "full"));
        assert_eq!(fresh(found, Duration::from_secs(3600)), Some("full"));
        assert_eq!(fresh(found, Duration::ZERO), None);
        assert_eq!(fresh::<&str>(None, KEEP_FAR), None);
    }

    #[tokio::test]
    async fn storage_is_not_looked_at_again_before_its_time() {
        let storage = Storage::memory();
        let mut last = Some((Instant::now(), "slow"));
        assert_eq!(look_at_storage(&storage, &mut last).await, "slow");
        last = None;
        assert_eq!(look_at_storage(&storage, &mut last).await, OK);
        assert_eq!(last.map(|(_, word)| word), Some(OK));
    }

    #[test]
    fn an_outage_is_told_where_it_begins_and_ends() {
        let ready = Found { database: OK, storage: OK, queue: OK };
        let down = Found { database: "down", ..ready };
        let outage = [(ready, false), (down, true), (down, false), (ready, true), (ready, false)];
        let mut before = None;
        for (found, expected) in outage {
            assert_eq!(found.is_news_after(before), expected, "{found:?} after {before:?}");
            before = Some(found);
        }
        assert!(down.is_news_after(None), "at the start");
    }

    #[test]
    fn ready_is_every_part() {
        let found = Found { database: OK, storage: OK, queue: OK };
        assert!(found.is_ready());
        for odd in [
            Found { database: "down", ..found },
            Found { storage: "full", ..found },
            Found { queue: "stuck", ..found },
        ] {
            assert!(!odd.is_ready());
            assert_eq!(told("not ready", Some(odd)).status(), 503);
        }
    }
}
