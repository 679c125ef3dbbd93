//! A signing key: the secret, its name, and whether it still verifies.

use std::sync::Arc;

use domain::{Secret, SigningKeyId, Timestamp};

use crate::hashing::{Mac, Sha256};

/// Where a signing key is in its life (signing-schemes 1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Verifies.
    Active,
    /// Verifies until its end, then counts as retired.
    Retiring {
        /// The end of the overlap.
        verify_until: Timestamp,
    },
    /// Its overlap is over.
    Retired,
    /// Taken out of use at once.
    Revoked,
}

/// A signing key, ready to compute: the two blocks that HMAC makes of the secret are hashed once, here. Secret and
/// blocks are wiped from memory when it goes.
#[derive(Debug, Clone)]
pub struct SigningKey {
    id: Arc<SigningKeyId>,
    secret: Secret,
    state: KeyState,
    mac: Mac<Sha256>,
}

impl KeyState {
    /// Whether a key in this state verifies at a time.
    pub(crate) fn verifies_at(self, now: Timestamp) -> bool {
        match self {
            KeyState::Active => true,
            KeyState::Retiring { verify_until } => now < verify_until,
            KeyState::Retired | KeyState::Revoked => false,
        }
    }
}

impl SigningKey {
    /// A key with its secret: the text itself is the key, as UTF-8 bytes, never decoded.
    pub fn new(id: SigningKeyId, secret: Secret, state: KeyState) -> Self {
        let mac = Mac::new(secret.reveal().as_bytes());
        SigningKey { id: Arc::new(id), secret, state, mac }
    }

    /// Its name.
    pub fn id(&self) -> &SigningKeyId {
        &self.id
    }

    /// Its name, to be kept without copying the text.
    pub(crate) fn shared_id(&self) -> Arc<SigningKeyId> {
        Arc::clone(&self.id)
    }

    /// Its secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Its state as stored; see [`SigningKey::verifies_at`].
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// Whether it verifies at a time: active, or retiring and not past its end.
    pub fn verifies_at(&self, now: Timestamp) -> bool {
        self.state.verifies_at(now)
    }

    /// HMAC-SHA256 that has taken in the key and nothing else.
    pub(crate) fn mac(&self) -> &Mac<Sha256> {
        &self.mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retiring_key_verifies_until_its_end() {
        let check = |state, verifies| {
            let key = SigningKey::new(SigningKeyId::default_key(), Secret::new("0123456789abcdef"), state);
            assert_eq!(key.verifies_at(Timestamp::from_seconds(100)), verifies, "{state:?}");
        };
        check(KeyState::Active, true);
        check(KeyState::Retiring { verify_until: Timestamp::from_micros(100_000_001) }, true);
        check(KeyState::Retiring { verify_until: Timestamp::from_seconds(100) }, false);
        check(KeyState::Retired, false);
        check(KeyState::Revoked, false);
    }

    #[test]
    fn a_key_does_not_print_its_secret() {
        let key =
            SigningKey::new(SigningKeyId::default_key(), Secret::new("0123456789abcdef"), KeyState::Active);
        assert!(!format!("{key:?}").contains("0123456789abcdef"));
    }
}
