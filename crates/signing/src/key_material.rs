//! Keys of foreign schemes: what an account registers so that URLs signed for another system keep working.
//! Native and generic URLs are signed with a [`crate::SigningKey`].

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Invalid, Secret, SigningKeyId, Timestamp};
use zeroize::Zeroizing;

use crate::derived_keys::DerivedKeys;
use crate::hashing::{Mac, Sha1, Sha256};
use crate::public_key::PublicKey;
use crate::{KeyState, Scheme};

/// A key of a foreign scheme. It verifies, and never signs a URL of ours.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    scheme: Scheme,
    name: Arc<SigningKeyId>,
    id: Box<str>,
    state: KeyState,
    verify_from: Option<Timestamp>,
    material: KeyMaterial,
    macs: Option<Macs>,
    derived: Arc<DerivedKeys>,
}

/// HMAC states that have taken in the key: what is done once for a key is not done for each request.
#[derive(Debug, Clone)]
struct Macs {
    sha1: Mac<Sha1>,
    sha256: Mac<Sha256>,
}

/// What a key is made of. Secrets do not print and are wiped when they go.
#[derive(Clone)]
pub enum KeyMaterial {
    /// A secret text.
    Text(Secret),
    /// A secret text that counts only together with a session token.
    TextWithSession {
        /// The secret.
        secret: Secret,
        /// The token that each request must carry.
        session_token: Secret,
    },
    /// A key and a salt, decoded.
    KeyAndSalt {
        /// The key.
        key: Zeroizing<Vec<u8>>,
        /// The salt.
        salt: Zeroizing<Vec<u8>>,
    },
    /// A public key.
    PublicKey(PublicKey),
}

impl VerifyingKey {
    /// A key of a scheme. `name` is the account's own name for it; `id` is how URLs name it (a key pair id, an access
    /// key id, an e-mail address), empty where the scheme names no key.
    pub fn new(
        scheme: Scheme,
        name: SigningKeyId,
        id: impl Into<Box<str>>,
        state: KeyState,
        material: KeyMaterial,
    ) -> Self {
        let macs = Macs::of(scheme, &material);
        let (name, id, derived) = (Arc::new(name), id.into(), Arc::default());
        VerifyingKey { scheme, name, id, state, verify_from: None, material, macs, derived }
    }

    /// The same key, which verifies from a time on only.
    #[must_use]
    pub fn from(mut self, verify_from: Timestamp) -> Self {
        self.verify_from = Some(verify_from);
        self
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The account's name for it.
    pub fn name(&self) -> &SigningKeyId {
        &self.name
    }

    /// The account's name for it, to be kept without copying the text.
    pub(crate) fn shared_name(&self) -> Arc<SigningKeyId> {
        Arc::clone(&self.name)
    }

    /// How URLs name it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its state as stored; see [`VerifyingKey::verifies_at`].
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// Whether it verifies at a time: begun, and active or retiring and not past its end.
    pub fn verifies_at(&self, now: Timestamp) -> bool {
        self.verify_from.is_none_or(|from| from <= now) && self.state.verifies_at(now)
    }

    /// What it is made of.
    pub fn material(&self) -> &KeyMaterial {
        &self.material
    }

    /// What its secret became for the scopes of version 4 that it has signed for.
    pub(crate) fn derived(&self) -> &DerivedKeys {
        &self.derived
    }

    /// The secret text, for schemes that hash it with what is signed. One that is empty would let everybody sign.
    pub(crate) fn secret(&self) -> Option<&str> {
        match &self.material {
            KeyMaterial::Text(secret) => Some(secret.reveal()).filter(|secret| !secret.is_empty()),
            _ => None,
        }
    }

    /// Whether it can compute.
    pub(crate) fn has_macs(&self) -> bool {
        self.macs.is_some()
    }

    /// HMAC-SHA1 that has taken in the key and nothing else; none for public keys.
    pub(crate) fn mac_sha1(&self) -> Option<&Mac<Sha1>> {
        self.macs.as_ref().map(|macs| &macs.sha1)
    }

    /// HMAC-SHA256 that has taken in the key, and salt and slash where it has a salt: what each text begins with. None for
    /// public keys.
    pub(crate) fn mac_sha256(&self) -> Option<&Mac<Sha256>> {
        self.macs.as_ref().map(|macs| &macs.sha256)
    }
}

impl Macs {
    /// The text is the key, as UTF-8 bytes. EdgeAuth's is written as hex digits and Fastly's as base64; where it is not,
    /// there is none.
    fn of(scheme: Scheme, material: &KeyMaterial) -> Option<Macs> {
        match material {
            KeyMaterial::Text(text) if scheme == Scheme::EdgeAuth => {
                Macs::new(&Zeroizing::new(hex::decode(text.reveal().trim()).ok()?))
            }
            KeyMaterial::Text(text) if scheme == Scheme::Fastly => {
                Macs::new(&Zeroizing::new(STANDARD.decode(text.reveal().trim()).ok()?))
            }
            KeyMaterial::Text(secret) | KeyMaterial::TextWithSession { secret, .. } => {
                Macs::new(secret.reveal().as_bytes())
            }
            KeyMaterial::KeyAndSalt { key, salt } => {
                let macs = Macs::new(key)?;
                let sha256 = macs.sha256.with(salt.as_slice()).with("/");
                Some(Macs { sha256, ..macs })
            }
            KeyMaterial::PublicKey(_) => None,
        }
    }

    fn new(key: &[u8]) -> Option<Macs> {
        // HMAC takes a key of any length, but one of none is a mistake that everybody could make.
        (!key.is_empty()).then(|| Macs { sha1: Mac::new(key), sha256: Mac::new(key) })
    }
}

impl KeyMaterial {
    /// A secret text.
    pub fn text(secret: &str) -> Self {
        KeyMaterial::Text(Secret::new(secret))
    }

    /// A secret text with the session token that belongs to it.
    pub fn with_session(secret: &str, session_token: &str) -> Self {
        KeyMaterial::TextWithSession {
            secret: Secret::new(secret),
            session_token: Secret::new(session_token),
        }
    }

    /// A key and a salt as hex digits, as imgproxy is given them.
    pub fn key_and_salt_hex(key: &str, salt: &str) -> Result<Self, Invalid> {
        let bytes = |text: &str, what: &str| {
            let bytes = hex::decode(text.trim()).ok().filter(|bytes| !bytes.is_empty());
            bytes.map(Zeroizing::new).ok_or_else(|| Invalid(format!("the {what} is written as hex digits")))
        };
        Ok(KeyMaterial::KeyAndSalt { key: bytes(key, "key")?, salt: bytes(salt, "salt")? })
    }

    /// A public key as PEM; see [`PublicKey::parse`].
    pub fn public_key_pem(pem: &str) -> Result<Self, Invalid> {
        PublicKey::parse(pem).map(KeyMaterial::PublicKey)
    }
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            KeyMaterial::Text(_) => "Text(…)",
            KeyMaterial::TextWithSession { .. } => "TextWithSession(…)",
            KeyMaterial::KeyAndSalt { .. } => "KeyAndSalt(…)",
            KeyMaterial::PublicKey(_) => "PublicKey",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_salt_are_hex() {
        assert!(KeyMaterial::key_and_salt_hex("00ff", "A0").is_ok());
        for (key, salt) in [("", "00"), ("00", ""), ("0", "00"), ("zz", "00")] {
            assert!(KeyMaterial::key_and_salt_hex(key, salt).is_err(), "{key} {salt}");
        }
    }

    #[test]
    fn a_secret_is_read_as_its_scheme_writes_it_and_none_is_empty() {
        let has_mac = |scheme, secret| {
            let (name, material) = (SigningKeyId::default_key(), KeyMaterial::text(secret));
            let key = VerifyingKey::new(scheme, name, "", KeyState::Active, material);
            assert_eq!(key.mac_sha1().is_some(), key.mac_sha256().is_some());
            key.mac_sha1().is_some()
        };
        assert!(has_mac(Scheme::EdgeAuth, "00ff") && has_mac(Scheme::Thumbor, "secret"));
        assert!(!has_mac(Scheme::EdgeAuth, "secret") && !has_mac(Scheme::EdgeAuth, ""));
        assert!(!has_mac(Scheme::Thumbor, ""));
        assert!(has_mac(Scheme::Fastly, "38RB") && !has_mac(Scheme::Fastly, "38R%"));
    }

    #[test]
    fn a_key_verifies_from_its_begin_and_prints_no_secret() {
        let key = VerifyingKey::new(
            Scheme::Thumbor,
            SigningKeyId::default_key(),
            "",
            KeyState::Active,
            KeyMaterial::with_session("s3cret", "t0ken"),
        );
        assert!(!format!("{key:?}").contains("s3cret") && !format!("{key:?}").contains("t0ken"));
        let key = key.from(Timestamp::from_seconds(100));
        assert!(!key.verifies_at(Timestamp::from_seconds(99)));
        assert!(key.verifies_at(Timestamp::from_seconds(100)));
    }
}
