//! Signing keys of accounts: sealed at rest, one of them signs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, Secret, SigningKeyId, Timestamp};
use signing::{KeyState, SigningKey};

use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Connection, Lock, Row, is_orphan, query};
use crate::key_names::{self, Keys, lives, state};
use crate::rows::{account_id, parsed, time};
use crate::sealing::Sealer;
use crate::{Actor, Catalog, Error, audit, sealed_keys};

/// A signing key as a list shows it.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its name.
    pub id: SigningKeyId,
    /// Its secret, unsealed.
    pub secret: Secret,
    /// Its state as of now (an overlap that has ended reads as retired).
    pub state: KeyState,
    /// Whether it is the one that signs.
    pub signs: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How to rotate a key.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The name of the new key; `NAME-2` (and so on) where absent.
    pub new_id: Option<SigningKeyId>,
    /// How long the old one still verifies.
    pub overlap: Duration,
}

/// Bytes of an imported secret. Ours have 43.
const MAX_SECRET_BYTES: usize = 1_024;

impl Catalog {
    /// All keys of an account, the one that signs first, then newest first; retired and revoked ones last.
    pub async fn signing_keys(&self, account: &AccountId) -> Result<Vec<KeyEntry>, Error> {
        // One view of the database: the keys, and the master key that they are sealed under.
        let mut reader = self.inner.database.snapshot().await?;
        let sealer = self.sealer(&mut reader).await?;
        load(&mut reader, &sealer, account, self.now()).await
    }

    /// The key that signs, or the one of that name if it is active.
    pub async fn signing_key(
        &self,
        account: &AccountId,
        id: Option<&SigningKeyId>,
    ) -> Result<SigningKey, Error> {
        let keys = self.signing_keys(account).await?;
        let wanted =
            |key: &KeyEntry| id.map_or(key.signs, |id| key.id == *id && key.state == KeyState::Active);
        let key = keys.into_iter().find(wanted).ok_or(Error::SigningKeyMissing)?;
        Ok(SigningKey::new(key.id, key.secret, key.state))
    }

    /// Makes a key with a random secret (43 characters of base64url). `Exists` for an active or retiring name;
    /// a retired or revoked name is free again. `TooMany` at the limit. Does not sign unless it is the only one.
    pub async fn create_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        self.add_signing_key(account, id, random_secret(), "key.create", actor).await
    }

    /// Makes a key with a given secret, which may be short. `Exists` where the name is active or retiring.
    pub async fn import_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        secret: Secret,
        actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        if secret.reveal().is_empty() || secret.reveal().len() > MAX_SECRET_BYTES {
            return Err(Error::Invalid(format!("a secret has 1 to {MAX_SECRET_BYTES} bytes")));
        }
        self.add_signing_key(account, id, secret, "key.import", actor).await
    }

    async fn add_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        secret: Secret,
        act: &'static str,
        actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        let mut work = self.begin_keys(account).await?;
        if work.living(id).is_some() || work.is_verifying(id) {
            return Err(Error::Exists);
        }
        work.check_room(self.inner.config.max_signing_keys)?;
        let signs = !work.keys.iter().any(|key| key.signs);
        let key = work.insert(id.clone(), secret, signs).await?;
        self.finish_keys(work, act, id, actor).await?;
        Ok(key)
    }

    /// The contract's PUT: makes the key, or replaces the value of an existing one at once; a retiring one
    /// becomes active. `Exists` where a verifying key has the name.
    pub async fn put_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut work = self.begin_keys(account).await?;
        if work.is_verifying(id) {
            return Err(Error::Exists);
        }
        if work.living(id).is_none() {
            work.check_room(self.inner.config.max_signing_keys)?;
        }
        let others_sign = work.keys.iter().any(|key| key.signs && key.id != *id);
        work.insert(id.clone(), random_secret(), !others_sign).await?;
        self.finish_keys(work, "key.put", id, actor).await
    }

    /// Makes a new key that signs from now on; the old one verifies until the overlap ends.
    pub async fn rotate_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        rotation: Rotation,
        actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        let mut work = self.begin_keys(account).await?;
        let old = work.active(id)?.id.clone();
        let new_id = match rotation.new_id {
            Some(new_id) if work.living(&new_id).is_some() || work.is_verifying(&new_id) => {
                return Err(Error::Exists);
            }
            Some(new_id) => new_id,
            None => work.free_name(id)?,
        };
        work.check_room(self.inner.config.max_signing_keys)?;
        work.retire(&old, rotation.overlap).await?;
        work.choose(None).await?;
        let key = work.insert(new_id, random_secret(), true).await?;
        self.finish_keys(work, "key.rotate", &old, actor).await?;
        Ok(key)
    }

    /// Makes a key the one that signs; it must be active.
    pub async fn use_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut work = self.begin_keys(account).await?;
        let chosen = work.active(id)?.id.clone();
        work.choose(Some(&chosen)).await?;
        self.finish_keys(work, "key.use", id, actor).await
    }

    /// Takes a key out of use at once. If it signed, the newest active one takes over; if none is left, a new
    /// `default` is made (contract R-38).
    pub async fn revoke_signing_key(
        &self,
        account: &AccountId,
        id: &SigningKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut work = self.begin_keys(account).await?;
        let signed = work.living(id).ok_or(Error::SigningKeyMissing)?.signs;
        work.revoke(id).await?;
        if signed {
            let newest = work.keys.iter().find(|key| key.state == KeyState::Active && key.id != *id);
            match newest.map(|key| key.id.clone()) {
                Some(newest) => work.choose(Some(&newest)).await?,
                None => work.insert_new_default(id).await?,
            }
        }
        self.finish_keys(work, "key.revoke", id, actor).await
    }

    async fn begin_keys(&self, account: &AccountId) -> Result<KeyWork, Error> {
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let sealer = self.sealer(writing.db()).await?;
        let now = writing.now;
        let keys = load(writing.db(), &sealer, account, now).await?;
        let verifying = key_names::living(writing.db(), Keys::Verifying, account, now).await?;
        Ok(KeyWork { writing, sealer, account: *account, keys, verifying })
    }

    async fn finish_keys(
        &self,
        mut work: KeyWork,
        act: &'static str,
        id: &SigningKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        work.writing.changes(Change::Account(work.account));
        audit::note(&mut work.writing, Some(&work.account), actor, act, &format!("key:{id}")).await?;
        self.commit(work.writing).await
    }
}

/// A change of an account's keys while it lasts: the keys as they were when it began.
struct KeyWork {
    writing: Writing,
    sealer: Sealer,
    account: AccountId,
    keys: Vec<KeyEntry>,
    /// The names of verifying keys that live.
    verifying: Vec<SigningKeyId>,
}

impl KeyWork {
    /// The key of this name, if it is active or retiring.
    fn living(&self, id: &SigningKeyId) -> Option<&KeyEntry> {
        self.keys.iter().find(|key| key.id == *id && lives(key.state))
    }

    /// Whether a verifying key has this name.
    fn is_verifying(&self, id: &SigningKeyId) -> bool {
        self.verifying.contains(id)
    }

    fn active(&self, id: &SigningKeyId) -> Result<&KeyEntry, Error> {
        let key = self.living(id).ok_or(Error::SigningKeyMissing)?;
        if key.state != KeyState::Active {
            return Err(Error::Invalid(format!(
                "the signing key {id} is retiring; only an active one signs"
            )));
        }
        Ok(key)
    }

    fn check_room(&self, limit: u32) -> Result<(), Error> {
        let count = self.keys.iter().filter(|key| lives(key.state)).count();
        if count < limit as usize {
            return Ok(());
        }
        let told = format!("this account has {count} signing keys; the limit is {limit}");
        Err(Error::TooMany { limit: "max_signing_keys", told })
    }

    /// `NAME-2`, `NAME-3` … : the first name that no key has or had.
    fn free_name(&self, id: &SigningKeyId) -> Result<SigningKeyId, Error> {
        let is_free =
            |name: &SigningKeyId| self.keys.iter().all(|key| key.id != *name) && !self.is_verifying(name);
        let numbered = (2..).map(|number: u32| {
            let end = format!("-{number}");
            // Room for the number in the 64 characters that a name has; names are ASCII.
            let stem = &id.as_str()[..id.as_str().len().min(64 - end.len())];
            format!("{stem}{end}").parse::<SigningKeyId>()
        });
        let free = numbered.map_while(Result::ok).find(is_free);
        free.ok_or_else(|| Error::Invalid("no name is free for the new signing key".into()))
    }

    async fn insert(&mut self, id: SigningKeyId, secret: Secret, signs: bool) -> Result<KeyEntry, Error> {
        let created_at = self.writing.now;
        key_names::give_up(self.writing.db(), Keys::Verifying, &self.account, &id).await?;
        let key = KeyEntry { id, secret, state: KeyState::Active, signs, created_at };
        put(self.writing.db(), &self.sealer, &self.account, &key).await?;
        Ok(key)
    }

    /// When the last active key goes: `default`, which may be the name that was just revoked.
    async fn insert_new_default(&mut self, revoked: &SigningKeyId) -> Result<(), Error> {
        let default = SigningKeyId::default_key();
        let is_taken = default != *revoked && self.living(&default).is_some() || self.is_verifying(&default);
        let name = if is_taken { self.free_name(&default)? } else { default };
        self.insert(name, random_secret(), true).await?;
        Ok(())
    }

    async fn retire(&mut self, id: &SigningKeyId, overlap: Duration) -> Result<(), Error> {
        let verify_until = self.writing.now.plus(overlap);
        query(
            "update signing_keys set state = 'retiring', verify_until = $3, signs = false
             where account = $1 and name = $2",
        )
        .bind(&self.account.as_bytes()[..])
        .bind(id.as_str())
        .bind(verify_until.as_micros())
        .execute(self.writing.db())
        .await?;
        Ok(())
    }

    async fn revoke(&mut self, id: &SigningKeyId) -> Result<(), Error> {
        query(
            "update signing_keys set state = 'revoked', verify_until = null, signs = false
             where account = $1 and name = $2",
        )
        .bind(&self.account.as_bytes()[..])
        .bind(id.as_str())
        .execute(self.writing.db())
        .await?;
        Ok(())
    }

    /// Makes this key the one that signs, or none.
    async fn choose(&mut self, id: Option<&SigningKeyId>) -> Result<(), Error> {
        // In two steps: at no moment may two of an account sign.
        query("update signing_keys set signs = false where account = $1 and signs")
            .bind(&self.account.as_bytes()[..])
            .execute(self.writing.db())
            .await?;
        let Some(id) = id else { return Ok(()) };
        query("update signing_keys set signs = true where account = $1 and name = $2")
            .bind(&self.account.as_bytes()[..])
            .bind(id.as_str())
            .execute(self.writing.db())
            .await?;
        Ok(())
    }
}

/// 256 random bits as base64url text.
fn random_secret() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// The signing key that every account starts with.
pub(crate) async fn insert_default(
    writing: &mut Writing,
    sealer: &Sealer,
    account: &AccountId,
) -> Result<(), Error> {
    let (id, created_at) = (SigningKeyId::default_key(), writing.now);
    let key = KeyEntry { id, secret: random_secret(), state: KeyState::Active, signs: true, created_at };
    put(writing.db(), sealer, account, &key).await
}

/// Writes a key over whatever key of its name there is.
pub(crate) async fn put(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
    key: &KeyEntry,
) -> Result<(), Error> {
    let (state, verify_until) = match key.state {
        KeyState::Active => ("active", None),
        KeyState::Retiring { verify_until } => ("retiring", Some(verify_until)),
        // A key whose overlap is over: it ended at the latest when it was written.
        KeyState::Retired => ("retiring", Some(key.created_at)),
        KeyState::Revoked => ("revoked", None),
    };
    let sealed = sealed_keys::seal(sealer, Keys::Signing, account, &key.id, key.secret.reveal().as_bytes());
    let put = query(
        "insert into signing_keys (account, name, secret, state, verify_until, signs, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (account, name) do update set secret = excluded.secret, state = excluded.state,
             verify_until = excluded.verify_until, signs = excluded.signs, created_at = excluded.created_at",
    )
    .bind(&account.as_bytes()[..])
    .bind(key.id.as_str())
    .bind(sealed)
    .bind(state)
    .bind(verify_until.map(Timestamp::as_micros))
    .bind(key.signs)
    .bind(key.created_at.as_micros())
    .execute(db)
    .await;
    match put {
        Err(error) if is_orphan(&error) => Err(Error::AccountMissing),
        put => Ok(put.map(|_| ())?),
    }
}

/// All keys of an account, in the order of [`Catalog::signing_keys`].
pub(crate) async fn load(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
    now: Timestamp,
) -> Result<Vec<KeyEntry>, Error> {
    let rows =
        query("select * from signing_keys where account = $1 order by signs desc, created_at desc, name")
            .bind(&account.as_bytes()[..])
            .fetch_all(db)
            .await?;
    let mut keys = rows.iter().map(|row| key(row, sealer, now)).collect::<Result<Vec<KeyEntry>, Error>>()?;
    keys.sort_by_key(|key| !lives(key.state));
    Ok(keys)
}

fn key(row: &Row, sealer: &Sealer, now: Timestamp) -> Result<KeyEntry, Error> {
    let id: SigningKeyId = parsed(row, "name")?;
    Ok(KeyEntry {
        secret: unsealed(row, sealer, &id)?,
        state: state(row, now)?,
        signs: row.try_get("signs")?,
        created_at: time(row, "created_at")?,
        id,
    })
}

fn unsealed(row: &Row, sealer: &Sealer, id: &SigningKeyId) -> Result<Secret, Error> {
    let secret = sealed_keys::unseal(row, sealer, Keys::Signing, id)?;
    let text = std::str::from_utf8(&secret).map_err(|error| crate::rows::odd("secret", error))?;
    Ok(Secret::new(text))
}

/// The keys whose secrets do not open, as people call them.
pub(crate) async fn unreadable(db: &mut Connection, sealer: &Sealer) -> Result<Vec<String>, Error> {
    let rows = query("select account, name, secret from signing_keys order by account, name");
    let mut unreadable = Vec::new();
    for row in &rows.fetch_all(db).await? {
        let (account, id) = (account_id(row, "account")?, parsed(row, "name")?);
        if unsealed(row, sealer, &id).is_err() {
            unreadable.push(format!("signing key {id} of account {account}"));
        }
    }
    Ok(unreadable)
}
