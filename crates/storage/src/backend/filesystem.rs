//! Objects as files: written beside, made durable, then moved into place, so that a name is a whole object.
//! Nothing here knows what the bytes are.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tempfile::NamedTempFile;

use crate::backend::{Backend, Listed};
use crate::blocking::blocking;
use crate::object_key::day_text;
use crate::scratch::ScratchFolder;
use crate::{Error, Object, ObjectKey, Prefix, Sealed};

/// Bytes that are read at once. An object of at most this length comes in one piece.
const PIECE_BYTES: u64 = 256 * 1024;

/// Times that an object's folder is made anew where removals take it away at the same moment.
const FOLDER_TRIES: usize = 8;

/// Objects below one folder.
#[derive(Debug, Clone)]
pub(crate) struct Filesystem {
    root: PathBuf,
    scratch: ScratchFolder,
}

impl Filesystem {
    /// Objects below this folder, which is there, written by way of this scratch folder on the same disk.
    pub(crate) fn open(root: PathBuf, scratch: ScratchFolder) -> io::Result<Filesystem> {
        let root = root.canonicalize()?;
        // The folder may be new, and its own name is no safer than the folder that holds it.
        File::open(root.parent().unwrap_or(&root))?.sync_all()?;
        Ok(Filesystem { root, scratch })
    }
}

#[async_trait::async_trait]
impl Backend for Filesystem {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        self.scratch.room_for(bytes.len() as u64).await?;
        let (this, key) = (self.clone(), key.clone());
        blocking(move || {
            let mut file = this.scratch.file()?;
            file.write_all(&bytes)?;
            this.place(file, &key)
        })
        .await
    }

    async fn put_spare(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        let (this, target) = (self.clone(), self.path(key.as_str()));
        blocking(move || {
            this.scratch.has_spare_room_for(bytes.len() as u64)?;
            let mut file = this.scratch.file()?;
            file.write_all(&bytes)?;
            this.rename(file, &target).inspect_err(|_| this.tidy(&target))
        })
        .await
    }

    async fn put_file(&self, key: &ObjectKey, file: Sealed) -> Result<(), Error> {
        let (this, key) = (self.clone(), key.clone());
        blocking(move || this.place(file.into_file(), &key)).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, Error> {
        self.get_range(key, 0..u64::MAX).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Object, Error> {
        let path = self.path(key.as_str());
        blocking(move || open(&path, range)).await
    }

    /// By the kernel alone where it can: the bytes come through no memory of ours.
    async fn copy(&self, key: &ObjectKey, mut into: File) -> Result<File, Error> {
        let path = self.path(key.as_str());
        blocking(move || {
            let (mut file, _) = opened(&path)?;
            // It is no disk of ours that would be full.
            io::copy(&mut file, &mut into).map_err(|error| Error::Io(error.into()))?;
            Ok(into)
        })
        .await
    }

    async fn head(&self, key: &ObjectKey) -> Result<u64, Error> {
        let path = self.path(key.as_str());
        blocking(move || Ok(fs::metadata(path).map_err(or_missing)?.len())).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let (this, path) = (self.clone(), self.path(key.as_str()));
        blocking(move || {
            if there(fs::remove_file(&path))? {
                this.sync_above(&path)?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<(), Error> {
        let (this, prefix) = (self.clone(), prefix.clone());
        blocking(move || this.remove(&prefix)).await
    }

    async fn delete_spare(&self, key: &ObjectKey) -> Result<(), Error> {
        let path = self.path(key.as_str());
        blocking(move || there(fs::remove_file(&path)).map(drop)).await
    }

    async fn list(&self, from_day: i64) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        let this = self.clone();
        let mut days = blocking(move || this.names("")).await?;
        let first = day_text(from_day);
        days.retain(|day| *day >= first);
        let accounts = below(self.clone(), days, Filesystem::names);
        let this = self.clone();
        let listed = accounts.map_ok(move |account| below(this.clone(), vec![account], Filesystem::prefixes));
        Ok(listed.try_flatten().boxed())
    }
}

/// Reads folder after folder, each when the ones before it are used up.
fn below<T: Send + 'static>(
    this: Filesystem,
    folders: Vec<String>,
    read: fn(&Filesystem, &str) -> Result<Vec<T>, Error>,
) -> BoxStream<'static, Result<T, Error>> {
    stream::iter(folders)
        .then(move |folder| {
            let this = this.clone();
            blocking(move || read(&this, &folder))
        })
        .map_ok(|found| stream::iter(found.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
}

impl Filesystem {
    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Makes the bytes durable, then the name: once this returned, no crash loses either.
    fn place(&self, file: NamedTempFile, key: &ObjectKey) -> Result<(), Error> {
        let target = self.path(key.as_str());
        file.as_file().sync_data()?;
        self.rename(file, &target).inspect_err(|_| self.tidy(&target))?;
        // A name that may vanish with the next crash must not be used until then either.
        self.sync_above(&target).inspect_err(|_| {
            let _ = fs::remove_file(&target);
            self.tidy(&target);
        })
    }

    /// Gives a file its name, and the name its folders. A neighbour's removal may take an empty folder away
    /// between the two steps; then both are done again.
    fn rename(&self, mut file: NamedTempFile, target: &Path) -> Result<(), Error> {
        let folder = target.parent().unwrap_or(&self.root);
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..FOLDER_TRIES {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            failure = match made {
                Err(error) => error,
                Ok(()) => match file.persist(target) {
                    Ok(_) => return Ok(()),
                    Err(refused) => {
                        file = refused.file;
                        refused.error
                    }
                },
            };
            if failure.kind() != io::ErrorKind::NotFound {
                break;
            }
        }
        Err(failure.into())
    }

    /// Flushes every folder from an object up to the root. A folder that is there already may have been made
    /// a moment ago by another put that has not flushed it yet, so being there is no reason to leave it out.
    fn sync_above(&self, path: &Path) -> Result<(), Error> {
        for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)) {
            there(File::open(folder).and_then(|folder| folder.sync_all()))?;
        }
        Ok(())
    }

    /// Takes a prefix out of sight in one step, then removes it piece by piece.
    fn remove(&self, prefix: &Prefix) -> Result<(), Error> {
        let folder = self.path(prefix.as_str());
        let gone = self.scratch.way_out();
        if !there(fs::rename(&folder, &gone))? {
            return Ok(());
        }
        self.sync_above(&folder)?;
        there(fs::remove_dir_all(&gone))?;
        self.tidy(&folder);
        Ok(())
    }

    /// Removes folders that became empty, up to the root. One that is not empty refuses, which ends the walk.
    fn tidy(&self, path: &Path) {
        let above = path.ancestors().skip(1).take_while(|folder| *folder != self.root);
        for folder in above {
            if fs::remove_dir(folder).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                return;
            }
        }
    }

    /// The names in a folder with that folder before them, in order. One that is no folder or not there is
    /// empty.
    fn names(&self, folder: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for entry in entries(&self.path(folder))? {
            // A name that is no Unicode is none of ours, nor is one that is hidden.
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if !name.starts_with('.') {
                names.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The prefixes of an account and a day, in order.
    fn prefixes(&self, account: &str) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        for prefix in self.names(account)?.iter().filter_map(|name| Prefix::parse(name)) {
            listed.extend(look_into(&self.path(prefix.as_str()), prefix)?);
        }
        Ok(listed)
    }
}

/// The objects in the folder of a prefix; an empty folder is as old as it is itself. None where it is no more.
fn look_into(folder: &Path, prefix: Prefix) -> Result<Option<Listed>, Error> {
    let mut listed = Listed::new(prefix);
    for entry in entries(folder)? {
        let entry = entry?;
        let mut facts = None;
        if there(fs::metadata(entry.path()).map(|found| facts = Some(found)))?
            && let Some(facts) = facts
        {
            listed.note(&entry.file_name().to_string_lossy(), facts.len(), facts.mtime());
        }
    }
    if listed.written_s == i64::MIN
        && !there(fs::metadata(folder).map(|facts| listed.written_s = facts.mtime()))?
    {
        return Ok(None);
    }
    Ok(Some(listed))
}

fn entries(folder: &Path) -> Result<impl Iterator<Item = io::Result<fs::DirEntry>>, Error> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if is_absence(&error) => Ok(None.into_iter().flatten()),
        Err(error) => Err(error.into()),
    }
}

/// Opens an object and reads the first piece of a range in the same go, so that a small one costs one trip to the
/// disk.
fn open(path: &Path, range: Range<u64>) -> Result<Object, Error> {
    let (file, len) = opened(path)?;
    let start = range.start.min(len);
    let end = range.end.clamp(start, len);
    let first = read_piece(&file, start, end)?;
    let rest = stream::try_unfold((file, start + first.len() as u64), move |(file, at)| async move {
        if at >= end {
            return Ok(None);
        }
        blocking(move || {
            let piece = read_piece(&file, at, end)?;
            let next = at + piece.len() as u64;
            Ok(Some((piece, (file, next))))
        })
        .await
    });
    Ok(Object { len: end - start, body: stream::iter([Ok(first)]).chain(rest).boxed() })
}

/// The file of an object, with its length.
fn opened(path: &Path) -> Result<(File, u64), Error> {
    let file = File::open(path).map_err(or_missing)?;
    let facts = file.metadata()?;
    if facts.is_file() { Ok((file, facts.len())) } else { Err(Error::Missing) }
}

/// The piece of a file that begins here and ends before this place at the latest. A file that ended early was not
/// written by us.
fn read_piece(file: &File, at: u64, end: u64) -> Result<Bytes, Error> {
    let mut piece = vec![0; (end - at).min(PIECE_BYTES) as usize];
    match file.read_exact_at(&mut piece, at) {
        Ok(()) => Ok(piece.into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Damaged),
        Err(error) => Err(error.into()),
    }
}

/// Whether the thing that was acted on was there.
fn there(acted: io::Result<()>) -> Result<bool, Error> {
    match acted {
        Ok(()) => Ok(true),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn or_missing(error: io::Error) -> Error {
    if is_absence(&error) { Error::Missing } else { error.into() }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
