//! One server to a data directory: the lock that says so. Commands that work beside a server do not take it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};

/// The only hold on a data directory. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the data directory, made where it is not there. Refused, with the other's process id, while a server
    /// holds it.
    pub fn take(data_dir: &Path) -> anyhow::Result<DataDirLock> {
        let shown = data_dir.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .with_context(|| format!("the data directory {shown} cannot be made (DARKROOM_DATA_DIR)"))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data_dir.join("server.lock"))
            .with_context(|| format!("the data directory {shown} cannot be written (DARKROOM_DATA_DIR)"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another server{} works on the data directory {shown}: two on one would undo each other's work. Stop \
                 it, or give this one a data directory of its own (DARKROOM_DATA_DIR)",
                holder(&mut file)
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("the data directory {shown} cannot be locked"));
            }
        }
        // The number only makes the other's refusal clearer: a full disk is no reason not to serve.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(DataDirLock { _file: file })
    }
}

/// ` (process 123)`, as far as the holder wrote it down.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!(" (process {process})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_with_the_first_ones_process_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("data");
        let first = DataDirLock::take(&place).unwrap();
        let refusal = DataDirLock::take(&place).unwrap_err().to_string();
        let process = format!("(process {})", std::process::id());
        assert!(refusal.contains(&process) && refusal.contains("DARKROOM_DATA_DIR"), "{refusal}");
        drop(first);
        DataDirLock::take(&place).unwrap();
    }
}
