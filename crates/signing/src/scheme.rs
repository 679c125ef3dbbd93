//! The signing schemes, a file each. This list knows its members.

use domain::{SigningKeyId, Timestamp};

use crate::{DeliveryUrl, Error, Policy, SigningKey};

/// A way to sign delivery URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Ours, which includes Cloudflare's form.
    Native,
}

/// What a right signature proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed.
    pub key: SigningKeyId,
    /// When the URL ends, in unix seconds; none only where the account does not require it.
    pub expires_s: Option<i64>,
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

/// Everything about a verdict, for people who have the right to see it. Never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The scheme that the URL is read by.
    pub scheme: Scheme,
    /// The verdict.
    pub verdict: Result<Verified, Error>,
    /// The texts that a signature may stand for.
    pub signed_texts: Vec<String>,
    /// Each check that was made.
    pub checks: Vec<Check>,
    /// The first thing to do about a refusal; none where it was accepted.
    pub advice: Option<String>,
}

/// Signs a delivery URL or path (with or without a query; an old `sig` goes): returns path, query and `sig`,
/// or the whole URL where one was given. `expires_s` in unix seconds replaces an `exp`.
pub fn sign(_url: &str, _key: &SigningKey, _expires_s: Option<i64>) -> Result<String, Error> {
    todo!()
}

/// Verifies the signature of a delivery URL against an account's keys, in the order of signing-schemes 0.
pub fn verify(_url: &DeliveryUrl, _keys: &[SigningKey], _policy: &Policy, _now: Timestamp) -> Result<Verified, Error> {
    todo!()
}

/// Verifies and says how the verdict came about.
pub fn explain(_url: &DeliveryUrl, _keys: &[SigningKey], _policy: &Policy, _now: Timestamp) -> Explanation {
    todo!()
}
