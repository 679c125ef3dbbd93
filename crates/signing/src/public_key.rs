//! Public keys, RSA and P-256: read from what consoles and openssl write, and whether a signature is theirs. Private keys
//! have no place here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Invalid;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A public key: RSA of 2,048 to 4,096 bits, or a point on the curve P-256.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Key);

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKeyKind {
    /// RSA.
    Rsa {
        /// The length of its modulus.
        bits: usize,
    },
    /// ECDSA on the curve P-256.
    P256,
}

/// The digest of a text that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedDigest {
    /// SHA-1: CloudFront's default.
    Sha1,
    /// SHA-256.
    Sha256,
}

#[derive(Clone, PartialEq, Eq)]
enum Key {
    /// Modulus and exponent in the DER form of PKCS#1.
    Rsa {
        pkcs1: Box<[u8]>,
        bits: usize,
    },
    P256(Box<VerifyingKey>),
}

impl PublicKey {
    /// The shortest modulus, in bits.
    pub const MIN_RSA_BITS: usize = 2_048;
    /// The longest modulus, in bits. CloudFront and Google make 2,048; each verification costs the square of this.
    pub const MAX_RSA_BITS: usize = 4_096;
    /// Longest PEM that is read, in bytes: a key of the longest modulus has less than 900.
    pub const MAX_PEM_BYTES: usize = 4_096;

    /// Reads PEM: `BEGIN PUBLIC KEY` (RSA or P-256), or `BEGIN RSA PUBLIC KEY`. For what people paste by mistake, a
    /// private key or a certificate, the error says how to get the public key out.
    pub fn parse(pem: &str) -> Result<PublicKey, Invalid> {
        let invalid = |text: &str| Err(Invalid(text.to_owned()));
        match label(pem) {
            Some("PUBLIC KEY") => body(pem, "PUBLIC KEY").and_then(|der| from_spki(&der)),
            Some("RSA PUBLIC KEY") => body(pem, "RSA PUBLIC KEY").and_then(|der| rsa_key(&der)),
            Some(label) if label.ends_with("PRIVATE KEY") => return invalid(PRIVATE),
            Some("CERTIFICATE") => return invalid(CERTIFICATE),
            _ => return invalid("a public key begins with -----BEGIN PUBLIC KEY-----"),
        }
        .map_or_else(|| invalid(UNREADABLE), |key| Ok(PublicKey(key)))
    }

    /// Its kind.
    pub fn kind(&self) -> PublicKeyKind {
        match &self.0 {
            Key::Rsa { bits, .. } => PublicKeyKind::Rsa { bits: *bits },
            Key::P256(_) => PublicKeyKind::P256,
        }
    }

    /// The key as PEM, `BEGIN PUBLIC KEY`: one text for one key, in whatever form it was read.
    pub fn pem(&self) -> String {
        let digits = STANDARD.encode(self.spki());
        let mut pem = format!("{BEGIN}PUBLIC KEY-----\n");
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(digit);
        }
        pem + "\n-----END PUBLIC KEY-----\n"
    }

    /// Whether this signature of a text is made by the key's other half: RSA with the padding of PKCS#1 v1.5, or
    /// ECDSA, whose signature is DER.
    pub(crate) fn is_signed(&self, digest: SignedDigest, text: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Key::Rsa { pkcs1, .. } => {
                UnparsedPublicKey::new(digest.of_rsa(), pkcs1).verify(text, signature).is_ok()
            }
            Key::P256(key) => Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest.of(text), &signature).is_ok()),
        }
    }

    /// SubjectPublicKeyInfo in DER (RFC 5280, 4.1).
    fn spki(&self) -> Vec<u8> {
        let (algorithm, key) = match &self.0 {
            Key::Rsa { pkcs1, .. } => ([wrap(OBJECT_ID, RSA_OID), NULL.to_vec()].concat(), pkcs1.to_vec()),
            Key::P256(key) => (
                [wrap(OBJECT_ID, CURVE_OID), wrap(OBJECT_ID, P256_OID)].concat(),
                key.to_sec1_point(false).as_bytes().to_vec(),
            ),
        };
        let key = wrap(BIT_STRING, &[&[0], key.as_slice()].concat());
        wrap(SEQUENCE, &[wrap(SEQUENCE, &algorithm), key].concat())
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kind().fmt(f)
    }
}

impl SignedDigest {
    fn of(self, text: &[u8]) -> Vec<u8> {
        match self {
            SignedDigest::Sha1 => Sha1::digest(text).to_vec(),
            SignedDigest::Sha256 => Sha256::digest(text).to_vec(),
        }
    }

    fn of_rsa(self) -> &'static RsaParameters {
        match self {
            SignedDigest::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            SignedDigest::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

const BEGIN: &str = "-----BEGIN ";
const PRIVATE: &str = "this is a private key, which never leaves the program that signs: register its public key, as `openssl pkey -in key.pem -pubout` writes it";
const CERTIFICATE: &str = "this is a certificate: register the public key in it, as `openssl x509 -in cert.pem -pubkey -noout` writes it";
const UNREADABLE: &str = "the public key is neither RSA of 2048 to 4096 bits nor a point on the curve P-256";

/// 1.2.840.113549.1.1.1, the algorithm of RSA keys.
const RSA_OID: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1, the algorithm of keys on curves.
const CURVE_OID: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// 1.2.840.10045.3.1.7, the curve P-256.
const P256_OID: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// The parameters of RSA: a whole element.
const NULL: &[u8] = &[5, 0];
/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

/// What a PEM says that it holds.
fn label(pem: &str) -> Option<&str> {
    pem.trim_start().strip_prefix(BEGIN)?.split_once("-----").map(|(label, _)| label)
}

/// The bytes between the lines of a PEM.
fn body(pem: &str, label: &str) -> Option<Vec<u8>> {
    let text = pem.trim().strip_prefix(&format!("{BEGIN}{label}-----"))?;
    let text = text.strip_suffix(&format!("-----END {label}-----"))?;
    if text.len() > PublicKey::MAX_PEM_BYTES {
        return None;
    }
    let digits: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

/// Reads a SubjectPublicKeyInfo (RFC 5280, 4.1).
fn from_spki(der: &[u8]) -> Option<Key> {
    let (algorithm, rest) = element(whole(der, SEQUENCE)?, SEQUENCE)?;
    let (oid, parameters) = element(algorithm, OBJECT_ID)?;
    // The first byte of a bit string says how many bits of its last byte are none.
    let key = whole(rest, BIT_STRING)?.strip_prefix(&[0])?;
    if oid == RSA_OID && parameters == NULL {
        return rsa_key(key);
    }
    let is_p256 = oid == CURVE_OID && whole(parameters, OBJECT_ID) == Some(P256_OID);
    let key = is_p256.then(|| VerifyingKey::from_sec1_bytes(key).ok()).flatten()?;
    Some(Key::P256(Box::new(key)))
}

/// Reads modulus and exponent (RFC 8017, A.1.1). Both are odd; the exponent is at least 3 and has at most 32 bits, since
/// a longer one only costs time.
fn rsa_key(der: &[u8]) -> Option<Key> {
    let (modulus, rest) = element(whole(der, SEQUENCE)?, INTEGER)?;
    let (modulus, exponent) = (natural(modulus)?, natural(whole(rest, INTEGER)?)?);
    let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let fits = (PublicKey::MIN_RSA_BITS..=PublicKey::MAX_RSA_BITS).contains(&bits)
        && exponent.len() <= 4
        && exponent != [1]
        && is_odd(modulus)
        && is_odd(exponent);
    fits.then(|| Key::Rsa { pkcs1: der.into(), bits })
}

/// The digits of an integer above zero, which DER writes with as few bytes as there can be.
fn natural(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, first, ..] if *first >= 0x80 => Some(&content[1..]),
        [1..=0x7F, ..] => Some(content),
        _ => None,
    }
}

/// The content of one element of DER, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            let length = digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit));
            // As few bytes as there can be: what has two spellings is no DER.
            let shortest = if first == 0x81 { 0x80 } else { 0x100 };
            (Some(length).filter(|&length| length >= shortest)?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The content of an element with nothing after it.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    element(der, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// An element of DER. No content here is longer than a key.
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..=0x7F) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made for this test; their private halves were thrown away after one signature each.
    const RSA_PEM: &str = include_str!("public_key/rsa.pem");
    const P256_PEM: &str = include_str!("public_key/p256.pem");

    /// A SubjectPublicKeyInfo with a modulus of this many bits.
    fn rsa_spki(bits: usize, exponent: &[u8]) -> Vec<u8> {
        wrap(
            SEQUENCE,
            &[
                wrap(SEQUENCE, &[wrap(OBJECT_ID, RSA_OID), NULL.to_vec()].concat()),
                wrap(BIT_STRING, &[&[0][..], &rsa_pkcs1(bits, exponent)].concat()),
            ]
            .concat(),
        )
    }

    fn rsa_pkcs1(bits: usize, exponent: &[u8]) -> Vec<u8> {
        let mut modulus = vec![0xC5; bits.div_ceil(8)];
        modulus[0] = if bits.is_multiple_of(8) { 0xC5 } else { 1 << (bits % 8 - 1) };
        if modulus[0] >= 0x80 {
            modulus.insert(0, 0);
        }
        wrap(SEQUENCE, &[wrap(INTEGER, &modulus), wrap(INTEGER, exponent)].concat())
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----", STANDARD.encode(der))
    }

    #[test]
    fn an_rsa_key_is_taken_by_its_size_and_exponent() {
        let check = |bits: usize, exponent: &[u8], fits: bool| {
            let key = PublicKey::parse(&pem("PUBLIC KEY", &rsa_spki(bits, exponent)));
            assert_eq!(key.is_ok(), fits, "{bits} {exponent:?}");
            assert!(key.is_err() || key.unwrap().kind() == PublicKeyKind::Rsa { bits });
        };
        for (bits, fits) in [
            (512, false),
            (2_047, false),
            (2_048, true),
            (3_072, true),
            (4_096, true),
            (4_097, false),
            (16_384, false),
        ] {
            check(bits, &[1, 0, 1], fits);
        }
        for (exponent, fits) in [
            (&[3][..], true),
            (&[0, 0xFF, 0xFF, 0xFF, 0xFF], true),
            (&[1], false),
            (&[2], false),
            (&[0], false),
            (&[0, 3], false),
            (&[0xFD], false),
            (&[1, 0, 0, 0, 1], false),
            (&[], false),
        ] {
            check(2_048, exponent, fits);
        }
    }

    #[test]
    fn one_key_has_one_text_in_whatever_form_it_was_read() {
        for text in [RSA_PEM, P256_PEM] {
            assert_eq!(PublicKey::parse(text).unwrap().pem(), text);
            assert_eq!(PublicKey::parse(&text.replace('\n', "\r\n")).unwrap().pem(), text);
        }
        let bare = PublicKey::parse(&pem("RSA PUBLIC KEY", &rsa_pkcs1(2_048, &[1, 0, 1]))).unwrap();
        assert_eq!(bare, PublicKey::parse(&pem("PUBLIC KEY", &rsa_spki(2_048, &[1, 0, 1]))).unwrap());
        assert_eq!(PublicKey::parse(&bare.pem()).unwrap(), bare);
    }

    #[test]
    fn what_is_no_public_key_is_refused_and_a_mistake_is_named() {
        let check = |text: &str, word: &str| {
            let error = PublicKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        };
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            check(&pem(label, b"secret"), "openssl pkey");
        }
        check(&pem("CERTIFICATE", b"x"), "openssl x509");
        for text in
            ["", "x", "ssh-rsa AAAA", "-----BEGIN ", "-----BEGIN PUBLIC KEY", &pem("EC PARAMETERS", b"x")]
        {
            check(text, "begins with");
        }
        let point_elsewhere = P256_PEM.replace("DAQcDQgAE", "DAQcDQgAF");
        for text in [
            "-----BEGIN PUBLIC KEY-----",
            &P256_PEM.replace("END PUBLIC", "END RSA PUBLIC"),
            &P256_PEM.replace("MFkw", "MFow"),
            &P256_PEM.replace("DAQcD", "DAQgD"),
            &point_elsewhere,
            &format!("{P256_PEM}{P256_PEM}"),
            &pem("PUBLIC KEY", &[rsa_spki(2_048, &[3]), vec![0]].concat()),
            &pem("PUBLIC KEY", &rsa_pkcs1(2_048, &[3])),
            &pem("RSA PUBLIC KEY", &rsa_spki(2_048, &[3])),
            &pem("PUBLIC KEY", &vec![0x30; 1_000_000]),
        ] {
            check(text, "neither RSA");
        }
    }

    #[test]
    fn a_signature_is_of_one_text_and_one_digest() {
        for (key, digest, signature) in [
            (RSA_PEM, SignedDigest::Sha1, &include_bytes!("public_key/rsa-sha1.sig")[..]),
            (RSA_PEM, SignedDigest::Sha256, include_bytes!("public_key/rsa-sha256.sig")),
            (P256_PEM, SignedDigest::Sha1, include_bytes!("public_key/p256-sha1.sig")),
            (P256_PEM, SignedDigest::Sha256, include_bytes!("public_key/p256-sha256.sig")),
        ] {
            let key = PublicKey::parse(key).unwrap();
            let other = if digest == SignedDigest::Sha1 { SignedDigest::Sha256 } else { SignedDigest::Sha1 };
            assert!(key.is_signed(digest, b"a text", signature), "{key:?} {digest:?}");
            assert!(!key.is_signed(digest, b"a texT", signature));
            assert!(!key.is_signed(other, b"a text", signature));
            for length in [0, 1, signature.len() - 1] {
                assert!(!key.is_signed(digest, b"a text", &signature[..length]));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_none_and_a_key_is_written_as_it_was_read(
            mut der in any::<Vec<u8>>(),
            place in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let _ = (from_spki(&der), rsa_key(&der));
            der = rsa_spki(2_048, &[1, 0, 1]);
            let place = place.index(der.len());
            der[place] = byte;
            if let Some(key) = from_spki(&der) {
                prop_assert_eq!(PublicKey(key).spki(), der.as_slice());
            }
            prop_assert!(from_spki(&der[..place]).is_none());
        }
    }
}
