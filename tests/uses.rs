//! URLs that may be used so many times (T27): exactly so many requests get the bytes, however many ask at once and of
//! however many servers. In a short form here, with a thousand rounds in `make gate-durability`.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::durability::gate::{self, figure};
use crate::harness::{Cli, Place, Running, Setup, TestServer};
use crate::load::caller::Caller;

/// How many ask for one URL at once.
const CALLERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_for_one_use_is_used_once_by_a_hundred_at_one_server() {
    let place = Arc::new(Place::on(Setup::Embedded).await);
    let server = TestServer::start_on(&place, |_| {}).await;
    check_used_once("SQLite", &server, &[server.address()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_for_one_use_is_used_once_by_a_hundred_at_two_processes() {
    let place = Arc::new(Place::on(Setup::PostgresS3).await);
    let server = TestServer::start_on(&place, |_| {}).await;
    let (first, second) = (Process::beside(&server).await, Process::beside(&server).await);
    check_used_once("PostgreSQL, two processes", &server, &[first.address(), second.address()]).await;
}

/// A process of the real binary on the rows, objects and master key of a server.
struct Process {
    running: Running,
    _folder: tempfile::TempDir,
}

impl Process {
    async fn beside(server: &TestServer) -> Process {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(server.data_dir().join("master.key"), folder.path().join("master.key")).unwrap();
        let environment = server.place().environment();
        let cli = environment
            .iter()
            .fold(Cli::new(folder.path(), &["serve"]), |cli, (name, value)| cli.env(name, value));
        Process { running: cli.serve().await, _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        self.running.url.trim_start_matches("http://").parse().unwrap()
    }
}

/// Makes URLs at `server` and asks for each at the addresses by turns.
async fn check_used_once(where_to: &str, server: &TestServer, addresses: &[SocketAddr]) {
    let cat = server.account().with_image("cat.jpg").private().await;
    let mut callers: Vec<Caller> =
        addresses.iter().cycle().take(CALLERS).map(|address| Caller::new(*address)).collect();
    let rounds = gate::count(5, 1000);
    let (mut used, mut refused) = (0, 0);
    for round in 0..rounds {
        let url = cat.account.sign(&format!("{}?s-uses=1&s-jti=round-{round:04}", cat.path("public"))).await;
        let answers = join_all(callers.iter_mut().map(|caller| caller.get(&url))).await;
        let opened = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(opened, 1, "round {round}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.status, 403, "{}", String::from_utf8_lossy(&answer.body));
            refused += 1;
        }
        used += opened;
    }
    figure(
        "T27",
        &format!(
            "{where_to}: {rounds} URLs for one use, each asked for by {CALLERS} at once: \
             the bytes {used} times, {refused} refusals"
        ),
    );
}
