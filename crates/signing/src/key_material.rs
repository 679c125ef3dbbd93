//! Keys of foreign schemes: what an account registers so that URLs signed for another system keep working.
//! Native and generic URLs are signed with a [`crate::SigningKey`].

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Invalid, Secret, SigningKeyId, Timestamp};
use zeroize::Zeroizing;

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
    /// An RSA public key of 2,048 to 8,192 bits.
    Rsa(RsaPublicKey),
    /// A public key on the curve P-256.
    P256(P256PublicKey),
}

/// An RSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    /// Modulus and exponent in the DER form of PKCS#1.
    pub(crate) pkcs1_der: Box<[u8]>,
}

/// A public key on the curve P-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P256PublicKey {
    /// The point, uncompressed: 65 bytes, of which the first is 4.
    pub(crate) sec1: Box<[u8]>,
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
        VerifyingKey { scheme, name: Arc::new(name), id: id.into(), state, verify_from: None, material }
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

    /// A public key as PEM (`BEGIN PUBLIC KEY`): RSA of 2,048 to 8,192 bits, or the curve P-256.
    pub fn public_key_pem(pem: &str) -> Result<Self, Invalid> {
        let der = pem_body(pem)
            .ok_or_else(|| Invalid("a public key begins with -----BEGIN PUBLIC KEY-----".into()))?;
        public_key(&der)
            .ok_or_else(|| Invalid("the public key is neither RSA of 2048 to 8192 bits nor P-256".into()))
    }
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            KeyMaterial::Text(_) => "Text(…)",
            KeyMaterial::TextWithSession { .. } => "TextWithSession(…)",
            KeyMaterial::KeyAndSalt { .. } => "KeyAndSalt(…)",
            KeyMaterial::Rsa(_) => "Rsa",
            KeyMaterial::P256(_) => "P256",
        })
    }
}

/// Longest PEM that is read, in bytes: a key of 8,192 bits has less than 1,500.
const MAX_PEM_BYTES: usize = 4_096;
/// 1.2.840.113549.1.1.1, the algorithm of RSA keys.
const RSA_OID: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1, the algorithm of keys on curves.
const CURVE_OID: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// 1.2.840.10045.3.1.7, the curve P-256.
const P256_OID: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

/// The bytes between the lines of a PEM.
fn pem_body(pem: &str) -> Option<Vec<u8>> {
    let text = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let text = text.strip_suffix("-----END PUBLIC KEY-----").filter(|text| text.len() <= MAX_PEM_BYTES)?;
    let digits: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

/// Reads a SubjectPublicKeyInfo (RFC 5280, 4.1).
fn public_key(der: &[u8]) -> Option<KeyMaterial> {
    let info = whole(der, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (oid, parameters) = element(algorithm, OBJECT_ID)?;
    // The first byte of a bit string says how many bits of its last byte are none.
    let key = whole(rest, BIT_STRING)?.strip_prefix(&[0])?;
    if oid == RSA_OID && is_rsa_key(key) {
        return Some(KeyMaterial::Rsa(RsaPublicKey { pkcs1_der: key.into() }));
    }
    let is_point = key.len() == 65 && key.first() == Some(&4);
    let is_p256 = oid == CURVE_OID && whole(parameters, OBJECT_ID) == Some(P256_OID);
    (is_p256 && is_point).then(|| KeyMaterial::P256(P256PublicKey { sec1: key.into() }))
}

/// Whether this is modulus and exponent, the modulus of 2,048 to 8,192 bits.
fn is_rsa_key(der: &[u8]) -> bool {
    let parts = whole(der, SEQUENCE).and_then(|parts| element(parts, INTEGER));
    parts.is_some_and(|(modulus, rest)| {
        let bytes = modulus.iter().skip_while(|&&byte| byte == 0).count();
        (256..=1_024).contains(&bytes) && whole(rest, INTEGER).is_some()
    })
}

/// The content of one element of DER, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The content of an element with nothing after it.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    element(der, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key that was made for this test and thrown away.
    const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJh+JXXqb0H0GrdDs1FlD4EIbIAbB\n\
        FR5TE3PSXWN85wJb6hGwBF+yFWCggnFxoIwNwcDzx0mI466M1F71u/5+Zg==\n\
        -----END PUBLIC KEY-----\n";

    fn rsa_info(modulus_bytes: usize) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82, length[0], length[1]], content].concat()
        };
        let modulus = wrap(INTEGER, &[&[0][..], &vec![0xC5; modulus_bytes]].concat());
        let key = wrap(SEQUENCE, &[&modulus[..], &[2, 3, 1, 0, 1]].concat());
        let algorithm = [&[SEQUENCE, 13, OBJECT_ID, 9], RSA_OID, &[5, 0]].concat();
        wrap(SEQUENCE, &[algorithm, wrap(BIT_STRING, &[&[0][..], &key].concat())].concat())
    }

    #[test]
    fn a_public_key_is_taken_by_its_kind_and_size() {
        assert!(matches!(KeyMaterial::public_key_pem(P256_PEM), Ok(KeyMaterial::P256(_))));
        for (bytes, fits) in
            [(64, false), (255, false), (256, true), (1_024, true), (1_025, false), (2_000, false)]
        {
            let pem = format!(
                "-----BEGIN PUBLIC KEY-----\r\n{}\r\n-----END PUBLIC KEY-----",
                STANDARD.encode(rsa_info(bytes))
            );
            let key = KeyMaterial::public_key_pem(&pem);
            assert_eq!(matches!(key, Ok(KeyMaterial::Rsa(_))), fits, "{bytes}: {key:?}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        for bad in [
            "",
            "x",
            &P256_PEM.replace("PUBLIC", "PRIVATE"),
            &P256_PEM.replace("MFkw", "MFow"),
            &P256_PEM.replace("DAQcD", "DAQgD"),
            &P256_PEM.replace("+Zg==", "+"),
            &format!("-----BEGIN PUBLIC KEY-----{}-----END PUBLIC KEY-----", "A".repeat(1_000_000)),
        ] {
            assert!(KeyMaterial::public_key_pem(bad).is_err());
        }
    }

    #[test]
    fn a_key_and_its_salt_are_hex() {
        assert!(KeyMaterial::key_and_salt_hex("00ff", "A0").is_ok());
        for (key, salt) in [("", "00"), ("00", ""), ("0", "00"), ("zz", "00")] {
            assert!(KeyMaterial::key_and_salt_hex(key, salt).is_err(), "{key} {salt}");
        }
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

    proptest! {
        #[test]
        fn any_bytes_are_a_public_key_or_none(mut der in any::<Vec<u8>>(), place in any::<prop::sample::Index>(), byte: u8) {
            let _ = public_key(&der);
            der = rsa_info(256);
            let place = place.index(der.len());
            der[place] = byte;
            let _ = public_key(&der);
            prop_assert!(public_key(&der[..place]).is_none());
        }
    }
}
