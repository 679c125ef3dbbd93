//! Fresh PostgreSQL databases for tests: copies of one that the migrations made, on the server that
//! `TEST_POSTGRES_URL` names.

use domain::Secret;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use crate::database::{Database, DatabaseUrl, connect_options, digest_of_migrations};

/// A database of its own, dropped with the value.
#[derive(Debug)]
pub struct PostgresDatabase {
    /// Its URL.
    pub url: Secret,
    name: String,
    server: String,
}

impl PostgresDatabase {
    /// A database with the schema of this version and no rows.
    pub async fn migrated() -> PostgresDatabase {
        let template = template().await;
        PostgresDatabase::made(&format!("template {template}")).await
    }

    /// A database with nothing in it.
    pub async fn empty() -> PostgresDatabase {
        PostgresDatabase::made("").await
    }

    async fn made(how: &str) -> PostgresDatabase {
        let (server, name) = (server(), format!("test_{}", hex::encode(rand::random::<[u8; 8]>())));
        run(&server, &format!("create database {name} {how}")).await;
        PostgresDatabase { url: Secret::new(url_of(&server, &name)), name, server }
    }

    /// Runs statements as whoever keeps the server would.
    pub async fn run(&self, statements: &str) {
        run(self.url.reveal(), statements).await;
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime may be at its end, and what it opened may still be connected.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime")
                .block_on(run(&server, &format!("drop database if exists {name} with (force)")));
        });
        if dropping.join().is_err() && !std::thread::panicking() {
            eprintln!("the database {} was not dropped", self.name);
        }
    }
}

/// The server for tests.
fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("TEST_POSTGRES_URL names no PostgreSQL server for tests; `make test` brings one")
    })
}

/// The URL of another database on a server.
fn url_of(server: &str, name: &str) -> String {
    let (url, options) = server.split_once('?').map_or((server, None), |(url, options)| (url, Some(options)));
    let (host, _) = url.rsplit_once('/').expect("a URL with a database");
    options.map_or(format!("{host}/{name}"), |options| format!("{host}/{name}?{options}"))
}

/// The name of the database that others are copies of. The first who needs it makes it.
async fn template() -> String {
    let (server, name) = (server(), format!("template_{}", digest_of_migrations()));
    let mut line = connect(&server).await;
    let lock = "select pg_advisory_lock(7305)";
    sqlx::raw_sql(lock).execute(&mut line).await.expect("a lock");
    let known = "select exists (select 1 from pg_database where datname = $1)";
    let known: bool = sqlx::query_scalar(known).bind(&name).fetch_one(&mut line).await.expect("a list");
    if !known {
        let unfinished = format!("{name}_unfinished");
        for statement in
            [format!("drop database if exists {unfinished}"), format!("create database {unfinished}")]
        {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut line).await.expect("a database");
        }
        let url = DatabaseUrl::Postgres(Secret::new(url_of(&server, &unfinished)));
        let Database::Postgres { pool, .. } = Database::open(&url, true).await.expect("migrations") else {
            unreachable!("the URL is PostgreSQL's");
        };
        pool.close().await;
        let rename = format!("alter database {unfinished} rename to {name}");
        sqlx::raw_sql(AssertSqlSafe(rename)).execute(&mut line).await.expect("a name");
    }
    let _ = line.close().await;
    name
}

async fn connect(url: &str) -> PgConnection {
    let options = connect_options(&Secret::new(url)).expect("the URL of a PostgreSQL server");
    options.connect().await.expect("the PostgreSQL server for tests")
}

async fn run(url: &str, statements: &str) {
    let mut line = connect(url).await;
    let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut line).await;
    done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    let _ = line.close().await;
}
