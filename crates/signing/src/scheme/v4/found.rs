//! A signature of version 4 as it stands in a request: in the query of a presigned URL, or in the `Authorization`
//! header. Read, but not judged.

use std::borrow::Cow;

use domain::Timestamp;

use crate::Error;
use crate::canonical::{Credential, Dialect, Standing, UNSIGNED_PAYLOAD, signed_headers};
use crate::escape::decoded;
use crate::pairs::{Pair, pieces, split_at};
use crate::public_key::PublicKey;
use crate::request::{Payload, Request};
use crate::stamp::parse_compact;
use crate::syntax::{integer, lower_hex};

/// The parts of a signature as they were found, before anything is decided about them.
#[derive(Debug, Default)]
pub(super) struct Found<'r> {
    algorithm: Once<'r>,
    credential: Once<'r>,
    date: Once<'r>,
    expires: Once<'r>,
    signed_headers: Once<'r>,
    signature: Once<'r>,
    session: Once<'r>,
    content: Once<'r>,
    /// A part that is not known, or one whose name is written with escapes, so that others would read it.
    odd: bool,
    /// The pairs of the query that are signed: all but the signature.
    pub(super) standing: Standing<'r>,
}

/// The parts that every signature has, read.
#[derive(Debug)]
pub(super) struct Parts<'f> {
    /// The algorithm's name.
    pub(super) algorithm: &'f str,
    /// Who signed.
    pub(super) credential: Credential<'f>,
    /// When, as it is signed.
    pub(super) date: &'f str,
    /// When.
    pub(super) signed_at: Timestamp,
    /// For how long, in seconds; none for a header.
    pub(super) lifetime_s: Option<i64>,
    /// The names of the signed headers with `;` between them.
    pub(super) signed_headers: &'f str,
    /// The token of a temporary key.
    pub(super) session: Option<&'f str>,
    /// The payload hash that stands among the parts.
    pub(super) content: Option<&'f str>,
}

/// A signature's bytes, by its algorithm.
#[derive(Debug)]
pub(in crate::scheme) enum Mark {
    /// HMAC-SHA256.
    Mac([u8; 32]),
    /// RSA.
    Rsa(Vec<u8>),
}

/// What a signature says about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing.
    Unsigned,
    /// Its SHA-256.
    Digest([u8; 32]),
    /// A text that is no digest, so no body has it. Google's conformance set signs one.
    Impossible,
}

/// The names of the parts, behind the dialect's prefix.
const NAMES: [&str; 8] = [
    "Algorithm",
    "Credential",
    "Date",
    "Expires",
    "SignedHeaders",
    "Signature",
    "Security-Token",
    "Content-Sha256",
];

/// A part that may occur once. A missing value is an empty one.
#[derive(Debug, Default)]
struct Once<'r> {
    value: Option<Cow<'r, str>>,
    again: bool,
}

impl<'r> Found<'r> {
    /// Longest lifetime of a presigned URL, in seconds.
    const MAX_LIFETIME_S: i64 = 604_800;

    /// Reads the pairs of a query.
    pub(super) fn in_query(dialect: &Dialect, pairs: impl Iterator<Item = Pair<'r>>) -> Self {
        let mut found = Found::default();
        for pair in pairs {
            if !dialect.is_named(pair.name, dialect.signature_name) {
                found.standing.push(&pair);
            }
            if let Some(part) = found.part(dialect, pair.name) {
                part.push(decoded(pair.value.unwrap_or_default()));
            } else if pair.name.contains('%') {
                let plain = decoded(pair.name);
                found.odd |= plain.is_some_and(|name| found.part(dialect, &name).is_some());
            }
        }
        found
    }

    /// Reads `Authorization` and the headers that go with it.
    pub(super) fn in_headers(dialect: &Dialect, headers: &'r [(Cow<'r, str>, Cow<'r, str>)]) -> Self {
        let mut found = Found::default();
        for (name, value) in headers {
            let value = value.trim_ascii();
            match name.strip_prefix(dialect.prefix) {
                Some("date") => found.date.push(Some(value.into())),
                Some("security-token") => found.session.push(Some(value.into())),
                Some("content-sha256") => found.content.push(Some(value.into())),
                _ if name == "authorization" => found.read_authorization(value),
                _ => {}
            }
        }
        found
    }

    /// `algorithm Credential=…, SignedHeaders=…, Signature=…`, the comma with or without a blank.
    fn read_authorization(&mut self, value: &'r str) {
        let (algorithm, rest) = split_at(b' ', value).unwrap_or((value, ""));
        self.algorithm.push(Some(algorithm.into()));
        for part in pieces(b',', rest) {
            let (name, value) = split_at(b'=', part).unwrap_or((part, ""));
            let place = match name.trim_ascii() {
                "Credential" => &mut self.credential,
                "SignedHeaders" => &mut self.signed_headers,
                "Signature" => &mut self.signature,
                _ => {
                    self.odd = true;
                    continue;
                }
            };
            place.push(Some(value.trim_ascii().into()));
        }
    }

    /// The part that the name of a parameter stands for.
    fn part(&mut self, dialect: &Dialect, name: &str) -> Option<&mut Once<'r>> {
        let own = name.get(dialect.prefix.len()..)?;
        if !name[..dialect.prefix.len()].eq_ignore_ascii_case(dialect.prefix) {
            return None;
        }
        Some(match NAMES.into_iter().find(|name| dialect.is_named(own, name))? {
            "Algorithm" => &mut self.algorithm,
            "Credential" => &mut self.credential,
            "Date" => &mut self.date,
            "Expires" => &mut self.expires,
            "SignedHeaders" => &mut self.signed_headers,
            "Signature" => &mut self.signature,
            "Security-Token" => &mut self.session,
            _ => &mut self.content,
        })
    }

    /// The signature's text: there, and once.
    pub(super) fn signature(&self) -> Result<&str, Error> {
        match (&self.signature.value, self.signature.again) {
            (None, _) => Err(Error::MissingSignature),
            (Some(_), true) => Err(Error::DuplicateParam),
            (Some(text), false) => Ok(text),
        }
    }

    /// The signature's bytes, in the form that its algorithm has.
    pub(super) fn mark(&self, dialect: &Dialect, text: &str) -> Result<Mark, Error> {
        let algorithm = self.algorithm.value.as_deref();
        read_mark(dialect, algorithm.unwrap_or_default(), text).ok_or(Error::MalformedSignature)
    }

    /// The other parts: first their syntax, then that none occurs twice.
    pub(super) fn parts(&self, dialect: &Dialect) -> Result<Parts<'_>, Error> {
        let parts = self.read(dialect).filter(|_| !self.odd).ok_or(Error::MalformedParam)?;
        let all = [
            &self.algorithm,
            &self.credential,
            &self.date,
            &self.expires,
            &self.signed_headers,
            &self.session,
            &self.content,
        ];
        if all.iter().any(|part| part.again) {
            return Err(Error::DuplicateParam);
        }
        Ok(parts)
    }

    fn read(&self, dialect: &Dialect) -> Option<Parts<'_>> {
        let algorithm = self.algorithm.text().filter(|name| dialect.knows(name))?;
        let date = self.date.text()?;
        let lifetime_s = match self.expires.text() {
            Some(text) => Some(integer(text).filter(|text| (1..=Self::MAX_LIFETIME_S).contains(text))?),
            None => None,
        };
        Some(Parts {
            algorithm,
            credential: Credential::parse(self.credential.text()?)?,
            date,
            signed_at: parse_compact(date)?,
            lifetime_s,
            signed_headers: signed_headers(self.signed_headers.text()?)?,
            session: self.session.text(),
            content: self.content.text(),
        })
    }
}

impl<'f> Parts<'f> {
    /// The names of the signed headers.
    pub(super) fn headers(&self) -> impl Iterator<Item = &'f str> + Clone + use<'f> {
        pieces(b';', self.signed_headers)
    }

    /// Whether a header is signed, by its name in lower case.
    pub(super) fn signs(&self, name: &str) -> bool {
        self.headers().any(|signed| signed == name)
    }
}

impl<'r> Once<'r> {
    /// Takes a value in; one that cannot be decoded is read as empty, which no part may be.
    fn push(&mut self, value: Option<Cow<'r, str>>) {
        self.again |= self.value.is_some();
        self.value.get_or_insert(value.unwrap_or_default());
    }

    fn text(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl Claim {
    /// Reads the payload hash of a header, which must be a digest or say that there is none.
    pub(super) fn strict(text: &str) -> Result<Claim, Error> {
        match Claim::lenient(text)? {
            Claim::Impossible => Err(Error::MalformedParam),
            claim => Ok(claim),
        }
    }

    /// Reads the payload hash of a presigned URL, where any text may be signed.
    pub(super) fn lenient(text: &str) -> Result<Claim, Error> {
        if text.starts_with("STREAMING-") {
            return Err(Error::UnsupportedPayload);
        }
        if text == UNSIGNED_PAYLOAD {
            return Ok(Claim::Unsigned);
        }
        Ok(lower_hex(text).map_or(Claim::Impossible, Claim::Digest))
    }

    /// The digest that the body must have.
    pub(super) fn body_sha256(self) -> Option<[u8; 32]> {
        match self {
            Claim::Unsigned => None,
            Claim::Digest(digest) => Some(digest),
            Claim::Impossible => Some([0; 32]),
        }
    }

    /// Refuses a body that is known and is another one.
    pub(super) fn check(self, request: &Request<'_>) -> Result<(), Error> {
        match (self.body_sha256(), request.payload) {
            (Some(claimed), Payload::Sha256(found)) if claimed != found => Err(Error::PayloadMismatch),
            _ => Ok(()),
        }
    }
}

/// A signature's bytes in the form that an algorithm has; where the algorithm is not known, in either form.
pub(in crate::scheme) fn read_mark(dialect: &Dialect, algorithm: &str, text: &str) -> Option<Mark> {
    let (mac, rsa) = (lower_hex(text).map(Mark::Mac), || rsa_mark(text));
    if algorithm == dialect.hmac {
        mac
    } else if dialect.rsa == Some(algorithm) {
        rsa()
    } else {
        mac.or_else(rsa)
    }
}

/// The bytes of an RSA signature, as lower-case hex digits.
fn rsa_mark(text: &str) -> Option<Mark> {
    let digits = PublicKey::MIN_RSA_BITS / 4..=PublicKey::MAX_RSA_BITS / 4;
    let lower = digits.contains(&text.len()) && !text.bytes().any(|digit| digit.is_ascii_uppercase());
    lower.then(|| hex::decode(text).ok().map(Mark::Rsa)).flatten()
}
