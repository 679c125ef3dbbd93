//! URLs that may be used so many times (T27): exactly so many requests get the bytes, however many ask at once and of
//! however many servers. In a short form here, with a thousand rounds in `make gate-durability`.

use futures_util::future::join_all;

use crate::durability::gate::{self, figure};
use crate::harness::{Place, Setup, TestServer};
use crate::load::caller::Caller;

/// How many ask for one URL at once.
const CALLERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_for_one_use_is_used_once_by_a_hundred_at_one_server() {
    let place = std::sync::Arc::new(Place::on(Setup::Embedded).await);
    let server = TestServer::start_on(&place, |_| {}).await;
    check_used_once("SQLite", &[&server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_for_one_use_is_used_once_by_a_hundred_at_two_servers() {
    let place = std::sync::Arc::new(Place::on(Setup::PostgresS3).await);
    let first = TestServer::start_on(&place, |_| {}).await;
    let second = first.start_beside(|_| {}).await;
    check_used_once("PostgreSQL, two servers", &[&first, &second]).await;
}

async fn check_used_once(where_to: &str, servers: &[&TestServer]) {
    let cat = servers[0].account().with_image("cat.jpg").private().await;
    let mut callers: Vec<Caller> =
        (0..CALLERS).map(|number| Caller::new(servers[number % servers.len()].address())).collect();
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
