//! Which master key fits the database: a sealed canary tells. The key may have been rotated by another process at
//! any moment, so each use of it asks again. Rotating stands in `master_key_rotation.rs`.

use std::path::{Path, PathBuf};

use domain::Secret;

use crate::Error;
use crate::catalog::{Catalog, Config, Writing};
use crate::database::{Connection, Database, Lock, query, query_scalar};
use crate::sealing::{Place, Sealer};

/// Where the canary lies.
const CANARY: Place<'static> = Place { table: "canary", row: "1", column: "value" };

/// Finds the master key that fits a database, and gives an empty one its canary. Returns the key's sealer and the
/// database's own secret. Where a rotation was cut off and `FILE.next` has the key that fits, it takes its place.
///
/// The house is locked only where something has to be put right: a start must not wait for those who write, nor they for
/// it.
pub(crate) async fn find(database: &Database, config: &Config) -> Result<(Sealer, [u8; 32]), Error> {
    let given = Sealer::new(&config.master_key)?;
    let known = canary(&mut database.acquire().await?).await?;
    match known.and_then(|canary| open(&given, &canary)) {
        Some(own_secret) => Ok((given, own_secret)),
        None => put_right(database, config, given).await,
    }
}

async fn put_right(database: &Database, config: &Config, given: Sealer) -> Result<(Sealer, [u8; 32]), Error> {
    let mut transaction = database.begin(Lock::House).await?;
    let Some(canary) = canary(&mut transaction).await? else {
        let own_secret: [u8; 32] = rand::random();
        put_canary(&mut transaction, &given, &own_secret).await?;
        transaction.commit().await?;
        return Ok((given, own_secret));
    };
    if let Some(own_secret) = open(&given, &canary) {
        return Ok((given, own_secret));
    }
    for file in files(config) {
        let Some(sealer) = read(&file) else { continue };
        let Some(own_secret) = open(&sealer, &canary) else { continue };
        finish_rotation(config, &file)?;
        return Ok((sealer, own_secret));
    }
    Err(Error::MasterKey)
}

impl Catalog {
    /// The sealer that fits the database as this connection sees it: within a transaction, for as long as that lasts.
    pub(crate) async fn sealer(&self, db: &mut Connection) -> Result<Sealer, Error> {
        let canary = canary(db).await?.ok_or(Error::MasterKey)?;
        let known = self.inner.sealer.read().clone();
        if open(&known, &canary).is_some() {
            return Ok(known);
        }
        let fitting =
            files(&self.inner.config).filter_map(|file| read(&file)).find(|one| open(one, &canary).is_some());
        let fitting = fitting.ok_or(Error::MasterKey)?;
        *self.inner.sealer.write() = fitting.clone();
        Ok(fitting)
    }

    /// Seals the canary anew: from the end of this transaction on, another master key fits.
    pub(crate) async fn reseal_canary(&self, writing: &mut Writing, sealer: &Sealer) -> Result<(), Error> {
        put_canary(writing.db(), sealer, &self.inner.own_secret).await
    }
}

/// Whether the master key of this sealer is the one that the canary was sealed with.
pub(crate) fn fits(sealer: &Sealer, canary: &[u8]) -> bool {
    open(sealer, canary).is_some()
}

/// Where a rotation puts the new key before it is the one that fits.
fn next_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

async fn canary(db: &mut Connection) -> Result<Option<Vec<u8>>, Error> {
    Ok(query_scalar("select value from canary").fetch_optional(db).await?)
}

async fn put_canary(db: &mut Connection, sealer: &Sealer, own_secret: &[u8; 32]) -> Result<(), Error> {
    query(
        "insert into canary (id, value) values (1, $1) on conflict (id) do update set value = excluded.value",
    )
    .bind(sealer.seal(CANARY, own_secret))
    .execute(db)
    .await?;
    Ok(())
}

fn open(sealer: &Sealer, canary: &[u8]) -> Option<[u8; 32]> {
    sealer.unseal(CANARY, canary)?.as_slice().try_into().ok()
}

/// The files that may hold the key by now, in the order to read them. `FILE` comes twice: `FILE.next` may become
/// it after it was read the first time.
fn files(config: &Config) -> impl Iterator<Item = PathBuf> {
    config.master_key_file.iter().flat_map(|file| [file.clone(), next_file(file), file.clone()])
}

fn read(file: &Path) -> Option<Sealer> {
    let text = std::fs::read_to_string(file).ok().map(Secret::new)?;
    Sealer::new(&text).ok()
}

/// Puts the new key into its place where a rotation was cut off just before.
fn finish_rotation(config: &Config, found_in: &Path) -> Result<(), Error> {
    match &config.master_key_file {
        Some(file) if found_in != file => {
            tracing::warn!(file = %file.display(), "a rotation of the master key was cut off and is finished now");
            match std::fs::rename(found_in, file) {
                // It was not cut off: the one who rotates has just done it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                renamed => renamed.map_err(|source| Error::File { path: file.clone(), source }),
            }
        }
        _ => Ok(()),
    }
}
