//! CloudFront's signed URLs and signed cookies, with a canned or a custom policy (signing-schemes 4). What is signed is the
//! whole URL as the outside sees it, or a policy that says which URLs it opens.

mod alphabet;
mod policy;
mod resource;

use domain::Timestamp;
use subtle::Choice;

use self::alphabet::decoded;
use self::policy::CustomPolicy;
use self::resource::PublicUrl;
use super::foreign::{Life, once, query_parts, signed_by, signer};
use crate::Error;
use crate::key_material::{KeyMaterial, VerifyingKey};
use crate::pairs::Pair;
use crate::public_key::SignedDigest;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::integer;
use crate::verdict::{Carrier, Covers, Verified, Witness};
use crate::verifier::Verifier;

/// What the names of cookies begin with; then come those of the parameters.
const COOKIE_PREFIX: &str = "CloudFront-";

/// Judges a signed URL. Cookies are not looked at: they repair no URL.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let pairs: Vec<Pair<'_>> = verifier.pairs(request).collect();
    let own = pairs.iter().filter(|pair| !Scheme::CloudFront.controls(pair.name));
    let question = Question { request, url: public_url(request, own.copied()), carrier: Carrier::Url };
    question.judge(&pairs, verifier, now, witness)
}

/// Judges signed cookies. The query of the URL is all its own then.
pub(super) fn judge_cookie(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let cookies = request.cookies();
    let sent = cookies.iter().filter_map(|(cookie, value)| {
        cookie.strip_prefix(COOKIE_PREFIX).map(|name| Pair { raw: value, name, value: Some(value) })
    });
    let question =
        Question { request, url: public_url(request, verifier.pairs(request)), carrier: Carrier::Cookie };
    question.judge(&sent.collect::<Vec<_>>(), verifier, now, witness)
}

/// What is asked for, and where the signature stands.
struct Question<'r> {
    request: &'r Request<'r>,
    url: PublicUrl<'r>,
    carrier: Carrier,
}

/// The parameters beside the signature, well formed.
struct Parameters<'p> {
    policy: SentPolicy<'p>,
    /// Names the key; empty where none is named.
    key_id: &'p str,
    digest: SignedDigest,
}

/// A policy as it was sent.
enum SentPolicy<'p> {
    /// None: the signature stands for the URL and nothing else.
    Canned { digits: &'p str, expires_s: i64 },
    /// The bytes that were signed.
    Custom(Vec<u8>),
}

/// What the signature opens.
enum Opened {
    /// The URL itself, until a time.
    Url { expires_s: i64 },
    /// What a policy says.
    ByPolicy(CustomPolicy),
}

impl Question<'_> {
    /// Makes every check in its order (signing-schemes 0). A policy is read once it is known who wrote it.
    fn judge(
        &self,
        sent: &[Pair<'_>],
        verifier: &Verifier<'_>,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<Verified, Error> {
        witness.step("path", self.request.check_path(), |()| "It can be read in one way only.".into())?;
        let signature = once(sent.iter().copied(), "Signature");
        let signature = signature.and_then(|signature| signature.ok_or(Error::MissingSignature));
        let signature = witness.step("signature present", signature, |_| "It is there once.".into())?;
        let signature = decoded(signature).ok_or(Error::MalformedSignature);
        let signature = witness
            .step("signature syntax", signature, |_| "It is base64 in CloudFront's alphabet.".into())?;
        let parameters = Parameters::read(sent, witness)?;
        let keys = verifier.named(Scheme::CloudFront, parameters.key_id, now);
        let keys = witness.step("signing key", keys, |_| {
            format!("The key pair id {} names one that verifies.", parameters.key_id)
        })?;
        let text = parameters.policy.signed_text(&self.url);
        witness.text(|| String::from_utf8_lossy(&text).into_owned());
        let signer = signer(keys.into_iter(), |key| is_signed(key, parameters.digest, &text, &signature));
        let key = signed_by(signer, witness)?;
        let opened = witness.step("policy", parameters.policy.opened(), |opened| match opened {
            Opened::Url { .. } => "It is a canned one: this URL until a time.".into(),
            Opened::ByPolicy(_) => "It is a custom one, of which each word is known.".into(),
        })?;
        let life =
            Life { begins_s: opened.begins_s(), expires_s: Some(opened.expires_s()), ..Life::default() };
        life.check(verifier.policy, now, witness)?;
        witness.step("path allowed", self.is_open(&opened), |()| "The policy opens this URL.".into())?;
        witness.step("address", self.admits_address(&opened), |()| match opened.is_bound() {
            true => "The policy names the address of the visitor.".into(),
            false => "Any address may ask.".into(),
        })?;
        Ok(Verified {
            expires_s: life.expires_s,
            shareable: self.carrier == Carrier::Url && !opened.is_bound(),
            covers: self.covers(&opened),
            carrier: self.carrier,
            ..Verified::of(Scheme::CloudFront, key.shared_name())
        })
    }

    fn is_open(&self, opened: &Opened) -> Result<(), Error> {
        let is_open = match opened {
            Opened::Url { .. } => true,
            // CloudFront opens everything of the key where no resource is named; here nothing is.
            Opened::ByPolicy(policy) => {
                policy.resource.as_ref().is_some_and(|resource| resource.opens(&self.url))
            }
        };
        if is_open { Ok(()) } else { Err(Error::PathNotAllowed) }
    }

    fn admits_address(&self, opened: &Opened) -> Result<(), Error> {
        let Opened::ByPolicy(CustomPolicy { network: Some(network), .. }) = opened else { return Ok(()) };
        let is_within = self.request.address().is_some_and(|address| network.contains(address));
        if is_within { Ok(()) } else { Err(Error::IpMismatch) }
    }

    fn covers(&self, opened: &Opened) -> Covers {
        match opened {
            Opened::Url { .. } => Covers::Path,
            Opened::ByPolicy(policy) => match &policy.resource {
                Some(resource) if resource.names(&self.url) => Covers::Path,
                _ => Covers::Pattern,
            },
        }
    }
}

impl<'p> Parameters<'p> {
    fn read(sent: &[Pair<'p>], witness: &mut impl Witness) -> Result<Self, Error> {
        let found = |name| once(sent.iter().copied(), name);
        let all =
            (|| Ok((found("Expires")?, found("Policy")?, found("Key-Pair-Id")?, found("Hash-Algorithm")?)))();
        let read = all.and_then(|(expires, policy, key_id, hash)| {
            let digest = digest(hash).ok_or(Error::MalformedParam)?;
            Ok((SentPolicy::read(expires, policy)?, key_id.unwrap_or_default(), digest))
        });
        let (policy, key_id, digest) =
            witness.step("parameters", read, |_| "Each is well formed and there once.".into())?;
        let policy = witness.step("expiry present", policy.ok_or(Error::MissingExp), |_| {
            "There is Expires or a Policy.".into()
        })?;
        Ok(Parameters { policy, key_id, digest })
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
    fn signed_text(&self, url: &PublicUrl<'_>) -> Vec<u8> {
        match self {
            SentPolicy::Canned { digits, .. } => {
                let url = serde_json::Value::String(url.text());
                format!(
                    "{{\"Statement\":[{{\"Resource\":{url},\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{digits}}}}}}}]}}"
                )
                .into_bytes()
            }
            SentPolicy::Custom(text) => text.clone(),
        }
    }

    fn opened(&self) -> Result<Opened, Error> {
        match self {
            SentPolicy::Canned { expires_s, .. } => Ok(Opened::Url { expires_s: *expires_s }),
            SentPolicy::Custom(text) => CustomPolicy::parse(text).map(Opened::ByPolicy),
        }
    }
}

impl Opened {
    fn begins_s(&self) -> Option<i64> {
        match self {
            Opened::Url { .. } => None,
            Opened::ByPolicy(policy) => policy.begins_s,
        }
    }

    fn expires_s(&self) -> i64 {
        match self {
            Opened::Url { expires_s } => *expires_s,
            Opened::ByPolicy(policy) => policy.expires_s,
        }
    }

    /// Whether it is for some addresses only.
    fn is_bound(&self) -> bool {
        matches!(self, Opened::ByPolicy(CustomPolicy { network: Some(_), .. }))
    }
}

/// The URL of a request as the outside sees it, with these pairs for its query.
fn public_url<'r>(request: &Request<'r>, pairs: impl Iterator<Item = Pair<'r>>) -> PublicUrl<'r> {
    let query: String = query_parts(pairs).collect();
    PublicUrl {
        protocol: if request.is_https { "https" } else { "http" },
        host: request.host,
        path: request.path(),
        query: query.strip_prefix('?').map(str::to_owned),
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

fn is_signed(key: &VerifyingKey, digest: SignedDigest, text: &[u8], signature: &[u8]) -> Choice {
    match key.material() {
        KeyMaterial::PublicKey(key) => u8::from(key.is_signed(digest, text, signature)).into(),
        _ => 0.into(),
    }
}
