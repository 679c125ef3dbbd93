//! The outside collections, in the folder that `TEST_SHARED` names. Without it their tests are left out; with it a
//! missing file is a failure.

use std::path::PathBuf;

/// A file of a collection; none, said aloud, where no collections were given.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let path = path(name)?;
    Some(std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
}

/// Where a file or folder of the collections lies; a panic where it should lie there and does not.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("TEST_SHARED") else {
        eprintln!("TEST_SHARED is not set: {name} is left out");
        return None;
    };
    let path = PathBuf::from(root).join(name);
    assert!(path.exists(), "TEST_SHARED has no {name}");
    Some(path)
}
