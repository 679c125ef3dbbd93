//! What signing keys and verifying keys share: their states, and the names, of which no two that verify are alike.

use domain::{AccountId, SigningKeyId, Timestamp};
use signing::KeyState;

use crate::Error;
use crate::database::{Connection, Row, query};
use crate::rows::{maybe_time, parsed};

/// The tables of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Signing,
    Verifying,
}

impl Keys {
    pub(crate) fn table(self) -> &'static str {
        match self {
            Keys::Signing => "signing_keys",
            Keys::Verifying => "verifying_keys",
        }
    }
}

/// Whether a key verifies, or will until its overlap ends.
pub(crate) fn lives(state: KeyState) -> bool {
    matches!(state, KeyState::Active | KeyState::Retiring { .. })
}

/// The state in a row of either table, as of a time.
pub(crate) fn state(row: &Row, now: Timestamp) -> Result<KeyState, Error> {
    Ok(match (row.try_get("state")?, maybe_time(row, "verify_until")?) {
        ("active", _) => KeyState::Active,
        ("retiring", Some(verify_until)) if now < verify_until => KeyState::Retiring { verify_until },
        ("retiring", _) => KeyState::Retired,
        _ => KeyState::Revoked,
    })
}

/// The names of an account's keys of one table that live.
pub(crate) async fn living(
    db: &mut Connection,
    keys: Keys,
    account: &AccountId,
    now: Timestamp,
) -> Result<Vec<SigningKeyId>, Error> {
    let rows = query(format!("select name, state, verify_until from {} where account = $1", keys.table()));
    let rows = rows.bind(&account.as_bytes()[..]).fetch_all(db).await?;
    let mut names = Vec::new();
    for row in &rows {
        if lives(state(row, now)?) {
            names.push(parsed(row, "name")?);
        }
    }
    Ok(names)
}

/// Takes the key of a name that is retired or revoked out of a table, so that a key of the other one may have the name: it
/// means one key only.
pub(crate) async fn give_up(
    db: &mut Connection,
    keys: Keys,
    account: &AccountId,
    name: &SigningKeyId,
) -> Result<(), Error> {
    let delete = query(format!("delete from {} where account = $1 and name = $2", keys.table()));
    delete.bind(&account.as_bytes()[..]).bind(name.as_str()).execute(db).await?;
    Ok(())
}
