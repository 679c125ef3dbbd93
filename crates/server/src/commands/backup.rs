//! `darkroom backup`: copies the embedded default into a folder while it serves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ::catalog::{Catalog, CatalogCopy, DatabaseUrl, Hold};
use anyhow::{Context as _, bail};
use clap::Args;
use domain::Clock;
use server::{Config, master_key};
use storage::StorageUrl;

use super::backup_folder::{BackupFolder, Copied, copy_originals};

/// Copies database and originals into an empty folder, while the server goes on.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder; it must be empty or not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// How long objects of removed images stay after the last sign of life, and how often there is one.
const HOLD: Duration = Duration::from_secs(120);
const RENEW_EVERY: Duration = Duration::from_secs(30);

/// Copies the rows as one moment has them, and then every original that they own. Objects that are removed meanwhile
/// are held back until the copy is whole.
pub(super) async fn run(backup: &Backup, config: &Config) -> anyhow::Result<ExitCode> {
    let embedded = Embedded::of(config, "backup")?;
    let (catalog, uploads) = server::open_uploads(config, Clock::system()).await?;
    let folder = BackupFolder::make(&backup.folder)?;
    let hold = catalog.hold_removals(HOLD).await?;
    let made_at = Clock::system().now().to_rfc3339();
    let copied = tokio::select! {
        copied = copy(&catalog, &folder, &embedded.objects) => copied,
        ended = keep(&catalog, &hold) => Err(ended),
    };
    catalog.release_hold(hold).await?;
    // What was held back goes now; where that fails it goes with the server's next sweep.
    let _ = uploads.finish_removals().await;
    let copied = copied.with_context(|| {
        format!("the backup is not whole and has no manifest; remove {}", backup.folder.display())
    })?;
    let manifest = folder.finish(made_at, &copied)?;
    say!(
        "{} originals ({} bytes) and the database as of {} are in {}.",
        manifest.originals,
        manifest.original_bytes,
        manifest.made_at,
        backup.folder.display()
    );
    say!("Renditions are left out: they are made again.");
    say!("{}", where_the_master_key_is(config));
    tell_lacking(&copied.lacking)
}

async fn copy(catalog: &Catalog, folder: &BackupFolder, objects: &Path) -> anyhow::Result<Copied> {
    catalog.copy_to(&folder.database()).await.context("the database cannot be copied")?;
    let mut rows = CatalogCopy::open(&folder.database()).await?;
    copy_originals(&mut rows, objects, &folder.objects()).await
}

/// Renews a hold for as long as it lasts; comes back with what ended it.
async fn keep(catalog: &Catalog, hold: &Hold) -> anyhow::Error {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match catalog.renew_hold(hold, HOLD).await {
            Ok(true) => {}
            Ok(false) => {
                return anyhow::anyhow!("the hold on removed images ended before the copy was whole");
            }
            Err(error) => return error.into(),
        }
    }
}

/// Where the embedded default keeps its rows and its objects.
pub(super) struct Embedded {
    pub(super) database: PathBuf,
    pub(super) objects: PathBuf,
}

impl Embedded {
    /// That of a configuration; other set-ups are refused, with what to do instead.
    pub(super) fn of(config: &Config, command: &str) -> anyhow::Result<Embedded> {
        match (config.database(), config.storage_url()) {
            (DatabaseUrl::Sqlite(database), StorageUrl::File(objects)) => Ok(Embedded { database, objects }),
            _ => bail!(
                "`darkroom {command}` is for SQLite and the local disk. With PostgreSQL and S3 use pg_dump, and a copy \
                 of the bucket after it, as docs/operations.md describes under Backup and restore"
            ),
        }
    }
}

/// Names originals that are not in a backup, or not whole.
pub(super) fn tell_lacking(lacking: &[String]) -> anyhow::Result<ExitCode> {
    for one in lacking {
        eprintln!("{one}");
    }
    if lacking.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("{} originals are missing or damaged, named above; all else was copied", lacking.len())
}

fn where_the_master_key_is(config: &Config) -> String {
    let place = match &config.master_key {
        Some(_) => "DARKROOM_MASTER_KEY of this configuration".to_owned(),
        None => master_key::path(config).display().to_string(),
    };
    format!(
        "The master key is left out, so that the backup alone opens no secret. It is in {place}: keep a copy of it \
         elsewhere; without it no signing key can be used again."
    )
}
