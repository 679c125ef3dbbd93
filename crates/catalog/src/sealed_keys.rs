//! How the keys of both tables are sealed: each under its own row, so that none opens in the place of another.

use domain::{AccountId, SigningKeyId};
use zeroize::Zeroizing;

use crate::Error;
use crate::catalog::Writing;
use crate::database::{Row, query};
use crate::key_names::Keys;
use crate::rows::{account_id, parsed};
use crate::sealing::{Place, Sealer};

impl Keys {
    /// The column that holds what is sealed.
    const fn sealed_column(self) -> &'static str {
        match self {
            Keys::Signing => "secret",
            Keys::Verifying => "material",
        }
    }
}

/// Seals what a key is made of.
pub(crate) fn seal(
    sealer: &Sealer,
    keys: Keys,
    account: &AccountId,
    name: &SigningKeyId,
    secret: &[u8],
) -> Vec<u8> {
    sealer.seal(place(keys, &row_name(account, name)), secret)
}

/// What the key of a row is made of.
pub(crate) fn unseal(
    row: &Row,
    sealer: &Sealer,
    keys: Keys,
    name: &SigningKeyId,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let row_name = row_name(&account_id(row, "account")?, name);
    let sealed = row.try_get(keys.sealed_column())?;
    sealer.unseal(place(keys, &row_name), sealed).ok_or(Error::MasterKey)
}

/// Seals every key of a table anew; returns how many there are.
pub(crate) async fn reseal(
    writing: &mut Writing,
    keys: Keys,
    old: &Sealer,
    new: &Sealer,
) -> Result<u64, Error> {
    let (table, column) = (keys.table(), keys.sealed_column());
    let rows = query(format!("select account, name, {column} from {table}")).fetch_all(writing.db()).await?;
    for row in &rows {
        let (account, name) = (account_id(row, "account")?, parsed(row, "name")?);
        let secret = unseal(row, old, keys, &name)?;
        query(format!("update {table} set {column} = $3 where account = $1 and name = $2"))
            .bind(&account.as_bytes()[..])
            .bind(name.as_str())
            .bind(seal(new, keys, &account, &name, &secret))
            .execute(writing.db())
            .await?;
    }
    Ok(rows.len() as u64)
}

fn row_name(account: &AccountId, name: &SigningKeyId) -> String {
    format!("{account}/{name}")
}

fn place(keys: Keys, row: &str) -> Place<'_> {
    Place { table: keys.table(), row, column: keys.sealed_column() }
}
