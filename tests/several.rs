//! Several processes on one house: on PostgreSQL and S3 as many servers as one likes, on SQLite and the disk one server
//! and the commands beside it. What one of them changes the others obey within a second.

use std::sync::Arc;
use std::time::Duration;

use catalog::{Actor, Role};
use domain::{Clock, Secret};
use futures_util::future::join_all;
use server::Config;

use crate::durability::gate::figure;
use crate::harness::{
    Mode, Place, Proxy, Session, Setup, TestAccount, TestServer, eventually, through, while_fetching,
    while_many_fetch,
};

/// Clients at each of the two servers.
const CLIENTS: usize = 25;

async fn two() -> (TestServer, TestServer) {
    let place = Arc::new(Place::on(Setup::PostgresS3).await);
    let first = TestServer::start_on(&place, many_requests).await;
    let second = first.start_beside(many_requests).await;
    (first, second)
}

/// The tests ask more of one token than the default allows in a second.
fn many_requests(config: &mut Config) {
    config.max_api_requests_per_s = 100_000;
}

#[tokio::test]
async fn two_servers_with_one_data_directory_are_one_too_many() {
    let place = Place::on(Setup::Embedded).await;
    let mut first = place.cli(&["serve"]).serve().await;
    let second = place.cli(&["serve"]).env("DARKROOM_BIND", "127.0.0.1:0").run().await;
    assert_eq!(second.code, 1, "{second:?}");
    for words in ["another server", &format!("process {}", first.pid()), "DARKROOM_DATA_DIR"] {
        assert!(second.err.contains(words), "it should say {words:?}: {}", second.err);
    }
    place.cli(&["token", "issue"]).ok().await;
    first.kill().await;
    let mut next = place.cli(&["serve"]).serve().await;
    assert_eq!(next.terminate().await, 0);
}

#[tokio::test]
async fn a_second_server_needs_the_master_key_of_the_first() {
    let (first, _second) = two().await;
    let folder = tempfile::tempdir().unwrap();
    let other_key = || Some(Secret::new("k".repeat(43)));
    for key in [None, other_key()] {
        let mut config = first.place().config_in(folder.path());
        config.master_key = key;
        let refused = server::Server::start(config, Clock::system(), |_| {}).await;
        let refused = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(refused.contains("master key"), "{refused}");
    }
}

/// Takes something back while clients fetch it, and shows the figure of it.
async fn taken_back(
    what: &str,
    servers: &[&TestServer],
    path: &str,
    refused: u16,
    take_back: impl Future<Output = ()>,
) {
    let (answers, last) = while_many_fetch(servers, CLIENTS, path, refused, take_back).await;
    let clients = CLIENTS * servers.len();
    let last_ms = last.as_millis();
    let of = format!("{what}: {answers} answers to {clients} clients");
    figure(
        "T23",
        &format!("{of}, 0 with the bytes past a second; the last of these {last_ms} ms after the 2xx"),
    );
}

/// What an account loses, each kind once: by the API of one server, while clients fetch from both.
async fn taken_back_by(account: &TestAccount<'_>, servers: &[&TestServer]) {
    let (cat, dog) = (account.with_image("cat.jpg").await, account.with_image("dog.jpg").await);
    taken_back("an image made private", servers, &cat.path("public"), 403, cat.set_private(true)).await;
    taken_back("an image deleted", servers, &dog.path("public"), 404, async {
        account.api("DELETE", &dog.api_path()).await.expect(200);
    })
    .await;

    let owl = account.with_image("owl.jpg").await;
    account.with_variant("thumb", "w=60").await;
    taken_back("a variant deleted", servers, &owl.path("thumb"), 403, async {
        account.api("DELETE", "/v1/variants/thumb").await.expect(200);
    })
    .await;

    account.api("PUT", "/v1/keys/second").await.expect(200);
    let signed = cat.signed("public").await;
    taken_back("a signing key deleted", servers, &signed, 403, async {
        account.api("DELETE", "/v1/keys/default").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn what_one_server_takes_back_no_client_of_either_gets_a_second_later() {
    let (first, second) = two().await;
    taken_back_by(&first.account().await, &[&first, &second]).await;
    taken_back_by(&second.account_named("other").await, &[&first, &second]).await;
}

#[tokio::test]
async fn what_one_server_permits_the_other_serves_within_a_second() {
    let (first, second) = two().await;
    let cat = first.account().with_image("cat.jpg").private().await;
    second.get(&cat.path("public")).await.expect(403);
    second.get(&cat.path("thumb")).await.expect(403);
    cat.set_private(false).await;
    cat.account.with_variant("thumb", "w=60").await;
    for last in ["public", "thumb"] {
        let path = cat.path(last);
        eventually("the other serves it", Duration::from_secs(1), || async {
            second.get(&path).await.status == 200
        })
        .await;
    }
}

#[tokio::test]
async fn a_token_and_a_session_that_one_server_ends_open_nothing_at_the_other() {
    let (first, second) = two().await;
    let (here, there) = (first.account().await, second.account().await);
    let bearer = format!("Bearer {}", here.issue_token("read").await);
    let path = here.api_path("/v1/keys");
    let ask = async || second.get_with(&path, &[("authorization", &bearer)]).await.status;
    eventually("the token opens the door", Duration::from_secs(1), || async { ask().await == 200 }).await;
    let listed = first.catalog().tokens(&here.account.id).await.unwrap();
    let newest = listed.iter().max_by_key(|token| token.created_at).unwrap();
    first.cli(["token", "revoke", &newest.id, "--account", "default"]).ok().await;
    eventually("the token is refused", Duration::from_secs(1), || async { ask().await == 401 }).await;

    let ada = Session::begin(&there, "ada@example.org", Role::Editor).await;
    ada.open("images").await.expect(200);
    let person = first.catalog().person_by_email("ada@example.org").await.unwrap();
    first.catalog().set_role(&person, &here.account.id, Role::Viewer, &Actor::command()).await.unwrap();
    eventually("the session has ended", Duration::from_secs(1), || async {
        ada.open("images").await.status != 200
    })
    .await;
}

#[tokio::test]
async fn what_a_command_takes_back_beside_the_one_server_of_sqlite_no_client_gets_a_second_later() {
    let place = Arc::new(Place::on(Setup::Embedded).await);
    let server = TestServer::start_on(&place, many_requests).await;
    let cat = server.account().with_image("cat.jpg").private().await;
    server.cli(["key", "create", "second", "--account", "default"]).ok().await;
    let signed = cat.signed("public").await;
    taken_back("a signing key revoked by command", &[&server, &server], &signed, 403, async {
        server.cli(["key", "revoke", "default", "--account", "default"]).ok().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_cut_off_from_its_database_refuses_all_images_and_says_why_until_it_is_back() {
    for how in [Mode::Refuse, Mode::Blackhole] {
        let place = Arc::new(Place::on(Setup::PostgresS3).await);
        let first = TestServer::start_on(&place, many_requests).await;
        let line = Proxy::to(place.database_address().unwrap()).await;
        let second = first.start_beside(|config| cut_off_soon(config, &line)).await;
        let account = first.account().await;
        let (cat, dog) = (account.with_image("cat.jpg").await, account.with_image("dog.jpg").await);
        for image in [&cat, &dog] {
            second.get(&image.path("public")).await.expect(200);
        }

        line.set(how);
        line.cut();
        let refused = || async { second.get(&cat.path("public")).await.status == 503 };
        eventually("the one that is cut off refuses", Duration::from_secs(10), refused).await;
        let refusal = second.get(&dog.path("public")).await.expect(503);
        assert_eq!(refusal.header("x-image-auth"), Some("rights_unavailable"), "{refusal}");
        assert!(refusal.text().starts_with("ERROR 9522: "), "{refusal}");
        second.get("/readyz").await.expect(503);
        second.get("/healthz").await.expect(200);
        first.get(&cat.path("public")).await.expect(200);

        // What happens meanwhile it obeys from its first answer on.
        cat.set_private(true).await;
        line.bring_back();
        let mut answers = Vec::new();
        while !answers.contains(&200) {
            assert_ne!(second.get(&cat.path("public")).await.status, 200, "it was made private meanwhile");
            answers.push(second.get(&dog.path("public")).await.status);
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(answers.len() < 500, "it comes back by itself");
        }
        second.get(&cat.path("public")).await.expect(403);
    }
}

/// On that line to its database, and two seconds until it may no longer trust what it knows.
fn cut_off_soon(config: &mut Config, line: &Proxy) {
    many_requests(config);
    config.max_stale_rights_s = 2;
    let url = config.database_url.as_ref().map(|url| match url {
        catalog::DatabaseUrl::Postgres(url) => through(url.reveal(), line.address()),
        catalog::DatabaseUrl::Sqlite(_) => panic!("a line leads to PostgreSQL"),
    });
    config.database_url = url.map(|url| url.parse().unwrap());
}

#[tokio::test]
async fn a_picture_that_two_servers_render_at_once_is_whole_and_the_same() {
    let (first, second) = two().await;
    let cat = first.account().with_image("cat.jpg").await;
    first.account().await.set("flexible_variants", "all").await;
    eventually("the other knows it", Duration::from_secs(1), || async {
        second.get(&cat.path("w=40")).await.status == 200
    })
    .await;
    for width in 100..108 {
        let path = cat.path(&format!("w={width}"));
        let asked = [&first, &second].repeat(4);
        let answers = join_all(asked.iter().map(|server| server.get(&path))).await;
        for answer in &answers {
            assert_eq!(answer.clone().expect(200).picture().width(), width);
            assert_eq!(answer.body, answers[0].body, "two servers gave different bytes for w={width}");
        }
    }
    let renders = first.renders() + second.renders();
    assert!(renders <= 1 + 2 * 8, "each server renders a recipe at most once: {renders}");
}

#[tokio::test]
async fn an_image_uploaded_to_one_server_is_delivered_by_the_other_at_once() {
    let (first, second) = two().await;
    let account = first.account().await;
    for name in ["a.jpg", "b.png", "c.webp", "d.gif"] {
        let image = account.with_image(name).await;
        second.get(&image.path("public")).await.expect(200);
    }
    let there = second.account().await;
    let back = there.with_image("e.jpg").await;
    while_fetching(&first, &back.path("public"), 404, async {
        there.api("DELETE", &back.api_path()).await.expect(200);
    })
    .await;
}
