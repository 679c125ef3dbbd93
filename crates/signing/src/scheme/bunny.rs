//! Bunny (signing-schemes 8): `token` and `expires` in the query, or `/bcdn_token=…&expires=…` before the path. An
//! HMAC-SHA256 over path or `token_path`, expiry, address and parameters; in its legacy form a plain SHA-256.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, joined_time, signed_by, stays_inside};
use crate::Error;
use crate::escape::decoded;
use crate::hashing::{Hasher, Sha256};
use crate::key_material::VerifyingKey;
use crate::pairs::{pairs, split_at};
use crate::request::Request;
use crate::schemes::Scheme;
use crate::syntax::{base64_bytes, same};
use crate::verdict::{Covers, Verified, Witness};
use crate::verifier::{Verifier, signer};

/// What stands before the path where the token does.
const DIRECTORY: &str = "/bcdn_token=";
/// Parameters that mean something and may be there once.
const CONTROLS: [&str; 4] =
    ["token_path", "token_countries", "token_countries_blocked", "token_ignore_params"];

/// A token and all that it says.
struct Token<'r> {
    mac: [u8; 32],
    kind: Kind,
    expires: &'r str,
    expires_s: i64,
    /// The raw path that is asked for.
    path: &'r str,
    /// All other parameters, decoded and sorted by name.
    params: Params<'r>,
}

/// Names and values, decoded.
type Params<'r> = Vec<(Cow<'r, str>, Cow<'r, str>)>;

/// How a token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hmac,
    /// Bound to the client's address.
    HmacOfAddress,
    Legacy,
}

/// Where the parts of a token stand in a target.
struct Found<'r> {
    path: &'r str,
    token: Result<Option<&'r str>, Error>,
    expires: Result<Option<&'r str>, Error>,
    /// None where one is malformed.
    params: Option<Params<'r>>,
}

/// Judges a URL.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let settings = &verifier.settings.bunny;
    witness.step("path", request.check_size(), |()| "The target is within its limits.".into())?;
    let found = find(request, verifier);
    let token = witness.step("signature present", only(found.token, Error::MissingSignature), |_| {
        "The URL carries one token.".into()
    })?;
    let mac =
        witness.step("signature syntax", mac(token, settings.allow_legacy), |(kind, _)| match kind {
            Kind::Hmac => "It is an HMAC.".into(),
            Kind::HmacOfAddress => "It is an HMAC, bound to an address.".into(),
            Kind::Legacy => "It is of the legacy form, which the account allows.".into(),
        })?;
    let token = witness.step("parameters", Token::read(found, mac), |token| {
        format!("Each is well formed and there once; the URL ends at {}.", token.expires)
    })?;
    let address = token.address(request, settings.ip_validation);
    let bound = if address.is_empty() { "" } else { "<address>" };
    witness.text(|| {
        let pieces: Vec<_> = token.text(bound.as_bytes()).collect();
        String::from_utf8_lossy(&pieces.concat()).into_owned()
    });
    // Without an address a bound token would pass as one that is not bound.
    let is_whole = token.kind != Kind::HmacOfAddress || !address.is_empty();
    let key = signer(verifier.every(Scheme::Bunny, now).filter(|_| is_whole), |key| {
        token.is_signed(key, token.text(&address))
    });
    let key = signed_by(key, witness)?;
    Life { expires_s: Some(token.expires_s), ..Life::default() }.check(verifier.policy, now, witness)?;
    witness
        .step("path of the token", token.check_path(), |()| "The path lies where the token opens.".into())?;
    let country = token.check_country(request.country);
    witness.step("country", country, |()| "The token opens for this country, or for any.".into())?;
    Ok(Verified {
        expires_s: Some(token.expires_s),
        shareable: address.is_empty() && !token.names_countries(),
        covers: if token.param("token_path").is_some() { Covers::Pattern } else { Covers::Path },
        ..Verified::of(Scheme::Bunny, key.shared_name())
    })
}

/// Takes a target apart.
fn find<'r>(request: &Request<'r>, verifier: &Verifier<'_>) -> Found<'r> {
    let directory = request.path().strip_prefix(DIRECTORY).map(|rest| {
        let end = memchr::memchr(b'/', rest.as_bytes()).unwrap_or(rest.len());
        rest.split_at(end)
    });
    let path = directory.map_or(request.path(), |(_, path)| path);
    let mut found = Found { path, token: Ok(None), expires: Ok(None), params: Some(Vec::new()) };
    if let Some((text, _)) = directory {
        let (token, rest) = split_at(b'&', text).map_or((text, None), |(token, rest)| (token, Some(rest)));
        found.token = Ok(Some(token));
        pairs(rest).for_each(|pair| found.take(pair.name, pair.value.unwrap_or_default()));
    }
    for pair in verifier.pairs(request).filter(|pair| !pair.raw.is_empty()) {
        found.take(pair.name, pair.value.unwrap_or_default());
    }
    found
}

impl<'r> Found<'r> {
    fn take(&mut self, name: &'r str, value: &'r str) {
        match name {
            "token" | "bcdn_token" => put(&mut self.token, value),
            "expires" => put(&mut self.expires, value),
            _ => match param(name, value) {
                Some(param) => self.params.as_mut().map_or((), |params| params.push(param)),
                None => self.params = None,
            },
        }
    }
}

/// Takes in a value that may be there once.
fn put<'r>(place: &mut Result<Option<&'r str>, Error>, value: &'r str) {
    *place = if *place == Ok(None) { Ok(Some(value)) } else { Err(Error::DuplicateParam) };
}

/// The one value.
fn only(found: Result<Option<&str>, Error>, missing: Error) -> Result<&str, Error> {
    found.and_then(|value| value.ok_or(missing))
}

/// The bytes of a token, and how it is made.
fn mac(token: &str, allow_legacy: bool) -> Result<(Kind, [u8; 32]), Error> {
    let (kind, text) = match token.strip_prefix("HS256-") {
        // `1-` can be nothing else: what follows must have 43 characters.
        Some(text) if text.len() == 43 => (Kind::Hmac, text),
        Some(text) => (Kind::HmacOfAddress, text.strip_prefix("1-").ok_or(Error::MalformedSignature)?),
        None if allow_legacy => (Kind::Legacy, token),
        None => return Err(Error::MalformedSignature),
    };
    base64_bytes(&URL_SAFE_NO_PAD, text).map(|mac| (kind, mac)).ok_or(Error::MalformedSignature)
}

impl<'r> Token<'r> {
    fn read(found: Found<'r>, (kind, mac): (Kind, [u8; 32])) -> Result<Token<'r>, Error> {
        let expires = only(found.expires, Error::MissingExp)?;
        let expires_s = joined_time(expires)?;
        let mut params = found.params.ok_or(Error::MalformedParam)?;
        params.sort_by(|one, other| one.0.cmp(&other.0));
        let token = Token { mac, kind, expires, expires_s, path: found.path, params };
        let twice = |name: &&str| token.params.iter().filter(|(known, _)| known == name).count() > 1;
        if CONTROLS.iter().any(twice) {
            return Err(Error::DuplicateParam);
        }
        let ignores = token.param("token_ignore_params");
        if ignores.is_some_and(|value| !matches!(value, "true" | "false")) {
            return Err(Error::MalformedParam);
        }
        Ok(token)
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The path that is signed: that of the token, else the one that is asked for.
    fn signed_path(&self) -> &str {
        self.param("token_path").unwrap_or(self.path)
    }

    /// The text that is signed, in pieces: path, expiry, the client's address, and the parameters as `k=v` joined by `&`.
    fn text<'t>(&'t self, address: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
        let ignores_params = self.param("token_ignore_params") == Some("true");
        let is_signed =
            move |name: &str| !ignores_params || matches!(name, "token_path" | "token_ignore_params");
        let signed = self.params.iter().filter(move |(name, _)| is_signed(name)).enumerate();
        let params = signed.flat_map(|(index, (name, value))| {
            [if index == 0 { "" } else { "&" }, name, "=", value].map(str::as_bytes)
        });
        [self.signed_path().as_bytes(), self.expires.as_bytes(), address].into_iter().chain(params)
    }

    /// The bytes of the client's address that are signed; none where it is not bound. An address that is not known is
    /// none too, and then nothing matches.
    fn address(&self, request: &Request<'_>, legacy_binds: bool) -> Vec<u8> {
        match (self.kind, request.address()) {
            (Kind::HmacOfAddress, Some(IpAddr::V4(address))) => address.octets().to_vec(),
            (Kind::HmacOfAddress, Some(IpAddr::V6(address))) => {
                let mut network = [0; 16];
                network[..8].copy_from_slice(&address.octets()[..8]);
                network.to_vec()
            }
            (Kind::Legacy, Some(address)) if legacy_binds => address.to_string().into_bytes(),
            _ => Vec::new(),
        }
    }

    fn is_signed<'t>(&self, key: &VerifyingKey, text: impl Iterator<Item = &'t [u8]>) -> Choice {
        let made = match self.kind {
            Kind::Legacy => key.secret().map(|secret| {
                let mut hasher = Hasher::<Sha256>::new();
                hasher.take(secret);
                hasher.take_all(text);
                hasher.finish()
            }),
            Kind::Hmac | Kind::HmacOfAddress => key.mac_sha256().map(|mac| mac.of(text)),
        };
        made.map_or(Choice::from(0), |made| same(&self.mac, &made))
    }

    /// Whether the path begins with that of the token, as it stands there or decoded.
    fn check_path(&self) -> Result<(), Error> {
        let Some(prefix) = self.param("token_path") else { return Ok(()) };
        stays_inside(self.path)?;
        let plain = decoded(self.path).ok_or(Error::BadPath)?;
        if self.path.starts_with(prefix) || plain.starts_with(prefix) {
            Ok(())
        } else {
            Err(Error::PathNotAllowed)
        }
    }

    fn names_countries(&self) -> bool {
        self.param("token_countries").or_else(|| self.param("token_countries_blocked")).is_some()
    }

    /// Whether the client's country is one of the token's and none of those that it blocks. One that is not known is
    /// never right.
    fn check_country(&self, country: Option<&str>) -> Result<(), Error> {
        let is_listed = |list: &str| country.is_some_and(|country| list.split(',').any(|one| one == country));
        let allowed = self.param("token_countries").is_none_or(is_listed);
        let blocked =
            self.param("token_countries_blocked").is_some_and(|list| country.is_none() || is_listed(list));
        if allowed && !blocked { Ok(()) } else { Err(Error::CountryNotAllowed) }
    }
}

/// A parameter, decoded. One whose text could be read as another parameter is refused: in the signed text the two
/// would be the same, so that a constraint could be hidden in it.
fn param<'r>(name: &'r str, value: &'r str) -> Option<(Cow<'r, str>, Cow<'r, str>)> {
    let (name, value) = (decoded(name)?, decoded(value)?);
    let fits = memchr::memchr2(b'&', b'=', name.as_bytes()).is_none()
        && memchr::memchr(b'&', value.as_bytes()).is_none();
    fits.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use domain::SigningKeyId;
    use proptest::prelude::*;

    use super::*;
    use crate::{KeyMaterial, KeyState, Policy, SchemeSet, SchemeSettings, Target, verify_request};

    const KEY: &str = "229248f0-f007-4bf9-ba1f-bbf1b4ad9d40";
    const NOW_S: i64 = 1_790_000_000;

    fn key() -> VerifyingKey {
        let name = SigningKeyId::default_key();
        VerifyingKey::new(Scheme::Bunny, name, "", KeyState::Active, KeyMaterial::text(KEY))
    }

    fn token(text: &str) -> String {
        let mac = key().mac_sha256().unwrap().of([text]);
        format!("HS256-{}", URL_SAFE_NO_PAD.encode(mac))
    }

    fn verdict(target: &str, country: Option<&str>) -> Result<Verified, Error> {
        let (settings, policy, keys) = (SchemeSettings::default(), Policy::default(), [key()]);
        let verifier = Verifier {
            schemes: SchemeSet::of(&[Scheme::Bunny]),
            keys: &[],
            foreign_keys: &keys,
            settings: &settings,
            policy: &policy,
            counts_uses: false,
        };
        let request = Request { country, ..Request::get(Target::Raw(target)) };
        verify_request(&request, &verifier, Timestamp::from_seconds(NOW_S))
    }

    #[test]
    fn a_constraint_cannot_be_hidden_in_another_parameter() {
        let token = token("/a.jpg1790000600class=thumb&token_countries=US");
        let check = |params: &str, country, expected: Option<Error>| {
            let target = format!("/a.jpg?token={token}&{params}&expires=1790000600");
            assert_eq!(verdict(&target, country).err(), expected, "{params}");
        };
        check("class=thumb&token_countries=US", Some("US"), None);
        check("class=thumb&token_countries=US", Some("FR"), Some(Error::CountryNotAllowed));
        check("class=thumb&token_countries=US", None, Some(Error::CountryNotAllowed));
        check("class=thumb%26token_countries%3DUS", Some("FR"), Some(Error::MalformedParam));
        check("class=thumb%26token_countries=US", Some("FR"), Some(Error::MalformedParam));
        check("class%3Dthumb%26token_countries=US", Some("FR"), Some(Error::MalformedParam));
        check("class%3Dthumb&token_countries=US", Some("FR"), Some(Error::MalformedParam));
        check("token_countries=US&class=thumb&token_countries=FR", Some("FR"), Some(Error::DuplicateParam));
    }

    #[test]
    fn a_digit_cannot_move_from_the_path_into_the_expiry() {
        let token = token("/w=411790000600");
        let check = |path: &str, expires: &str, expected: Option<Error>| {
            assert_eq!(verdict(&format!("{path}?token={token}&expires={expires}"), None).err(), expected);
        };
        check("/w=41", "1790000600", None);
        check("/w=4", "11790000600", Some(Error::MalformedParam));
        check("/w=411", "790000600", Some(Error::Expired));
    }

    #[test]
    fn a_directory_is_not_left_by_dots() {
        let token = token("/photos/1790000600token_path=/photos/");
        let check = |path: &str, expected: Option<Error>| {
            let target = format!("/bcdn_token={token}&expires=1790000600&token_path=%2Fphotos%2F{path}");
            assert_eq!(verdict(&target, None).err(), expected, "{path}");
        };
        check("/photos/a/b.jpg", None);
        check("/photos/my%20cat.jpg", None);
        check("/photos", Some(Error::PathNotAllowed));
        check("/secret/photos/", Some(Error::PathNotAllowed));
        check("/photos/../secret/a.jpg", Some(Error::BadPath));
        check("/photos/%2e%2E/secret/a.jpg", Some(Error::BadPath));
        check("/photos/x%2F..%2F..%2Fsecret", Some(Error::BadPath));
        check("", Some(Error::PathNotAllowed));
    }

    #[test]
    fn a_token_that_is_bound_needs_an_address() {
        let unbound = token("/a.jpg1790000600").replace("HS256-", "HS256-1-");
        let target = format!("/a.jpg?token={unbound}&expires=1790000600");
        assert_eq!(verdict(&target, None), Err(Error::BadSignature));
    }

    #[test]
    fn an_expiry_is_always_due_and_there_once() {
        let token = token("/a.jpg1790000600");
        let check = |query: &str, expected| {
            assert_eq!(
                verdict(&format!("/a.jpg?token={token}{query}"), None).err(),
                Some(expected),
                "{query}"
            );
        };
        check("", Error::MissingExp);
        check("&expires=", Error::MalformedParam);
        check("&expires=1790000600&expires=1790000600", Error::DuplicateParam);
        check("&expires=1790000600&bcdn_token=x", Error::DuplicateParam);
        check("&expires=1790000600&token_ignore_params=maybe", Error::MalformedParam);
    }

    #[test]
    fn a_token_has_one_spelling() {
        let text = URL_SAFE_NO_PAD.encode([7; 32]);
        assert_eq!(mac(&format!("HS256-{text}"), false).unwrap().0, Kind::Hmac);
        assert_eq!(mac(&format!("HS256-1-{text}"), false).unwrap().0, Kind::HmacOfAddress);
        assert_eq!(mac(&text, true).unwrap().0, Kind::Legacy);
        for bad in
            [&text as &str, "", "HS256-", &format!("HS256-{text}="), &format!("hs256-{text}"), "HS256-1-1-"]
        {
            assert_eq!(mac(bad, false), Err(Error::MalformedSignature), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_target_gets_a_verdict(target in "/(bcdn_token=)?(HS256-|1-|token|expires|_path|_countries|=|&|/|\\?|%|%2F|1790000600|[A-Za-z0-9_-]{0,44}){0,14}") {
            prop_assert!(verdict(&target, Some("US")).is_err());
        }
    }
}
