//! What an account verifies with: its schemes, keys, settings and policy, for the length of one verdict.

use domain::Timestamp;
use subtle::Choice;

use crate::key_material::VerifyingKey;
use crate::pairs::{Pair, pairs};
use crate::policy::Policy;
use crate::request::Request;
use crate::schemes::{Scheme, SchemeSet};
use crate::settings::SchemeSettings;
use crate::signing_key::SigningKey;
use crate::{Error, KeyState};

/// Most keys that are tried for a URL that names none.
pub(crate) const MAX_KEYS_TRIED: usize = 8;

/// The one of some candidates that made a signature. Each is tried, and none is left early.
pub(crate) fn signer<C: Copy>(
    candidates: impl Iterator<Item = C>,
    is_signed_by: impl Fn(C) -> Choice,
) -> Option<C> {
    let mut signer = None;
    for candidate in candidates {
        if is_signed_by(candidate).into() {
            signer = Some(candidate);
        }
    }
    signer
}

/// What an account verifies with.
#[derive(Debug, Clone, Copy)]
pub struct Verifier<'a> {
    /// The schemes that are switched on, as far as the route that was asked serves them.
    pub schemes: SchemeSet,
    /// All native and generic keys of the account, retired and revoked ones too.
    pub keys: &'a [SigningKey],
    /// All keys of foreign schemes, retired and revoked ones too.
    pub foreign_keys: &'a [VerifyingKey],
    /// The settings of the schemes.
    pub settings: &'a SchemeSettings,
    /// The account's rules.
    pub policy: &'a Policy,
    /// Whether the caller counts uses, as [`crate::Verified::uses`] asks. Where it does not, a URL that may be used a
    /// number of times only is refused: a constraint that nobody enforces never opens anything.
    pub counts_uses: bool,
}

impl<'a> Verifier<'a> {
    /// The native scheme alone, by a caller that counts no uses.
    pub fn native(keys: &'a [SigningKey], policy: &'a Policy) -> Self {
        let settings = SchemeSettings::defaults();
        let schemes = SchemeSet::NATIVE;
        Verifier { schemes, keys, foreign_keys: &[], settings, policy, counts_uses: false }
    }

    /// The keys of a scheme that URLs name by this id and that verify. [`Error::KeyRevoked`] where there is one that does
    /// not, [`Error::UnknownKey`] where there is none.
    pub(crate) fn named<'i>(
        &self,
        scheme: Scheme,
        id: &'i str,
        now: Timestamp,
    ) -> Result<impl Iterator<Item = &'a VerifyingKey> + Clone + use<'a, 'i>, Error> {
        let is_of_id = move |key: &&VerifyingKey| key.scheme() == scheme && key.id() == id;
        let of_id = self.foreign_keys.iter().filter(is_of_id);
        let keys = of_id.clone().filter(move |key| key.verifies_at(now)).take(MAX_KEYS_TRIED);
        if keys.clone().next().is_some() {
            return Ok(keys);
        }
        let has_ended = of_id.clone().any(|key| !matches!(key.state(), KeyState::Active));
        Err(if has_ended { Error::KeyRevoked } else { Error::UnknownKey })
    }

    /// The keys of a scheme that verify, for URLs that name none.
    pub(crate) fn every(
        &self,
        scheme: Scheme,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a VerifyingKey> + Clone {
        let fits = move |key: &&VerifyingKey| key.scheme() == scheme && key.verifies_at(now);
        self.foreign_keys.iter().filter(fits).take(MAX_KEYS_TRIED)
    }

    /// The pairs of a query without those that the account ignores (signing-schemes 1.5).
    pub(crate) fn pairs<'r>(&self, request: &Request<'r>) -> impl Iterator<Item = Pair<'r>> + use<'r, 'a> {
        let verifier = *self;
        pairs(request.query()).filter(move |pair| verifier.counts(pair))
    }

    /// Whether a pair is none of those that the account ignores.
    pub(crate) fn counts(&self, pair: &Pair<'_>) -> bool {
        !self.policy.ignores(pair.name) || self.schemes.iter().any(|scheme| scheme.controls(pair.name))
    }
}
