//! T8, migrations: killed at any moment they run clean again, and a newer database is read only where it says so.

use std::time::{Duration, Instant};

use serde_json::json;

use super::dice::Dice;
use super::gate::{Rounds, figure};
use super::sql::execute;
use crate::harness::{Place, Setup};

#[tokio::test]
async fn a_migration_of_sqlite_killed_at_any_moment_runs_clean_again() {
    kill_migrations("T8, SQLite", Setup::Embedded, Rounds::new(5, 50, 3)).await;
}

#[tokio::test]
async fn a_migration_of_postgres_killed_at_any_moment_runs_clean_again() {
    kill_migrations("T8, PostgreSQL", Setup::PostgresS3, Rounds::new(3, 50, 3)).await;
}

async fn kill_migrations(test: &str, setup: Setup, mut rounds: Rounds) {
    let mut dice = Dice::announced(test);
    let whole = time_of_a_migration(setup).await;
    let mut cut_off = 0;
    while rounds.next().is_some() {
        let place = Place::on(setup).await;
        let mut command = place.cli(&["migrate"]).spawn();
        tokio::time::sleep(dice.millis(0, whole.as_millis() as u64 + 2)).await;
        let ended_first = command.try_wait().expect("a child").is_some();
        cut_off += usize::from(!ended_first);
        command.kill().await.expect("it can be killed");
        place.cli(&["migrate"]).ok().await;
        let told = place.cli(&["doctor", "--json"]).ok().await;
        let told: serde_json::Value = serde_json::from_str(&told).expect("a report");
        assert_eq!(told["findings"], json!([]), "{told}");
    }
    let kills = rounds.shown();
    figure(test, &format!("migrate killed {kills} times ({cut_off} before its end): each ran clean again"));
    assert!(cut_off > 0);
}

async fn time_of_a_migration(setup: Setup) -> Duration {
    let place = Place::on(setup).await;
    let began = Instant::now();
    place.cli(&["migrate"]).ok().await;
    began.elapsed()
}

#[tokio::test]
async fn a_newer_database_is_read_only_where_it_says_that_this_program_may() {
    for setup in [Setup::Embedded, Setup::PostgresS3] {
        let place = Place::on(setup).await;
        place.cli(&["migrate"]).ok().await;
        make_newer(&place).await;
        let said = place.cli(&["account", "list"]).run().await;
        assert_eq!(said.code, 0, "{setup:?}: its readers may be of this version: {said:?}");
        execute(&place, "update schema_readers set min_reader_version = 1000".into()).await;
        for command in [&["account", "list"][..], &["migrate"], &["serve", "--bind", "127.0.0.1:0"]] {
            let said = place.cli(command).run().await;
            assert!(said.code == 1 && said.err.contains("newer version of darkroom"), "{setup:?}: {said:?}");
        }
    }
    figure("T8", "a newer database: read where min_reader_version allows it, else refused in clear words");
}

/// Lets a database look as a later version's migration leaves it.
async fn make_newer(place: &Place) {
    execute(
        place,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         select 999, 'of a later version', success, checksum, execution_time from _sqlx_migrations where version = 1"
            .into(),
    )
    .await;
}
