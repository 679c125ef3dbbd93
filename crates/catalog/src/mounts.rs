//! To whom the mounts are given: each to one account at most, and off until then. What a mount is stands in `mount.rs`.

use domain::{AccountHash, AccountId};

use crate::changes::Change;
use crate::database::{Connection, Lock, is_orphan, overdue, query};
use crate::delivery_rights::{PATIENCE, unavailable};
use crate::mount::Given;
use crate::rows::{account_id, parsed};
use crate::{Actor, Catalog, Error, Mount, audit};

/// How often the mounts are loaded anew where something changes meanwhile; see `delivery_rights.rs`.
const MAX_LOADS: u32 = 4;

impl Catalog {
    /// Every mount, and the account that it is given to.
    pub async fn mounts(&self) -> Result<Vec<(Mount, Option<AccountId>)>, Error> {
        let rows = query("select mount, account from mounts").fetch_all(&self.inner.database).await?;
        let mut mounts = Mount::ALL.map(|mount| (mount, None)).to_vec();
        for row in &rows {
            let word: &str = row.try_get("mount")?;
            if let Some((_, account)) = mounts.iter_mut().find(|(mount, _)| mount.word() == word) {
                *account = Some(account_id(row, "account")?);
            }
        }
        Ok(mounts)
    }

    /// Gives a mount to an account. `Exists` where another one has it; whoever wants it takes it back first.
    pub async fn give_mount(&self, mount: Mount, account: &AccountId, actor: &Actor) -> Result<(), Error> {
        let mut writing = self.begin(Lock::House).await?;
        let given_at = writing.now.as_micros();
        let given = query(
            "insert into mounts (mount, account, given_at) values ($1, $2, $3)
             on conflict (mount) do update set given_at = mounts.given_at where mounts.account = excluded.account",
        );
        let given =
            given.bind(mount.word()).bind(&account.as_bytes()[..]).bind(given_at).execute(writing.db()).await;
        match given {
            Err(error) if is_orphan(&error) => return Err(Error::AccountMissing),
            Ok(0) => return Err(Error::Exists),
            given => given?,
        };
        writing.changes(Change::Account(*account));
        audit::note(&mut writing, Some(account), actor, "mount.give", &format!("mount:{}", mount.word()))
            .await?;
        self.commit(writing).await
    }

    /// Takes a mount back: it is off. `Missing` where no account has it.
    pub async fn take_mount(&self, mount: Mount, actor: &Actor) -> Result<(), Error> {
        let mut writing = self.begin(Lock::House).await?;
        let row = query("delete from mounts where mount = $1 returning account").bind(mount.word());
        let row = row.fetch_optional(writing.db()).await?.ok_or(Error::Missing)?;
        let account = account_id(&row, "account")?;
        writing.changes(Change::Account(account));
        audit::note(&mut writing, Some(&account), actor, "mount.take", &format!("mount:{}", mount.word()))
            .await?;
        self.commit(writing).await
    }

    /// To whom a mount is given, without waiting: none where memory does not know.
    pub fn mount_account_in_memory(&self, mount: Mount) -> Option<Option<AccountHash>> {
        let memory = &self.inner.memory;
        let given = memory.mounts().filter(|_| memory.is_fresh())?;
        Some(of(&given, mount))
    }

    /// To whom a mount is given, from memory where that is fresh; none where it is off.
    pub async fn mount_account(&self, mount: Mount) -> Result<Option<AccountHash>, Error> {
        let memory = &self.inner.memory;
        if let Some(known) = self.mount_account_in_memory(mount) {
            return Ok(known);
        }
        if !memory.is_fresh() {
            return Err(Error::RightsUnavailable);
        }
        let loaded = tokio::time::timeout(PATIENCE, self.load_mount_account(mount)).await;
        loaded.unwrap_or_else(|_| Err(overdue().into())).map_err(unavailable)
    }

    async fn load_mount_account(&self, mount: Mount) -> Result<Option<AccountHash>, Error> {
        let memory = &self.inner.memory;
        let _turn = memory.turn().await?;
        // Another one may have loaded them meanwhile.
        if let Some(known) = self.mount_account_in_memory(mount) {
            return Ok(known);
        }
        let mut loads = 0;
        loop {
            let began = memory.begin();
            let given = load(&mut self.inner.database.acquire().await?).await?;
            loads += 1;
            if memory.keep_mounts(began, &given) || loads == MAX_LOADS {
                return Ok(of(&given, mount));
            }
        }
    }
}

fn of(given: &Given, mount: Mount) -> Option<AccountHash> {
    let at = Mount::ALL.iter().position(|one| *one == mount)?;
    given[at].clone()
}

async fn load(db: &mut Connection) -> Result<Given, Error> {
    let rows = query("select m.mount, a.hash from mounts m join accounts a on a.id = m.account");
    let mut given = Given::default();
    for row in &rows.fetch_all(db).await? {
        let word: &str = row.try_get("mount")?;
        // A mount that this program does not know was given by another version.
        let Some(at) = Mount::ALL.iter().position(|mount| mount.word() == word) else { continue };
        given[at] = Some(parsed(row, "hash")?);
    }
    Ok(given)
}
