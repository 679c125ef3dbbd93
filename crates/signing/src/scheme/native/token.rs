//! The control parameters of a native token, read from the raw query (signing-schemes 1.1).

use std::borrow::Cow;

use super::text::Runs;
use crate::escape::decoded;
use crate::pairs::pairs;
use crate::policy::is_control;
use crate::syntax::{integer, lower_hex};
use crate::{DeliveryUrl, Error, Policy};

/// The control parameters as they were found, before anything is decided about them.
#[derive(Debug)]
pub(super) struct Found<'u> {
    /// What is signed of the query.
    pub(super) signed: Runs<'u>,
    sig: Once<'u>,
    exp: Once<'u>,
    kid: Once<'u>,
    nbf: Once<'u>,
    iat: Once<'u>,
    /// The first constraint that is not built.
    unknown: Option<&'u str>,
    /// A constraint that is not built occurs twice.
    unknown_twice: bool,
    /// An attenuation block has begun.
    in_block: bool,
    /// A control name is written with an escape, so that it would be no control name to us and one to others.
    disguised: bool,
}

/// What a token demands beside its signature.
#[derive(Debug)]
pub(super) struct Token<'u> {
    /// End of validity, in unix seconds.
    pub(super) exp: Option<i64>,
    /// The name of the key.
    pub(super) kid: Option<Cow<'u, str>>,
    /// Begin of validity, in unix seconds.
    pub(super) nbf: Option<i64>,
    /// When it was issued, in unix seconds.
    pub(super) iat: Option<i64>,
}

/// A parameter that may occur once. A missing value is an empty one.
#[derive(Debug, Default)]
struct Once<'u> {
    value: Option<&'u str>,
    again: Option<&'u str>,
}

impl<'u> Found<'u> {
    /// Walks the query once. What the policy ignores is as if it were not there.
    pub(super) fn walk(url: &'u DeliveryUrl, policy: &Policy) -> Self {
        let mut found = Found::nothing();
        let query = url.query().unwrap_or_default();
        let (mut start, mut offset) = (None, 0);
        for pair in pairs(url.query()) {
            let is_signature = pair.name == "sig";
            if is_signature || policy.ignores(pair.name) {
                start.take().into_iter().for_each(|start| found.signed.push(&query[start..offset - 1]));
            } else {
                start.get_or_insert(offset);
                found.take_in(pair.name, pair.value.unwrap_or_default(), url);
            }
            if is_signature {
                found.sig.push(pair.value.unwrap_or_default());
            }
            offset += pair.raw.len() + 1;
        }
        start.into_iter().for_each(|start| found.signed.push(&query[start..]));
        found
    }

    fn nothing() -> Self {
        Found {
            signed: Runs::new(),
            sig: Once::default(),
            exp: Once::default(),
            kid: Once::default(),
            nbf: Once::default(),
            iat: Once::default(),
            unknown: None,
            unknown_twice: false,
            in_block: false,
            disguised: false,
        }
    }

    fn take_in(&mut self, name: &'u str, value: &'u str, url: &DeliveryUrl) {
        match name {
            // What follows `s-at` belongs to a block of its own, whose names may occur again (1.2).
            _ if self.in_block => {}
            "exp" => self.exp.push(value),
            "s-kid" => self.kid.push(value),
            "s-nbf" => self.nbf.push(value),
            "s-iat" => self.iat.push(value),
            _ if name.starts_with("s-") => self.push_unknown(name, url),
            _ => self.disguised |= name.contains('%') && decoded(name).is_some_and(|name| is_control(&name)),
        }
    }

    fn push_unknown(&mut self, name: &'u str, url: &DeliveryUrl) {
        self.in_block = name == "s-at";
        self.unknown.get_or_insert(name);
        let base = pairs(url.query()).take_while(|other| other.name != "s-at");
        self.unknown_twice |= base.filter(|other| other.name == name).count() > 1;
    }

    /// The signature's text: there, and once.
    pub(super) fn signature(&self) -> Result<&'u str, Error> {
        match (self.sig.value, self.sig.again) {
            (None, _) => Err(Error::MissingSignature),
            (Some(_), Some(_)) => Err(Error::DuplicateParam),
            (Some(text), None) => Ok(text),
        }
    }

    /// The other parameters: first their syntax, then that none occurs twice, then that each is known.
    pub(super) fn token(&self) -> Result<Token<'u>, Error> {
        let token = Token {
            exp: self.exp.read(integer)?,
            kid: self.kid.read(key_name)?,
            nbf: self.nbf.read(integer)?,
            iat: self.iat.read(integer)?,
        };
        if self.disguised {
            return Err(Error::MalformedParam);
        }
        if self.unknown_twice
            || [&self.exp, &self.kid, &self.nbf, &self.iat].iter().any(|once| once.again.is_some())
        {
            return Err(Error::DuplicateParam);
        }
        self.unknown.map_or(Ok(token), |_| Err(Error::UnknownConstraint))
    }

    /// The name of the first constraint that is not built.
    pub(super) fn unknown(&self) -> Option<&'u str> {
        self.unknown
    }
}

impl<'u> Once<'u> {
    fn push(&mut self, value: &'u str) {
        match self.value {
            None => self.value = Some(value),
            Some(_) => self.again = Some(value),
        }
    }

    fn read<T>(&self, read: impl Fn(&'u str) -> Option<T>) -> Result<Option<T>, Error> {
        if self.again.is_some_and(|again| read(again).is_none()) {
            return Err(Error::MalformedParam);
        }
        self.value.map(|value| read(value).ok_or(Error::MalformedParam)).transpose()
    }
}

/// The 32 bytes of a signature, from its 64 hex digits.
pub(super) fn mac_bytes(text: &str) -> Result<[u8; 32], Error> {
    lower_hex(text).ok_or(Error::MalformedSignature)
}

/// A key's name, form-decoded: 1 to 64 of `A-Za-z0-9._-`; a plus is a space there, so it never fits.
fn key_name(text: &str) -> Option<Cow<'_, str>> {
    let name = decoded(text)?;
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_named_with_escapes() {
        assert_eq!(key_name("web%2D2").as_deref(), Some("web-2"));
        for bad in ["", "a+b", "a%20b", "a/b", "%zz", &"k".repeat(65)] {
            assert_eq!(key_name(bad), None, "{bad}");
        }
    }
}
