//! A signing key: the secret, its name, and whether it still verifies.

use domain::{Secret, SigningKeyId, Timestamp};

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

/// A signing key, ready to compute.
#[derive(Debug, Clone)]
pub struct SigningKey {
    id: SigningKeyId,
    secret: Secret,
    state: KeyState,
}

impl SigningKey {
    /// A key with its secret: the text itself is the key, as UTF-8 bytes, never decoded.
    pub fn new(_id: SigningKeyId, _secret: Secret, _state: KeyState) -> Self {
        todo!()
    }

    /// Its name.
    pub fn id(&self) -> &SigningKeyId {
        &self.id
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
        match self.state {
            KeyState::Active => true,
            KeyState::Retiring { verify_until } => now < verify_until,
            KeyState::Retired | KeyState::Revoked => false,
        }
    }
}
