//! A catalog for the tests of the floors above: fresh, with the real migrations.

mod fill;
mod postgres;

use std::path::Path;

use domain::{AccountHash, AccountId, Clock, Handle, Secret};

use crate::database::{Database, DatabaseUrl, Lock, query};
pub use fill::{FACTS, database_bytes, put_images, settle};
pub use postgres::PostgresDatabase;

use crate::{AccountPolicy, Actor, Catalog, Config, NewAccount, signing_keys};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// A SQLite file in a temporary folder.
    Sqlite,
    /// A database on the server that `TEST_POSTGRES_URL` names.
    Postgres,
}

/// A catalog in a temporary folder, or in a database of its own, that goes with the value.
pub struct TestCatalog {
    /// The catalog.
    pub catalog: Catalog,
    /// What it was opened with; a second catalog opened with it is another process to the first.
    pub config: Config,
    folder: tempfile::TempDir,
    _postgres: Option<PostgresDatabase>,
}

impl TestCatalog {
    /// The folder that goes with it; SQLite's files lie in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A fresh catalog as a first start leaves it, with the system's clock.
pub async fn fresh() -> TestCatalog {
    fresh_at(Clock::system()).await
}

/// The same with another clock.
pub async fn fresh_at(clock: Clock) -> TestCatalog {
    fresh_with(clock, |_| {}).await
}

/// The same with other limits. On SQLite, or with `TEST_SETUP=postgres-s3` on PostgreSQL.
pub async fn fresh_with(clock: Clock, change: impl FnOnce(&mut Config)) -> TestCatalog {
    let postgres = std::env::var("TEST_SETUP").is_ok_and(|set_up| set_up == "postgres-s3");
    fresh_on(if postgres { On::Postgres } else { On::Sqlite }, clock, change).await
}

/// The same on a database of this kind.
pub async fn fresh_on(on: On, clock: Clock, change: impl FnOnce(&mut Config)) -> TestCatalog {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (database, postgres) = match on {
        On::Sqlite => (folder.path().join("darkroom.db").into(), None),
        On::Postgres => {
            let postgres = PostgresDatabase::migrated().await;
            (DatabaseUrl::Postgres(postgres.url.clone()), Some(postgres))
        }
    };
    let mut config = Config::new(database, master_key());
    change(&mut config);
    let catalog = Catalog::open(config.clone(), clock).await.expect("a fresh catalog");
    TestCatalog { catalog, config, folder, _postgres: postgres }
}

/// A new master key.
pub fn master_key() -> Secret {
    use base64::Engine as _;
    Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// Puts in an account with a given name, id, hash and policy, with its signing key `default` and its variant `public`.
pub async fn put_account(
    catalog: &Catalog,
    handle: &str,
    id: AccountId,
    hash: AccountHash,
    policy: &AccountPolicy,
) {
    let settings = policy.settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let handle: Handle = handle.parse().expect("a handle");
    let new = NewAccount { handle, display_name: None, given: Some((id, hash)), settings };
    catalog.insert_account(new, &Actor::command()).await.expect("an account");
}

/// Puts in a signing key as it is, over whatever key of its name there is. It must not sign where another does.
pub async fn put_signing_key(catalog: &Catalog, account: &AccountId, key: &crate::KeyEntry) {
    let mut writing = catalog.begin(Lock::Account(*account)).await.expect("a transaction");
    let sealer = catalog.sealer(writing.db()).await.expect("the master key");
    signing_keys::put(writing.db(), &sealer, account, key).await.expect("a signing key");
    writing.changes(crate::changes::Change::Account(*account));
    catalog.commit(writing).await.expect("a commit");
}

/// Nobody writes while this lives.
pub struct HeldWrites {
    _writing: crate::catalog::Writing,
}

/// Holds up all who would write, on SQLite; on PostgreSQL those who would write under a lock.
pub async fn hold_writes(catalog: &Catalog) -> HeldWrites {
    HeldWrites { _writing: catalog.begin(Lock::House).await.expect("a transaction") }
}

/// Makes a database look as if a newer program had written it, which says what a program must know to read it. A SQLite
/// file must not be open.
pub async fn make_newer(url: &DatabaseUrl, min_reader: i64) {
    let database = Database::open(url, false).await.expect("a database of this version");
    let mut transaction = database.begin(Lock::House).await.expect("a transaction");
    let migrated = query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'from the future', true, $1, 0)",
    );
    migrated.bind(vec![0_u8]).execute(&mut transaction).await.expect("a newer version");
    let says = query("update schema_readers set min_reader_version = $1").bind(min_reader);
    says.execute(&mut transaction).await.expect("a newer version");
    transaction.commit().await.expect("a commit");
}
