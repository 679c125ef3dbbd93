//! What a delivery asks for, whatever way its URL is written: ours, ours behind another service's token, or another
//! service's below its mount. Reads texts only; who may have it is decided in `rights.rs`.

use domain::ImageId;
use signing::{DeliveryUrl, Error, Scheme, SchemeSet, Target, TargetLimits};
use variant::{Dialect, Options};

use crate::Mount;

/// What a delivery asks for; borrows from the URL that says so.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'u> {
    /// What signatures are judged by.
    pub(crate) target: Target<'u>,
    /// The hash of the account; it need not be that of any.
    pub(crate) account: &'u str,
    /// The image's id; it need not be a valid one.
    pub(crate) image: &'u str,
    pub(crate) wish: Wish<'u>,
    /// The schemes that are read at this address.
    pub(crate) schemes: SchemeSet,
    /// It came below `/cdn-cgi/imagedelivery/`.
    pub(crate) is_moved: bool,
}

/// What is wished for of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wish<'u> {
    /// A variant of the account, by its name.
    Named(&'u str),
    /// Options, as text of ours.
    Options(&'u str),
    /// What the URL of another service says.
    Foreign(&'u MountedUrl),
}

/// A URL of ours behind the token that Bunny writes before the path: `/bcdn_token=…&expires=…/hash/id/variant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenedUrl {
    target: Box<str>,
    url: DeliveryUrl,
}

/// A URL of another service, below its mount.
#[derive(Debug, Clone, PartialEq)]
pub struct MountedUrl {
    mount: Mount,
    /// As the service's own signers see it: without the mount, where that is ours.
    target: Box<str>,
    /// The image, and the wish without what the query says; else why the path cannot be read.
    read: Result<(ImageId, Options), String>,
}

impl<'u> Wanted<'u> {
    /// What the URL of another service asks for, where its mount is given to the account of this hash.
    pub fn mounted(url: &'u MountedUrl, account: &'u str) -> Self {
        Wanted {
            target: Target::Raw(&url.target),
            account,
            image: url.image().unwrap_or_default(),
            wish: Wish::Foreign(url),
            schemes: SchemeSet::of(&[url.mount.scheme()]),
            is_moved: false,
        }
    }

    /// What signatures are judged by.
    pub fn target(&self) -> Target<'u> {
        self.target
    }

    /// The image's id, as the URL names it; nothing where it names none.
    pub fn image(&self) -> &'u str {
        self.image
    }

    /// Whether options of ours may lay something over the picture.
    pub(crate) fn draws(&self) -> bool {
        matches!(self.wish, Wish::Options(text) if text.contains("draw="))
    }

    /// The name of the variant, or the options as ours are written, without what a signature adds to them.
    pub fn wish(&self) -> String {
        match self.wish {
            Wish::Named(text) | Wish::Options(text) => text.to_owned(),
            Wish::Foreign(url) => url.options(None).map(|options| options.to_string()).unwrap_or_default(),
        }
    }

    /// The name of the variant, where the account has given one to the wish.
    pub(crate) fn variant(&self) -> Option<&'u str> {
        match self.wish {
            Wish::Named(name) => Some(name),
            Wish::Options(_) | Wish::Foreign(_) => None,
        }
    }
}

impl<'u> From<&'u DeliveryUrl> for Wanted<'u> {
    fn from(url: &'u DeliveryUrl) -> Self {
        let last = url.last();
        Wanted {
            target: Target::Delivery(url),
            account: url.account(),
            image: url.image(),
            wish: if url.is_flexible() { Wish::Options(last) } else { Wish::Named(last) },
            schemes: Scheme::NATIVE_ROUTES,
            is_moved: url.is_moved(),
        }
    }
}

impl<'u> From<&'u TokenedUrl> for Wanted<'u> {
    fn from(tokened: &'u TokenedUrl) -> Self {
        // The token in the path is the only mark that may stand here: nothing else is signed with it.
        let schemes = SchemeSet::of(&[Scheme::Bunny]);
        Wanted { target: Target::Raw(&tokened.target), schemes, ..Wanted::from(&tokened.url) }
    }
}

impl TokenedUrl {
    /// How such a path begins.
    const START: &str = "/bcdn_token=";

    /// Whether a raw path is written so.
    pub fn is_one(path: &str) -> bool {
        path.starts_with(Self::START)
    }

    /// Reads a raw request target whose path [`TokenedUrl::is_one`].
    pub fn parse_within(target: &str, limits: &TargetLimits) -> Result<TokenedUrl, Error> {
        limits.check(target)?;
        let end = target.find('?').unwrap_or(target.len());
        let behind = target[1..end].find('/').ok_or(Error::BadPath)? + 1;
        let url = DeliveryUrl::parse_within(&target[behind..], limits)?;
        Ok(TokenedUrl { target: target.into(), url })
    }
}

impl MountedUrl {
    /// Reads a raw request target whose path lies below a mount.
    pub fn parse_within(mount: Mount, target: &str, limits: &TargetLimits) -> Result<MountedUrl, Error> {
        limits.check(target)?;
        let below = target.strip_prefix(mount.path()).ok_or(Error::BadPath)?;
        let path = below.split_once('?').map_or(below, |(path, _)| path);
        let read = mount.dialect().read(options_and_image(mount, path), None);
        Ok(MountedUrl {
            mount,
            target: if mount == Mount::Cloudimage { target } else { below }.into(),
            read: read.map(|found| (found.image, found.options)).map_err(|why| why.to_string()),
        })
    }

    /// The mount.
    pub fn mount(&self) -> Mount {
        self.mount
    }

    /// The image that is named; none where the path cannot be read.
    pub(crate) fn image(&self) -> Option<&str> {
        self.read.as_ref().ok().map(|(image, _)| image.as_str())
    }

    /// Why the path cannot be read, where it cannot.
    pub(crate) fn unread(&self) -> Option<&str> {
        self.read.as_ref().err().map(String::as_str)
    }

    /// The wish. `operations` are the query that counts, where a signature says so.
    pub(crate) fn options(&self, operations: Option<&str>) -> Result<Options, crate::Error> {
        let (_, options) = self.read.as_ref().map_err(|why| crate::Error::Options(why.clone()))?;
        if self.mount != Mount::Cloudimage {
            return Ok(options.clone());
        }
        let (path, query) = self.target.split_once('?').map_or((&*self.target, None), |(p, q)| (p, Some(q)));
        let own = match operations {
            Some(_) => None,
            None => Some(signing::cloudimage_operations(query)?),
        };
        let read = Dialect::Cloudimage.read(path, operations.or(own.as_deref()));
        read.map(|found| found.options).map_err(|why| crate::Error::Options(why.to_string()))
    }
}

/// A path below a mount, without the signature that imgproxy and thumbor put first.
fn options_and_image(mount: Mount, path: &str) -> &str {
    match mount {
        Mount::Cloudimage => path,
        Mount::Imgproxy | Mount::Thumbor => {
            path.strip_prefix('/').and_then(|path| path.split_once('/')).map_or("", |(_signature, rest)| rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits() -> TargetLimits {
        TargetLimits::default()
    }

    #[test]
    fn what_stands_below_a_mount_is_an_image_and_a_wish() {
        let check = |mount, target: &str, image: &str, wish: &str| {
            let url = MountedUrl::parse_within(mount, target, &limits()).unwrap();
            let wanted = Wanted::mounted(&url, "hash");
            assert_eq!((wanted.image(), wanted.wish().as_str()), (image, wish), "{target}");
        };
        check(Mount::Cloudimage, "/v7/cats/1.jpg?w=400&func=bound", "cats/1.jpg", "w=400,fit=contain");
        check(Mount::Cloudimage, "/v7/cat?ci_sign=0123456789abcdef01", "cat", "");
        check(
            Mount::Imgproxy,
            "/imgproxy/sig/rs:fit:40:30/plain/cats/1.jpg?x=1",
            "cats/1.jpg",
            "w=40,h=30,fit=scale-down",
        );
        check(Mount::Thumbor, "/thumbor/unsafe/40x30/cat", "cat", "w=40,h=30,fit=cover");
    }

    #[test]
    fn schemes_see_what_their_signers_signed() {
        let check = |mount, target: &str, seen: &str| {
            let url = MountedUrl::parse_within(mount, target, &limits()).unwrap();
            assert_eq!(&*url.target, seen);
        };
        check(Mount::Cloudimage, "/v7/cat?w=1", "/v7/cat?w=1");
        check(Mount::Imgproxy, "/imgproxy/sig/plain/cat?w=1", "/sig/plain/cat?w=1");
        check(Mount::Thumbor, "/thumbor/sig/cat", "/sig/cat");
    }

    #[test]
    fn what_lies_elsewhere_and_unknown_words_are_told_by_name() {
        let check = |mount, target: &str, word: &str| {
            let url = MountedUrl::parse_within(mount, target, &limits()).unwrap();
            let told = url.options(None).unwrap_err().to_string();
            assert!(told.contains(word), "{target}: {told}");
        };
        check(Mount::Cloudimage, "/v7/https://origin.example.net/a.jpg", "origin.example.net");
        check(Mount::Cloudimage, "/v7/cat?pixelate=1", "'pixelate'");
        check(Mount::Imgproxy, "/imgproxy/sig/pixelate:3/plain/cat", "'pixelate:3'");
        check(Mount::Thumbor, "/thumbor/sig/filters:noise(3)/cat", "'noise'");
        check(Mount::Thumbor, "/thumbor/sig", "no id");
    }

    #[test]
    fn a_token_before_the_path_hides_no_part_of_it() {
        let parse = |target| TokenedUrl::parse_within(target, &limits());
        let tokened = parse("/bcdn_token=HS256-x&expires=1/hash/album/cat/public?a=b").unwrap();
        let wanted = Wanted::from(&tokened);
        assert_eq!((wanted.account, wanted.image, wanted.variant()), ("hash", "album/cat", Some("public")));
        for bad in [
            "/bcdn_token=x",
            "/bcdn_token=x/hash",
            "/bcdn_token=x//hash/cat/public",
            "/bcdn_token=x/a/../b/c",
        ] {
            assert_eq!(parse(bad), Err(Error::BadPath), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_target_below_a_mount_is_read_or_refused(
            index in 0_usize..3,
            rest in "(/|\\?|&|=|%|%2F|\\.\\.|w=4|rs:fit:1:1|plain|4x4|cat|[ -~]{0,3}|\\PC){0,12}",
        ) {
            let mount = [Mount::Cloudimage, Mount::Imgproxy, Mount::Thumbor][index];
            let target = format!("{}/{rest}", mount.path());
            if let Ok(url) = MountedUrl::parse_within(mount, &target, &limits()) {
                prop_assert_eq!(url.image().is_some(), url.unread().is_none());
                let _ = url.options(None);
            }
            let _ = TokenedUrl::parse_within(&format!("/bcdn_token={rest}"), &limits());
        }
    }
}
