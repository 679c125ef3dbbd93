//! The addresses below which URLs of other services are read. Whose they are stands in `mounts.rs`.

use domain::AccountHash;
use signing::Scheme;
use variant::Dialect;

/// An address below which the URLs of another service go on working, for the one account that it is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mount {
    /// `/v7/…`
    Cloudimage,
    /// `/imgproxy/…`
    Imgproxy,
    /// `/thumbor/…`
    Thumbor,
}

/// To whom each mount is given, in the order of [`Mount::ALL`].
pub(crate) type Given = [Option<AccountHash>; Mount::ALL.len()];

impl Mount {
    /// Every mount.
    pub const ALL: [Mount; 3] = [Mount::Cloudimage, Mount::Imgproxy, Mount::Thumbor];

    /// Its path, without a slash at the end.
    pub const fn path(self) -> &'static str {
        match self {
            Mount::Cloudimage => "/v7",
            Mount::Imgproxy => "/imgproxy",
            Mount::Thumbor => "/thumbor",
        }
    }

    /// Its word: the path without its slash.
    pub const fn word(self) -> &'static str {
        match self {
            Mount::Cloudimage => "v7",
            Mount::Imgproxy => "imgproxy",
            Mount::Thumbor => "thumbor",
        }
    }

    /// The mount of a word.
    pub fn from_word(word: &str) -> Option<Mount> {
        Mount::ALL.into_iter().find(|mount| mount.word() == word)
    }

    /// The mount that a raw path, or a target, lies below.
    pub fn of_path(path: &str) -> Option<Mount> {
        let first = path.strip_prefix('/')?.split_once('/')?.0;
        Mount::from_word(first)
    }

    /// The scheme that signs URLs below it; no other is read there.
    pub const fn scheme(self) -> Scheme {
        match self {
            Mount::Cloudimage => Scheme::Cloudimage,
            Mount::Imgproxy => Scheme::Imgproxy,
            Mount::Thumbor => Scheme::Thumbor,
        }
    }

    /// How URLs below it say what they wish for.
    pub const fn dialect(self) -> Dialect {
        match self {
            Mount::Cloudimage => Dialect::Cloudimage,
            Mount::Imgproxy => Dialect::Imgproxy,
            Mount::Thumbor => Dialect::Thumbor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_below_one_mount_or_none() {
        for mount in Mount::ALL {
            assert_eq!(Mount::of_path(&format!("{}/a", mount.path())), Some(mount));
            assert_eq!(Mount::from_word(mount.word()), Some(mount));
            assert_eq!(mount.path(), format!("/{}", mount.word()));
        }
        for other in ["", "/", "/v7", "v7/a", "/v70/a", "/V7/a", "//v7/a", "/imgproxy?a/b"] {
            assert_eq!(Mount::of_path(other), None, "{other}");
        }
    }
}
