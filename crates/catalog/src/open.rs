//! Opening the catalog: the database, the master key, the first account, the watcher.

use std::sync::Arc;
use std::time::Duration;

use domain::{AccountHash, AccountId, Clock};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::accounts::{Account, Totals};
use crate::catalog::{Hashing, Inner};
use crate::database::{Database, Lock, query_scalar};
use crate::fetch_log::FetchLog;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::policy::AccountPolicy;
use crate::scheme_reports::SchemeReports;
use crate::tally::Tally;
use crate::watch::Watcher;
use crate::{Actor, Catalog, Config, Error, master_key};

/// Password hashes that are made at once; each takes 19 MiB and most of a core.
const MAX_HASHES: usize = 2;

/// Password checks that wait for those.
const MAX_WAITING_HASHES: usize = 32;

impl Catalog {
    /// Opens the database, brings it up to date, fills an empty one with the account `default`, its signing key
    /// `default` and its variant `public`, and begins to watch for changes of other processes.
    pub async fn open(config: Config, clock: Clock) -> Result<Catalog, Error> {
        let database = Database::open(&config.database, config.migrate).await?;
        let (sealer, own_secret) = master_key::find(&database, &config).await?;
        // It begins before memory holds anything: what changes after this is seen.
        let watcher = Watcher::new(&database).await?;
        let memory = Memory::new(config.max_cached_rights, Duration::from_secs(config.max_stale_rights_s));
        let hashing = Hashing {
            running: Arc::new(Semaphore::new(MAX_HASHES)),
            admitted: Arc::new(Semaphore::new(MAX_HASHES + MAX_WAITING_HASHES)),
        };
        let sealer = RwLock::new(sealer);
        let fetches = FetchLog::new(config.fetch_log_days > 0);
        let catalog = Catalog {
            inner: Arc::new(Inner {
                config,
                clock,
                database,
                sealer,
                own_secret,
                memory,
                hashing,
                tally: Tally::new(),
                fetches,
                reports: SchemeReports::new(),
                looked: Default::default(),
                flushing: Default::default(),
                at_rest: Ledger::default(),
            }),
        };
        catalog.insert_first_account().await?;
        watcher.start(&catalog.inner);
        Ok(catalog)
    }

    /// An empty catalog gets the account `default` (front door, First start).
    async fn insert_first_account(&self) -> Result<(), Error> {
        let any = "select exists (select 1 from accounts)";
        if query_scalar(any).fetch_one(&self.inner.database).await? {
            return Ok(());
        }
        let mut writing = self.begin(Lock::House).await?;
        // Another process may have been quicker.
        if query_scalar(any).fetch_one(writing.db()).await? {
            return Ok(());
        }
        let account = Account {
            id: AccountId::random(),
            handle: "default".parse().map_err(|error: domain::Invalid| Error::Invalid(error.to_string()))?,
            display_name: "My images".into(),
            hash: AccountHash::random(),
            policy: AccountPolicy::default(),
            created_at: writing.now,
            totals: Totals::default(),
        };
        let first_start = Actor { name: "first start".into(), ..Actor::default() };
        self.insert_with_defaults(&mut writing, &account, &first_start).await?;
        self.commit(writing).await
    }
}
