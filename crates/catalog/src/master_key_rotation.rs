//! Rotating the master key beside a running server.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use domain::Secret;

use crate::changes::Change;
use crate::master_key::next_file;
use crate::sealing::Sealer;
use crate::{Actor, Catalog, Error, audit, signing_keys};

impl Catalog {
    /// Seals every stored secret anew under another master key, in one transaction, beside running servers. Returns
    /// the number of secrets.
    ///
    /// Where the key came from a file (`Config::master_key_file`), the file is replaced too: the new key is written
    /// to `FILE.next` and flushed before the transaction, and renamed to `FILE` after it. So a crash at any point
    /// leaves the key that fits in one of the two, and whoever opens the database, or has it open, reads both.
    /// Without a file every process must be given the new key by whoever rotates.
    pub async fn rotate_master_key(&self, new: &Secret) -> Result<u64, Error> {
        let sealer = Sealer::new(new)?;
        let file = self.inner.config.master_key_file.as_deref();
        if let Some(file) = file {
            write_next(file, new)?;
        }
        let mut writing = self.begin().await?;
        let old = self.sealer(writing.db()).await?;
        let count = signing_keys::reseal(&mut writing, &old, &sealer).await?;
        self.reseal_canary(&mut writing, &sealer).await?;
        audit::note(&mut writing, None, &Actor::command(), "master_key.rotate", &format!("{count} secrets"))
            .await?;
        writing.changes(Change::MasterKey);
        self.commit(writing).await?;
        *self.inner.sealer.write() = sealer;
        match file {
            Some(file) => replace(file),
            None => Ok(()),
        }?;
        Ok(count)
    }
}

fn write_next(file: &Path, key: &Secret) -> Result<(), Error> {
    let next = next_file(file);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(key.reveal().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        sync_folder(&next)
    };
    write().map_err(|source| Error::File { path: next.clone(), source })
}

/// A file that is gone was renamed by another process that opened the database just now.
fn replace(file: &Path) -> Result<(), Error> {
    match std::fs::rename(next_file(file), file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed.and_then(|()| sync_folder(file)),
    }
    .map_err(|source| Error::File { path: file.to_owned(), source })
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}
