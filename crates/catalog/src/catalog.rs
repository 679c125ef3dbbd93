//! The catalog as one value: database, sealing, memory of rights. Each table has its questions in a file of its own.

use std::path::PathBuf;
use std::sync::Arc;

use domain::{AccountId, Clock, Secret, Timestamp};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::Error;
use crate::audit_seals::Looked;
use crate::changes::{Change, announce};
use crate::database::{Connection, Database, DatabaseUrl, Lock, query};
use crate::fetch_log::FetchLog;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::scheme_reports::SchemeReports;
use crate::sealing::Sealer;
use crate::tally::Tally;

/// What the catalog is opened with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the rows are.
    pub database: DatabaseUrl,
    /// Seals stored secrets: 32 random bytes as base64url text.
    pub master_key: Secret,
    /// The file that the master key came from, if it came from one. It is read again when another process has
    /// rotated the master key; `FILE.next` beside it is read too, for a rotation that was cut off.
    pub master_key_file: Option<PathBuf>,
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
    /// Verifying keys of an account that are active or retiring.
    pub max_verifying_keys: u32,
    /// Days for which the log of fetches is kept; 0 for no such log.
    pub fetch_log_days: u32,
    /// Rows of that log of all accounts; the oldest go first. 0 is no limit.
    pub max_fetch_log_rows: u64,
    /// Variants of an account.
    pub max_variants: u32,
    /// API tokens of an account that are neither expired nor revoked.
    pub max_tokens: u32,
    /// Images of an account, drafts not counted; 0 is no limit.
    pub max_account_images: u64,
    /// Bytes of an account's originals; 0 is no limit.
    pub max_account_bytes: u64,
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
    /// The defaults of the front door for a database and a master key.
    pub fn new(database: DatabaseUrl, master_key: Secret) -> Self {
        Config {
            database,
            master_key,
            master_key_file: None,
            migrate: true,
            max_cached_rights: 100_000,
            max_stale_rights_s: 30,
            serve_stale_public: false,
            max_signing_keys: 8,
            max_verifying_keys: 32,
            fetch_log_days: 30,
            max_fetch_log_rows: 2_000_000,
            max_variants: 100,
            max_tokens: 100,
            max_account_images: 0,
            max_account_bytes: 0,
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

/// What the clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) database: Database,
    /// The sealer that fitted when a secret was last opened; another process may have rotated the key since.
    pub(crate) sealer: RwLock<Sealer>,
    /// Random bytes of this database, stored sealed; cursors are authenticated with them.
    pub(crate) own_secret: [u8; 32],
    pub(crate) memory: Memory,
    pub(crate) hashing: Hashing,
    pub(crate) tally: Tally,
    pub(crate) fetches: FetchLog,
    pub(crate) reports: SchemeReports,
    /// How far the audit log was looked at for rows to seal.
    pub(crate) looked: tokio::sync::Mutex<Looked>,
    /// Held to write while a flush moves counts from memory to the tables.
    pub(crate) flushing: tokio::sync::RwLock<()>,
    pub(crate) at_rest: Ledger,
}

/// What bounds the hashing of passwords.
#[derive(Debug)]
pub(crate) struct Hashing {
    /// A permit to hash now.
    pub(crate) running: Arc<Semaphore>,
    /// A permit to hash now or to wait for it.
    pub(crate) admitted: Arc<Semaphore>,
}

/// A transaction that writes, with the time at which it happens and what it changes for those who keep rights in
/// memory. It takes effect by [`Catalog::commit`]; dropped before, it never was.
pub(crate) struct Writing {
    transaction: Connection,
    lock: Lock,
    changes: Vec<Change>,
    /// When it happens.
    pub(crate) now: Timestamp,
}

impl Writing {
    /// The connection to send statements to.
    pub(crate) fn db(&mut self) -> &mut Connection {
        &mut self.transaction
    }

    /// Whether nobody else writes what belongs to an account, or to none.
    pub(crate) fn is_alone_in(&self, account: Option<&AccountId>) -> bool {
        match (self.lock, account) {
            (Lock::House, _) | (Lock::People | Lock::Member(_), None) => true,
            (Lock::Account(locked) | Lock::Member(locked), Some(account)) => locked == *account,
            _ => false,
        }
    }

    /// Notes that something which memories may hold is not so any more.
    pub(crate) fn changes(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }
}

impl Catalog {
    /// Whether the database answers; for readiness.
    pub async fn check(&self) -> Result<(), Error> {
        query("select 1 from canary").fetch_one(&self.inner.database).await?;
        Ok(())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Begins to write under a lock, which holds until the end.
    pub(crate) async fn begin(&self, lock: Lock) -> Result<Writing, Error> {
        Ok(Writing {
            transaction: self.inner.database.begin(lock).await?,
            lock,
            changes: Vec::new(),
            now: self.now(),
        })
    }

    /// Makes a write so, and tells each change in the same transaction. When this returns, no memory of this process
    /// holds what was changed; others follow by their watchers. `Unknown` where the answer was lost.
    pub(crate) async fn commit(&self, mut writing: Writing) -> Result<(), Error> {
        for change in &writing.changes {
            announce(&mut writing.transaction, change).await?;
        }
        let committed = writing.transaction.commit().await;
        // Also where it failed: whoever does not know whether a change is made must not remember what was before.
        for change in &writing.changes {
            self.inner.memory.forget(change);
        }
        committed.map_err(Error::of_commit)
    }
}
