//! A backup as it lies in a folder: the database in one file, each original below `objects` at its own object key, and
//! a manifest that is written last. A folder without a manifest is no backup.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use catalog::{CatalogCopy, OwnedOriginal};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use storage::Prefix;

/// The form of the folder. Another number is refused.
const FORM: u32 = 1;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Originals that are asked for at once.
const ORIGINALS_AT_ONCE: u32 = 500;

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The form of the folder.
    darkroom_backup: u32,
    /// The version of the program that wrote it.
    pub(super) program: String,
    /// When the copy of the rows was made: every image that was there then is in it.
    pub(super) made_at: String,
    /// Length of the database in bytes.
    database_bytes: u64,
    /// SHA-256 of the database.
    database_sha256: String,
    /// Originals that lie in it.
    pub(super) originals: i64,
    /// Bytes of them.
    pub(super) original_bytes: i64,
    /// Images whose original was missing or damaged already, and so is not in it.
    pub(super) lacking: Vec<String>,
}

/// The folder of a backup.
#[derive(Debug)]
pub(super) struct BackupFolder(PathBuf);

/// What copying all originals came to.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// Originals.
    pub(super) originals: i64,
    /// Bytes of them.
    pub(super) bytes: i64,
    /// Images whose original is missing or damaged, with what is wrong.
    pub(super) lacking: Vec<String>,
}

impl BackupFolder {
    /// An empty folder for a new backup, made where it is not there.
    pub(super) fn make(path: &Path) -> anyhow::Result<BackupFolder> {
        let shown = path.display();
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("{shown}"))?;
        if fs::read_dir(path).with_context(|| format!("{shown}"))?.next().is_some() {
            bail!("{shown} is not empty: a backup is written into a folder of its own");
        }
        Ok(BackupFolder(path.canonicalize()?))
    }

    /// The folder of a whole backup, with what it says of itself; the database is held against its digest.
    pub(super) fn open(path: &Path) -> anyhow::Result<(BackupFolder, Manifest)> {
        let shown = path.display();
        let folder =
            BackupFolder(path.canonicalize().with_context(|| format!("there is no backup at {shown}"))?);
        let text = match fs::read(folder.manifest()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "{shown} is no backup: it has no manifest.json, which is written last. The backup was cut off, or \
                 never was one"
            ),
            Err(error) => return Err(error).with_context(|| format!("{}", folder.manifest().display())),
        };
        let manifest: Manifest = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", folder.manifest().display()))?;
        if manifest.darkroom_backup != FORM {
            bail!("{shown} is a backup of form {}; this program reads {FORM}", manifest.darkroom_backup);
        }
        let (bytes, sha256) = digest(&folder.database())?;
        if (bytes, hex::encode(sha256)) != (manifest.database_bytes, manifest.database_sha256.clone()) {
            bail!("{} is damaged: it is not what the manifest describes", folder.database().display());
        }
        Ok((folder, manifest))
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.0.join("darkroom.db")
    }

    /// The originals, each at its object key.
    pub(super) fn objects(&self) -> PathBuf {
        self.0.join("objects")
    }

    /// Makes everything durable, and then the manifest, which makes it a backup.
    pub(super) fn finish(&self, made_at: String, copied: &Copied) -> anyhow::Result<Manifest> {
        let (database_bytes, database_sha256) = digest(&self.database())?;
        let manifest = Manifest {
            darkroom_backup: FORM,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made_at,
            database_bytes,
            database_sha256: hex::encode(database_sha256),
            originals: copied.originals,
            original_bytes: copied.bytes,
            lacking: copied.lacking.clone(),
        };
        flush_all(&self.0)?;
        let fresh = self.0.join("manifest.json.new");
        let mut file = create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
        file.sync_all()?;
        fs::rename(&fresh, self.manifest())?;
        File::open(&self.0)?.sync_all()?;
        Ok(manifest)
    }

    fn manifest(&self) -> PathBuf {
        self.0.join("manifest.json")
    }
}

/// Copies every original that the rows of a copy own from one folder of objects to another. Each is held against its
/// digest; one that is missing or damaged is named and left out. Not durable before [`flush_all`].
pub(super) async fn copy_originals(rows: &mut CatalogCopy, from: &Path, to: &Path) -> anyhow::Result<Copied> {
    let bar = progress(rows.owned_totals().await?.bytes);
    let (mut copied, mut after) = (Copied::default(), 0);
    loop {
        let originals = rows.owned_originals(after, ORIGINALS_AT_ONCE).await?;
        let Some(last) = originals.last() else { break };
        after = last.number;
        for original in originals {
            let (from, to, named) = (from.to_owned(), to.to_owned(), original.clone());
            let wrong = tokio::task::spawn_blocking(move || copy_original(&from, &to, &original)).await??;
            bar.inc(named.bytes);
            match wrong {
                None => {
                    copied.originals += 1;
                    copied.bytes += named.bytes.cast_signed();
                }
                Some(wrong) => copied.lacking.push(format!("{}/{}: {wrong}", named.handle, named.image)),
            }
        }
    }
    bar.finish_and_clear();
    Ok(copied)
}

/// Copies one original; returns what is wrong with it, if anything is.
fn copy_original(from: &Path, to: &Path, original: &OwnedOriginal) -> anyhow::Result<Option<&'static str>> {
    let key = Prefix::new(original.day, &original.account, &original.object).original();
    let mut source = match File::open(from.join(key.as_str())) {
        Ok(source) => source,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some("the original is missing"));
        }
        Err(error) => return Err(error).with_context(|| from.join(key.as_str()).display().to_string()),
    };
    let target = to.join(key.as_str());
    let folder = target.parent().unwrap_or(to);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = create(&target)?;
    let (bytes, sha256) = copy_hashed(&mut source, |piece| file.write_all(piece))
        .with_context(|| format!("copying {}", target.display()))?;
    if (bytes, sha256) == (original.bytes, original.sha256) {
        return Ok(None);
    }
    drop(file);
    fs::remove_file(&target)?;
    Ok(Some("the original is damaged"))
}

/// Makes everything durable that was written to the file system of a folder.
pub(super) fn flush_all(folder: &Path) -> anyhow::Result<()> {
    rustix::fs::syncfs(File::open(folder)?).with_context(|| format!("flushing {}", folder.display()))
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress(bytes: i64) -> ProgressBar {
    let bar = ProgressBar::new(bytes.unsigned_abs());
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {eta}");
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

/// Length and SHA-256 of a file.
fn digest(file: &Path) -> anyhow::Result<(u64, [u8; 32])> {
    let mut source = File::open(file).with_context(|| format!("{}", file.display()))?;
    Ok(copy_hashed(&mut source, |_| Ok(()))?)
}

fn copy_hashed(
    source: &mut File,
    mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<(u64, [u8; 32])> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        hash.update(&piece[..read]);
        write(&piece[..read])?;
        bytes += read as u64;
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
