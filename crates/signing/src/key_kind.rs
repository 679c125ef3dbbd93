//! What kinds of key each scheme verifies with, by the names that settings and people write. The keys themselves stand
//! in `key_material.rs`.

use domain::{Invalid, SigningKeyId};

use crate::KeyState;
use crate::key_material::{KeyMaterial, VerifyingKey};
use crate::schemes::Scheme;

/// What a key of a foreign scheme is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A secret text.
    Secret,
    /// A secret text that counts only together with a session token.
    SecretWithSession,
    /// A key and a salt in hex digits.
    KeyAndSalt,
    /// A public key in PEM.
    PublicKey,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: &[KeyKind] =
        &[KeyKind::Secret, KeyKind::SecretWithSession, KeyKind::KeyAndSalt, KeyKind::PublicKey];

    /// Its name, as settings and people write it.
    pub const fn name(self) -> &'static str {
        match self {
            KeyKind::Secret => "secret",
            KeyKind::SecretWithSession => "secret_with_session",
            KeyKind::KeyAndSalt => "key_and_salt",
            KeyKind::PublicKey => "public_key",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<KeyKind> {
        KeyKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl Scheme {
    /// The kinds of key that its URLs can be verified with, the usual one first; none for native and generic URLs,
    /// which the account's own signing keys verify.
    pub const fn key_kinds(self) -> &'static [KeyKind] {
        match self {
            Scheme::Native | Scheme::Generic => &[],
            Scheme::CloudFront => &[KeyKind::PublicKey],
            Scheme::S3 => &[KeyKind::Secret, KeyKind::SecretWithSession],
            Scheme::Gcs => &[KeyKind::PublicKey, KeyKind::Secret],
            Scheme::Imgproxy => &[KeyKind::KeyAndSalt],
            Scheme::Cloudimage
            | Scheme::Thumbor
            | Scheme::Imgix
            | Scheme::Bunny
            | Scheme::Fastly
            | Scheme::EdgeAuth
            | Scheme::ImageKit
            | Scheme::Cloudinary => &[KeyKind::Secret],
        }
    }

    /// Whether its URLs name their key by an id: a key pair id, an access key id, a service account.
    pub const fn names_keys(self) -> bool {
        matches!(self, Scheme::CloudFront | Scheme::S3 | Scheme::Gcs)
    }
}

impl KeyMaterial {
    /// Longest secret that [`KeyMaterial::check`] takes, in bytes; of key and salt each.
    pub const MAX_SECRET_BYTES: usize = 1_024;

    /// Its kind.
    pub const fn kind(&self) -> KeyKind {
        match self {
            KeyMaterial::Text(_) => KeyKind::Secret,
            KeyMaterial::TextWithSession { .. } => KeyKind::SecretWithSession,
            KeyMaterial::KeyAndSalt { .. } => KeyKind::KeyAndSalt,
            KeyMaterial::PublicKey(_) => KeyKind::PublicKey,
        }
    }

    /// Refuses what no URL of a scheme could be verified with: another kind of key, a secret without a byte, or one that
    /// is not written as the scheme writes its secrets.
    pub fn check(&self, scheme: Scheme) -> Result<(), Invalid> {
        if !scheme.key_kinds().contains(&self.kind()) {
            return Err(Invalid(kinds_taken(scheme)));
        }
        if self.secret_bytes() > Self::MAX_SECRET_BYTES {
            return Err(Invalid(format!("a secret has at most {} bytes", Self::MAX_SECRET_BYTES)));
        }
        let key = VerifyingKey::new(scheme, SigningKeyId::default_key(), "", KeyState::Active, self.clone());
        if self.kind() == KeyKind::PublicKey || key.has_macs() {
            return Ok(());
        }
        Err(Invalid(match scheme {
            Scheme::EdgeAuth => "the key of EdgeAuth is written as hex digits".into(),
            Scheme::Fastly => "the key of Fastly is written as base64".into(),
            _ => "a secret has one character at least".into(),
        }))
    }

    /// The bytes of its longest secret.
    fn secret_bytes(&self) -> usize {
        match self {
            KeyMaterial::Text(secret) => secret.reveal().len(),
            KeyMaterial::TextWithSession { secret, .. } => secret.reveal().len(),
            KeyMaterial::KeyAndSalt { key, salt } => key.len().max(salt.len()),
            KeyMaterial::PublicKey(_) => 0,
        }
    }
}

fn kinds_taken(scheme: Scheme) -> String {
    let names: Vec<_> = scheme.key_kinds().iter().map(|kind| kind.name()).collect();
    match names.is_empty() {
        true => format!("the scheme {} verifies with the account's signing keys", scheme.name()),
        false => format!("the scheme {} takes keys of the kind {}", scheme.name(), names.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for &kind in KeyKind::ALL {
            assert_eq!(KeyKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(KeyKind::from_name("Secret"), None);
    }

    #[test]
    fn a_key_is_of_a_kind_of_its_scheme() {
        let materials = [
            KeyMaterial::text("00"),
            KeyMaterial::with_session("00", "token"),
            KeyMaterial::key_and_salt_hex("00", "ff").unwrap(),
            KeyMaterial::public_key_pem(include_str!("public_key/p256.pem")).unwrap(),
        ];
        for (material, &kind) in materials.iter().zip(KeyKind::ALL) {
            assert_eq!(material.kind(), kind);
            for &scheme in Scheme::ALL {
                let fits = material.check(scheme);
                // Two hex digits are no base64 of whole bytes.
                let expected = scheme.key_kinds().contains(&kind) && scheme != Scheme::Fastly;
                assert_eq!(fits.is_ok(), expected, "{kind:?} {scheme:?}");
            }
        }
    }

    #[test]
    fn a_secret_is_written_as_its_scheme_writes_it() {
        let check = |scheme, secret: &str, fits: bool| {
            assert_eq!(KeyMaterial::text(secret).check(scheme).is_ok(), fits, "{scheme:?} {secret}");
        };
        check(Scheme::EdgeAuth, "00ff", true);
        check(Scheme::EdgeAuth, "a secret", false);
        check(Scheme::EdgeAuth, "", false);
        check(Scheme::Fastly, "AAAA", true);
        check(Scheme::Fastly, "a secret", false);
        check(Scheme::Thumbor, "a secret", true);
        check(Scheme::Thumbor, "", false);
        check(Scheme::Cloudimage, "", false);
        let longest = "x".repeat(KeyMaterial::MAX_SECRET_BYTES);
        check(Scheme::Cloudimage, &longest, true);
        check(Scheme::Cloudimage, &format!("{longest}x"), false);
    }
}
