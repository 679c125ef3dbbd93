//! Accounts: their rows and settings.

use domain::{AccountHash, AccountId, Handle, Timestamp};

use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Connection, Lock, Row, is_taken, query};
use crate::policy::AccountPolicy;
use crate::rows::{account_id, json, json_text, parsed};
use crate::{Actor, Catalog, Error, audit, schemes, signing_keys, variants};

/// Who keeps images here.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id in the API.
    pub id: AccountId,
    /// Its name on the command line; never changes.
    pub handle: Handle,
    /// Its name for people.
    pub display_name: String,
    /// Its public name in delivery URLs.
    pub hash: AccountHash,
    /// What it decides about delivery.
    pub policy: AccountPolicy,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it holds.
    pub totals: Totals,
}

/// What an account holds, drafts not counted. Kept as running totals: no query counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Images.
    pub images: i64,
    /// Bytes of their originals.
    pub bytes: i64,
}

/// A new account. With a given hash (moved from Cloudflare) `require_exp` is false at first.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its handle.
    pub handle: Handle,
    /// Its name for people; the handle where absent.
    pub display_name: Option<String>,
    /// A given id and hash, which keep old delivery URLs alive.
    pub given: Option<(AccountId, AccountHash)>,
    /// Settings unlike the defaults, by name.
    pub settings: Vec<(String, String)>,
}

/// Characters of a display name.
const MAX_DISPLAY_NAME_CHARS: usize = 100;

impl Catalog {
    /// Makes an account with its signing key `default` and its variant `public`.
    pub async fn insert_account(&self, new: NewAccount, actor: &Actor) -> Result<Account, Error> {
        let mut policy = AccountPolicy { require_exp: new.given.is_none(), ..AccountPolicy::default() };
        for (name, value) in &new.settings {
            policy.set(name, value)?;
        }
        let display_name = new.display_name.unwrap_or_else(|| new.handle.to_string());
        check_display_name(&display_name)?;
        let (id, hash) = new.given.unwrap_or_else(|| (AccountId::random(), AccountHash::random()));
        let mut writing = self.begin(Lock::House).await?;
        let totals = Totals::default();
        let account =
            Account { id, handle: new.handle, display_name, hash, policy, created_at: writing.now, totals };
        self.insert_with_defaults(&mut writing, &account, actor).await?;
        self.commit(writing).await?;
        Ok(account)
    }

    /// Writes an account's row, its signing key `default` and its variant `public`.
    pub(crate) async fn insert_with_defaults(
        &self,
        writing: &mut Writing,
        account: &Account,
        actor: &Actor,
    ) -> Result<(), Error> {
        insert(writing.db(), account).await?;
        let sealer = self.sealer(writing.db()).await?;
        signing_keys::insert_default(writing, &sealer, &account.id).await?;
        variants::insert_public(writing, &account.id).await?;
        writing.changes(Change::Account(account.id));
        audit::note(
            writing,
            Some(&account.id),
            actor,
            "account.create",
            &format!("account:{}", account.handle),
        )
        .await
    }

    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let rows = query("select * from accounts order by created_at, id");
        rows.fetch_all(&self.inner.database).await?.iter().map(account).collect()
    }

    /// The account with this id, or `AccountMissing`.
    pub async fn account(&self, id: &AccountId) -> Result<Account, Error> {
        let mut reader = self.inner.database.acquire().await?;
        find(&mut reader, id).await
    }

    /// The account with this handle, or `AccountMissing`.
    pub async fn account_by_handle(&self, handle: &Handle) -> Result<Account, Error> {
        let row = query("select * from accounts where handle = $1").bind(handle.as_str());
        let row = row.fetch_optional(&self.inner.database).await?;
        row.as_ref().map(account).ok_or(Error::AccountMissing)?
    }

    /// Changes settings of an account, all or none.
    pub async fn update_account(
        &self,
        id: &AccountId,
        settings: &[(String, String)],
        actor: &Actor,
    ) -> Result<Account, Error> {
        let mut writing = self.begin(Lock::Account(*id)).await?;
        let mut account = find(writing.db(), id).await?;
        for (name, value) in settings {
            account.policy.set(name, value)?;
        }
        let sealer = self.sealer(writing.db()).await?;
        schemes::check_policy(writing.db(), &sealer, id, &account.policy).await?;
        query("update accounts set policy = $2 where id = $1")
            .bind(&id.as_bytes()[..])
            .bind(json_text(&account.policy))
            .execute(writing.db())
            .await?;
        writing.changes(Change::Account(*id));
        for (name, value) in settings {
            audit::note(&mut writing, Some(id), actor, "account.set", &format!("{name}={value}")).await?;
        }
        self.commit(writing).await?;
        Ok(account)
    }

    /// Gives an account another display name: 1 to 100 characters.
    pub async fn rename_account(
        &self,
        id: &AccountId,
        display_name: &str,
        actor: &Actor,
    ) -> Result<(), Error> {
        check_display_name(display_name)?;
        let mut writing = self.begin(Lock::Account(*id)).await?;
        let renamed = query("update accounts set display_name = $2 where id = $1")
            .bind(&id.as_bytes()[..])
            .bind(display_name)
            .execute(writing.db())
            .await?;
        if renamed == 0 {
            return Err(Error::AccountMissing);
        }
        audit::note(&mut writing, Some(id), actor, "account.rename", display_name).await?;
        self.commit(writing).await
    }
}

fn check_display_name(text: &str) -> Result<(), Error> {
    let count = text.chars().count();
    if text.trim().is_empty() || count > MAX_DISPLAY_NAME_CHARS || text.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("a display name has 1 to {MAX_DISPLAY_NAME_CHARS} characters")));
    }
    Ok(())
}

/// The account with this id, or `AccountMissing`.
pub(crate) async fn find(db: &mut Connection, id: &AccountId) -> Result<Account, Error> {
    let row =
        query("select * from accounts where id = $1").bind(&id.as_bytes()[..]).fetch_optional(db).await?;
    row.as_ref().map(account).ok_or(Error::AccountMissing)?
}

async fn insert(db: &mut Connection, account: &Account) -> Result<(), Error> {
    let inserted = query(
        "insert into accounts (id, handle, display_name, hash, policy, created_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&account.id.as_bytes()[..])
    .bind(account.handle.as_str())
    .bind(&account.display_name)
    .bind(account.hash.as_str())
    .bind(json_text(&account.policy))
    .bind(account.created_at.as_micros())
    .execute(db)
    .await;
    match inserted {
        Err(error)
            if ["handle", "id", "hash"].iter().any(|name| is_taken(&error, &format!("accounts.{name}"))) =>
        {
            Err(Error::Exists)
        }
        inserted => Ok(inserted.map(|_| ())?),
    }
}

fn account(row: &Row) -> Result<Account, Error> {
    Ok(Account {
        id: account_id(row, "id")?,
        handle: parsed(row, "handle")?,
        display_name: row.try_get("display_name")?,
        hash: parsed(row, "hash")?,
        policy: json(row, "policy")?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        totals: Totals { images: row.try_get("images")?, bytes: row.try_get("bytes")? },
    })
}
