//! The catalog as one value: database, sealing, memory of rights.

use std::path::PathBuf;
use std::sync::Arc;

use domain::{Clock, Secret};

use crate::Error;

/// What the catalog is opened with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The SQLite file; made where it is not there.
    pub database: PathBuf,
    /// Seals stored secrets: 32 random bytes as base64url text.
    pub master_key: Secret,
    /// Whether to bring the database up to date; else an old one is an error.
    pub migrate: bool,
    /// Images whose rights memory keeps.
    pub max_cached_rights: u64,
    /// Seconds without sight of changes after which rights are not obeyed any more.
    pub max_stale_rights_s: u64,
    /// Go on with public images past that.
    pub serve_stale_public: bool,
    /// Signing keys of an account that are active or retiring.
    pub max_signing_keys: u32,
    /// Variants of an account.
    pub max_variants: u32,
    /// API tokens of an account that are neither expired nor revoked.
    pub max_tokens: u32,
    /// Bytes of metadata, as JSON.
    pub max_metadata_bytes: usize,
    /// Seconds for which an idempotency key is remembered.
    pub idempotency_ttl_s: u64,
    /// Sign-in failures of an e-mail from one address within 15 minutes before waits begin.
    pub max_sign_in_failures: u32,
    /// The same of one address over all e-mails.
    pub max_address_sign_in_failures: u32,
}

impl Config {
    /// The defaults of the front door for a database file and a master key.
    pub fn new(database: PathBuf, master_key: Secret) -> Self {
        Config {
            database,
            master_key,
            migrate: true,
            max_cached_rights: 100_000,
            max_stale_rights_s: 30,
            serve_stale_public: false,
            max_signing_keys: 8,
            max_variants: 100,
            max_tokens: 100,
            max_metadata_bytes: 1024,
            idempotency_ttl_s: 86_400,
            max_sign_in_failures: 5,
            max_address_sign_in_failures: 20,
        }
    }
}

/// All rows. Clones share everything.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {}

impl Catalog {
    /// Opens the database, brings it up to date, fills an empty one with the account `default`, its signing key
    /// `default` and its variant `public`, and begins to watch for changes of other processes.
    pub async fn open(_config: Config, _clock: Clock) -> Result<Catalog, Error> {
        todo!()
    }

    /// Whether the database answers; for readiness.
    pub async fn check(&self) -> Result<(), Error> {
        todo!()
    }

    /// Seals every stored secret anew under another master key, beside a running server, which takes up the new
    /// key as soon as its file changes (the caller replaces the file). Returns the number of secrets.
    pub async fn rotate_master_key(&self, _new: &Secret) -> Result<u64, Error> {
        todo!()
    }
}
