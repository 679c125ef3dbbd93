//! The memory of rights, of mounts and of API tokens: bounded, and never older than what this process has noticed.
//! Knows no database; it is filled by whoever has loaded something, and told what has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::AccountId;
use moka::Equivalent;
use moka::sync::Cache;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::Error;
use crate::api_token::ApiToken;
use crate::changes::Change;
use crate::mount::Given;
use crate::rights::{AccountRights, ImageRights};

/// API tokens that memory keeps.
const MAX_TOKENS: u64 = 10_000;

/// What is known of rights right now.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Moves with every change that is noticed. Held while something is put in, so that nothing which was loaded
    /// before a change gets in after it.
    generation: Mutex<u64>,
    accounts: RwLock<Accounts>,
    mounts: RwLock<Option<Arc<Given>>>,
    images: Cache<ImageKey, Arc<ImageRights>>,
    tokens: Cache<String, Arc<ApiToken>>,
    turns: Semaphore,
    /// When the feed of changes was last read to its end, in milliseconds after `began`.
    seen_ms: AtomicU64,
    began: Instant,
    max_age: Duration,
}

/// Accounts by both their public names.
#[derive(Debug, Default)]
struct Accounts {
    by_hash: HashMap<Box<str>, Arc<AccountRights>>,
    by_handle: HashMap<Box<str>, Arc<AccountRights>>,
}

/// Loads that run at once: a half of PostgreSQL's connections, so that cold pictures leave some to writers.
const LOADS: usize = 8;

/// How long anyone waits for a turn.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// The moment at which a loading began, as memory counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Began(u64);

#[derive(Debug, PartialEq, Eq, Hash)]
struct ImageKey {
    account: AccountId,
    id: Box<str>,
}

/// An [`ImageKey`] that owns nothing: a look-up makes no copy of the id. Hashes as the key does.
#[derive(Hash)]
struct Wanted<'a> {
    account: AccountId,
    id: &'a str,
}

impl Equivalent<ImageKey> for Wanted<'_> {
    fn equivalent(&self, key: &ImageKey) -> bool {
        self.account == key.account && *self.id == *key.id
    }
}

impl Accounts {
    fn forget(&mut self, id: &AccountId) {
        self.by_hash.retain(|_, rights| rights.id != *id);
        self.by_handle.retain(|_, rights| rights.id != *id);
    }
}

impl Memory {
    /// An empty memory for so many images, which is obeyed for so long after the feed was last read.
    pub(crate) fn new(max_images: u64, max_age: Duration) -> Memory {
        Memory {
            generation: Mutex::new(0),
            accounts: RwLock::default(),
            mounts: RwLock::default(),
            images: Cache::new(max_images),
            tokens: Cache::new(MAX_TOKENS),
            turns: Semaphore::new(LOADS),
            seen_ms: AtomicU64::new(0),
            began: Instant::now(),
            max_age,
        }
    }

    /// A turn to load what is not here. Whoever had to wait looks here again first: where a thousand want the same at
    /// once, the first few have brought it by then.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        match timeout(TURN_WITHIN, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Error::RightsUnavailable),
        }
    }

    /// Whether the feed was read lately enough to obey what is here.
    pub(crate) fn is_fresh(&self) -> bool {
        let seen = Duration::from_millis(self.seen_ms.load(Relaxed));
        self.began.elapsed().saturating_sub(seen) < self.max_age
    }

    /// Notes that every change before this moment is obeyed.
    pub(crate) fn saw_feed(&self, until: Instant) {
        self.seen_ms.store(until.saturating_duration_since(self.began).as_millis() as u64, Relaxed);
    }

    /// Makes it look as if the feed was never read.
    #[cfg(test)]
    pub(crate) fn lose_sight(&self) {
        self.seen_ms.store(0, Relaxed);
    }

    /// To be asked before something is loaded.
    pub(crate) fn begin(&self) -> Began {
        Began(*self.generation.lock())
    }

    /// The rights of the account with this hash.
    pub(crate) fn account(&self, hash: &str) -> Option<Arc<AccountRights>> {
        self.accounts.read().by_hash.get(hash).cloned()
    }

    /// The rights of the account with this handle.
    pub(crate) fn account_by_handle(&self, handle: &str) -> Option<Arc<AccountRights>> {
        self.accounts.read().by_handle.get(handle).cloned()
    }

    /// To whom the mounts are given.
    pub(crate) fn mounts(&self) -> Option<Arc<Given>> {
        self.mounts.read().clone()
    }

    /// The rights of an image.
    pub(crate) fn image(&self, account: AccountId, id: &str) -> Option<Arc<ImageRights>> {
        self.images.get(&Wanted { account, id })
    }

    /// The token whose value has this digest, in hex.
    pub(crate) fn token(&self, digest: &str) -> Option<Arc<ApiToken>> {
        self.tokens.get(digest)
    }

    /// Keeps an account's rights, unless something has changed since the loading began; says whether.
    pub(crate) fn keep_account(&self, began: Began, rights: &Arc<AccountRights>) -> bool {
        self.keep(began, || {
            let mut accounts = self.accounts.write();
            accounts.by_hash.insert(rights.hash.as_str().into(), Arc::clone(rights));
            accounts.by_handle.insert(rights.handle.as_str().into(), Arc::clone(rights));
        })
    }

    /// Keeps to whom the mounts are given, unless something has changed since the loading began; says whether.
    pub(crate) fn keep_mounts(&self, began: Began, given: &Given) -> bool {
        self.keep(began, || *self.mounts.write() = Some(Arc::new(given.clone())))
    }

    /// Keeps an image's rights, unless something has changed since the loading began; says whether.
    pub(crate) fn keep_image(
        &self,
        began: Began,
        account: AccountId,
        id: &str,
        rights: &Arc<ImageRights>,
    ) -> bool {
        self.keep(began, || self.images.insert(ImageKey { account, id: id.into() }, Arc::clone(rights)))
    }

    /// Keeps a token, unless something has changed since the loading began; says whether.
    pub(crate) fn keep_token(&self, began: Began, digest: &str, token: &Arc<ApiToken>) -> bool {
        self.keep(began, || self.tokens.insert(digest.to_owned(), Arc::clone(token)))
    }

    fn keep(&self, began: Began, put: impl FnOnce()) -> bool {
        let generation = self.generation.lock();
        let unchanged = *generation == began.0;
        if unchanged {
            put();
        }
        unchanged
    }

    /// Forgets what a change names, and lets nothing in whose loading began before.
    pub(crate) fn forget(&self, change: &Change) {
        let mut generation = self.generation.lock();
        *generation += 1;
        match change {
            Change::Account(id) => {
                self.accounts.write().forget(id);
                *self.mounts.write() = None;
            }
            Change::Image(account, id) => self.images.invalidate(&Wanted { account: *account, id }),
            Change::Token(digest) => self.tokens.invalidate(digest.as_str()),
            // The secrets are the same; only what seals them is another.
            Change::MasterKey => {}
            Change::Everything => {
                *self.accounts.write() = Accounts::default();
                *self.mounts.write() = None;
                self.images.invalidate_all();
                self.tokens.invalidate_all();
            }
        }
    }
}
