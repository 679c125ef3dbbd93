//! Which signing schemes an account has switched on, and their settings. The keys they verify with stand in
//! `verifying_keys.rs`, what report mode found in `scheme_reports.rs`.

use std::collections::BTreeMap;

use domain::{AccountId, Timestamp};
use signing::{Scheme, SchemeSet, SchemeSettings};
use zeroize::Zeroizing;

use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Connection, Lock, Row, query, query_scalar};
use crate::policy::AccountPolicy;
use crate::rows::{account_id, json, json_text, odd, time};
use crate::sealing::{Place, Sealer};
use crate::{Actor, Catalog, Error, audit, verifying_keys};

/// What an account does with the signatures of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemeMode {
    /// They are not looked at.
    Off,
    /// They are judged and counted, and open nothing.
    Report,
    /// They open what they are right for.
    Enforce,
}

/// A scheme as an account has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeEntry {
    /// The scheme.
    pub scheme: Scheme,
    /// What is done with its signatures.
    pub mode: SchemeMode,
    /// Its settings, each by its name, as text.
    pub settings: Vec<(&'static str, String)>,
    /// Keys that verify by it, active and retiring.
    pub keys: usize,
    /// When it was last changed; none where all is as at first.
    pub changed_at: Option<Timestamp>,
}

/// A change of a scheme; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemeChange {
    /// Another mode.
    pub mode: Option<SchemeMode>,
    /// Settings, by name and text.
    pub settings: Vec<(String, String)>,
}

impl SchemeMode {
    /// Every mode, from the one that does least on.
    pub const ALL: [SchemeMode; 3] = [SchemeMode::Off, SchemeMode::Report, SchemeMode::Enforce];

    /// Its word: `off`, `report` or `enforce`.
    pub const fn word(self) -> &'static str {
        match self {
            SchemeMode::Off => "off",
            SchemeMode::Report => "report",
            SchemeMode::Enforce => "enforce",
        }
    }

    /// The mode of a word.
    pub fn from_word(word: &str) -> Option<SchemeMode> {
        SchemeMode::ALL.into_iter().find(|mode| mode.word() == word)
    }

    /// What counts where an account has decided nothing: the native scheme alone.
    fn at_first(scheme: Scheme) -> SchemeMode {
        if scheme == Scheme::Native { SchemeMode::Enforce } else { SchemeMode::Off }
    }
}

impl Catalog {
    /// Every scheme that is served, in the order of [`Scheme::ALL`], as this account has it.
    pub async fn schemes(&self, account: &AccountId) -> Result<Vec<SchemeEntry>, Error> {
        let mut reader = self.inner.database.snapshot().await?;
        let sealer = self.sealer(&mut reader).await?;
        let stored = load(&mut reader, &sealer, account).await?;
        let keys = living_keys(&mut reader, account, self.now()).await?;
        let entry = |scheme: Scheme| stored.entry(scheme, keys.get(scheme.name()).copied().unwrap_or(0));
        Ok(Scheme::SERVED.iter().map(entry).collect())
    }

    /// Changes a scheme, all or nothing. `Invalid` for one that no mount serves yet, for a setting that it does not take,
    /// and for one that is switched on while the account ignores a parameter that its URLs need.
    pub async fn set_scheme(
        &self,
        account: &AccountId,
        scheme: Scheme,
        change: SchemeChange,
        actor: &Actor,
    ) -> Result<SchemeEntry, Error> {
        check_served(scheme)?;
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let policy = policy_of(writing.db(), account).await?;
        let sealer = self.sealer(writing.db()).await?;
        let mut stored = load(writing.db(), &sealer, account).await?;
        let now = writing.now;
        stored.apply(scheme, &change, now)?;
        check_ignored(&policy, &stored)?;
        put(writing.db(), &sealer, account, scheme, &stored.rows[scheme.name()]).await?;
        for told in told(scheme, &change) {
            audit::note(&mut writing, Some(account), actor, "scheme.set", &told).await?;
        }
        let keys = living_keys(writing.db(), account, now).await?;
        writing.changes(Change::Account(*account));
        self.commit(writing).await?;
        Ok(stored.entry(scheme, keys.get(scheme.name()).copied().unwrap_or(0)))
    }
}

/// What a row says of a scheme.
#[derive(Debug, Clone)]
struct Stored {
    mode: SchemeMode,
    /// The settings that were given, as they were given.
    given: BTreeMap<String, String>,
    changed_at: Timestamp,
}

/// What an account has decided about schemes.
#[derive(Debug, Default)]
pub(crate) struct Schemes {
    rows: BTreeMap<&'static str, Stored>,
    /// The settings of all schemes, with those that were given.
    pub(crate) settings: SchemeSettings,
}

impl Schemes {
    /// Those in a mode.
    pub(crate) fn in_mode(&self, mode: SchemeMode) -> SchemeSet {
        let served = Scheme::SERVED.iter();
        served.filter(|scheme| self.mode(*scheme) == mode).fold(SchemeSet::EMPTY, SchemeSet::with)
    }

    fn mode(&self, scheme: Scheme) -> SchemeMode {
        self.rows.get(scheme.name()).map_or(SchemeMode::at_first(scheme), |row| row.mode)
    }

    fn entry(&self, scheme: Scheme, keys: usize) -> SchemeEntry {
        SchemeEntry {
            scheme,
            mode: self.mode(scheme),
            settings: self.settings.of(scheme),
            keys,
            changed_at: self.rows.get(scheme.name()).map(|row| row.changed_at),
        }
    }

    fn apply(&mut self, scheme: Scheme, change: &SchemeChange, now: Timestamp) -> Result<(), Error> {
        let mode = change.mode.unwrap_or(self.mode(scheme));
        let row = self.rows.entry(scheme.name()).or_insert(Stored {
            mode,
            given: BTreeMap::new(),
            changed_at: now,
        });
        (row.mode, row.changed_at) = (mode, now);
        for (name, value) in &change.settings {
            let set = self.settings.set(scheme, name, value);
            set.map_err(|why| Error::Invalid(why.to_string()))?;
            // An empty value takes back what was set.
            match value.is_empty() {
                true => row.given.remove(name),
                false => row.given.insert(name.clone(), value.clone()),
            };
        }
        Ok(())
    }
}

async fn policy_of(db: &mut Connection, account: &AccountId) -> Result<AccountPolicy, Error> {
    let row = query("select policy from accounts where id = $1").bind(&account.as_bytes()[..]);
    let row = row.fetch_optional(db).await?.ok_or(Error::AccountMissing)?;
    Ok(json(&row, "policy")?)
}

fn check_served(scheme: Scheme) -> Result<(), Error> {
    if Scheme::SERVED.contains(scheme) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "no address serves URLs of the scheme {} yet, so it cannot be switched on",
        scheme.name()
    )))
}

/// Whether no ignored parameter is one that URLs of a scheme that is not off need.
fn check_ignored(policy: &AccountPolicy, schemes: &Schemes) -> Result<(), Error> {
    let off = schemes.in_mode(SchemeMode::Off);
    let on = Scheme::SERVED.iter().filter(|scheme| !off.contains(*scheme));
    let on = on.fold(SchemeSet::EMPTY, SchemeSet::with);
    let token = Some(schemes.settings.edge_auth.parameter.as_str()).filter(|_| on.contains(Scheme::EdgeAuth));
    for entry in &policy.ignore_params {
        let refused = |why: String| Err(Error::Invalid(format!("ignore_params has {entry:?}: {why}")));
        if let Err(why) = signing::Policy::check_ignore_param_beside(entry, on) {
            return refused(why.to_string());
        }
        if token.is_some_and(|token| fits(entry, token)) {
            return refused("URLs of the scheme edgeauth carry their token in it".into());
        }
    }
    Ok(())
}

/// Whether an entry of `ignore_params` names a parameter.
fn fits(entry: &str, name: &str) -> bool {
    entry.strip_suffix('*').map_or(entry == name, |prefix| name.starts_with(prefix))
}

/// The same for a policy that is about to be an account's.
pub(crate) async fn check_policy(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
    policy: &AccountPolicy,
) -> Result<(), Error> {
    if policy.ignore_params.is_empty() {
        return Ok(());
    }
    check_ignored(policy, &load(db, sealer, account).await?)
}

/// The lines of the audit log for a change. Of settings only the names are told: some are as good as secrets.
fn told(scheme: Scheme, change: &SchemeChange) -> Vec<String> {
    let name = scheme.name();
    let mode = change.mode.map(|mode| format!("scheme:{name} mode={}", mode.word()));
    let settings = change.settings.iter().map(|(setting, _)| format!("scheme:{name} {setting}"));
    mode.into_iter().chain(settings).collect()
}

/// What an account has decided. A row of a scheme or mode that this program does not know, or with settings that it does
/// not take, was written by another version: that scheme is off.
pub(crate) async fn load(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
) -> Result<Schemes, Error> {
    let rows = query("select * from signing_schemes where account = $1");
    let rows = rows.bind(&account.as_bytes()[..]).fetch_all(db).await?;
    let mut schemes = Schemes::default();
    for row in &rows {
        let Some(scheme) = Scheme::from_name(row.try_get("scheme")?) else { continue };
        let mut stored = read(row, sealer, scheme)?;
        for (name, value) in &stored.given {
            if let Err(error) = schemes.settings.set(scheme, name, value) {
                tracing::error!(scheme = scheme.name(), %error, "a setting does not read, so the scheme is off");
                stored.mode = SchemeMode::Off;
            }
        }
        schemes.rows.insert(scheme.name(), stored);
    }
    Ok(schemes)
}

fn read(row: &Row, sealer: &Sealer, scheme: Scheme) -> Result<Stored, Error> {
    let text = unsealed(row, sealer, scheme.name())?;
    Ok(Stored {
        mode: SchemeMode::from_word(row.try_get("mode")?).unwrap_or(SchemeMode::Off),
        given: serde_json::from_slice(&text).map_err(|error| odd("settings", error))?,
        changed_at: time(row, "changed_at")?,
    })
}

async fn put(
    db: &mut Connection,
    sealer: &Sealer,
    account: &AccountId,
    scheme: Scheme,
    stored: &Stored,
) -> Result<(), Error> {
    let row = row_name(account, scheme.name());
    query(
        "insert into signing_schemes (account, scheme, mode, settings, changed_at) values ($1, $2, $3, $4, $5)
         on conflict (account, scheme) do update set mode = excluded.mode, settings = excluded.settings,
             changed_at = excluded.changed_at",
    )
    .bind(&account.as_bytes()[..])
    .bind(scheme.name())
    .bind(stored.mode.word())
    .bind(sealer.seal(place(&row), json_text(&stored.given).as_bytes()))
    .bind(stored.changed_at.as_micros())
    .execute(db)
    .await?;
    Ok(())
}

/// Keys that verify, or will, by the name of their scheme.
async fn living_keys(
    db: &mut Connection,
    account: &AccountId,
    now: Timestamp,
) -> Result<BTreeMap<String, usize>, Error> {
    let signing: i64 = query_scalar(
        "select count(*) from signing_keys
         where account = $1 and (state = 'active' or state = 'retiring' and verify_until > $2)",
    )
    .bind(&account.as_bytes()[..])
    .bind(now.as_micros())
    .fetch_one(&mut *db)
    .await?;
    let rows = query(
        "select scheme, count(*) as keys from verifying_keys
         where account = $1 and (state = 'active' or state = 'retiring' and verify_until > $2) group by scheme",
    );
    let rows = rows.bind(&account.as_bytes()[..]).bind(now.as_micros()).fetch_all(db).await?;
    let count = |number: i64| usize::try_from(number).unwrap_or(0);
    let by_scheme = rows.iter().map(|row| Ok((row.try_get("scheme")?, count(row.try_get("keys")?))));
    let mut keys = by_scheme.collect::<Result<BTreeMap<String, usize>, Error>>()?;
    keys.extend(verifying_keys::BY_SIGNING_KEYS.map(|scheme| (scheme.name().to_owned(), count(signing))));
    Ok(keys)
}

fn unsealed(row: &Row, sealer: &Sealer, scheme: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let name = row_name(&account_id(row, "account")?, scheme);
    sealer.unseal(place(&name), row.try_get("settings")?).ok_or(Error::MasterKey)
}

fn row_name(account: &AccountId, scheme: &str) -> String {
    format!("{account}/{scheme}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "signing_schemes", row, column: "settings" }
}

/// The schemes whose settings do not open, as people call them.
pub(crate) async fn unreadable(db: &mut Connection, sealer: &Sealer) -> Result<Vec<String>, Error> {
    let rows = query("select account, scheme, settings from signing_schemes order by account, scheme");
    let mut unreadable = Vec::new();
    for row in &rows.fetch_all(db).await? {
        let (account, scheme): (_, &str) = (account_id(row, "account")?, row.try_get("scheme")?);
        if unsealed(row, sealer, scheme).is_err() {
            unreadable.push(format!("settings of the scheme {scheme} of account {account}"));
        }
    }
    Ok(unreadable)
}

/// Seals the settings of every scheme anew; returns how many there are.
pub(crate) async fn reseal(writing: &mut Writing, old: &Sealer, new: &Sealer) -> Result<u64, Error> {
    let rows = query("select account, scheme, settings from signing_schemes").fetch_all(writing.db()).await?;
    for row in &rows {
        let (account, scheme): (_, &str) = (account_id(row, "account")?, row.try_get("scheme")?);
        let settings = unsealed(row, old, scheme)?;
        query("update signing_schemes set settings = $3 where account = $1 and scheme = $2")
            .bind(&account.as_bytes()[..])
            .bind(scheme)
            .bind(new.seal(place(&row_name(&account, scheme)), &settings))
            .execute(writing.db())
            .await?;
    }
    Ok(rows.len() as u64)
}
