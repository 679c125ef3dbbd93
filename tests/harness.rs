//! What every test of the whole house begins with: a server of its own, fixtures that read aloud, pictures drawn by
//! code, the real binary, and the outside tools that some tests drive.
#![allow(dead_code, reason = "each test file uses its own part of the harness")]

mod account;
mod cli;
mod clock;
pub(crate) mod drawn;
mod fetching;
mod load;
mod objects;
mod place;
mod private_postgres;
mod proxy;
mod reply;
mod server;
mod session;
pub(crate) mod shared;
mod tools;

pub(crate) use account::{TestAccount, TestImage, sign};
pub(crate) use cli::{Cli, Running, repository};
pub(crate) use clock::TestClock;
pub(crate) use fetching::{while_fetching, while_many_fetch};
pub(crate) use load::Load;
pub(crate) use objects::Objects;
pub(crate) use place::{Place, Setup, run_sql, through};
pub(crate) use private_postgres::PrivatePostgres;
pub(crate) use proxy::{Mode, Proxy};
pub(crate) use reply::Reply;
pub(crate) use server::TestServer;
pub(crate) use session::{Session, sign_in};
pub(crate) use tools::{Tool, node, python};

use std::future::Future;
use std::time::{Duration, Instant};

/// Asks until the answer is yes; panics where one that was asked for after `within` is no, naming what never came. What
/// was asked for before may take its time: that a busy machine is slow to answer says nothing of what it holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> F,
) {
    let end = Instant::now() + within;
    loop {
        let began = Instant::now();
        if ask().await {
            return;
        }
        assert!(began < end, "{what} did not happen within {within:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
