//! A request as the schemes see it: the raw bytes of its target, its headers, and what is known of its body.
//! Nothing here is parsed and written again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::delivery_url::check_path;
use crate::pairs::{pairs, pieces, split_at};
use crate::policy::Policy;
use crate::{DeliveryUrl, Error, TargetLimits};

/// A request whose right to an image is to be judged.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// Its method, in capitals.
    pub method: &'r str,
    /// Whether it came by https, as the outside sees it.
    pub is_https: bool,
    /// The authority as the outside sees it: the host, and the port where one was sent.
    pub host: &'r str,
    /// What is asked for.
    pub target: Target<'r>,
    /// Its headers.
    pub headers: &'r dyn Headers,
    /// The client's address, from the socket or from a trusted proxy.
    pub client_ip: Option<IpAddr>,
    /// The client's country as two capital letters; none where it is not known.
    pub country: Option<&'r str>,
    /// What is known of the body.
    pub payload: Payload,
}

/// A raw request target.
#[derive(Debug, Clone, Copy)]
pub enum Target<'r> {
    /// As it came, and unchecked.
    Raw(&'r str),
    /// One that its door has read already.
    Delivery(&'r DeliveryUrl),
}

/// The headers of a request. Shared between threads, since a verdict may have to wait for rows.
pub trait Headers: Sync {
    /// The value of a header by its name in lower case; several of one name are joined by `", "`, cookies by `"; "`.
    fn get(&self, lower_case_name: &str) -> Option<Cow<'_, str>>;

    /// Every header, its name in lower case, in their order.
    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)>;
}

/// A request without headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHeaders;

/// What is known of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// It is not read yet: whoever reads it compares it with [`crate::Verified::body_sha256`].
    Unread,
    /// Its SHA-256.
    Sha256([u8; 32]),
}

/// A form that a browser posts to a storage-style upload.
#[derive(Debug, Clone, Copy)]
pub struct PostForm<'r> {
    /// The fields in their order, without the file.
    pub fields: &'r [(String, String)],
    /// The name of the file, as the browser gives it.
    pub file_name: Option<&'r str>,
    /// Length of the file in bytes.
    pub file_bytes: u64,
}

impl<'r> Request<'r> {
    /// A GET of a target, about which nothing else is known.
    pub fn get(target: Target<'r>) -> Self {
        Request {
            method: "GET",
            is_https: true,
            host: "",
            target,
            headers: &NoHeaders,
            client_ip: None,
            country: None,
            payload: Payload::EMPTY,
        }
    }

    /// The raw target.
    pub fn target(&self) -> &'r str {
        match self.target {
            Target::Raw(target) => target,
            Target::Delivery(url) => url.target(),
        }
    }

    /// The raw path.
    pub fn path(&self) -> &'r str {
        match self.target {
            Target::Raw(target) => split_at(b'?', target).map_or(target, |(path, _)| path),
            Target::Delivery(url) => url.path(),
        }
    }

    /// The raw query without its `?`, if there is one.
    pub fn query(&self) -> Option<&'r str> {
        match self.target {
            Target::Raw(target) => split_at(b'?', target).map(|(_, query)| query),
            Target::Delivery(url) => url.query(),
        }
    }

    /// Whether a native token is there to be judged: a `sig` in its URL, or a cookie that carries one.
    pub fn carries_token(&self, policy: &Policy) -> bool {
        pairs(self.query()).any(|pair| pair.name == "sig")
            || self.cookies().iter().any(|(name, _)| policy.is_token_cookie(name))
    }

    /// The client's address; an IPv4-mapped one is IPv4.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.client_ip.map(|address| address.to_canonical())
    }

    /// Path hygiene of native routes (signing-schemes 1.3), with the limits of [`Request::check_size`].
    pub(crate) fn check_path(&self) -> Result<(), Error> {
        if matches!(self.target, Target::Delivery(_)) {
            return Ok(());
        }
        self.check_size()?;
        check_path(self.path()).map(drop)
    }

    /// The limits of a target and the bytes that it may carry raw, for schemes whose paths may hold more than native
    /// ones.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        match self.target {
            Target::Raw(target) => TargetLimits::default().check(target),
            // Whoever read it has made sure of that.
            Target::Delivery(_) => Ok(()),
        }
    }

    /// Every cookie, name and value, in their order.
    pub(crate) fn cookies(&self) -> Cookies<'_> {
        Cookies(self.headers.get("cookie").unwrap_or_default())
    }
}

/// The cookies of a request.
#[derive(Default)]
pub(crate) struct Cookies<'r>(Cow<'r, str>);

impl Cookies<'_> {
    /// Names and values, trimmed, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = pieces(b';', &self.0).filter_map(|pair| split_at(b'=', pair));
        pairs.map(|(name, value)| (name.trim_ascii(), value.trim_ascii()))
    }
}

impl Payload {
    /// A body without a byte.
    pub const EMPTY: Payload = Payload::Sha256([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// A body that is there.
    pub fn of(bytes: &[u8]) -> Payload {
        Payload::Sha256(Sha256::digest(bytes).into())
    }
}

impl Headers for NoHeaders {
    fn get(&self, _lower_case_name: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        Vec::new()
    }
}

impl Headers for BTreeMap<String, String> {
    fn get(&self, lower_case_name: &str) -> Option<Cow<'_, str>> {
        BTreeMap::get(self, lower_case_name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        self.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_is_one_of_no_bytes() {
        assert_eq!(Payload::of(b""), Payload::EMPTY);
    }

    #[test]
    fn cookies_are_read_in_their_order() {
        let headers: BTreeMap<String, String> =
            [("cookie".into(), "a=b; imgtoken=s-pfx=3&sig=x ;c; d=".into())].into();
        let request = Request { headers: &headers, ..Request::get(Target::Raw("/a/b/c")) };
        let cookies = request.cookies();
        let seen: Vec<(&str, &str)> = cookies.iter().collect();
        assert_eq!(seen, [("a", "b"), ("imgtoken", "s-pfx=3&sig=x"), ("d", "")]);
        assert_eq!(Request::get(Target::Raw("/")).cookies().iter().count(), 0);
    }

    #[test]
    fn a_raw_target_is_held_to_the_limits_of_its_kind() {
        let check = |target: &str, size: Result<(), Error>, path: Result<(), Error>| {
            let request = Request::get(Target::Raw(target));
            assert_eq!((request.check_size(), request.check_path()), (size, path), "{target}");
        };
        check("/a/b/c?x", Ok(()), Ok(()));
        check("/a//c", Ok(()), Err(Error::BadPath));
        check("/a%2Fc", Ok(()), Err(Error::BadPath));
        check("a/b", Err(Error::BadPath), Err(Error::BadPath));
        check("/a b", Err(Error::BadPath), Err(Error::BadPath));
        let long = format!("/{}", "x".repeat(4_096));
        check(&long, Err(Error::TargetTooLong), Err(Error::TargetTooLong));
    }
}
