//! Keys of the schemes that others have made: sealed at rest, written and never shown again. They verify, and sign nothing.
//! The keys that sign stand in `signing_keys.rs`.

use std::time::Duration;

use domain::{AccountId, SigningKeyId, Timestamp};
use signing::{KeyKind, KeyMaterial, KeyState, Scheme, VerifyingKey};
use zeroize::Zeroizing;

use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Connection, Lock, Row, is_orphan, query};
use crate::key_names::{self, Keys, lives, state};
use crate::rows::{account_id, json_text, maybe_time, odd, parsed, time};
use crate::sealing::Sealer;
use crate::{Actor, Catalog, Error, audit, sealed_keys};

/// The schemes whose URLs are signed with an account's signing keys. They take no verifying keys.
pub(crate) const BY_SIGNING_KEYS: [Scheme; 2] = [Scheme::Native, Scheme::Generic];

/// Bytes of what URLs call a key: an e-mail address of a service account is the longest that is known.
const MAX_ID_BYTES: usize = 256;

/// Bytes of a session token. AWS promises no length and advises to leave room for this.
const MAX_SESSION_TOKEN_BYTES: usize = 4_096;

/// A verifying key as a list shows it. Its secret stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKeyEntry {
    /// The account's own name for it.
    pub name: SigningKeyId,
    /// The scheme that it verifies by.
    pub scheme: Scheme,
    /// How URLs name it; empty where the scheme names no key.
    pub id: String,
    /// What it is made of.
    pub kind: KeyKind,
    /// Its state as of now (an overlap that has ended reads as retired).
    pub state: KeyState,
    /// From when on it verifies; none for always.
    pub verify_from: Option<Timestamp>,
    /// A public key as PEM, which is no secret.
    pub public_key_pem: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A verifying key to register.
#[derive(Debug, Clone)]
pub struct NewVerifyingKey {
    /// The account's own name for it: of all its keys that verify, this one alone.
    pub name: SigningKeyId,
    /// The scheme that it verifies by.
    pub scheme: Scheme,
    /// How URLs name it; empty where the scheme names no key.
    pub id: String,
    /// What it is made of.
    pub material: KeyMaterial,
    /// From when on it verifies; none for always.
    pub verify_from: Option<Timestamp>,
}

impl Catalog {
    /// All verifying keys of an account, by scheme and the newest first; retired and revoked ones last.
    pub async fn verifying_keys(&self, account: &AccountId) -> Result<Vec<VerifyingKeyEntry>, Error> {
        let mut reader = self.inner.database.snapshot().await?;
        let sealer = self.sealer(&mut reader).await?;
        let keys = load(&mut reader, &sealer, account, self.now()).await?;
        Ok(keys.into_iter().map(Stored::entry).collect())
    }

    /// Registers a key. `Exists` where a key of this name verifies or signs, `TooMany` at the limit, `Invalid` for one that
    /// its scheme cannot verify with.
    pub async fn add_verifying_key(
        &self,
        account: &AccountId,
        new: NewVerifyingKey,
        actor: &Actor,
    ) -> Result<VerifyingKeyEntry, Error> {
        check(&new)?;
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let sealer = self.sealer(writing.db()).await?;
        let (now, limit) = (writing.now, self.inner.config.max_verifying_keys);
        let keys = load(writing.db(), &sealer, account, now).await?;
        let signing = key_names::living(writing.db(), Keys::Signing, account, now).await?;
        let living = || keys.iter().filter(|stored| lives(stored.key.state()));
        if signing.contains(&new.name) || living().any(|stored| *stored.key.name() == new.name) {
            return Err(Error::Exists);
        }
        check_room(living().count(), limit)?;
        key_names::give_up(writing.db(), Keys::Signing, account, &new.name).await?;
        let key = VerifyingKey::new(new.scheme, new.name, new.id, KeyState::Active, new.material);
        let stored = Stored { key, verify_from: new.verify_from, created_at: now };
        put(writing.db(), &sealer, account, &stored).await?;
        self.finish_verifying_key(writing, account, "verifying_key.add", stored.key.name(), actor).await?;
        Ok(stored.entry())
    }

    /// Lets a key verify for so long yet; it must be active.
    pub async fn retire_verifying_key(
        &self,
        account: &AccountId,
        name: &SigningKeyId,
        overlap: Duration,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let verify_until = writing.now.plus(overlap);
        let retired = query(
            "update verifying_keys set state = 'retiring', verify_until = $3
             where account = $1 and name = $2 and state = 'active'",
        );
        let retired = retired
            .bind(&account.as_bytes()[..])
            .bind(name.as_str())
            .bind(verify_until.as_micros())
            .execute(writing.db())
            .await?;
        found(retired)?;
        self.finish_verifying_key(writing, account, "verifying_key.retire", name, actor).await
    }

    /// Takes a key out of use at once, active or retiring.
    pub async fn revoke_verifying_key(
        &self,
        account: &AccountId,
        name: &SigningKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let now = writing.now;
        let revoked = query(
            "update verifying_keys set state = 'revoked', verify_until = null
             where account = $1 and name = $2 and (state = 'active' or state = 'retiring' and verify_until > $3)",
        );
        let revoked = revoked
            .bind(&account.as_bytes()[..])
            .bind(name.as_str())
            .bind(now.as_micros())
            .execute(writing.db())
            .await?;
        found(revoked)?;
        self.finish_verifying_key(writing, account, "verifying_key.revoke", name, actor).await
    }

    async fn finish_verifying_key(
        &self,
        mut writing: Writing,
        account: &AccountId,
        act: &'static str,
        name: &SigningKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        writing.changes(Change::Account(*account));
        audit::note(&mut writing, Some(account), actor, act, &format!("verifying key:{name}")).await?;
        self.commit(writing).await
    }
}

/// A verifying key with what only its row knows.
pub(crate) struct Stored {
    key: VerifyingKey,
    verify_from: Option<Timestamp>,
    created_at: Timestamp,
}

impl Stored {
    fn entry(self) -> VerifyingKeyEntry {
        let public_key_pem = match self.key.material() {
            KeyMaterial::PublicKey(key) => Some(key.pem()),
            _ => None,
        };
        VerifyingKeyEntry {
            name: self.key.name().clone(),
            scheme: self.key.scheme(),
            id: self.key.id().to_owned(),
            kind: self.key.material().kind(),
            state: self.key.state(),
            verify_from: self.verify_from,
            public_key_pem,
            created_at: self.created_at,
        }
    }

    /// The key to verify with.
    pub(crate) fn into_key(self) -> VerifyingKey {
        match self.verify_from {
            Some(from) => self.key.from(from),
            None => self.key,
        }
    }
}

fn check(new: &NewVerifyingKey) -> Result<(), Error> {
    let (scheme, refused) = (new.scheme.name(), |why: String| Err(Error::Invalid(why)));
    if BY_SIGNING_KEYS.contains(&new.scheme) {
        return refused(format!(
            "URLs of the scheme {scheme} are signed with signing keys: make or import one"
        ));
    }
    if !Scheme::SERVED.contains(new.scheme) {
        return refused(format!("no address serves URLs of the scheme {scheme} yet, so it takes no keys"));
    }
    new.material.check(new.scheme).map_err(|why| Error::Invalid(why.to_string()))?;
    if let KeyMaterial::TextWithSession { session_token, .. } = &new.material
        && !(1..=MAX_SESSION_TOKEN_BYTES).contains(&session_token.reveal().len())
    {
        return refused(format!("a session token has 1 to {MAX_SESSION_TOKEN_BYTES} bytes"));
    }
    let is_plain = new.id.len() <= MAX_ID_BYTES && new.id.bytes().all(|byte| byte.is_ascii_graphic());
    match (new.scheme.names_keys(), new.id.is_empty()) {
        (true, true) => {
            refused(format!("URLs of the scheme {scheme} name their key: give the id by which they do"))
        }
        (false, false) => refused(format!("URLs of the scheme {scheme} name no key, so it takes no id")),
        _ if !is_plain => refused(format!("a key's id has 1 to {MAX_ID_BYTES} printable ASCII characters")),
        _ => Ok(()),
    }
}

fn check_room(count: usize, limit: u32) -> Result<(), Error> {
    if count < limit as usize {
        return Ok(());
    }
    let told = format!("this account has {count} verifying keys; the limit is {limit}");
    Err(Error::TooMany { limit: "max_verifying_keys", told })
}

fn found(rows: u64) -> Result<(), Error> {
    if rows == 0 { Err(Error::VerifyingKeyMissing) } else { Ok(()) }
}

/// Writes a key over whatever key of its name there is.
async fn put(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
    stored: &Stored,
) -> Result<(), Error> {
    let key = &stored.key;
    let sealed = sealed_keys::seal(sealer, Keys::Verifying, account, key.name(), &texts(key.material()));
    let put = query(
        "insert into verifying_keys (account, name, scheme, id, kind, material, state, verify_from, created_at)
         values ($1, $2, $3, $4, $5, $6, 'active', $7, $8)
         on conflict (account, name) do update set scheme = excluded.scheme, id = excluded.id,
             kind = excluded.kind, material = excluded.material, state = excluded.state,
             verify_from = excluded.verify_from, verify_until = null, created_at = excluded.created_at",
    )
    .bind(&account.as_bytes()[..])
    .bind(key.name().as_str())
    .bind(key.scheme().name())
    .bind(key.id())
    .bind(key.material().kind().name())
    .bind(sealed)
    .bind(stored.verify_from.map(Timestamp::as_micros))
    .bind(stored.created_at.as_micros())
    .execute(db)
    .await;
    match put {
        Err(error) if is_orphan(&error) => Err(Error::AccountMissing),
        put => Ok(put.map(|_| ())?),
    }
}

/// All verifying keys of an account, in the order of [`Catalog::verifying_keys`]. One that does not read is left out, so
/// that the others go on: it was written by another version.
pub(crate) async fn load(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
    now: Timestamp,
) -> Result<Vec<Stored>, Error> {
    let rows =
        query("select * from verifying_keys where account = $1 order by scheme, created_at desc, name")
            .bind(&account.as_bytes()[..])
            .fetch_all(db)
            .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        match stored(row, sealer, now) {
            Ok(key) => keys.push(key),
            // What does not open is no matter of versions, and no key may be passed over for it.
            Err(Error::MasterKey) => return Err(Error::MasterKey),
            Err(error) => tracing::error!(%error, "a verifying key does not read"),
        }
    }
    keys.sort_by_key(|stored| !lives(stored.key.state()));
    Ok(keys)
}

fn stored(row: &Row, sealer: &Sealer, now: Timestamp) -> Result<Stored, Error> {
    let name: SigningKeyId = parsed(row, "name")?;
    let material = sealed_keys::unseal(row, sealer, Keys::Verifying, &name)?;
    let (scheme, kind): (&str, &str) = (row.try_get("scheme")?, row.try_get("kind")?);
    let unknown = |what: &str| Error::Invalid(format!("there is no {what:?}"));
    let scheme = Scheme::from_name(scheme).ok_or_else(|| unknown(scheme))?;
    let kind = KeyKind::from_name(kind).ok_or_else(|| unknown(kind))?;
    let (id, state): (String, KeyState) = (row.try_get("id")?, state(row, now)?);
    Ok(Stored {
        key: VerifyingKey::new(scheme, name, id, state, from_texts(kind, &material)?),
        verify_from: maybe_time(row, "verify_from")?,
        created_at: time(row, "created_at")?,
    })
}

/// What a key is made of, as the JSON list of texts that is sealed.
fn texts(material: &KeyMaterial) -> Zeroizing<Vec<u8>> {
    let (one, two) = match material {
        KeyMaterial::Text(secret) => (Zeroizing::new(secret.reveal().to_owned()), None),
        KeyMaterial::TextWithSession { secret, session_token } => {
            (Zeroizing::new(secret.reveal().to_owned()), Some(session_token.reveal().to_owned()))
        }
        KeyMaterial::KeyAndSalt { key, salt } => (Zeroizing::new(hex::encode(key)), Some(hex::encode(salt))),
        KeyMaterial::PublicKey(key) => (Zeroizing::new(key.pem()), None),
    };
    let two = two.map(Zeroizing::new);
    let texts: Vec<&str> = std::iter::once(&one).chain(&two).map(|text| text.as_str()).collect();
    Zeroizing::new(json_text(&texts).into_bytes())
}

fn from_texts(kind: KeyKind, sealed: &[u8]) -> Result<KeyMaterial, Error> {
    let texts: Vec<Zeroizing<String>> = serde_json::from_slice::<Vec<String>>(sealed)
        .map_err(|error| odd("material", error))?
        .into_iter()
        .map(Zeroizing::new)
        .collect();
    let text = |at: usize| texts.get(at).map_or("", |text| text.as_str());
    let read = match kind {
        KeyKind::Secret => Ok(KeyMaterial::text(text(0))),
        KeyKind::SecretWithSession => Ok(KeyMaterial::with_session(text(0), text(1))),
        KeyKind::KeyAndSalt => KeyMaterial::key_and_salt_hex(text(0), text(1)),
        KeyKind::PublicKey => KeyMaterial::public_key_pem(text(0)),
    };
    read.map_err(|why| odd("material", why).into())
}

/// The keys that do not open or do not read, as people call them.
pub(crate) async fn unreadable(db: &mut Connection, sealer: &Sealer) -> Result<Vec<String>, Error> {
    let rows = query("select * from verifying_keys order by account, name").fetch_all(db).await?;
    let mut unreadable = Vec::new();
    for row in &rows {
        if stored(row, sealer, Timestamp::from_micros(0)).is_err() {
            let (account, name): (_, &str) = (account_id(row, "account")?, row.try_get("name")?);
            unreadable.push(format!("verifying key {name} of account {account}"));
        }
    }
    Ok(unreadable)
}
