//! `darkroom restore`: puts a backup into an empty data directory.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::catalog::CatalogCopy;
use anyhow::{Context as _, bail};
use clap::Args;
use server::{Config, DataDirLock, master_key};

use super::backup::{embedded_objects, tell_lacking};
use super::backup_folder::{BackupFolder, copy_originals, flush_all};

/// Puts a backup into an empty data directory.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder that `darkroom backup` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// What may lie in a data directory that counts as empty: the key, put there before; the lock; what an earlier restore
/// that was cut off left; what a file system has of its own.
const MAY_LIE_THERE: [&str; 4] = ["master.key", "server.lock", UNFINISHED, "lost+found"];

/// Where everything lies until it is whole.
const UNFINISHED: &str = "restore.unfinished";

/// Copies originals and database beside their places, each held against its digest, and then moves them there.
pub(super) async fn run(restore: &Restore, config: &Config) -> anyhow::Result<ExitCode> {
    let objects = embedded_objects(config, "restore")?;
    let (folder, manifest) = BackupFolder::open(&restore.folder)?;
    let _lock = DataDirLock::take(&config.data_dir)?;
    refuse_a_full_house(&config.data_dir)?;
    let unfinished = config.data_dir.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    DirBuilder::new().mode(0o700).create(&unfinished)?;
    let mut rows = CatalogCopy::open(&folder.database()).await?;
    let problems = rows.integrity_problems().await?;
    if !problems.is_empty() {
        bail!("the database in the backup is damaged: {}", problems.join("; "));
    }
    let copied = copy_originals(&mut rows, &folder.objects(), &unfinished.join("objects")).await?;
    move_into_place(&folder, &unfinished, &objects, &config.data_dir)?;
    say!(
        "{} originals ({} bytes) and the database as of {} are in {}.",
        copied.originals,
        copied.bytes,
        manifest.made_at,
        config.data_dir.display()
    );
    let key = tell_of_the_key(&mut rows, config).await;
    tell_lacking(&copied.lacking)?;
    key
}

fn refuse_a_full_house(data_dir: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(data_dir)? {
        let name = entry?.file_name();
        if !MAY_LIE_THERE.iter().any(|known| name == *known) {
            bail!(
                "the data directory {} is not empty: {} lies in it. A backup is restored into an empty one",
                data_dir.display(),
                name.display()
            );
        }
    }
    Ok(())
}

/// The database comes last: where it is, all is.
fn move_into_place(
    folder: &BackupFolder,
    unfinished: &Path,
    objects: &Path,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let database = unfinished.join("darkroom.db");
    fs::copy(folder.database(), &database).context("the database cannot be copied")?;
    flush_all(unfinished)?;
    let copied = unfinished.join("objects");
    if copied.exists() {
        fs::rename(&copied, objects)?;
        File::open(data_dir)?.sync_all()?;
    }
    fs::rename(&database, data_dir.join("darkroom.db"))?;
    fs::remove_dir(unfinished)?;
    Ok(File::open(data_dir)?.sync_all()?)
}

/// Whether the secrets in the backup can be opened here, and what to do where they cannot.
async fn tell_of_the_key(rows: &mut CatalogCopy, config: &Config) -> anyhow::Result<ExitCode> {
    let path = master_key::path(config);
    if config.master_key.is_none() && !path.exists() {
        say!(
            "The master key is in no backup: put the one that the house had to {} (mode 0600), or set \
             DARKROOM_MASTER_KEY, before you start the server.",
            path.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let key = master_key::load_or_make(config)?;
    if rows.fits(&key).await? {
        say!("The master key that is here opens its secrets: the server can be started.");
        return Ok(ExitCode::SUCCESS);
    }
    let place = match config.master_key {
        Some(_) => "DARKROOM_MASTER_KEY".to_owned(),
        None => path.display().to_string(),
    };
    bail!(
        "everything is restored, but the master key in {place} is not the one that sealed its secrets: put the one that \
         the house had there"
    )
}
