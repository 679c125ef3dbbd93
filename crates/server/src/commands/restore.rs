//! `darkroom restore`: puts a backup into an empty data directory.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::catalog::CatalogCopy;
use anyhow::{Context as _, bail};
use clap::Args;
use server::{Config, DataDirLock, master_key};

use super::backup::{Embedded, tell_lacking};
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
const MAY_LIE_THERE: [&str; 5] =
    ["master.key", "server.lock", "darkroom.db.restoring", "objects.restoring", "lost+found"];

/// Copies originals and database beside their places, each held against its digest, and then moves them there.
pub(super) async fn run(restore: &Restore, config: &Config) -> anyhow::Result<ExitCode> {
    let places = Embedded::of(config, "restore")?;
    let (folder, manifest) = BackupFolder::open(&restore.folder)?;
    let _lock = DataDirLock::take(&config.data_dir)?;
    refuse_a_full_house(&config.data_dir, &places)?;
    let beside = Embedded { database: restoring(&places.database), objects: restoring(&places.objects) };
    let mut rows = CatalogCopy::open(&folder.database()).await?;
    let problems = rows.integrity_problems().await?;
    if !problems.is_empty() {
        bail!("the database in the backup is damaged: {}", problems.join("; "));
    }
    clear(&beside)?;
    DirBuilder::new().mode(0o700).create(&beside.objects)?;
    let copied = copy_originals(&mut rows, &folder.objects(), &beside.objects).await?;
    fs::copy(folder.database(), &beside.database).context("the database cannot be copied")?;
    move_into_place(&beside, &places)?;
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

/// Where something lies until all is whole.
fn restoring(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}

fn refuse_a_full_house(data_dir: &Path, places: &Embedded) -> anyhow::Result<()> {
    let is_object = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b".");
    let is_other = |name: &std::ffi::OsStr| {
        let known = MAY_LIE_THERE.iter().any(|known| name == *known);
        !known && data_dir.join(name) != places.objects
    };
    let found = first_in(data_dir, is_other)?.or(first_in(&places.objects, is_object)?);
    match found.or(Some(places.database.clone()).filter(|database| database.exists())) {
        Some(found) => bail!(
            "the data directory {} is not empty: {} is there. A backup is restored into an empty one",
            data_dir.display(),
            found.display()
        ),
        None => Ok(()),
    }
}

/// The first entry of a folder whose name is of that kind; none where the folder is not there.
fn first_in(folder: &Path, kind: impl Fn(&std::ffi::OsStr) -> bool) -> anyhow::Result<Option<PathBuf>> {
    if !folder.exists() {
        return Ok(None);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if kind(&entry.file_name()) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// Removes what an earlier restore that was cut off left.
fn clear(beside: &Embedded) -> anyhow::Result<()> {
    if beside.database.exists() {
        fs::remove_file(&beside.database)?;
    }
    if beside.objects.exists() {
        fs::remove_dir_all(&beside.objects)?;
    }
    Ok(())
}

/// The database comes last: where it is, all is.
fn move_into_place(beside: &Embedded, places: &Embedded) -> anyhow::Result<()> {
    let folder = |path: &Path| path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    flush_all(&beside.objects)?;
    flush_all(&folder(&beside.database))?;
    if places.objects.exists() {
        // Nothing but scratch files of a start that came to nothing.
        fs::remove_dir_all(&places.objects)?;
    }
    fs::rename(&beside.objects, &places.objects)?;
    File::open(folder(&places.objects))?.sync_all()?;
    fs::rename(&beside.database, &places.database)?;
    Ok(File::open(folder(&places.database))?.sync_all()?)
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
