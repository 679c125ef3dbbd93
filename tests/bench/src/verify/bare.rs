//! The bare cryptography of a signed request: the hash, MAC or public-key check of the very text that was signed, with the
//! key prepared as a verifier may prepare it. What it makes is compared with what stands in the request.

use std::hint::black_box;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use signing::{KeyMaterial, PublicKeyKind, Scheme};

use crate::signed::{Asked, Signed};

/// Where the key itself begins in a SubjectPublicKeyInfo of RSA with 2,048 bits, and of P-256.
const RSA_HEAD_BYTES: usize = 24;
const P256_HEAD_BYTES: usize = 26;

/// What is computed: a MAC or a hash, which takes no memory of its own; of a public key one byte that says whether it is
/// right.
type Compute = Box<dyn Fn() -> Made>;

/// At most 32 bytes.
#[derive(PartialEq, Eq)]
struct Made {
    bytes: [u8; 32],
    length: usize,
}

impl Made {
    fn of(made: impl AsRef<[u8]>) -> Made {
        let (made, mut bytes) = (made.as_ref(), [0; 32]);
        bytes[..made.len()].copy_from_slice(made);
        Made { bytes, length: made.len() }
    }
}

/// What is computed, and the signature as it must stand in the request.
pub(crate) struct Bare {
    compute: Compute,
    /// The ways to write the signature, where it is computed; else it is checked, and one byte says that it is right.
    spellings: Vec<String>,
}

impl Bare {
    /// The bare cryptography of a request.
    pub(crate) fn of(signed: &Signed) -> Result<Bare> {
        let texts = signed.asked.explained(&signed.verifier(), signed.now).signed_texts;
        let last = texts.last().context("no text was signed")?.clone();
        let secret = secret(signed);
        let compute: Compute = match (signed.scheme, signed.id.as_str()) {
            (Scheme::Native, "native_narrowed") => chained(&secret, texts)?,
            (Scheme::Native | Scheme::Generic | Scheme::Bunny, id) if id != "bunny_legacy" => {
                mac::<Hmac<Sha256>>(&secret, last)?
            }
            (Scheme::Bunny, _) => hash::<Sha256>([secret, last.into_bytes()].concat()),
            (Scheme::Cloudimage, _) => hash::<Sha1>(filled(&texts[0], "<salt>", &secret)),
            (Scheme::Imgix, _) => hash::<Md5>(filled(&last, "<token>", &secret)),
            (Scheme::Cloudinary, "cloudinary") => hash::<Sha1>(filled(&last, "<secret>", &secret)),
            (Scheme::Cloudinary, _) => hash::<Sha256>(filled(&last, "<secret>", &secret)),
            (Scheme::CloudFront, id) => public(signed, last, None, !id.ends_with("_sha256"))?,
            (Scheme::S3, "s3_v2") => mac::<Hmac<Sha1>>(&secret, last)?,
            (Scheme::Gcs, "gcs_v2" | "gcs_post") => public(signed, last, None, false)?,
            (Scheme::Gcs, "gcs_v4_rsa") => public(signed, last, Some(texts[0].clone()), false)?,
            (Scheme::S3, "s3_post") => mac::<Hmac<Sha256>>(
                &derived("AWS4", &secret, "20260921/eu-central-1/s3/aws4_request")?,
                last,
            )?,
            (Scheme::S3 | Scheme::Gcs, _) => version_4(&secret, texts[0].clone(), last)?,
            (Scheme::Imgproxy | Scheme::EdgeAuth, _) => {
                mac::<Hmac<Sha256>>(&secret, filled(&last, "<salt>", &salt(signed)))?
            }
            (Scheme::Thumbor | Scheme::Fastly | Scheme::ImageKit, _) => mac::<Hmac<Sha1>>(&secret, last)?,
            _ => bail!("nobody knows how it is signed"),
        };
        let made = compute();
        let spellings = spellings(&made.bytes[..made.length]);
        Ok(Bare { compute, spellings })
    }

    pub(crate) fn compute(&self) {
        black_box((self.compute)());
    }

    /// Whether it makes the signature of the request.
    pub(crate) fn is_right(&self, asked: &Asked) -> bool {
        (self.compute)() == Made::of([1]) || self.place(asked).is_some()
    }

    /// The request with the first and with the last byte of its signature changed, where that can be written.
    pub(crate) fn wrong(&self, asked: &Asked) -> Option<(Asked, Asked)> {
        let (start, length, is_hex) = self.place(asked).filter(|(_, length, _)| *length > 0)?;
        // The last digit of base64 may hold stray bits, which are refused before anything is compared.
        let last = start + length - if is_hex { 1 } else { 3 };
        let changed = |place: usize| {
            let mut bytes = asked.target.clone().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            String::from_utf8(bytes).ok().map(|target| asked.at(target))
        };
        Some((changed(start)?, changed(last)?))
    }

    /// Where the signature stands in the target, how long it is, and whether it is hex digits.
    fn place(&self, asked: &Asked) -> Option<(usize, usize, bool)> {
        let shown = [&asked.target].into_iter().chain(asked.headers.values());
        let shown = shown.chain(asked.fields.iter().flatten().map(|(_, value)| value));
        shown.enumerate().find_map(|(index, text)| {
            let spelling = self.spellings.iter().find(|spelling| text.contains(spelling.as_str()))?;
            let is_hex = spelling.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            // Headers and forms are computed alike, so that what is measured of targets holds for them.
            Some(if index == 0 {
                (text.find(spelling.as_str())?, spelling.trim_end_matches("%3D").len(), is_hex)
            } else {
                (0, 0, is_hex)
            })
        })
    }
}

/// The ways in which a signature may be written, longest first.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let (digits, url) = (hex::encode(bytes), URL_SAFE_NO_PAD.encode(bytes));
    let plain = STANDARD.encode(bytes).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let cut = |text: &str, chars: usize| text.get(..chars).map(str::to_owned);
    let all =
        [Some(digits.clone()), Some(plain), Some(url.clone()), cut(&url, 32), cut(&digits, 18), cut(&url, 8)];
    all.into_iter().flatten().filter(|text| text.len() >= 8).collect()
}

/// The secret as it is computed with.
fn secret(signed: &Signed) -> Vec<u8> {
    if let Some(key) = signed.keys.first() {
        return key.secret().reveal().as_bytes().to_vec();
    }
    match (signed.scheme, signed.foreign_keys[0].material()) {
        (Scheme::EdgeAuth, KeyMaterial::Text(secret)) => hex::decode(secret.reveal()).unwrap_or_default(),
        (Scheme::Fastly, KeyMaterial::Text(secret)) => STANDARD.decode(secret.reveal()).unwrap_or_default(),
        (_, KeyMaterial::Text(secret) | KeyMaterial::TextWithSession { secret, .. }) => {
            secret.reveal().as_bytes().to_vec()
        }
        (_, KeyMaterial::KeyAndSalt { key, .. }) => key.to_vec(),
        (_, KeyMaterial::PublicKey(_)) => Vec::new(),
    }
}

fn salt(signed: &Signed) -> Vec<u8> {
    match signed.foreign_keys[0].material() {
        KeyMaterial::KeyAndSalt { salt, .. } => salt.to_vec(),
        _ => signed.settings.edge_auth.salt.clone().unwrap_or_default().into_bytes(),
    }
}

/// A text with a secret in its place, which people are not shown.
fn filled(text: &str, place: &str, secret: &[u8]) -> Vec<u8> {
    match text.split_once(place) {
        Some((before, after)) => [before.as_bytes(), secret, after.as_bytes()].concat(),
        None => text.as_bytes().to_vec(),
    }
}

fn mac<M: Mac + KeyInit + Clone + 'static>(key: &[u8], text: impl AsRef<[u8]> + 'static) -> Result<Compute> {
    let prepared = <M as KeyInit>::new_from_slice(key).context("a key")?;
    Ok(Box::new(move || {
        Made::of(prepared.clone().chain_update(black_box(text.as_ref())).finalize().into_bytes())
    }))
}

fn hash<D: Digest>(text: Vec<u8>) -> Compute {
    Box::new(move || Made::of(D::digest(black_box(&text))))
}

/// A native token that was narrowed: the MAC of each block is the key of the next.
fn chained(key: &[u8], texts: Vec<String>) -> Result<Compute> {
    let prepared = Hmac::<Sha256>::new_from_slice(key)?;
    let (first, others) = texts.split_first().context("no text")?;
    let (first, others) = (first.clone(), others.to_vec());
    Ok(Box::new(move || {
        let mut mac = prepared.clone().chain_update(black_box(&first)).finalize().into_bytes();
        for text in &others {
            let next = Hmac::<Sha256>::new_from_slice(&mac).expect("HMAC takes a key of any length");
            mac = next.chain_update(black_box(text)).finalize().into_bytes();
        }
        Made::of(mac)
    }))
}

/// The key of a day, region and service.
fn derived(prefix: &str, secret: &[u8], scope: &str) -> Result<Vec<u8>> {
    scope.split('/').try_fold([prefix.as_bytes(), secret].concat(), |key, word| {
        Ok(Hmac::<Sha256>::new_from_slice(&key)?.chain_update(word).finalize().into_bytes().to_vec())
    })
}

/// Version 4 with a shared secret: the digest of the canonical request, and the MAC of the text to sign under the key of
/// the day, which is at hand.
fn version_4(secret: &[u8], canonical: String, text: String) -> Result<Compute> {
    let scope = text.lines().nth(2).context("a scope")?;
    let key = derived(&text[..text.find('-').context("an algorithm")?], secret, scope)?;
    let prepared = Hmac::<Sha256>::new_from_slice(&key)?;
    Ok(Box::new(move || {
        black_box(Sha256::digest(black_box(&canonical)));
        Made::of(prepared.clone().chain_update(black_box(&text)).finalize().into_bytes())
    }))
}

/// A check by a public key, after the digest of a canonical request where there is one.
fn public(signed: &Signed, text: String, canonical: Option<String>, is_sha1: bool) -> Result<Compute> {
    let KeyMaterial::PublicKey(key) = signed.foreign_keys[0].material() else { bail!("no public key") };
    let body: String = key.pem().lines().filter(|line| !line.starts_with('-')).collect();
    let info = STANDARD.decode(body)?;
    let signature = signature(&signed.asked)?;
    if let PublicKeyKind::Rsa { .. } = key.kind() {
        let parameters =
            if is_sha1 { &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY } else { &RSA_PKCS1_2048_8192_SHA256 };
        let key = UnparsedPublicKey::new(parameters, info[RSA_HEAD_BYTES..].to_vec());
        return Ok(Box::new(move || {
            black_box(canonical.as_ref().map(|canonical| Sha256::digest(black_box(canonical))));
            Made::of([u8::from(key.verify(black_box(text.as_bytes()), &signature).is_ok())])
        }));
    }
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&info[P256_HEAD_BYTES..])?;
    let signature = p256::ecdsa::Signature::from_der(&signature)?;
    Ok(Box::new(move || {
        let digest = if is_sha1 {
            Sha1::digest(black_box(&text)).to_vec()
        } else {
            Sha256::digest(black_box(&text)).to_vec()
        };
        Made::of([u8::from(key.verify_prehash(&digest, &signature).is_ok())])
    }))
}

/// The bytes of a public-key signature, wherever it stands.
fn signature(asked: &Asked) -> Result<Vec<u8>> {
    let in_form =
        asked.fields.iter().flatten().find(|(name, _)| name.ends_with("-signature")).map(|(_, value)| value);
    let shown = in_form.or(asked.headers.get("cookie")).unwrap_or(&asked.target);
    let text = shown.split_once("Signature=").map_or(shown.as_str(), |(_, rest)| rest);
    let text = text.split(['&', ';']).next().unwrap_or_default();
    if let Ok(bytes) = hex::decode(text) {
        return Ok(bytes);
    }
    let plain = text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    STANDARD.decode(plain.replace('-', "+").replace('_', "=").replace('~', "/")).context("base64")
}
