//! Signs URLs, and narrows signed ones without a key (signing-schemes 1.2).

use super::blocks::{Blocks, MAX_ADDED_BLOCKS};
use super::chain::{Chain, Reading};
use super::dialect::Dialect;
use crate::constraints::Constraints;
use crate::delivery_url::split_origin;
use crate::pairs::pairs;
use crate::{DeliveryUrl, Error, Policy, SigningKey};

/// Signs a path or a whole URL; see [`crate::sign_with`].
pub(in crate::scheme) fn sign(
    url: &str,
    key: &SigningKey,
    constraints: &Constraints,
) -> Result<String, Error> {
    let (origin, path, query) = taken_apart(url);
    let query = constrained(query, constraints);
    let text = target(path, query.iter().map(String::as_str));
    let signed = with_chain(&text, |chain, last| {
        let named = chain.0.first().key.as_deref();
        if named.is_some_and(|name| name != key.id().as_str()) {
            return Err(Error::UnknownKey);
        }
        chain.signature(key, Reading::of(path), last).ok_or(Error::PathNotAllowed)
    })?;
    finished(origin, &text, &signed)
}

/// Narrows a signed path or URL; see [`crate::narrow`].
pub(in crate::scheme) fn narrow(url: &str, constraints: &Constraints) -> Result<String, Error> {
    let (origin, path, query) = taken_apart(url);
    let before = Blocks::walk(query, Dialect::Native, &Policy::default());
    let sig = Dialect::Native.mac(before.signature()?)?;
    before.check()?;
    let number = before.count();
    if number > MAX_ADDED_BLOCKS || constraints.key.is_some() || constraints.issued_at_s.is_some() {
        return Err(Error::MalformedParam);
    }
    let opening = format!("s-at={number}");
    let added = constraints.pairs();
    let added = added.iter().map(|(_, pair)| pair.as_str());
    let kept = pairs(query).filter(|pair| pair.name != "sig").map(|pair| pair.raw);
    let text = target(path, kept.chain([opening.as_str()]).chain(added));
    if path.ends_with('/') && constraints.prefix_segments.is_none() {
        // A block without a prefix binds to the one path that is asked for, and nobody asks for a folder.
        return Err(Error::BadPath);
    }
    let signed =
        with_chain(&text, |chain, _| chain.continued(&sig, Reading::of(path)).ok_or(Error::PathNotAllowed))?;
    finished(origin, &text, &signed)
}

/// The blocks of an unsigned target as a chain, and the number of the last.
fn with_chain(
    text: &str,
    sign: impl FnOnce(Chain<'_, '_>, usize) -> Result<[u8; 32], Error>,
) -> Result<[u8; 32], Error> {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    check_target(path, text)?;
    let query = query.filter(|query| !query.is_empty());
    let blocks = Blocks::walk(query, Dialect::Native, &Policy::default());
    blocks.check()?;
    let is_folder_alone = path.ends_with('/') && blocks.first().prefix_segments.is_none();
    if is_folder_alone {
        return Err(Error::BadPath);
    }
    sign(Chain(&blocks), blocks.count() - 1)
}

/// Refuses to sign what would be refused for its form. A folder is signed for what lies below it.
fn check_target(path: &str, text: &str) -> Result<(), Error> {
    let below = if path.ends_with('/') { "x/x" } else { "" };
    DeliveryUrl::parse(&text.replacen(path, &format!("{path}{below}"), 1)).map(drop)
}

/// The target with its signature, below its origin.
fn finished(origin: &str, text: &str, signature: &[u8; 32]) -> Result<String, Error> {
    let joint = match text.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    let signed = format!("{text}{joint}sig={}", hex::encode(signature));
    check_target(signed.split('?').next().unwrap_or_default(), &signed)?;
    Ok(format!("{origin}{signed}"))
}

/// Origin, path and query, an empty query being none.
fn taken_apart(url: &str) -> (&str, &str, Option<&str>) {
    let (origin, target) = split_origin(url);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    (origin, path, query.filter(|query| !query.is_empty()))
}

fn target<'p>(path: &str, pairs: impl Iterator<Item = &'p str>) -> String {
    let query: Vec<&str> = pairs.collect();
    format!("{path}?{}", query.join("&"))
}

/// The pairs of a query without `sig`, each constraint replacing the pair of its name in the first block where one stands,
/// else put at that block's end. What is not constrained stays as it is.
fn constrained(query: Option<&str>, constraints: &Constraints) -> Vec<String> {
    let mut wanted = constraints.pairs();
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let (mut first, mut added) = (Vec::new(), Vec::new());
    for pair in pairs(query).filter(|pair| pair.name != "sig") {
        if !added.is_empty() || pair.name == "s-at" {
            added.push(pair.raw.to_owned());
        } else if !names.contains(&pair.name) {
            first.push(pair.raw.to_owned());
        } else if let Some(place) = wanted.iter().position(|(name, _)| *name == pair.name) {
            first.push(wanted.remove(place).1);
        }
    }
    first.extend(wanted.into_iter().map(|(_, pair)| pair));
    first.extend(added);
    first
}
