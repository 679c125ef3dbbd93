//! Secrets at rest: XChaCha20-Poly1305 under keys derived from the master key, bound to the place they lie in.
//! Knows no database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::Secret;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;

/// Bytes of a nonce of XChaCha20: long enough to be random.
const NONCE_BYTES: usize = 24;

/// Where a secret lies. It is sealed for this place only: copied to another, it does not open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The table; also the purpose that the key is derived for.
    pub(crate) table: &'static str,
    /// The row, as text.
    pub(crate) row: &'a str,
    /// The column.
    pub(crate) column: &'static str,
}

impl Place<'_> {
    /// Each part with its length before it, so that no two places read the same.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [self.table, self.row, self.column] {
            bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// Seals and opens under one master key.
#[derive(Clone)]
pub(crate) struct Sealer {
    master: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// Takes a master key: 32 bytes as base64url text, with or without padding.
    pub(crate) fn new(master_key: &Secret) -> Result<Sealer, Error> {
        let text = master_key.reveal().trim().trim_end_matches('=');
        let bytes = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).unwrap_or_default();
        let mut master = Zeroizing::new([0; 32]);
        if bytes.len() != master.len() {
            return Err(Error::Invalid(
                "the master key must be 32 bytes as 43 characters of base64url".into(),
            ));
        }
        master.copy_from_slice(&bytes);
        Ok(Sealer { master })
    }

    /// Seals a secret for its place: nonce, then cipher text with its tag.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: secret, aad: &place.bytes() };
        let sealed = self
            .cipher(place.table)
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far shorter than what the cipher takes");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what was sealed for this place; none under another master key, for another place, or if altered.
    pub(crate) fn unseal(&self, place: Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: text, aad: &place.bytes() };
        self.cipher(place.table).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    /// The cipher for one purpose.
    fn cipher(&self, purpose: &str) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &*self.master)
            .expand_multi_info(&[b"darkroom seal ", purpose.as_bytes()], &mut *key)
            .expect("HKDF gives 32 bytes");
        XChaCha20Poly1305::new((&*key).into())
    }
}
