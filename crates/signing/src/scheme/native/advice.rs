//! What to do first about a refusal, for people who have the right to see the account's keys. Changes no verdict.

use domain::Timestamp;
use subtle::ConstantTimeEq as _;

use super::text::{Text, signature, texts};
use super::token::{Found, mac_bytes};
use crate::pairs::{Pair, pairs};
use crate::{DeliveryUrl, Error, KeyState, Policy, SigningKey};

/// A sentence or two about one refusal.
pub(in crate::scheme) fn advice(
    error: Error,
    url: &DeliveryUrl,
    keys: &[SigningKey],
    policy: &Policy,
    now: Timestamp,
) -> String {
    let found = Found::walk(url, policy);
    let token = found.token().ok();
    match error {
        Error::BadSignature => why_bad(url, keys, policy, now),
        Error::Expired => {
            let exp = token.and_then(|token| token.exp).unwrap_or_default();
            let ended = Timestamp::from_seconds(exp).to_rfc3339();
            format!(
                "It expired {} ago, at {ended}: sign the URL again.",
                span(now.as_seconds().saturating_sub(exp))
            )
        }
        Error::NotYetValid => {
            let begin = token.and_then(|token| token.nbf.max(token.iat)).unwrap_or_default();
            let wait = span(begin.saturating_sub(now.as_seconds()));
            format!("It is valid in {wait}: wait, or check the clock of the machine that signed it.")
        }
        Error::UnknownConstraint => {
            let name = found.unknown().unwrap_or("s-");
            format!(
                "Sign the URL without {name}: this server does not know that constraint, and never ignores one."
            )
        }
        other => other.advice().into(),
    }
}

/// Looks for the text or the key that the signature does fit, since that tells what changed after signing.
fn why_bad(url: &DeliveryUrl, keys: &[SigningKey], policy: &Policy, now: Timestamp) -> String {
    let found = Found::walk(url, policy);
    let sig = found.signature().and_then(mac_bytes).unwrap_or_default();
    let fits = |text: &str, key: &&SigningKey| bool::from(signature(text, key).ct_eq(&sig));
    let own: Vec<String> = texts(url, &found.signed, policy).map(Text::written).collect();
    if let Some(key) = keys.iter().find(|key| own.iter().any(|text| fits(text, key))) {
        return other_key(key, now);
    }
    suspects(url, policy)
        .into_iter()
        .find(|(text, _)| keys.iter().any(|key| fits(text, &key)))
        .map_or_else(|| GENERAL.into(), |(_, cause)| cause)
}

const REMEDY: &str = "sign the URL with it, or let the account ignore it.";
const ADDED_AFTER: &str =
    "Parameters were added after signing: sign the URL with them, or let the account ignore them.";
const IGNORED_SIGNED: &str = "A parameter that the account ignores was signed: leave it out when you sign.";
const PATH_ALONE: &str = "Only the path was signed: sign the path, a ? and the query with its exp.";
const MOVED: &str = "It was signed without /cdn-cgi/imagedelivery: sign the path as requested, or let moved URLs be accepted.";
/// What is left to say when no guess fits.
const GENERAL: &str = "The path or the query was changed after signing, or another secret signed it: compare the text \
    that was signed with the one shown here, byte for byte.";

fn other_key(key: &SigningKey, now: Timestamp) -> String {
    let state = match key.state() {
        _ if key.verifies_at(now) => {
            return format!("It was signed with {}, but its s-kid names another signing key.", key.id());
        }
        KeyState::Revoked => "revoked",
        _ => "retired",
    };
    format!(
        "It was signed with {}, which is {state}: sign the URL again with a signing key that is active.",
        key.id()
    )
}

/// Texts that a signature often stands for by mistake, each with what to do then.
fn suspects(url: &DeliveryUrl, policy: &Policy) -> Vec<(String, String)> {
    let all: Vec<Pair<'_>> = pairs(url.query()).filter(|pair| pair.name != "sig").collect();
    let signed: Vec<Pair<'_>> = all.iter().filter(|pair| !policy.ignores(pair.name)).copied().collect();
    let before_sig: Vec<Pair<'_>> = pairs(url.query()).take_while(|pair| pair.name != "sig").collect();
    let path = url.path();
    let mut suspects = vec![
        (written(path, &all), IGNORED_SIGNED.to_owned()),
        (path.to_owned(), PATH_ALONE.to_owned()),
        (written(path, &[]), PATH_ALONE.to_owned()),
    ];
    suspects.extend(url.path_before_move().map(|path| (written(path, &signed), MOVED.to_owned())));
    suspects.extend((0..signed.len()).map(|index| {
        let mut rest = signed.clone();
        let name = rest.remove(index).name;
        (written(path, &rest), format!("The parameter {name} was added after signing: {REMEDY}"))
    }));
    suspects.push((written(path, &before_sig), ADDED_AFTER.to_owned()));
    suspects
}

fn written(path: &str, pairs: &[Pair<'_>]) -> String {
    let raw: Vec<&str> = pairs.iter().map(|pair| pair.raw).collect();
    format!("{path}?{}", raw.join("&"))
}

/// A span of time in words, rounded down.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
