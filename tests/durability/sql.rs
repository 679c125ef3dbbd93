//! Statements past the house, on either database.

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::harness::Place;

/// Runs statements on the database of a place.
pub(crate) async fn execute(place: &Place, statement: String) {
    match place.database_url() {
        Some(url) => {
            let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL answers");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(&mut connection)
                .await
                .expect("it does what it is told");
        }
        None => {
            let file = format!("sqlite://{}", place.folder().join("darkroom.db").display());
            let mut connection = SqliteConnection::connect(&file).await.expect("SQLite opens");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(&mut connection)
                .await
                .expect("it does what it is told");
        }
    }
}
