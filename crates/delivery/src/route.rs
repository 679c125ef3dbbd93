//! Which requests are deliveries: told from the raw path alone, before any router. And what their targets ask for.

use catalog::{Mount, MountedUrl, TokenedUrl, Wanted};
use domain::AccountHash;
use signing::{DeliveryUrl, Error, TargetLimits};

/// What a target asks for, kept.
pub(crate) enum Address {
    /// A URL of ours.
    Ours(DeliveryUrl),
    /// One of ours behind a token in the path.
    Tokened(TokenedUrl),
    /// One of another service, below a mount that is given to an account.
    Mounted(Box<MountedUrl>, AccountHash),
}

impl Address {
    /// Reads a target that does not lie below a mount.
    pub(crate) fn read(target: &str, limits: &TargetLimits) -> Result<Address, Error> {
        if TokenedUrl::is_one(target) {
            return TokenedUrl::parse_within(target, limits).map(Address::Tokened);
        }
        DeliveryUrl::parse_within(target, limits).map(Address::Ours)
    }

    /// Reads a target below a mount that is given to an account.
    pub(crate) fn read_mounted(
        mount: Mount,
        account: AccountHash,
        target: &str,
        limits: &TargetLimits,
    ) -> Result<Address, Error> {
        MountedUrl::parse_within(mount, target, limits).map(|url| Address::Mounted(Box::new(url), account))
    }

    /// What it asks for.
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        match self {
            Address::Ours(url) => url.into(),
            Address::Tokened(url) => url.into(),
            Address::Mounted(url, account) => Wanted::mounted(url, account.as_str()),
        }
    }
}

/// Whether a raw path can be a delivery: its first segment has the shape of an account's hash or holds a token, or it
/// stands below `/cdn-cgi/imagedelivery/` or below a mount. No other door has such paths.
pub(crate) fn is_delivery(path: &str) -> bool {
    has_hash_first(path)
        || path.starts_with("/cdn-cgi/imagedelivery/")
        || Mount::of_path(path).is_some()
        || TokenedUrl::is_one(path)
}

fn has_hash_first(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() > 24
        && bytes[0] == b'/'
        && bytes[23] == b'/'
        && bytes[1..23].iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_that_begins_with_a_hash_a_token_or_a_mount_is_a_delivery() {
        for ours in [
            "/cheeW4oKsx5ljh8e8BoL2A/cat/public",
            "/cheeW4oKsx5ljh8e8BoL2A/x",
            "/cdn-cgi/imagedelivery/cheeW4oKsx5ljh8e8BoL2A/cat/public",
            "/cdn-cgi/imagedelivery/",
            "/bcdn_token=x&expires=1/cheeW4oKsx5ljh8e8BoL2A/cat/public",
            "/v7/cat.jpg",
            "/imgproxy/sig/rs:fit:1:1/plain/cat",
            "/thumbor/unsafe/cat",
        ] {
            assert!(is_delivery(ours), "{ours}");
        }
        for other in [
            "/",
            "/dashboard/login",
            "/client/v4/accounts",
            "/cheeW4oKsx5ljh8e8BoL2A",
            "/healthz",
            "/v7",
            "/storage/shop/cat",
        ] {
            assert!(!is_delivery(other), "{other}");
        }
    }
}
