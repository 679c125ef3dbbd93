//! EdgeAuth (signing-schemes 8), the token of Akamai, which Uploadcare and Cloudinary issue too: fields joined by
//! `~`, an HMAC over them and, where they name no patterns of paths, over the path. In the query, in a cookie or in a
//! header.

mod token;

use std::borrow::Cow;
use std::net::IpAddr;

use domain::Timestamp;
use subtle::Choice;

use self::token::Token;
use super::foreign::{Life, once, signed_by, stays_inside};
use crate::Error;
use crate::escape::decoded;
use crate::key_material::VerifyingKey;
use crate::request::{Cookies, Request};
use crate::schemes::Scheme;
use crate::settings::{EdgeAuthHash, EdgeAuthSettings};
use crate::syntax::{lower_hex, same};
use crate::verdict::{Carrier, Covers, ShortText, Verified, Witness};
use crate::verifier::{Verifier, signer};

/// The bytes of a token's HMAC.
enum Signature {
    Sha256([u8; 32]),
    Sha1([u8; 20]),
}

/// Judges a request. Parameters of the query beside the token are not signed and must have no effect.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let settings = &verifier.settings.edge_auth;
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let cookies;
    let carried = match once(verifier.pairs(request), &settings.parameter) {
        Ok(None) => {
            cookies = request.cookies();
            beside_url(request, &cookies, settings)
        }
        Ok(Some(text)) => Ok((Cow::Borrowed(text), Carrier::Url)),
        Err(error) => Err(error),
    };
    let carried = carried.as_ref().map_err(|&error| error);
    let carried = carried.and_then(|(text, carrier)| Ok((&**text, *carrier, token::hmac(text)?)));
    let (text, carrier, hmac) = witness.step("signature present", carried, |_| {
        format!("The request carries {} with one hmac.", settings.parameter)
    })?;
    let sig = signature(hmac, settings.hash);
    let sig = witness.step("signature syntax", sig, |_| "The hmac is lower-case hex digits.".into())?;
    let token = witness.step("parameters", Token::parse(text, is_escaped(settings)), |_| {
        "Each field is known, well formed and there once.".into()
    })?;
    let expires_s = token.expires_s.ok_or(Error::MissingExp);
    let expires_s = witness.step("expiry present", expires_s, |_| "The token carries exp.".into())?;
    let path = signed_path(request.path(), settings).ok_or(Error::MalformedParam);
    let path = witness.step("path as it is signed", path, |path| format!("It is {path}"))?;
    witness.text(|| text_to_sign(&token, &path, settings, true).concat());
    let text = text_to_sign(&token, &path, settings, false);
    let key = signer(verifier.every(Scheme::EdgeAuth, now), |key| is_signed(key, text, &sig));
    let key = signed_by(key, witness)?;
    let life = Life {
        begins_s: token.begins_s,
        expires_s: Some(expires_s),
        subject: token.session,
        ..Life::default()
    };
    life.check(verifier.policy, now, witness)?;
    let subject = token.session.and_then(ShortText::new);
    witness.step("patterns of paths", check_path(&token, request.path(), is_escaped(settings)), |()| {
        "The path fits, or is signed itself.".into()
    })?;
    witness.step("address", check_address(&token, request.address()), |()| {
        "It is the token's, or any.".into()
    })?;
    Ok(Verified {
        expires_s: Some(expires_s),
        shareable: carrier == Carrier::Url && token.address.is_none() && token.session.is_none(),
        covers: if token.acl.is_some() { Covers::Pattern } else { Covers::Path },
        carrier,
        subject,
        ..Verified::of(Scheme::EdgeAuth, key.shared_name())
    })
}

/// The token that does not stand in the query, and where it stands: in the first cookie of the name, else in a header.
fn beside_url<'r>(
    request: &Request<'r>,
    cookies: &'r Cookies<'_>,
    settings: &EdgeAuthSettings,
) -> Result<(Cow<'r, str>, Carrier), Error> {
    if let Some((_, text)) = cookies.iter().find(|&(known, _)| known == settings.parameter) {
        return Ok((Cow::Borrowed(text), Carrier::Cookie));
    }
    let header = request.headers.get(&settings.header());
    header.map(|text| (text, Carrier::Header)).ok_or(Error::MissingSignature)
}

fn signature(hmac: &str, hash: EdgeAuthHash) -> Result<Signature, Error> {
    let sig = match hash {
        EdgeAuthHash::Sha256 => lower_hex(hmac).map(Signature::Sha256),
        EdgeAuthHash::Sha1 => lower_hex(hmac).map(Signature::Sha1),
    };
    sig.ok_or(Error::MalformedSignature)
}

/// Whether fields are percent-encoded within the token.
fn is_escaped(settings: &EdgeAuthSettings) -> bool {
    settings.escape_early || settings.escape_acl
}

/// The path as it is signed: raw, or decoded and quoted in the vendor's way.
fn signed_path<'p>(path: &'p str, settings: &EdgeAuthSettings) -> Option<Cow<'p, str>> {
    if settings.escape_early { quoted(path).map(Cow::Owned) } else { Some(Cow::Borrowed(path)) }
}

/// A raw path, decoded and quoted as Python's `quote_plus` does, with lower-case digits and `~` quoted too.
fn quoted(path: &str) -> Option<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(path.len() + 16);
    for byte in decoded(path)?.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' => text.push(byte.into()),
            b' ' => text.push('+'),
            _ => {
                let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                text.extend(['%', digits[0].into(), digits[1].into()]);
            }
        }
    }
    Some(text)
}

/// The parts of the text that is signed; for people the salt, which is a secret, stays hidden.
fn text_to_sign<'t>(
    token: &Token<'t>,
    path: &'t str,
    settings: &'t EdgeAuthSettings,
    hides_salt: bool,
) -> [&'t str; 5] {
    let (url, path) = if token.acl.is_some() { ("", "") } else { ("~url=", path) };
    let (joint, salt) = match &settings.salt {
        Some(_) if hides_salt => ("~salt=", "<salt>"),
        Some(salt) => ("~salt=", salt.as_str()),
        None => ("", ""),
    };
    [token.signed, url, path, joint, salt]
}

fn is_signed(key: &VerifyingKey, text: [&str; 5], sig: &Signature) -> Choice {
    let right = match sig {
        Signature::Sha256(sig) => key.mac_sha256().map(|mac| same(sig, &mac.of(text))),
        Signature::Sha1(sig) => key.mac_sha1().map(|mac| same(sig, &mac.of(text))),
    };
    right.unwrap_or(Choice::from(0))
}

/// Whether one of the token's patterns is that of the path. Patterns that were escaped are of paths as people write
/// them.
fn check_path(token: &Token<'_>, path: &str, is_escaped: bool) -> Result<(), Error> {
    let Some(acl) = &token.acl else { return Ok(()) };
    stays_inside(path)?;
    let path = if is_escaped { decoded(path).ok_or(Error::BadPath)? } else { Cow::Borrowed(path) };
    let fits = |pattern: &str| is_match(pattern.as_bytes(), path.as_bytes());
    if acl.split('!').any(fits) { Ok(()) } else { Err(Error::PathNotAllowed) }
}

fn check_address(token: &Token<'_>, address: Option<IpAddr>) -> Result<(), Error> {
    match token.address {
        Some(bound) if address != Some(bound) => Err(Error::IpMismatch),
        _ => Ok(()),
    }
}

/// Whether a text fits a pattern in which `*` is any run and `?` one byte. Goes back to the last `*` only, so that
/// the time is at most the product of the lengths.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, place));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (at, place) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_takes_any_run_and_a_question_mark_one_character() {
        let check = |pattern: &str, text: &str, fits| {
            assert_eq!(is_match(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        };
        for (pattern, text) in [
            ("/a/*", "/a/b/c"),
            ("/a/*", "/a/"),
            ("*", ""),
            ("*", "/x"),
            ("/b?/*", "/b1/x"),
            ("/*/c*d", "/a/b/cxcd"),
            ("/a/**", "/a/b"),
            ("/a", "/a"),
        ] {
            check(pattern, text, true);
        }
        for (pattern, text) in [
            ("/a/*", "/a"),
            ("/a", "/ab"),
            ("", "/"),
            ("/b?/", "/b/"),
            ("*b", "abc"),
            ("/A/*", "/a/b"),
            ("?", ""),
        ] {
            check(pattern, text, false);
        }
        // As many stars as fit into a target do not make it slow.
        check(&"*a".repeat(2_000), &"a".repeat(1_999), false);
    }

    #[test]
    fn a_path_is_quoted_in_the_vendor_s_way() {
        let check = |path, expected: Option<&str>| assert_eq!(quoted(path).as_deref(), expected, "{path}");
        check("/a/b%20c", Some("%2fa%2fb+c"));
        check("/a~b*c+d", Some("%2fa%7eb%2ac%2bd"));
        check("/%C3%89_.-", Some("%2f%c3%89_.-"));
        check("/%zz", None);
    }

    #[test]
    fn a_path_that_climbs_fits_no_pattern() {
        let text = "exp=1~acl=/a/*~hmac=00";
        let token = Token::parse(text, false).unwrap();
        assert_eq!(check_path(&token, "/a/b", false), Ok(()));
        assert_eq!(check_path(&token, "/a/%2e%2e/b", false), Err(Error::BadPath));
        assert_eq!(check_path(&token, "/b/a/", false), Err(Error::PathNotAllowed));
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_it_was_made_from(parts in prop::collection::vec("[a/!]{0,4}", 1..6), run in "[a-c/]{0,5}") {
            let pattern = parts.join("*");
            prop_assert!(is_match(pattern.as_bytes(), parts.join(&run).as_bytes()));
            prop_assert_eq!(is_match(pattern.replace('*', "").as_bytes(), run.as_bytes()), parts.concat() == run);
        }
    }
}
