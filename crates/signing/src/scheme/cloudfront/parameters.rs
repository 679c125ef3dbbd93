//! The five parameters of a signed URL or of signed cookies, and the text that their signature stands for.

use subtle::Choice;

use super::alphabet::decoded;
use super::policy::CustomPolicy;
use super::resource::PublicUrl;
use crate::Error;
use crate::key_material::{KeyMaterial, VerifyingKey};
use crate::pairs::Pair;
use crate::public_key::SignedDigest;
use crate::scheme::foreign::once;
use crate::syntax::integer;
use crate::verdict::Witness;

/// The parameters, well formed.
pub(super) struct Parameters<'p> {
    /// The bytes of the signature.
    pub(super) signature: Vec<u8>,
    /// The policy.
    pub(super) policy: SentPolicy<'p>,
    /// Names the key; empty where none is named.
    pub(super) key_id: &'p str,
    /// What was signed of the text.
    pub(super) digest: SignedDigest,
}

/// A policy as it was sent.
pub(super) enum SentPolicy<'p> {
    /// None: the signature stands for the URL and its end.
    Canned {
        /// The end as it was written.
        digits: &'p str,
        /// The end, in unix seconds.
        expires_s: i64,
    },
    /// The bytes that were signed.
    Custom(Vec<u8>),
}

/// What a signature opens.
pub(super) enum Opened {
    /// The URL itself, until a time in unix seconds.
    Url {
        /// The time.
        expires_s: i64,
    },
    /// What a policy says.
    ByPolicy(CustomPolicy),
}

impl<'p> Parameters<'p> {
    /// Reads what was sent, in the order of signing-schemes 0: the signature first.
    pub(super) fn read(sent: &[Pair<'p>], witness: &mut impl Witness) -> Result<Self, Error> {
        let found = |name| once(sent.iter().copied(), name);
        let signature = found("Signature").and_then(|signature| signature.ok_or(Error::MissingSignature));
        let signature = witness.step("signature present", signature, |_| "It is there once.".into())?;
        let signature = decoded(signature).ok_or(Error::MalformedSignature);
        let signature = witness
            .step("signature syntax", signature, |_| "It is base64 in CloudFront's alphabet.".into())?;
        let others = (|| {
            let (expires, policy) = (found("Expires")?, found("Policy")?);
            let (key_id, hash) = (found("Key-Pair-Id")?, found("Hash-Algorithm")?);
            let digest = digest(hash).ok_or(Error::MalformedParam)?;
            Ok((SentPolicy::read(expires, policy)?, key_id.unwrap_or_default(), digest))
        })();
        let (policy, key_id, digest) =
            witness.step("parameters", others, |_| "Each is well formed and there once.".into())?;
        let policy = policy.ok_or(Error::MissingExp);
        let policy = witness.step("expiry present", policy, |_| "There is an Expires or a Policy.".into())?;
        Ok(Parameters { signature, policy, key_id, digest })
    }

    /// Whether a key signed a text.
    pub(super) fn is_signed(&self, key: &VerifyingKey, digest: SignedDigest, text: &[u8]) -> Choice {
        match key.material() {
            KeyMaterial::PublicKey(key) => u8::from(key.is_signed(digest, text, &self.signature)).into(),
            _ => 0.into(),
        }
    }
}

impl<'p> SentPolicy<'p> {
    /// Reads what was sent: one of both, or neither. Where both are there, one of them would be ignored.
    fn read(expires: Option<&'p str>, policy: Option<&'p str>) -> Result<Option<Self>, Error> {
        match (expires, policy) {
            (None, None) => Ok(None),
            (Some(digits), None) => {
                let expires_s = integer(digits).ok_or(Error::MalformedParam)?;
                Ok(Some(SentPolicy::Canned { digits, expires_s }))
            }
            (None, Some(policy)) => {
                Ok(Some(SentPolicy::Custom(decoded(policy).ok_or(Error::MalformedPolicy)?)))
            }
            (Some(_), Some(_)) => Err(Error::MalformedParam),
        }
    }

    /// The text that was signed, byte for byte. The URL stands in it as JSON writes a text, so that none can end its own
    /// quotes and write conditions.
    pub(super) fn signed_text(&self, url: &PublicUrl<'_>) -> Vec<u8> {
        match self {
            SentPolicy::Canned { digits, .. } => {
                let url = serde_json::Value::String(url.text());
                let end = format!(r#"{{"DateLessThan":{{"AWS:EpochTime":{digits}}}}}"#);
                format!(r#"{{"Statement":[{{"Resource":{url},"Condition":{end}}}]}}"#).into_bytes()
            }
            SentPolicy::Custom(text) => text.clone(),
        }
    }

    /// What it opens, once it is known who wrote it.
    pub(super) fn opened(&self) -> Result<Opened, Error> {
        match self {
            SentPolicy::Canned { expires_s, .. } => Ok(Opened::Url { expires_s: *expires_s }),
            SentPolicy::Custom(text) => CustomPolicy::parse(text).map(Opened::ByPolicy),
        }
    }
}

impl Opened {
    /// Begin of validity, in unix seconds.
    pub(super) fn begins_s(&self) -> Option<i64> {
        match self {
            Opened::Url { .. } => None,
            Opened::ByPolicy(policy) => policy.begins_s,
        }
    }

    /// End of validity, in unix seconds.
    pub(super) fn expires_s(&self) -> i64 {
        match self {
            Opened::Url { expires_s } => *expires_s,
            Opened::ByPolicy(policy) => policy.expires_s,
        }
    }

    /// Whether it is for some addresses only.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self, Opened::ByPolicy(CustomPolicy { network: Some(_), .. }))
    }
}

/// The digest that was signed; none for a name that is not known.
fn digest(name: Option<&str>) -> Option<SignedDigest> {
    match name {
        None | Some("SHA1") => Some(SignedDigest::Sha1),
        Some("SHA256") => Some(SignedDigest::Sha256),
        Some(_) => None,
    }
}
