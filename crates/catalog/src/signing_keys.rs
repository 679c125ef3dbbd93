//! Signing keys of accounts: sealed at rest, one of them signs.

use std::time::Duration;

use domain::{AccountId, Secret, SigningKeyId, Timestamp};
use signing::{KeyState, SigningKey};

use crate::{Actor, Catalog, Error};

/// A signing key as a list shows it.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its name.
    pub id: SigningKeyId,
    /// Its secret, unsealed.
    pub secret: Secret,
    /// Its state as of now (an overlap that has ended reads as retired).
    pub state: KeyState,
    /// Whether it is the one that signs.
    pub signs: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How to rotate a key.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The name of the new key; `NAME-2` (and so on) where absent.
    pub new_id: Option<SigningKeyId>,
    /// How long the old one still verifies.
    pub overlap: Duration,
}

impl Catalog {
    /// All keys of an account, the one that signs first, then newest first; retired and revoked ones last.
    pub async fn signing_keys(&self, _account: &AccountId) -> Result<Vec<KeyEntry>, Error> {
        todo!()
    }

    /// The key that signs, or the one of that name if it is active.
    pub async fn signing_key(&self, _account: &AccountId, _id: Option<&SigningKeyId>) -> Result<SigningKey, Error> {
        todo!()
    }

    /// Makes a key with a random secret (43 characters of base64url). `Exists` for an active or retiring name;
    /// a retired or revoked name is free again. `TooMany` at the limit. Does not sign unless it is the only one.
    pub async fn create_signing_key(
        &self,
        _account: &AccountId,
        _id: &SigningKeyId,
        _actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        todo!()
    }

    /// The contract's PUT: makes the key, or replaces the value of an existing one at once; a retiring one
    /// becomes active.
    pub async fn put_signing_key(&self, _account: &AccountId, _id: &SigningKeyId, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }

    /// Makes a key with a given secret, which may be short. `Exists` where the name is active or retiring.
    pub async fn import_signing_key(
        &self,
        _account: &AccountId,
        _id: &SigningKeyId,
        _secret: Secret,
        _actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        todo!()
    }

    /// Makes a new key that signs from now on; the old one verifies until the overlap ends.
    pub async fn rotate_signing_key(
        &self,
        _account: &AccountId,
        _id: &SigningKeyId,
        _rotation: Rotation,
        _actor: &Actor,
    ) -> Result<KeyEntry, Error> {
        todo!()
    }

    /// Makes a key the one that signs; it must be active.
    pub async fn use_signing_key(&self, _account: &AccountId, _id: &SigningKeyId, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }

    /// Takes a key out of use at once. If it signed, the newest active one takes over; if none is left, a new
    /// `default` is made (contract R-38).
    pub async fn revoke_signing_key(
        &self,
        _account: &AccountId,
        _id: &SigningKeyId,
        _actor: &Actor,
    ) -> Result<(), Error> {
        todo!()
    }
}
