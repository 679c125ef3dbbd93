//! Clients that fetch all the while something is taken back: what they were given before, and what they are never
//! given again.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::{Duration, Instant};

use super::{TestServer, eventually};

/// Within this, what was taken back is refused everywhere.
const OBEYED_WITHIN: Duration = Duration::from_secs(1);

/// Fetches a path without a pause; in the middle of it takes something back. From then on, within a second, every
/// answer is `refused`, and before that every answer was 200. Returns the last answer's reason.
pub(crate) async fn while_fetching(
    server: &TestServer,
    path: &str,
    refused: u16,
    take_back: impl Future<Output = ()>,
) -> Option<String> {
    let (enough, seen, reason) = (Cell::new(false), RefCell::new(Vec::new()), RefCell::new(None));
    let fetching = async {
        while !enough.get() {
            let reply = server.get(path).await;
            seen.borrow_mut().push(reply.status);
            *reason.borrow_mut() = reply.header("x-image-auth").map(str::to_owned);
        }
    };
    let so_far = || seen.borrow().len();
    let acting = async {
        eventually("twenty answers", Duration::from_secs(20), || async { so_far() >= 20 }).await;
        take_back.await;
        let what = format!("the answer {refused}");
        eventually(&what, OBEYED_WITHIN, || async { seen.borrow().last() == Some(&refused) }).await;
        let then = so_far();
        eventually("twenty more answers", Duration::from_secs(20), || async { so_far() >= then + 20 }).await;
        enough.set(true);
    };
    tokio::join!(fetching, acting);
    let seen = seen.into_inner();
    let turn = seen.iter().position(|&status| status != 200).unwrap();
    assert!(seen[turn..].iter().all(|&status| status == refused), "{:?}", &seen[turn..]);
    reason.into_inner()
}

/// The same by many clients at once, `clients` on each of the servers: no answer that comes later than a second after
/// `take_back` is done is anything but `refused`, and each client sees that. Says how many answers there were, and how
/// long after `take_back` the last one came that still had the bytes.
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
            let reply = server.get(path).await;
            answers.set(answers.get() + 1);
            let after = taken_back.get().map_or(Duration::ZERO, |at| at.elapsed());
            let is_late = after > OBEYED_WITHIN;
            assert!(reply.status == refused || (reply.status == 200 && !is_late), "late: {is_late}, {reply}");
            late += usize::from(is_late);
            if reply.status == 200 {
                last_bytes_after.set(last_bytes_after.get().max(after));
            }
        }
    };
    let all = servers.iter().flat_map(|server| std::iter::repeat_n(*server, clients));
    let fetching = futures_util::future::join_all(all.map(fetch));
    let acting = async {
        let wanted = 2 * clients * servers.len();
        let begun = || async { answers.get() >= wanted };
        eventually("two answers to each client", Duration::from_secs(30), begun).await;
        take_back.await;
        taken_back.set(Some(Instant::now()));
    };
    tokio::join!(fetching, acting);
    (answers.get(), last_bytes_after.get())
}
