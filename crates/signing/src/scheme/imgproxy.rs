//! imgproxy (signing-schemes 8): `/{signature}/{options}/{source}`, an HMAC over salt and path. The target is the one
//! below the mount.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, signed_by};
use crate::Error;
use crate::key_material::{KeyMaterial, VerifyingKey};
use crate::pairs::{pieces, split_at};
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{integer, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// Bytes of the whole HMAC.
const MAC_BYTES: usize = 32;

/// Judges a path. Its query is no part of it and has no effect.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let (segment, rest) = split(request.path());
    let found = if segment.is_empty() { Err(Error::MissingSignature) } else { Ok(segment) };
    let segment = witness.step("signature present", found, |_| "It is the first segment.".into())?;
    let mut buffer = [0; MAC_BYTES];
    let sig = witness.step("signature syntax", bytes(segment, &mut buffer), |_| "It is base64url.".into())?;
    let rest = restored(rest);
    let expiry = witness.step("parameters", expiry(&rest), |_| "An expiry is there once at most.".into())?;
    witness.text(|| format!("<salt>/{rest}"));
    let size_bytes = verifier.settings.imgproxy.signature_size_bytes.clamp(1, MAC_BYTES);
    let key = signer(verifier.every(Scheme::Imgproxy, now), |key| is_signed(key, &rest, sig, size_bytes));
    let key = signed_by(key, witness)?;
    Life { expires_s: expiry, ..Life::default() }.check(verifier.policy, now, witness)?;
    Ok(Verified { expires_s: expiry, ..Verified::of(Scheme::Imgproxy, key.shared_name()) })
}

/// The first segment, and what follows its slash.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    split_at(b'/', path).unwrap_or((path, ""))
}

/// The bytes of a signature, which has one spelling only: no padding, no stray bits.
fn bytes<'b>(segment: &str, buffer: &'b mut [u8; MAC_BYTES]) -> Result<&'b [u8], Error> {
    let length = URL_SAFE_NO_PAD.decode_slice(segment, buffer).map_err(|_| Error::MalformedSignature)?;
    Ok(&buffer[..length])
}

/// Undoes what proxies do to paths: a colon of the options that was escaped, and the slash of `scheme://` that was
/// lost.
fn restored(rest: &str) -> Cow<'_, str> {
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'/', rest.as_bytes()).map(|slash| slash + 1));
    let plain = starts.into_iter().find(|&start| rest[start..].starts_with("plain/"));
    let (options, source) = rest.split_at(plain.unwrap_or(rest.len()));
    let lost = lost_slash(source);
    let may_be_escaped = memchr::memchr(b'%', options.as_bytes()).is_some();
    if lost.is_none() && !may_be_escaped {
        return Cow::Borrowed(rest);
    }
    let (scheme, path) = source.split_at(lost.unwrap_or(0));
    let slash = if lost.is_some() { "/" } else { "" };
    Cow::Owned(format!("{}{scheme}{slash}{path}", options.replace("%3A", ":")))
}

/// Where a plain source lacks the second slash of its `scheme://`.
fn lost_slash(source: &str) -> Option<usize> {
    let (scheme, path) = split_at(b':', source.strip_prefix("plain/")?)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let alone = path.starts_with('/') && !path.starts_with("//");
    (!scheme.is_empty() && scheme.bytes().all(fits) && alone).then_some("plain/".len() + scheme.len() + 2)
}

/// The `exp` or `expires` among the options: the segments before the first one without a colon.
fn expiry(rest: &str) -> Result<Option<i64>, Error> {
    let options = pieces(b'/', rest).map_while(|segment| split_at(b':', segment)).fuse();
    let mut values = options.filter(|(name, _)| matches!(*name, "exp" | "expires")).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Error::DuplicateParam),
        (value, None) => value.map(|value| integer(value).ok_or(Error::MalformedParam)).transpose(),
    }
}

fn is_signed(key: &VerifyingKey, rest: &str, sig: &[u8], size_bytes: usize) -> Choice {
    let (KeyMaterial::KeyAndSalt { .. }, Some(mac)) = (key.material(), key.mac_sha256()) else {
        return Choice::from(0);
    };
    same(sig, &mac.of([rest])[..size_bytes])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_proxies_did_is_undone() {
        let check = |rest, expected| assert_eq!(restored(rest), expected, "{rest}");
        check("w:100/plain/https:/h/a.jpg", "w:100/plain/https://h/a.jpg");
        check("w%3A100/rs%3Afit%3A1/plain/https://h/a%3Ab.jpg", "w:100/rs:fit:1/plain/https://h/a%3Ab.jpg");
        check("plain/s3:/b/k", "plain/s3://b/k");
        check("w:1/aHR0%3A", "w:1/aHR0:");
        for kept in ["w:1/plain/a:/b:/c", "w:1/xplain/https:/h", "plain/:/h", "plain/cats/a:/b", "", "plain/"]
        {
            let expected = if kept == "w:1/plain/a:/b:/c" { "w:1/plain/a://b:/c" } else { kept };
            check(kept, expected);
        }
    }

    #[test]
    fn an_expiry_is_an_option_and_no_part_of_the_source() {
        let check = |rest, expected| assert_eq!(expiry(rest), expected, "{rest}");
        check("w:10/exp:1790000500/aHR0", Ok(Some(1_790_000_500)));
        check("expires:7/plain/x", Ok(Some(7)));
        check("w:10/plain/exp:7/x", Ok(None));
        check("", Ok(None));
        check("exp:7/expires:9/x", Err(Error::DuplicateParam));
        for bad in ["exp:/x", "exp:07/x", "exp:7:8/x", "exp:soon/x"] {
            check(bad, Err(Error::MalformedParam));
        }
    }

    #[test]
    fn a_signature_has_one_spelling() {
        let check = |text: &str, bytes_read: Result<usize, Error>| {
            assert_eq!(bytes(text, &mut [0; MAC_BYTES]).map(<[u8]>::len), bytes_read, "{text}");
        };
        check("oWaL7QoW5Ts", Ok(8));
        check(&"A".repeat(43), Ok(32));
        for bad in ["oWaL7QoW5Tt", "oWaL7QoW5Ts=", "oWaL7QoW5T+", "rs:fill", &"A".repeat(44)] {
            check(bad, Err(Error::MalformedSignature));
        }
    }

    proptest! {
        #[test]
        fn a_path_that_is_restored_stays_as_it_is(rest in "((w|plain|exp|https?)?(:|/|//|%3A|%3|[a-z0-9]{0,3}|\\PC)){0,12}") {
            let _ = expiry(&rest);
            let once = restored(&rest).into_owned();
            prop_assert_eq!(restored(&once), once.as_str());
        }
    }
}
