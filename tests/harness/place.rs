//! Where a test's house keeps its rows and objects, on either set-up: SQLite and the disk, or, where
//! `TEST_SETUP=postgres-s3`, a database and a prefix of a bucket of its own. All of it goes with the value.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::Secret;
use server::Config;
use sqlx::{Connection as _, PgConnection};

use super::{Cli, Objects};

/// The two set-ups that pass the same tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// SQLite and the disk.
    Embedded,
    /// PostgreSQL and an S3 server.
    PostgresS3,
}

impl Setup {
    /// The one that this run is about.
    pub(crate) fn of_this_run() -> Setup {
        match std::env::var("TEST_SETUP").as_deref() {
            Err(_) | Ok("" | "sqlite-disk") => Setup::Embedded,
            Ok("postgres-s3") => Setup::PostgresS3,
            Ok(other) => panic!("TEST_SETUP={other}: it takes sqlite-disk or postgres-s3"),
        }
    }
}

/// A place for one house.
pub(crate) struct Place {
    services: Option<Services>,
    folder: tempfile::TempDir,
}

/// What the place has outside of its folder.
struct Services {
    database: Database,
    access: storage::Access,
    storage_url: String,
}

impl Place {
    /// An empty place on the set-up of this run.
    pub(crate) async fn new() -> Place {
        Place::on(Setup::of_this_run()).await
    }

    /// An empty place on that set-up.
    pub(crate) async fn on(setup: Setup) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let services = match setup {
            Setup::Embedded => None,
            Setup::PostgresS3 => Some(Services::make(&named("TEST_POSTGRES_URL")).await),
        };
        Place { services, folder }
    }

    /// An empty place with its rows on the PostgreSQL of that URL and its objects in the bucket.
    pub(crate) async fn on_postgres(url: &str) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Place { services: Some(Services::make(url).await), folder }
    }

    /// The data directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a server here is started with: the defaults, on a free port.
    pub(crate) fn config(&self) -> Config {
        self.config_in(self.folder())
    }

    /// The same for another process: on these rows and objects, with a data directory of its own.
    pub(crate) fn config_in(&self, folder: &Path) -> Config {
        let mut config = Config::new(folder.to_owned());
        config.bind = ([127, 0, 0, 1], 0).into();
        config.workers.program = super::cli::program();
        if let Some(services) = &self.services {
            config.database_url = Some(services.database.url().parse().expect("a database's URL"));
            config.storage_url = Some(services.storage_url.parse().expect("a storage's URL"));
            config.storage_access = Some(services.access.clone());
        }
        config
    }

    /// A command of the real binary on this place.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Cli {
        self.environment()
            .iter()
            .fold(Cli::new(self.folder(), arguments), |cli, (name, value)| cli.env(name, value))
    }

    /// What a process's environment names to work here, besides the data directory.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(services) = &self.services else { return Vec::new() };
        let access = &services.access;
        vec![
            ("DARKROOM_DATABASE_URL", services.database.url()),
            ("DARKROOM_STORAGE_URL", services.storage_url.clone()),
            ("AWS_ENDPOINT_URL", access.endpoint.clone()),
            ("AWS_REGION", access.region.clone()),
            ("AWS_ACCESS_KEY_ID", access.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", access.secret_key.reveal().to_owned()),
        ]
    }

    /// Its objects, seen past the house.
    pub(crate) fn objects(&self) -> Objects {
        match &self.services {
            None => Objects::on_disk(self.folder().join("objects")),
            Some(services) => Objects::in_bucket(&services.access, &services.storage_url),
        }
    }

    /// The folder of uploads that are being written by a server with that data directory.
    pub(super) fn scratch_in(&self, data_dir: &Path) -> PathBuf {
        match self.services {
            None => data_dir.join("objects/.scratch"),
            Some(_) => data_dir.join("scratch"),
        }
    }

    /// The URL of its database on PostgreSQL; none on SQLite.
    pub(crate) fn database_url(&self) -> Option<String> {
        self.services.as_ref().map(|services| services.database.url())
    }

    /// Where PostgreSQL listens; none on SQLite.
    pub(crate) fn database_address(&self) -> Option<SocketAddr> {
        self.services.as_ref().map(|services| address_in(&services.database.url()))
    }

    /// Where the S3 server listens; none on the disk.
    pub(crate) fn storage_address(&self) -> Option<SocketAddr> {
        self.services.as_ref().map(|services| address_in(&services.access.endpoint))
    }
}

impl Services {
    async fn make(postgres: &str) -> Services {
        let access = storage::Access {
            endpoint: named("TEST_S3_ENDPOINT"),
            region: "us-east-1".into(),
            access_key: named("TEST_S3_ACCESS_KEY"),
            secret_key: Secret::new(named("TEST_S3_SECRET_KEY")),
        };
        let database = Database::make(postgres).await;
        let storage_url = format!("s3://{}/{}", named("TEST_S3_BUCKET"), database.name);
        Services { database, access, storage_url }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(services) = &self.services else { return };
        let objects = self.objects();
        let end = async {
            objects.remove_all().await;
            services.database.remove().await;
        };
        // A drop cannot wait for a runtime that it may itself be part of.
        std::thread::scope(|scope| {
            let _ = scope.spawn(|| runtime().block_on(end)).join();
        });
    }
}

/// A database of a test's own.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes one on the server of that URL.
    pub(crate) async fn make(server: &str) -> Database {
        let name = format!("house_{}", uuid::Uuid::new_v4().simple());
        run_sql(server, format!("create database {name}")).await;
        Database { server: server.to_owned(), name }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("postgres://…/database");
        format!("{server}/{}", self.name)
    }

    /// Removes it, whoever is connected.
    pub(crate) async fn remove(&self) {
        // A server that a test has killed takes its databases along.
        let _ = execute(&self.server, format!("drop database if exists {} with (force)", self.name)).await;
    }
}

/// Runs statements on the PostgreSQL of that URL.
pub(crate) async fn run_sql(url: &str, statements: String) {
    execute(url, statements).await.expect("PostgreSQL does what it is told");
}

async fn execute(url: &str, statements: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await?;
    Ok(())
}

/// The same URL with another host and port, such as a proxy's.
pub(crate) fn through(url: &str, address: SocketAddr) -> String {
    let host = address_in(url).to_string();
    url.replacen(&host, &address.to_string(), 1)
}

/// Host and port of a URL, as the tests' services have them: numbers, and a port always.
fn address_in(url: &str) -> SocketAddr {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority).parse().expect("an address and a port")
}

fn named(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: `make test` brings this service"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
