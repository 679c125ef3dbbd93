//! Cloudimage (signing-schemes 3): `ci_sign` fixes a whole URL, `ci_seal` some of its operations. Both are a plain
//! SHA-1 over salt and text, cut to a length that the account sets; neither has an expiry.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, SignedText, carried_signature, each_once, once, signed_by};
use crate::Error;
use crate::escape::{decoded, encode_into, form_decoded, is_plain};
use crate::hashing::{Sha1, digest};
use crate::key_material::VerifyingKey;
use crate::pairs::{Pair, pairs};
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{hex_digits, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// Parameters that are no operations.
const CONTROLS: [&str; 3] = ["ci_sign", "ci_seal", "ci_eqs"];
/// Fewest characters of a signature that any account may allow.
const MIN_CHARS: usize = 6;
/// All characters of a SHA-1.
const MAX_CHARS: usize = 40;

/// Both alphabets of base64, with or without padding.
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Judges a URL with `ci_sign`: salt, path, and the query without `ci_sign`.
pub(super) fn judge_sign<W: Witness>(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut W,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let path = without_version(request.path());
    let mut signed = SignedText::of(request, path);
    let [sig] = each_once(verifier.pairs(request), ["ci_sign"], |place, pair| {
        if place.is_none() {
            signed.push(pair);
        }
    });
    let sig = signature("ci_sign", sig, verifier, witness)?;
    if W::LISTENS {
        let all = std::iter::once(signed.clone()).chain(signed.without_slash());
        all.for_each(|text| witness.text(|| format!("<salt>{}", text.written())));
    }
    let by = |text: &SignedText<'_>| {
        signer(verifier.every(Scheme::Cloudimage, now), |key| {
            is_hash(sig, key, |salt| digest::<Sha1>(std::iter::once(salt).chain(text.pieces())))
        })
    };
    let key = by(&signed).or_else(|| signed.without_slash().and_then(|bare| by(&bare)));
    let key = signed_by(key, witness)?;
    Life::default().check(verifier.policy, now, witness)?;
    let operations = operations(verifier.pairs(request), "");
    Ok(Verified { operations: Some(operations?), ..Verified::of(Scheme::Cloudimage, key.shared_name()) })
}

/// Judges a URL with `ci_seal`: path, the text of `ci_eqs`, and salt. What `ci_eqs` sets is fixed, all else is free.
pub(super) fn judge_seal(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let [sig, sealed] = each_once(verifier.pairs(request), ["ci_seal", "ci_eqs"], |_, _| ());
    let sig = signature("ci_seal", sig, verifier, witness)?;
    let sealed = sealed.and_then(|value| decoded(value.unwrap_or_default()).ok_or(Error::MalformedParam));
    let sealed = witness.step("parameters", sealed, |_| "ci_eqs is there once at most.".into())?;
    let path = without_version(request.path());
    for path in spellings(path) {
        witness.text(|| format!("{path}{sealed}<salt>"));
    }
    let key = spellings(path).find_map(|path| {
        signer(verifier.every(Scheme::Cloudimage, now), |key| {
            is_hash(sig, key, |salt| digest::<Sha1>([path, &sealed, salt]))
        })
    });
    let key = signed_by(key, witness)?;
    // Nothing stands between path and `ci_eqs` in the text, so that characters could be moved from one to the other.
    // What is left of `ci_eqs` then is no query any more.
    let operations = operations(verifier.pairs(request), &sealed);
    let operations = witness.step("sealed operations", operations, |all| format!("In effect is {all}"))?;
    Life::default().check(verifier.policy, now, witness)?;
    Ok(Verified { operations: Some(operations), ..Verified::of(Scheme::Cloudimage, key.shared_name()) })
}

/// The operations that a query of Cloudimage asks for, as a query of their own: the free ones, and after them the
/// sealed ones of `ci_eqs`, which replace free ones of the same name. For URLs that need no signature; of those that
/// do, [`Verified::operations`] holds the same.
pub fn cloudimage_operations(query: Option<&str>) -> Result<Box<str>, Error> {
    let sealed = once(pairs(query), "ci_eqs")?;
    let sealed = decoded(sealed.unwrap_or_default()).ok_or(Error::MalformedParam)?;
    operations(pairs(query), &sealed)
}

/// The signature under a name, there once, of lower-case hex digits and as long as the account asks.
fn signature<'r>(
    name: &str,
    found: Result<Option<&'r str>, Error>,
    verifier: &Verifier<'_>,
    witness: &mut impl Witness,
) -> Result<&'r str, Error> {
    let sig = carried_signature(found, name, witness)?;
    let fewest = verifier.settings.cloudimage.min_signature_chars.clamp(MIN_CHARS, MAX_CHARS);
    let are_digits = || sig.bytes().fold(true, |all, byte| all & matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = (fewest..=MAX_CHARS).contains(&sig.len()) && are_digits();
    let outcome = if fits { Ok(sig) } else { Err(Error::MalformedSignature) };
    witness.step("signature syntax", outcome, |sig| {
        format!("It is {} lower-case hex digits; the account asks for {fewest} at least.", sig.len())
    })
}

/// The path without the version that Cloudimage puts first.
fn without_version(path: &str) -> &str {
    path.strip_prefix("/v7").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// A path as the vendor's library hashes it, and without its slash, as the vendor's
/// documents do. A slash that is there twice is never left out: the path with one is another.
fn spellings(text: &str) -> impl Iterator<Item = &str> {
    let bare = text.strip_prefix('/').filter(|bare| !bare.starts_with('/'));
    [Some(text), bare].into_iter().flatten()
}

/// Whether a signature is the beginning of the SHA-1 that a salt gives.
fn is_hash(sig: &str, key: &VerifyingKey, hash: impl Fn(&str) -> [u8; 20]) -> Choice {
    let Some(salt) = key.secret() else { return Choice::from(0) };
    let digits: [u8; MAX_CHARS] = hex_digits(&hash(salt));
    same(sig.as_bytes(), digits.get(..sig.len()).unwrap_or_default())
}

/// Free operations, then sealed ones, each name and value percent-encoded.
fn operations<'p>(free: impl Iterator<Item = Pair<'p>>, eqs: &str) -> Result<Box<str>, Error> {
    let sealed = sealed_text(eqs).ok_or(Error::MalformedParam)?;
    let sealed = sealed_pairs(&sealed).ok_or(Error::MalformedParam)?;
    let mut query = String::with_capacity(ROOM_BYTES);
    let is_sealed = |name: &str| sealed.iter().any(|(known, _)| *known == name);
    for pair in free.filter(|pair| !pair.raw.is_empty() && !CONTROLS.contains(&pair.name)) {
        // Mostly a pair is written as it is to be.
        if pair.value.is_some_and(is_plain) && is_plain(pair.name) {
            if !is_sealed(pair.name) {
                join(&mut query);
                query.push_str(pair.raw);
            }
            continue;
        }
        let text = |raw| form_decoded(raw).ok_or(Error::MalformedParam);
        let (name, value) = (text(pair.name)?, text(pair.value.unwrap_or_default())?);
        if !is_sealed(&name) {
            push(&mut query, &name, &value);
        }
    }
    for (name, value) in &sealed {
        push(&mut query, name, value);
    }
    Ok(query.into())
}

/// Room for the operations that most URLs have.
const ROOM_BYTES: usize = 64;

/// Puts a joint behind what stands there already.
fn join(query: &mut String) {
    if !query.is_empty() {
        query.push('&');
    }
}

fn push(query: &mut String, name: &str, value: &str) {
    join(query);
    encode_into(query, name, b"");
    query.push('=');
    encode_into(query, value, b"");
}

/// The text that `ci_eqs` holds as base64, with or without padding. None where it is anything else.
fn sealed_text(eqs: &str) -> Option<String> {
    if eqs.is_empty() {
        return Some(String::new());
    }
    let is_url_safe = memchr::memchr2(b'-', b'_', eqs.as_bytes()).is_some();
    let alphabet = if is_url_safe { &URL_SAFE } else { &STANDARD };
    String::from_utf8(alphabet.decode(eqs).ok()?).ok().filter(|text| !text.is_empty())
}

/// The pairs of a sealed text, `name=value&…`. None where it is anything else.
fn sealed_pairs(text: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    pairs(Some(text).filter(|text| !text.is_empty())).map(sealed_pair).collect()
}

fn sealed_pair(pair: Pair<'_>) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let (name, value) = (decoded(pair.name)?, decoded(pair.value?)?);
    (!name.is_empty()).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sealed_operation_wins_over_a_free_one_of_its_name() {
        let check = |query, expected: Result<&str, Error>| {
            let found = cloudimage_operations(Some(query));
            assert_eq!(found.as_deref().map_err(|error| *error), expected, "{query}");
        };
        // `dz0zMyZoPTEw` is `w=33&h=10`.
        check("w=5000&q=80&ci_eqs=dz0zMyZoPTEw&ci_seal=x", Ok("q=80&w=33&h=10"));
        check("%77=5000&ci_eqs=dz0zMyZoPTEw", Ok("w=33&h=10"));
        check("w=5000&ci_sign=x&f=a+b", Ok("w=5000&f=a%20b"));
        check("", Ok(""));
        check("ci_eqs=dz0zMyZoPTEw&ci_eqs=", Err(Error::DuplicateParam));
        check("ci_eqs=%zz", Err(Error::MalformedParam));
        check("w=%zz", Err(Error::MalformedParam));
    }

    #[test]
    fn what_is_sealed_is_a_query_in_base64() {
        let check = |eqs, expected: Option<&[(&str, &str)]>| {
            let text = sealed_text(eqs);
            let found = text.as_deref().and_then(sealed_pairs);
            let found = found.as_ref().map(|list| list.iter().map(|(n, v)| (&**n, &**v)).collect());
            assert_eq!(found, expected.map(<[_]>::to_vec), "{eqs}");
        };
        check("", Some(&[]));
        check("dz03NyZibHVyPTM=", Some(&[("w", "77"), ("blur", "3")]));
        check("dz03NyZibHVyPTM", Some(&[("w", "77"), ("blur", "3")]));
        check("dz0_", Some(&[("w", "?")]));
        check("dz0/", Some(&[("w", "?")]));
        for bad in ["%%", "PTE", "dw", "dz0x=", "dz0_/", "dz1x&"] {
            check(bad, None);
        }
    }

    #[test]
    fn the_version_is_no_part_of_the_text() {
        for (path, expected) in [("/v7/a", "/a"), ("/a", "/a"), ("/v7", "/v7"), ("/v70/a", "/v70/a")] {
            assert_eq!(without_version(path), expected);
        }
    }

    proptest! {
        #[test]
        fn any_query_has_operations_or_none(query in "((ci_eqs|ci_seal|w|%77)?(=|&|%|%2|dz0zMw|[a-zA-Z0-9+/_-]{0,4})){0,12}") {
            if let Ok(all) = cloudimage_operations(Some(&query)) {
                // What came out is read as itself.
                prop_assert_eq!(cloudimage_operations(Some(&all)), Ok(all));
            }
        }
    }
}
