//! What the server would say to a request, as a value. Who finds it out stands in `explained.rs`, and for originals in
//! `storage_rights.rs`.

use domain::AccountId;
use signing::{Explanation, Verified};

use crate::{Error, Mount};

/// What the server would say to a request.
#[derive(Debug)]
pub struct Explained {
    /// Where it arrives.
    pub route: Route,
    /// The account whose URL it is; none where there is no such account. Whoever shows anything of the rest compares it
    /// with the account of the person who asks.
    pub account: Option<AccountId>,
    /// The image that is named, whether it is there or not; none where the URL cannot be read.
    pub image: Option<String>,
    /// The name of the variant, or options as ours are written; none where neither is named.
    pub variant: Option<String>,
    /// Whether the account keeps such an image.
    pub is_here: bool,
    /// How its signature is judged, also where none is needed; none where the account is unknown or the URL cannot be
    /// read.
    pub explanation: Option<Explanation>,
    /// What the request would be answered: nothing where it is let in without a signature.
    pub outcome: Result<Option<Verified>, Error>,
}

/// Where a request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// At a delivery URL of ours.
    Native,
    /// Below the mount of another service.
    Mount(Mount),
    /// At an original, by requests signed as for S3 or Google's storage.
    Storage,
}

impl Route {
    /// Its word: `native`, `storage`, or that of the mount.
    pub const fn word(self) -> &'static str {
        match self {
            Route::Native => "native",
            Route::Mount(mount) => mount.word(),
            Route::Storage => "storage",
        }
    }

    pub(crate) fn of(target: &str) -> Route {
        if target.starts_with("/storage/") {
            return Route::Storage;
        }
        Mount::of_path(target).map_or(Route::Native, Route::Mount)
    }
}

impl Explained {
    /// Nothing is known but where it arrives; it is not there.
    pub(crate) fn at(route: Route) -> Self {
        Explained {
            route,
            account: None,
            image: None,
            variant: None,
            is_here: false,
            explanation: None,
            outcome: Err(Error::Missing),
        }
    }

    /// The target cannot be read.
    pub(crate) fn unread(route: Route, error: signing::Error) -> Self {
        Explained { outcome: Err(error.into()), ..Explained::at(route) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_arrives_at_one_place() {
        for (target, word) in [
            ("/storage/shop/cat", "storage"),
            ("/v7/cat?w=1", "v7"),
            ("/imgproxy/x/plain/cat", "imgproxy"),
            ("/thumbor/x/cat", "thumbor"),
            ("/v70/cat/public", "native"),
            ("/cheeW4oKsx5ljh8e8BoL2A/cat/public", "native"),
        ] {
            assert_eq!(Route::of(target).word(), word, "{target}");
        }
    }
}
