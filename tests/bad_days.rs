//! Bad days of the database: it crashes, is gone for a while, has no connection left, all under load. Asked of each:
//! acknowledged uploads lost, wrong bytes and images seen against their rights 0; recovery without a hand.

use std::sync::Arc;
use std::time::Duration;

use crate::harness::{Load, Place, PrivatePostgres, TestServer, eventually, run_sql};

/// Clients that upload, and as many that look.
const CLIENTS: usize = 4;

/// Within this everything is well again. `make gate-durability` measures the five seconds that are promised; here other
/// tests have their share of the machine.
const WELL_WITHIN: Duration = Duration::from_secs(20);

async fn start(postgres: &PrivatePostgres) -> TestServer {
    let place = Arc::new(Place::on_postgres(&postgres.url()).await);
    TestServer::start_on(&place, |config| {
        config.max_api_requests_per_s = 100_000;
        // Longer than a stop of PostgreSQL takes on a busy machine.
        config.max_stale_rights_s = 6;
    })
    .await
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_postgresql_crashes_and_restarts_under_load() {
    let mut postgres = PrivatePostgres::start().await;
    let server = start(&postgres).await;
    let account = server.account().await;
    let load = Load::on(&account);
    load.during(CLIENTS, async {
        for _ in 0..2 {
            postgres.crash().await;
            postgres.go_on().await;
            load.goes_on(WELL_WITHIN).await;
            postgres.stop().await;
            postgres.go_on().await;
            load.goes_on(WELL_WITHIN).await;
        }
    })
    .await;
    println!("{} uploads acknowledged, {} answers of 503", load.acknowledged(), load.refused());
}

#[tokio::test]
async fn while_postgresql_is_gone_writes_are_refused_at_once_and_images_soon() {
    let mut postgres = PrivatePostgres::start().await;
    let server = start(&postgres).await;
    let account = server.account().await;
    let (cat, dog) = (account.with_image("cat.jpg").await, account.with_image("dog.jpg").private().await);
    cat.get("public").await.expect(200);
    let signed = dog.signed("public").await;
    server.get(&signed).await.expect(200);
    let load = Load::on(&account);
    load.during(CLIENTS, async {
        // What the load itself changes of the account is over, and memory knows it again.
        load.goes_on(WELL_WITHIN).await;
        cat.get("public").await.expect(200);
        postgres.stop().await;
        // What memory knows goes on for as long as it may be trusted, and then nothing does.
        cat.get("public").await.expect(200);
        dog.get("public").await;
        for path in [cat.path("public"), signed.clone()] {
            eventually("it is refused", Duration::from_secs(15), || async {
                server.get(&path).await.status == 503
            })
            .await;
        }
        let before = load.acknowledged();
        let refusal = server.get(&cat.path("public")).await.expect(503);
        assert!(refusal.header("retry-after").is_some(), "{refusal}");
        server.get("/healthz").await.expect(200);
        server.get("/readyz").await.expect(503);
        let refused = load.refused();
        eventually("clients are refused", Duration::from_secs(10), || async {
            load.refused() > refused + 20
        })
        .await;
        assert_eq!(load.acknowledged(), before, "nothing is acknowledged without a database");
        postgres.go_on().await;
        load.goes_on(WELL_WITHIN).await;
        cat.get("public").await.expect(200);
        server.get(&signed).await.expect(200);
        dog.get("public").await.expect(403);
        // A probe is told again for a second what was found.
        eventually("it is ready", WELL_WITHIN, || async { server.get("/readyz").await.status == 200 }).await;
    })
    .await;
}

#[tokio::test]
async fn with_three_connections_to_postgresql_nothing_is_lost_and_more_are_used_when_there_are_more() {
    let postgres = PrivatePostgres::start().await;
    let role = "create role narrow login password 'narrow' connection limit 100 in role pg_read_all_stats";
    run_sql(&postgres.url(), role.into()).await;
    let place = Arc::new(Place::on_postgres(&postgres.url()).await);
    let database = place.database_url().expect("a database");
    let name = database.rsplit('/').next().unwrap().to_owned();
    run_sql(&postgres.url(), format!("alter database {name} owner to narrow")).await;
    let narrow = format!("postgres://narrow:narrow@{}/{name}", place.database_address().unwrap());
    let server = TestServer::start_on(&place, |config| {
        config.max_api_requests_per_s = 100_000;
        config.database_url = Some(narrow.parse().unwrap());
    })
    .await;
    let account = server.account().await;
    let load = Load::on(&account);
    let limit = async |connections: i32| {
        let statements = format!(
            "alter role narrow connection limit {connections};
             select pg_terminate_backend(pid) from pg_stat_activity where usename = 'narrow'"
        );
        run_sql(&postgres.url(), statements).await;
    };
    load.during(4 * CLIENTS, async {
        limit(3).await;
        load.goes_on(Duration::from_secs(20)).await;
        load.goes_on(Duration::from_secs(20)).await;
        limit(100).await;
        load.goes_on(WELL_WITHIN).await;
    })
    .await;
    println!("{} uploads acknowledged, {} answers of 503", load.acknowledged(), load.refused());
}
