//! The address of an original, for requests that are signed as for S3 or Google Cloud Storage: the account's handle in
//! the place of a bucket, the image's id in that of an object key.

use crate::Error;
use crate::delivery_url::{check_path, is_printable};
use crate::escape::decoded;

/// What a path below `/storage` names. Read from the raw path, whose bytes are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageAddress {
    account: String,
    image: Option<String>,
}

impl StorageAddress {
    /// Where originals lie. Clients that know a server by an address with a path sign what is behind it.
    pub const MOUNT: &str = "/storage";

    /// Reads a raw path, without its query. [`Error::BadPath`] where it could be read in two ways, or lies elsewhere; the
    /// rules are those of native routes (signing-schemes 1.3), but for a slash behind the account alone.
    pub fn parse(path: &str) -> Result<StorageAddress, Error> {
        let inside = path.strip_prefix(Self::MOUNT).filter(|inside| inside.starts_with('/'));
        let inside = inside.filter(|inside| is_printable(inside)).ok_or(Error::BadPath)?;
        let inside = match inside.strip_suffix('/') {
            Some(bucket) if !bucket[1.min(bucket.len())..].contains('/') => bucket,
            _ => inside,
        };
        check_path(inside)?;
        let plain = |text: &str| decoded(text).map(std::borrow::Cow::into_owned).ok_or(Error::BadPath);
        let (account, image) = match inside[1..].split_once('/') {
            Some((account, image)) => (account, Some(plain(image)?)),
            None => (&inside[1..], None),
        };
        Ok(StorageAddress { account: plain(account)?, image })
    }

    /// The account's handle, decoded; there may be none of that name.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The image's id, decoded; none where the path ends with the account. There may be none of that id.
    pub fn image(&self) -> Option<&str> {
        self.image.as_deref()
    }

    /// A target as it is signed by clients that leave the mount out; none where it lies elsewhere.
    pub fn without_mount(target: &str) -> Option<&str> {
        target.strip_prefix(Self::MOUNT).filter(|inside| inside.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_names_an_account_and_perhaps_an_image() {
        let check = |path: &str, account: &str, image: Option<&str>| {
            let address = StorageAddress::parse(path).unwrap();
            assert_eq!((address.account(), address.image()), (account, image), "{path}");
        };
        check("/storage/shop", "shop", None);
        check("/storage/shop/", "shop", None);
        check("/storage/shop/cat.jpg", "shop", Some("cat.jpg"));
        check("/storage/shop/a/b%20c/%C3%A4+%25.jpg", "shop", Some("a/b c/ä+%.jpg"));
        check("/storage/storage/storage", "storage", Some("storage"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for path in [
            "",
            "/",
            "/storage",
            "/storage/",
            "/storage//",
            "/storage//cat",
            "/storages/shop",
            "/%73torage/shop/cat",
            "/storage/shop//cat",
            "/storage/shop//",
            "/storage/shop/cat/",
            "/storage/shop/a%2Fb",
            "/storage/shop/a%5Cb",
            "/storage/shop/a\\b",
            "/storage/shop/../other/cat",
            "/storage/shop/%2e%2E/cat",
            "/storage/shop/.",
            "/storage/shop/%zz",
            "/storage/shop/%ff",
            "/storage/shop/a b",
            "/storage/shop/ä",
            "/storage/shop/%00",
        ] {
            assert_eq!(StorageAddress::parse(path), Err(Error::BadPath), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_an_address_or_none(path in "(/storage)?(/[ -~é]{0,6}){0,4}") {
            if let Ok(address) = StorageAddress::parse(&path) {
                prop_assert!(!address.account().is_empty() && !address.account().contains('/'));
                let segments = address.image().into_iter().flat_map(|image| image.split('/'));
                prop_assert!(segments.into_iter().all(|segment| !matches!(segment, "" | "." | "..")));
            }
        }
    }
}
