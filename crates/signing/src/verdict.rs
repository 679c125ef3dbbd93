//! What a verification proved, and each check on the way to it. The schemes fill these in.

use std::sync::Arc;

use domain::SigningKeyId;

use crate::{Error, Scheme};

/// What a right signature proved, and what the caller has to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The scheme by which it was read.
    pub scheme: Scheme,
    /// The key that signed, by the account's own name for it.
    pub key: Arc<SigningKeyId>,
    /// When it ends, in unix seconds; none only where the account does not require it, or the scheme has no end.
    pub expires_s: Option<i64>,
    /// Whether it depends on URL and time alone, so that an owner may let shared caches keep the answer.
    pub shareable: bool,
    /// How much of the path was signed.
    pub covers: Covers,
    /// Where the signature was found.
    pub carrier: Carrier,
    /// For whom it was issued, for the audit log.
    pub subject: Option<ShortText>,
    /// The id of the token, for the audit log.
    pub token_id: Option<ShortText>,
    /// The counters of which a GET that is served consumes one use each; empty for most. All must have one left.
    pub uses: Vec<Uses>,
    /// The SHA-256 that the body must have, where it was not read yet.
    pub body_sha256: Option<[u8; 32]>,
    /// The query that counts, where not all of the request's own does: sealed parameters before free ones.
    pub operations: Option<Box<str>>,
}

/// Who made a right signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The key, by the account's own name for it.
    pub key: Arc<SigningKeyId>,
    /// For whom it was issued.
    pub subject: Option<ShortText>,
    /// The id of the token.
    pub token_id: Option<ShortText>,
}

/// A refusal, with what its signature proved all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// Who signed; none where no signature was right.
    pub signer: Option<Box<Signer>>,
}

/// How much of the path a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// The whole path.
    Path,
    /// The first segments of the path. Nothing after them was seen by the holder of the key, options least of all.
    Prefix {
        /// How many.
        segments: u8,
    },
    /// Whatever a pattern fits.
    Pattern,
}

/// Where a signature was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// In the URL.
    Url,
    /// In a cookie: then the request's own query is not signed and must have no effect.
    Cookie,
    /// In a header.
    Header,
    /// In a posted form.
    Form,
}

/// A counter of uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Names the counter: the signature of the block that demands it, so that no holder can burn another's.
    pub counter: [u8; 32],
    /// How many uses there are in all.
    pub most: u64,
    /// When the counter may be forgotten, in unix seconds; none for never.
    pub until_s: Option<i64>,
}

/// A text of at most 64 bytes that needs no memory of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShortText {
    length: u8,
    bytes: [u8; Self::MAX_BYTES],
}

impl Verified {
    /// What a key of a scheme signed, with nothing else demanded.
    pub fn of(scheme: Scheme, key: Arc<SigningKeyId>) -> Self {
        Verified {
            scheme,
            key,
            expires_s: None,
            shareable: true,
            covers: Covers::Path,
            carrier: Carrier::Url,
            subject: None,
            token_id: None,
            uses: Vec::new(),
            body_sha256: None,
            operations: None,
        }
    }
}

impl Signer {
    /// A key of which nothing else is known.
    pub(crate) fn of(key: Arc<SigningKeyId>) -> Self {
        Signer { key, subject: None, token_id: None }
    }
}

impl From<&Verified> for Signer {
    fn from(verified: &Verified) -> Self {
        let Verified { key, subject, token_id, .. } = verified;
        Signer { key: Arc::clone(key), subject: *subject, token_id: *token_id }
    }
}

impl Uses {
    /// Whether there is one left after so many.
    pub fn admit(&self, used: u64) -> Result<(), Error> {
        if used < self.most { Ok(()) } else { Err(Error::AlreadyUsed) }
    }
}

impl ShortText {
    /// Longest text, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Takes a text; none where it is longer.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(ShortText { length: u8::try_from(text.len()).ok()?, bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl std::fmt::Debug for ShortText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// One check with its verdict, in the order in which they are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked, e.g. `expiry`.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// A sentence for people.
    pub detail: String,
}

/// Sees each check as it is made, so that a verdict and its explanation are one walk through one code.
pub(crate) trait Witness {
    /// Whether someone listens at all.
    const LISTENS: bool;

    /// Takes a check in. Words are found only where someone listens.
    fn see(&mut self, name: &'static str, passed: bool, detail: impl FnOnce() -> String);

    /// Takes in a text that the signature may stand for.
    fn text(&mut self, _text: impl FnOnce() -> String) {}

    /// Takes in who made a right signature: nothing before this is proved, whatever the verdict.
    fn signed(&mut self, _signer: impl FnOnce() -> Signer) {}

    /// Takes in what to do first about a refusal, from a scheme that knows more than the reason alone tells.
    fn advise(&mut self, _advice: impl FnOnce() -> String) {}

    /// Lets an outcome through and sees it: `detail` for a pass, the error's own text for a refusal.
    fn step<T>(
        &mut self,
        name: &'static str,
        outcome: Result<T, Error>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, Error> {
        match &outcome {
            Ok(value) => self.see(name, true, || detail(value)),
            Err(error) => self.see(name, false, || domain::sentence(&error.to_string())),
        }
        outcome
    }
}

/// Nobody listens: a delivery.
pub(crate) struct Nobody;

impl Witness for Nobody {
    const LISTENS: bool = false;

    fn see(&mut self, _name: &'static str, _passed: bool, _detail: impl FnOnce() -> String) {}
}

/// Someone who keeps a log: whom to name when it ends in a refusal.
#[derive(Debug, Default)]
pub(crate) struct Clerk {
    /// Who signed, once that is proved.
    pub(crate) signer: Option<Signer>,
}

impl Witness for Clerk {
    const LISTENS: bool = false;

    fn see(&mut self, _name: &'static str, _passed: bool, _detail: impl FnOnce() -> String) {}

    fn signed(&mut self, signer: impl FnOnce() -> Signer) {
        self.signer = Some(signer());
    }
}

/// Someone who wants to know: an explanation.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// Each check that was made.
    pub(crate) checks: Vec<Check>,
    /// The texts that the signature may stand for.
    pub(crate) texts: Vec<String>,
    /// What to do first, as the scheme itself knows it.
    pub(crate) advice: Option<String>,
}

impl Witness for Listener {
    const LISTENS: bool = true;

    fn see(&mut self, name: &'static str, passed: bool, detail: impl FnOnce() -> String) {
        self.checks.push(Check { name, passed, detail: detail() });
    }

    fn text(&mut self, text: impl FnOnce() -> String) {
        self.texts.push(text());
    }

    fn advise(&mut self, advice: impl FnOnce() -> String) {
        self.advice.get_or_insert_with(advice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_keeps_64_bytes_and_no_more() {
        for text in ["", "user-4711", &"x".repeat(64)] {
            assert_eq!(ShortText::new(text).unwrap().as_str(), text);
        }
        assert!(ShortText::new(&"x".repeat(65)).is_none());
    }

    #[test]
    fn the_last_use_is_the_one_that_makes_the_number_full() {
        let uses = Uses { counter: [0; 32], most: 3, until_s: None };
        assert_eq!((uses.admit(2), uses.admit(3)), (Ok(()), Err(Error::AlreadyUsed)));
    }
}
