//! Clients that fetch all the while something is taken back: what they were given before, and what they are never
//! given again.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::{Duration, Instant};

use super::{TestServer, eventually};

/// Within this, what was taken back is refused everywhere.
const OBEYED_WITHIN: Duration = Duration::from_secs(1);

/// For what a busy machine needs its time for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches a path without a pause; in the middle of it takes something back. Whatever is asked for a second later is
/// `refused`, nothing after the first refusal is anything else, and before that every answer was 200. Returns the last
/// answer's reason.
pub(crate) async fn while_fetching(
    server: &TestServer,
    path: &str,
    refused: u16,
    take_back: impl Future<Output = ()>,
) -> Option<String> {
    let (enough, seen, reason) = (Cell::new(false), RefCell::new(Vec::new()), RefCell::new(None));
    let taken_back = Cell::new(None::<Instant>);
    let fetching = async {
        while !enough.get() {
            let is_late = is_late(taken_back.get());
            let reply = server.get(path).await;
            assert!(reply.status == refused || !is_late, "asked for a second later: {reply}");
            seen.borrow_mut().push(reply.status);
            *reason.borrow_mut() = reply.header("x-image-auth").map(str::to_owned);
        }
    };
    let so_far = || seen.borrow().len();
    let acting = async {
        eventually("twenty answers", PATIENCE, || async { so_far() >= 20 }).await;
        take_back.await;
        taken_back.set(Some(Instant::now()));
        let what = format!("the answer {refused}");
        eventually(&what, PATIENCE, || async { seen.borrow().last() == Some(&refused) }).await;
        let then = so_far();
        eventually("twenty more answers", PATIENCE, || async { so_far() >= then + 20 }).await;
        enough.set(true);
    };
    tokio::join!(fetching, acting);
    let seen = seen.into_inner();
    let turn = seen.iter().position(|&status| status != 200).unwrap();
    assert!(seen[turn..].iter().all(|&status| status == refused), "{:?}", &seen[turn..]);
    reason.into_inner()
}

/// Whether what is asked for now is asked for so late that it must be refused.
fn is_late(taken_back: Option<Instant>) -> bool {
    taken_back.is_some_and(|at| at.elapsed() > OBEYED_WITHIN)
}

/// The same by many clients at once, `clients` on each of the servers: whatever is asked for later than a second after
/// `take_back` is done is `refused`, and each client sees that. Says how many answers there were, and how long after
/// `take_back` the last one was asked for that still had the bytes.
pub(crate) async fn while_many_fetch(
    servers: &[&TestServer],
    clients: usize,
    path: &str,
    refused: u16,
    take_back: impl Future<Output = ()>,
) -> (usize, Duration) {
    let (taken_back, answers) = (Cell::new(None::<Instant>), Cell::new(0_usize));
    let last_bytes_after = Cell::new(Duration::ZERO);
    let fetch = async |server: &TestServer| {
        let mut late = 0;
        while late < 3 {
            let (is_late, after) = (is_late(taken_back.get()), taken_back.get().map(|at| at.elapsed()));
            let reply = server.get(path).await;
            answers.set(answers.get() + 1);
            assert!(reply.status == refused || (reply.status == 200 && !is_late), "late: {is_late}, {reply}");
            late += usize::from(is_late);
            if reply.status == 200 {
                last_bytes_after.set(last_bytes_after.get().max(after.unwrap_or_default()));
            }
        }
    };
    let all = servers.iter().flat_map(|server| std::iter::repeat_n(*server, clients));
    let fetching = futures_util::future::join_all(all.map(fetch));
    let acting = async {
        let wanted = 2 * clients * servers.len();
        let begun = || async { answers.get() >= wanted };
        eventually("two answers to each client", PATIENCE, begun).await;
        take_back.await;
        taken_back.set(Some(Instant::now()));
    };
    tokio::join!(fetching, acting);
    (answers.get(), last_bytes_after.get())
}
