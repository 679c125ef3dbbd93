//! The master key's file: made at first start, mode 0600, refused where others can read it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use catalog::DatabaseUrl;
use domain::Secret;

use crate::Config;

/// Where the master key lies unless the configuration holds it.
pub fn path(config: &Config) -> PathBuf {
    config.data_dir.join("master.key")
}

/// A master key, and whether it was made just now.
#[derive(Debug)]
pub struct Found {
    /// The key.
    pub key: Secret,
    /// Whether its file is new: nobody needs it where it opens nothing.
    pub made: bool,
}

/// [`load_or_make`], but none is made beside a PostgreSQL database that holds secrets: another process has sealed them,
/// and its key is needed here too.
pub async fn find(config: &Config) -> anyhow::Result<Found> {
    let made = config.master_key.is_none() && !path(config).exists();
    let database = config.database();
    if made && matches!(database, DatabaseUrl::Postgres(_)) && catalog::holds_secrets(&database).await? {
        bail!(
            "the master key is missing: the database {database} holds secrets sealed with it. Every process on a \
             database needs the same key: set DARKROOM_MASTER_KEY or DARKROOM_MASTER_KEY_FILE"
        );
    }
    Ok(Found { key: load_or_make(config)?, made })
}

/// The master key: from the configuration, from its file, or made now where there is no database yet.
pub fn load_or_make(config: &Config) -> anyhow::Result<Secret> {
    if let Some(key) = &config.master_key {
        return Ok(key.clone());
    }
    let path = path(config);
    match File::open(&path) {
        Ok(file) => read(&path, &file),
        Err(error) if error.kind() == ErrorKind::NotFound => make(config, &path),
        Err(error) => Err(error).with_context(|| format!("the master key {} cannot be read", path.display())),
    }
}

/// Writes a master key so that a crash leaves the old one or the new one, never half of one.
pub fn write(path: &Path, key: &Secret) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fresh = path.with_extension("key.new");
    let _ = std::fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(key.reveal().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Seals every stored secret anew under a new random master key. Returns the number of secrets.
///
/// The new key is durable beside the old one (`master.key.next`) before the database changes, and takes the old
/// one's place after it: whoever opens the catalog after a crash finds the key that fits in one of the two files.
pub async fn rotate(catalog: &catalog::Catalog, config: &Config) -> anyhow::Result<u64> {
    let path = path(config);
    let next = path.with_extension("key.next");
    let folder = File::open(&config.data_dir)?;
    // Of two rotations at once one would rename the other's file, and the key that fits would be in none.
    folder.try_lock().context("the master key is being rotated by another process")?;
    let key = random();
    write(&next, &key)?;
    let secrets = catalog.rotate_master_key(&key).await?;
    match std::fs::rename(&next, &path) {
        // Another process opened the catalog just now and did it.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        renamed => renamed?,
    }
    folder.sync_all()?;
    Ok(secrets)
}

/// A new random master key: 32 bytes as base64url text.
pub fn random() -> Secret {
    use base64::Engine as _;
    let bytes = zeroize::Zeroizing::new(rand::random::<[u8; 32]>());
    Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bytes))
}

fn read(path: &Path, file: &File) -> anyhow::Result<Secret> {
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "the master key {} can be read by others (mode {mode:03o}); run: chmod 600 {}",
            path.display(),
            path.display()
        );
    }
    let text = std::io::read_to_string(file)?;
    if text.trim().len() != 43 {
        bail!("the master key {} is damaged: it must hold 43 characters of base64url", path.display());
    }
    Ok(Secret::new(text.trim()))
}

fn make(config: &Config, path: &Path) -> anyhow::Result<Secret> {
    // A PostgreSQL database was asked before.
    if let DatabaseUrl::Sqlite(file) = config.database()
        && file.exists()
    {
        bail!(
            "the master key is missing: the database {} holds secrets sealed with it. Put the file back to {}, or set \
             DARKROOM_MASTER_KEY",
            file.display(),
            path.display()
        );
    }
    let key = random();
    write(path, &key)
        .with_context(|| format!("the data directory {} cannot be written", config.data_dir.display()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new(folder.path().to_owned());
        (folder, config)
    }

    #[test]
    fn a_first_start_makes_a_key_that_only_its_owner_reads() {
        let (_folder, config) = config();
        let made = load_or_make(&config).unwrap();
        let mode = std::fs::metadata(path(&config)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(load_or_make(&config).unwrap(), made);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_folder, config) = config();
        load_or_make(&config).unwrap();
        std::fs::set_permissions(path(&config), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load_or_make(&config).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn no_key_is_made_beside_a_database_that_needs_the_old_one() {
        let (_folder, config) = config();
        std::fs::write(config.data_dir.join("darkroom.db"), b"rows").unwrap();
        assert!(load_or_make(&config).unwrap_err().to_string().contains("master key is missing"));
        assert!(!path(&config).exists());
    }
}
