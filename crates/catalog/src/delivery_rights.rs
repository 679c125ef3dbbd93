//! Loading the rights that concern a delivery: from memory where that is fresh, else from the database.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::{AccountId, Fault as _, Problem, Timestamp};
use metrics::Counter;
use signing::{Request, SigningKey};

use crate::database::{Connection, Query, Row, overdue, query, query_scalar};
use crate::images::focal_point;
use crate::memory::Memory;
use crate::policy::AccountPolicy;
use crate::rights::{AccountRights, ImageRights, Judgement, NamedOptions, Rights};
use crate::rows::{account_id, bytes, json, object_id, parsed};
use crate::schemes::SchemeMode;
use crate::verifying_keys::Stored;
use crate::wanted::Wanted;
use crate::{Catalog, Error, schemes, signing_keys, variants, verifying_keys};

/// How often rights are loaded anew when something changes while they are loaded. After that they are good for the
/// request that asked, which overlaps the change anyway, and are not kept.
const MAX_LOADS: u32 = 4;

/// How long a delivery waits for a database that does not answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Handles are made once: a hit must not pay for looking one up.
static HITS: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("darkroom_cache_hits_total", "cache" => "rights"));
static MISSES: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("darkroom_cache_misses_total", "cache" => "rights"));

impl Catalog {
    /// The rights that concern what is wanted, of a request of which nothing is known but its URL; from memory where that
    /// is fresh.
    ///
    /// Where the account hides which images there are, the database is asked for the image each time, so that an
    /// answer takes as long for an id that memory knows as for one that does not exist.
    pub async fn rights<'u>(&self, wanted: impl Into<Wanted<'u>>) -> Result<Rights, Error> {
        let wanted = wanted.into();
        self.rights_of(wanted, &Request::get(wanted.target), &Judgement::default()).await
    }

    /// The same of a request that is known whole. Where its signature has to be looked at for that, what it was found to be
    /// worth is kept for whoever decides.
    pub async fn rights_of<'u>(
        &self,
        wanted: impl Into<Wanted<'u>>,
        request: &Request<'_>,
        judgement: &Judgement,
    ) -> Result<Rights, Error> {
        let wanted = wanted.into();
        let now = self.now();
        // A mark alone is anybody's: only a right signature has a hidden image looked up.
        self.rights_where(wanted, |account| judgement.verdict(account, wanted, request, now).is_ok()).await
    }

    /// The same for people with the right to see what the account keeps: nothing is hidden from them.
    pub(crate) async fn rights_told(&self, wanted: Wanted<'_>) -> Result<Rights, Error> {
        self.rights_where(wanted, |_| true).await
    }

    async fn rights_where(
        &self,
        wanted: Wanted<'_>,
        may_see: impl Fn(&Arc<AccountRights>) -> bool + Send,
    ) -> Result<Rights, Error> {
        let stale = !self.inner.memory.is_fresh();
        if stale {
            return self.stale_rights(wanted);
        }
        let loaded = tokio::time::timeout(PATIENCE, self.load_rights(wanted, may_see)).await;
        loaded.unwrap_or_else(|_| Err(overdue().into())).map_err(unavailable)
    }

    /// The same without waiting: none where memory does not know them. For the path before the router.
    ///
    /// Only a leave to deliver may be given by these; a refusal must be asked of [`Catalog::rights`] anew, so that a
    /// private image that memory knows is refused no faster than an unknown one.
    pub fn rights_in_memory<'u>(&self, wanted: impl Into<Wanted<'u>>) -> Option<Rights> {
        let found = self.fresh_rights(wanted.into());
        let counter = if found.is_some() { &HITS } else { &MISSES };
        counter.increment(1);
        found
    }

    fn fresh_rights(&self, wanted: Wanted<'_>) -> Option<Rights> {
        let memory = &self.inner.memory;
        if !memory.is_fresh() {
            return None;
        }
        let account = memory.account(wanted.account)?;
        let image = memory.image(account.id, wanted.image)?;
        Some(Rights { account: Some(account), image: Some(image), stale: false })
    }

    /// What memory still holds when changes can no longer be seen: nothing that may be obeyed, but for public images
    /// where the operator wants them to go on.
    fn stale_rights(&self, wanted: Wanted<'_>) -> Result<Rights, Error> {
        let memory = &self.inner.memory;
        if !self.inner.config.serve_stale_public {
            return Err(Error::RightsUnavailable);
        }
        let account = memory.account(wanted.account).ok_or(Error::RightsUnavailable)?;
        let image = memory.image(account.id, wanted.image).ok_or(Error::RightsUnavailable)?;
        Ok(Rights { account: Some(account), image: Some(image), stale: true })
    }

    async fn load_rights(
        &self,
        wanted: Wanted<'_>,
        may_see: impl Fn(&Arc<AccountRights>) -> bool + Send,
    ) -> Result<Rights, Error> {
        let Some(account) = self.account_rights(wanted.account).await? else {
            return Ok(Rights { account: None, image: None, stale: false });
        };
        let image = if account.hides(wanted.image) {
            self.hidden_image(&account, wanted, may_see(&account)).await?
        } else {
            self.known_image(&account.id, wanted.image).await?
        };
        Ok(Rights { account: Some(account), image, stale: false })
    }

    /// The image of an account that hides which there are, in the turn of one who loads: a flood of guesses at one such
    /// account leaves connections to the others.
    async fn hidden_image(
        &self,
        account: &AccountRights,
        wanted: Wanted<'_>,
        is_signed: bool,
    ) -> Result<Option<Arc<ImageRights>>, Error> {
        let _turn = self.inner.memory.turn().await?;
        let always_public = wanted.variant().is_some_and(|name| account.is_always_public(name));
        let is_open = is_signed || always_public || self.is_public(&account.id, wanted.image).await?;
        // A private image is to a stranger as one that is not there, down to the way through this code.
        if is_open { self.image_rights(&account.id, wanted.image).await } else { Ok(None) }
    }

    pub(crate) async fn known_image(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<Arc<ImageRights>>, Error> {
        match self.inner.memory.image(*account, id) {
            Some(known) => Ok(Some(known)),
            None => {
                let _turn = self.inner.memory.turn().await?;
                match self.inner.memory.image(*account, id) {
                    Some(known) => Ok(Some(known)),
                    None => self.image_rights(account, id).await,
                }
            }
        }
    }

    /// Whether there is such an image and it is public. The answer is one row of one number whatever is there, so
    /// that it takes as long for an image that is not public as for none.
    async fn is_public(&self, account: &AccountId, image: &str) -> Result<bool, Error> {
        let public = query_scalar(
            "select coalesce((select not private from images
                              where account = $1 and id = $2 and facts is not null), false)",
        )
        .bind(&account.as_bytes()[..])
        .bind(image);
        Ok(public.fetch_one(&self.inner.database).await?)
    }

    async fn account_rights(&self, hash: &str) -> Result<Option<Arc<AccountRights>>, Error> {
        self.account_rights_of(Called::Hash(hash)).await
    }

    /// The rights of the account with this handle, from memory where that is fresh; none where there is no such account.
    /// `RightsUnavailable` where changes cannot be seen.
    pub(crate) async fn account_rights_by_handle(
        &self,
        handle: &str,
    ) -> Result<Option<Arc<AccountRights>>, Error> {
        if !self.inner.memory.is_fresh() {
            return Err(Error::RightsUnavailable);
        }
        self.account_rights_of(Called::Handle(handle)).await
    }

    async fn account_rights_of(&self, called: Called<'_>) -> Result<Option<Arc<AccountRights>>, Error> {
        let memory = &self.inner.memory;
        if let Some(known) = called.find(memory) {
            return Ok(Some(known));
        }
        let _turn = memory.turn().await?;
        if let Some(known) = called.find(memory) {
            return Ok(Some(known));
        }
        let mut loads = 0;
        loop {
            let began = memory.begin();
            let mut reader = self.inner.database.snapshot().await?;
            let Some(loaded) = self.load_account(&mut reader, called).await? else { return Ok(None) };
            let loaded = Arc::new(loaded);
            loads += 1;
            if memory.keep_account(began, &loaded) || loads == MAX_LOADS {
                return Ok(Some(loaded));
            }
        }
    }

    async fn image_rights(&self, account: &AccountId, id: &str) -> Result<Option<Arc<ImageRights>>, Error> {
        let memory = &self.inner.memory;
        let mut loads = 0;
        loop {
            let began = memory.begin();
            let mut reader = self.inner.database.acquire().await?;
            // What is unknown is not kept: nobody may fill memory with guesses.
            let Some(loaded) = load_image(&mut reader, account, id).await? else { return Ok(None) };
            let loaded = Arc::new(loaded);
            loads += 1;
            if memory.keep_image(began, *account, id, &loaded) || loads == MAX_LOADS {
                return Ok(Some(loaded));
            }
        }
    }

    /// One view of the account, its schemes, its keys and its variants.
    async fn load_account(
        &self,
        db: &mut Connection,
        called: Called<'_>,
    ) -> Result<Option<AccountRights>, Error> {
        let Some(row) = called.question().fetch_optional(&mut *db).await? else { return Ok(None) };
        let id = account_id(&row, "id")?;
        let policy = json::<AccountPolicy>(&row, "policy")?;
        let sealer = self.sealer(db).await?;
        // Times are judged at each request: a key that is retiring now is loaded as such, whatever its end.
        let long_ago = Timestamp::from_micros(i64::MIN);
        let keys = signing_keys::load(db, &sealer, &id, long_ago).await?;
        let foreign_keys = verifying_keys::load(db, &sealer, &id, long_ago).await?;
        let schemes = schemes::load(db, &sealer, &id).await?;
        let variants =
            query("select * from variants where account = $1").bind(&id.as_bytes()[..]).fetch_all(db).await?;
        let named = variants.iter().filter_map(|row| named_options(row, policy.browser_ttl_s));
        Ok(Some(AccountRights {
            id,
            hash: parsed(&row, "hash")?,
            handle: parsed(&row, "handle")?,
            verification: policy.signing(),
            keys: keys.into_iter().map(|key| SigningKey::new(key.id, key.secret, key.state)).collect(),
            schemes: schemes.in_mode(SchemeMode::Enforce),
            reported: schemes.in_mode(SchemeMode::Report),
            foreign_keys: foreign_keys.into_iter().map(Stored::into_key).collect(),
            settings: schemes.settings,
            variants: named.collect(),
            private_custom: row.try_get("private_custom")?,
            policy,
        }))
    }
}

/// One of the names by which an account is asked for.
#[derive(Debug, Clone, Copy)]
enum Called<'n> {
    /// In delivery URLs.
    Hash(&'n str),
    /// In the addresses of storage.
    Handle(&'n str),
}

impl Called<'_> {
    fn find(self, memory: &Memory) -> Option<Arc<AccountRights>> {
        match self {
            Called::Hash(hash) => memory.account(hash),
            Called::Handle(handle) => memory.account_by_handle(handle),
        }
    }

    fn question(self) -> Query {
        let (text, name) = match self {
            Called::Hash(hash) => {
                ("select id, hash, handle, policy, private_custom from accounts where hash = $1", hash)
            }
            Called::Handle(handle) => {
                ("select id, hash, handle, policy, private_custom from accounts where handle = $1", handle)
            }
        };
        query(text).bind(name)
    }
}

/// What a visitor is told where rights cannot be read.
pub(crate) fn unavailable(error: Error) -> Error {
    match error.problem() {
        // The database is gone or too many ask: every visitor ends here, and the loops of `jobs` tell it once.
        Problem::Unavailable | Problem::RightsUnavailable => {
            tracing::debug!(?error, "rights cannot be read right now");
        }
        _ => tracing::error!(?error, "rights cannot be read"),
    }
    Error::RightsUnavailable
}

async fn load_image(
    db: &mut Connection,
    account: &AccountId,
    id: &str,
) -> Result<Option<ImageRights>, Error> {
    let row = query(
        "select private, object, day, sha256, bytes, facts, focus_x, focus_y from images
         where account = $1 and id = $2 and facts is not null",
    )
    .bind(&account.as_bytes()[..])
    .bind(id)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(image).transpose()
}

fn image(row: &Row) -> Result<ImageRights, Error> {
    Ok(ImageRights {
        private: row.try_get("private")?,
        object: object_id(row, "object")?,
        day: row.try_get("day")?,
        sha256: bytes(row, "sha256")?,
        bytes: row.try_get::<i64>("bytes")?.unsigned_abs(),
        facts: Arc::new(json(row, "facts")?),
        focal_point: focal_point(row)?,
    })
}

/// A variant that does not read is left out, so that the others go on: it was written by another version.
fn named_options(row: &Row, account_ttl_s: u32) -> Option<(domain::VariantName, NamedOptions)> {
    let variant = variants::variant(row)
        .inspect_err(|error| tracing::error!(%error, "a variant does not read"))
        .ok()?;
    let (options, ttl_s) = (Arc::new(variant.options), variant.browser_ttl_s.unwrap_or(account_ttl_s));
    Some((variant.name, NamedOptions { options, always_public: variant.always_public, ttl_s }))
}
