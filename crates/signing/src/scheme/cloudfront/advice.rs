//! What to do first about a refusal of CloudFront's forms. Changes no verdict.

use super::parameters::{Parameters, SentPolicy};
use super::resource::PublicUrl;
use crate::Error;
use crate::key_material::VerifyingKey;
use crate::public_key::SignedDigest;

/// What to do about a reason, where CloudFront's form wants other words than the native one.
pub(super) fn about(error: Error) -> Option<&'static str> {
    Some(match error {
        Error::DuplicateParam => {
            "Send each of Expires, Policy, Signature, Key-Pair-Id and Hash-Algorithm once, be it in the URL or in cookies."
        }
        Error::MalformedSignature => {
            "Write the signature in base64 with + as -, = as _ and / as ~, padded to a multiple of four characters."
        }
        Error::MalformedParam => {
            "Send either Expires (unix seconds) or Policy, and Hash-Algorithm as SHA1 or SHA256. An old cookie of the other \
             kind may still be there: expire it when you set the new ones."
        }
        Error::MalformedPolicy => {
            "Write one statement with a Resource and a DateLessThan, and beside it at most DateGreaterThan and IpAddress, times \
             as JSON numbers; then base64 with + as -, = as _ and / as ~."
        }
        Error::MissingSignature => {
            "Send Signature and Key-Pair-Id together, in the URL or as cookies named CloudFront-…."
        }
        Error::MissingExp => "Send Expires, or a Policy that holds a DateLessThan.",
        Error::UnknownKey => "Register the public key under the id that Key-Pair-Id names.",
        Error::PathNotAllowed => {
            "Sign a Resource that fits the URL: a wildcard ends with its section (protocol, domain, path, query), and a query \
             begins at \\? in it. A policy without a Resource opens nothing here."
        }
        Error::IpMismatch => "Ask from an address that the IpAddress of the policy holds.",
        Error::Expired => "Sign the URL again, or set the cookies again, with a later end.",
        _ => return None,
    })
}

/// Looks for the text, the digest or the key that a signature does fit, since that tells what changed after signing. `named`
/// are the keys that were tried, `all` those of the account.
pub(super) fn why_bad(
    parameters: &Parameters<'_>,
    url: &PublicUrl<'_>,
    named: &[&VerifyingKey],
    all: &[VerifyingKey],
) -> String {
    let digest = parameters.digest;
    let fits = |key: &VerifyingKey, digest, url: &PublicUrl<'_>| {
        bool::from(parameters.is_signed(key, digest, &parameters.policy.signed_text(url)))
    };
    let (other, name) = match digest {
        SignedDigest::Sha1 => (SignedDigest::Sha256, "SHA256"),
        SignedDigest::Sha256 => (SignedDigest::Sha1, "SHA1"),
    };
    if named.iter().any(|key| fits(key, other, url)) {
        return format!("It was signed with {name}: send Hash-Algorithm={name} with it.");
    }
    if let Some(key) = all.iter().find(|key| fits(key, digest, url)) {
        let (id, state) = (key.id(), key.state());
        return format!(
            "It was signed with the key of {id} ({state:?}), but Key-Pair-Id names {}.",
            parameters.key_id
        );
    }
    if matches!(parameters.policy, SentPolicy::Custom(_)) {
        return CUSTOM.into();
    }
    let changed = suspects(url).into_iter().find(|(url, _)| named.iter().any(|key| fits(key, digest, url)));
    changed.map_or_else(|| CANNED.into(), |(_, cause)| cause)
}

const CUSTOM: &str = "The policy was changed after signing, or another private key signed it: sign the very bytes that are \
    sent as Policy, white space included.";
const CANNED: &str = "Protocol, host, path, query or Expires differ from what was signed, or another private key signed it: \
    compare the text that was signed with the one shown here, byte for byte.";

/// URLs that are often signed by mistake, each with what to do then.
fn suspects<'u>(url: &PublicUrl<'u>) -> Vec<(PublicUrl<'u>, String)> {
    let protocol = if url.protocol == "https" { "http" } else { "https" };
    let mut suspects = vec![(
        PublicUrl { protocol, ..url.clone() },
        format!(
            "It was signed for {protocol}, but the request came by {}: sign the URL that visitors use.",
            url.protocol
        ),
    )];
    if let Some((host, _)) = url.host.split_once(':') {
        let cause =
            format!("It was signed for the host {host} without a port: sign the URL that visitors use.");
        suspects.push((PublicUrl { host, ..url.clone() }, cause));
    }
    let pairs: Vec<&str> = url.query.iter().flat_map(|query| query.split('&')).collect();
    suspects.extend((0..pairs.len()).map(|index| {
        let mut rest = pairs.clone();
        let pair = rest.remove(index);
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let query = (!rest.is_empty()).then(|| rest.join("&"));
        let cause = format!(
            "The parameter {name} was added after signing: sign the URL with it, or let the account ignore it."
        );
        (PublicUrl { query, ..url.clone() }, cause)
    }));
    let cause =
        "The query was added after signing: sign the URL with it, or use a custom policy that ends in *.";
    suspects.push((PublicUrl { query: None, ..url.clone() }, cause.into()));
    suspects
}
