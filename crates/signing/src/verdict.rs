//! What a verification proved, and each check on the way to it. The schemes fill these in.

use std::sync::Arc;

use domain::SigningKeyId;

use crate::Error;

/// What a right signature proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed.
    pub key: Arc<SigningKeyId>,
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

/// Sees each check as it is made, so that a verdict and its explanation are one walk through one code.
pub(crate) trait Witness {
    /// Takes a check in. Words are found only where someone listens.
    fn see(&mut self, name: &'static str, passed: bool, detail: impl FnOnce() -> String);

    /// Lets an outcome through and sees it: `detail` for a pass, the error's own text for a refusal.
    fn step<T>(
        &mut self,
        name: &'static str,
        outcome: Result<T, Error>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, Error> {
        match &outcome {
            Ok(value) => self.see(name, true, || detail(value)),
            Err(error) => self.see(name, false, || sentence(&error.to_string())),
        }
        outcome
    }
}

/// Nobody listens: a delivery.
pub(crate) struct Nobody;

impl Witness for Nobody {
    fn see(&mut self, _name: &'static str, _passed: bool, _detail: impl FnOnce() -> String) {}
}

impl Witness for Vec<Check> {
    fn see(&mut self, name: &'static str, passed: bool, detail: impl FnOnce() -> String) {
        self.push(Check { name, passed, detail: detail() });
    }
}

/// A lower case text of an error as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
