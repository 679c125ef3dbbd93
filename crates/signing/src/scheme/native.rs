//! The native token: Cloudflare's signed URL, in which every other parameter is signed too, with reserved names
//! `s-…` for what it may demand (signing-schemes 1). Built are `exp`, `sig`, `s-kid`, `s-nbf` and `s-iat`.

mod advice;
mod text;
mod token;

use domain::Timestamp;
use subtle::ConditionallySelectable as _;

pub(super) use self::advice::advice;
use self::text::{Text, signature, texts};
use self::token::{Found, Token, mac_bytes};
use crate::delivery_url::split_origin;
use crate::pairs::pairs;
use crate::request::{Request, Target};
use crate::verdict::{Verified, Witness};
use crate::verifier::{MAX_KEYS_TRIED, Verifier};
use crate::{DeliveryUrl, Error, Policy, Scheme, SigningKey};

/// Makes every check in its order (signing-schemes 0): what is wrong with the form first, what only a holder of
/// the key may learn after the signature.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    match request.target {
        Target::Delivery(url) => judge_url(url, Some(request), verifier, now, witness),
        Target::Raw(target) => {
            let url = witness.step("path", DeliveryUrl::parse(target), |_| "It can be read.".into())?;
            judge_url(&url, Some(request), verifier, now, witness)
        }
    }
}

/// The same for a URL that was read already, of a request of which nothing else may be known.
pub(super) fn judge_url(
    url: &DeliveryUrl,
    _request: Option<&Request<'_>>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let (keys, policy) = (verifier.keys, verifier.policy);
    texts(url, &Found::walk(url, policy).signed, policy).for_each(|text| witness.text(|| text.written()));
    witness.see("path", true, || "The path can be read in one way only.".into());
    let found = Found::walk(url, policy);
    let sig =
        witness.step("signature present", found.signature(), |_| "The URL carries one signature.".into())?;
    let sig =
        witness.step("signature syntax", mac_bytes(sig), |_| "It is 64 lower-case hex digits.".into())?;
    let token =
        witness.step("parameters", found.token(), |_| "Each is well formed, known and there once.".into())?;
    witness.step("expiry present", has_expiry(&token, policy), |_| match token.exp {
        Some(exp) => format!("The URL ends at {}.", Timestamp::from_seconds(exp).to_rfc3339()),
        None => "The URL never expires, which the account allows.".into(),
    })?;
    witness.step("signing key", known_key(&token, keys, now), |tried| match &token.kid {
        Some(kid) => format!("The URL names the signing key {kid}, which verifies."),
        None => format!("The URL names no signing key; each that verifies is tried, {tried} in all."),
    })?;
    let key = witness.step(
        "signature",
        signer(candidates(&token, keys, now), texts(url, &found.signed, policy), &sig),
        |key| format!("The signing key {} made this signature of this path and query.", key.id()),
    )?;
    let later_s = now.as_seconds().saturating_add(policy.leeway_s());
    witness.step("not before", has_begun(&token, later_s), |()| "The URL is valid already.".into())?;
    witness.step("expiry", is_running(&token, now), |()| "The URL is still valid.".into())?;
    Ok(Verified { expires_s: token.exp, ..Verified::of(Scheme::Native, key.shared_id()) })
}

/// Signs a path or a whole URL; see [`crate::sign`].
pub(super) fn sign(url: &str, key: &SigningKey, expires_s: Option<i64>) -> Result<String, Error> {
    let (origin, target) = split_origin(url);
    let unsigned = DeliveryUrl::parse(&with_expiry(target, expires_s))?;
    let policy = Policy::default();
    let token = Found::walk(&unsigned, &policy).token()?;
    if token.kid.is_some_and(|kid| kid != key.id().as_str()) {
        return Err(Error::UnknownKey);
    }
    let query = unsigned.query().unwrap_or_default();
    let text = format!("{}?{query}", unsigned.path());
    let joint = if query.is_empty() { "" } else { "&" };
    let signed = format!("{text}{joint}sig={}", hex::encode(signature(&text, key)));
    DeliveryUrl::parse(&signed)?;
    Ok(format!("{origin}{signed}"))
}

fn has_expiry(token: &Token<'_>, policy: &Policy) -> Result<(), Error> {
    if token.exp.is_none() && policy.require_exp {
        return Err(Error::MissingExp);
    }
    Ok(())
}

/// How many keys are to be tried. A URL that names a key which is retired or revoked learns that; one that names none
/// learns nothing, since neither is tried.
fn known_key(token: &Token<'_>, keys: &[SigningKey], now: Timestamp) -> Result<usize, Error> {
    let tried = candidates(token, keys, now).count();
    match &token.kid {
        Some(kid) if tried == 0 => {
            let known = keys.iter().any(|key| key.id().as_str() == kid);
            Err(if known { Error::KeyRevoked } else { Error::UnknownKey })
        }
        _ => Ok(tried),
    }
}

/// The keys that may have signed: the named one, else all that verify.
fn candidates<'k>(
    token: &Token<'_>,
    keys: &'k [SigningKey],
    now: Timestamp,
) -> impl Iterator<Item = &'k SigningKey> + Clone {
    let named = move |key: &&SigningKey| token.kid.as_deref().is_none_or(|kid| kid == key.id().as_str());
    keys.iter().filter(move |key| key.verifies_at(now)).filter(named).take(MAX_KEYS_TRIED)
}

/// The key that made the signature of one of the texts. All of both are tried, and none is left early.
fn signer<'k, 't>(
    keys: impl Iterator<Item = &'k SigningKey> + Clone,
    texts: impl Iterator<Item = Text<'t>> + Clone,
    sig: &[u8; 32],
) -> Result<&'k SigningKey, Error> {
    let mut right = 0_u8;
    for (number, key) in (1..).zip(keys.clone()) {
        for text in texts.clone() {
            right.conditional_assign(&number, text.is_signed(key, sig));
        }
    }
    let index = usize::from(right).checked_sub(1).ok_or(Error::BadSignature)?;
    keys.clone().nth(index).ok_or(Error::BadSignature)
}

fn has_begun(token: &Token<'_>, later_s: i64) -> Result<(), Error> {
    if token.nbf.max(token.iat).is_some_and(|begin| begin > later_s) {
        return Err(Error::NotYetValid);
    }
    Ok(())
}

fn is_running(token: &Token<'_>, now: Timestamp) -> Result<(), Error> {
    if token.exp.is_some_and(|exp| now.as_seconds() >= exp) {
        return Err(Error::Expired);
    }
    Ok(())
}

/// The target without `sig`, its `exp` replaced where the first one stands, else put at the end; an expiry of none
/// leaves each `exp` as it is.
fn with_expiry(target: &str, expires_s: Option<i64>) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut expiry = expires_s.map(|expires_s| format!("exp={expires_s}"));
    let replaces = expiry.is_some();
    let mut kept: Vec<String> = Vec::new();
    for pair in pairs(query.filter(|query| !query.is_empty())) {
        match pair.name {
            "sig" => {}
            "exp" if replaces => kept.extend(expiry.take()),
            _ => kept.push(pair.raw.to_owned()),
        }
    }
    kept.extend(expiry);
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::*;
    use crate::{Explanation, KeyState, TargetLimits, explain, verify};

    const SECRET: &str = "t3stSigningKey0123456789";
    const PATH: &str = "/cheeW4oKsx5ljh8e8BoL2A/bc27a117-9509-446b-8c69-c81bfeac0a01/mobile";
    const NOW_S: i64 = 1_790_000_000;

    fn key(name: &str, secret: &str, state: KeyState) -> SigningKey {
        SigningKey::new(name.parse().unwrap(), Secret::new(secret), state)
    }

    fn keys() -> Vec<SigningKey> {
        vec![key("other", "another key", KeyState::Active), key("default", SECRET, KeyState::Active)]
    }

    /// Signs whatever text stands there, without a look at it.
    fn blindly(text: &str) -> String {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let joint = if query.is_empty() { "" } else { "&" };
        format!("{path}?{query}{joint}sig={}", hex::encode(signature(text, &keys()[1])))
    }

    fn at(target: &str, policy: &Policy, now_s: i64) -> Explanation {
        let url = DeliveryUrl::parse(target).unwrap();
        let explanation = explain(&url, &keys(), policy, Timestamp::from_seconds(now_s));
        assert_eq!(verify(&url, &keys(), policy, Timestamp::from_seconds(now_s)), explanation.verdict);
        explanation
    }

    fn verdict(target: &str) -> Result<Option<i64>, Error> {
        at(target, &Policy::default(), NOW_S).verdict.map(|verified| verified.expires_s)
    }

    fn advice_on(target: &str, policy: &Policy) -> String {
        at(target, policy, NOW_S).advice.unwrap()
    }

    #[test]
    fn the_contract_s_table_of_signatures_holds() {
        let free = Policy { require_exp: false, ..Policy::default() };
        let moved = Policy { moved_urls: true, ..Policy::default() };
        let escaped = "/cheeW4oKsx5ljh8e8BoL2A/my%20photos/%C3%A4%25.jpg/mobile";
        let check = |text: &str, sig, policy: &Policy, expected| {
            let url = blindly(text);
            assert_eq!(url.rsplit("sig=").next(), Some(sig), "{text}");
            assert_eq!(at(&url, policy, NOW_S).verdict.err(), expected, "{text}");
        };
        let strict = &Policy::default();
        let row2 = "6f6247de6a034a13f0f004e877b796a6eab2c694f641f692efffc4b3054df035";
        check(
            &format!("{PATH}?exp=1631289275"),
            "1ee6f601135be3edb08b828c939456ba2640f0436946637e64105ae29eae8b0b",
            strict,
            Some(Error::Expired),
        );
        check(&format!("{PATH}?exp=4102444800"), row2, strict, None);
        check(
            &format!("{PATH}?v=2&exp=4102444800"),
            "ba60219528691df3674fb85d59189af03a1e788353d7ea1432bd164023ed297c",
            strict,
            None,
        );
        check(
            &format!("{PATH}?title=a+b&z=1&exp=4102444800"),
            "dff56917a0fdc8f31e8dcbcdf6e84234f870e9fe3f2eae9532ecba9e70d57832",
            strict,
            None,
        );
        check(
            &format!("{escaped}?exp=4102444800"),
            "834eed6eff32c66dc8ea5462a9e4cdbe2a6ecc539825dc5273252e8c85cd578f",
            strict,
            None,
        );
        check(
            &format!("/cdn-cgi/imagedelivery{PATH}?exp=4102444800"),
            "226a9ee17d8096b44fa580e42004fc3f97edf2b28a1dc8cb89846941da330206",
            strict,
            None,
        );
        for (text, sig) in [
            (format!("{PATH}?"), "f16b533de04b3ffce0a7d8613e4e7d8fe35305d7f3134e55d6613c70d903ec52"),
            (PATH.to_owned(), "f795ce92acdfe5565c7d31f4d0aadf87ea28ec879e1b0630b39ca6b7f770415b"),
        ] {
            check(&text, sig, strict, Some(Error::MissingExp));
            check(&text, sig, &free, None);
        }
        let below = format!("/cdn-cgi/imagedelivery{PATH}?exp=4102444800&sig={row2}");
        assert_eq!(at(&below, strict, NOW_S).verdict, Err(Error::BadSignature));
        assert!(at(&below, &moved, NOW_S).verdict.is_ok());
    }

    #[test]
    fn a_signed_url_is_refused_from_the_second_it_expires() {
        let url = blindly(&format!("{PATH}?exp={NOW_S}"));
        assert!(at(&url, &Policy::default(), NOW_S - 1).verdict.is_ok());
        let leeway = Policy { leeway_s: 60, ..Policy::default() };
        assert_eq!(at(&url, &leeway, NOW_S).verdict, Err(Error::Expired));
    }

    #[test]
    fn a_url_is_refused_until_it_begins_and_leeway_ends_at_a_minute() {
        for name in ["s-nbf", "s-iat"] {
            let url = blindly(&format!("{PATH}?{name}={}&exp={}", NOW_S + 60, NOW_S + 600));
            let check = |leeway_s, now_s, expected: Option<Error>| {
                let policy = Policy { leeway_s, ..Policy::default() };
                assert_eq!(at(&url, &policy, now_s).verdict.err(), expected, "{name} {leeway_s} {now_s}");
            };
            check(0, NOW_S + 60, None);
            check(0, NOW_S + 59, Some(Error::NotYetValid));
            check(60, NOW_S, None);
            check(60, NOW_S - 1, Some(Error::NotYetValid));
            check(3600, NOW_S - 1, Some(Error::NotYetValid));
        }
    }

    #[test]
    fn the_first_fault_in_the_order_of_checks_is_the_reason() {
        let sig = "0".repeat(64);
        let check =
            |query: &str, expected| assert_eq!(verdict(&format!("{PATH}?{query}")), Err(expected), "{query}");
        check("exp=x&exp=1&s-x=1", Error::MissingSignature);
        check("sig=x&sig=y&exp=x", Error::DuplicateParam);
        check("sig=x&exp=x", Error::MalformedSignature);
        check("sig", Error::MalformedSignature);
        check(&format!("sig={sig}&exp=1&exp=x&s-x=1"), Error::MalformedParam);
        check(&format!("sig={sig}&exp=1&exp=1&s-x=1"), Error::DuplicateParam);
        check(&format!("sig={sig}&s-x=1&s-x=1"), Error::DuplicateParam);
        check(&format!("sig={sig}&s-x=1"), Error::UnknownConstraint);
        check(&format!("sig={sig}&exp=1&s-at=1&exp=1"), Error::UnknownConstraint);
        check(&format!("sig={sig}&s-kid=no"), Error::MissingExp);
        check(&format!("sig={sig}&exp=1&%73-kid=a"), Error::MalformedParam);
        check(&format!("sig={sig}&exp=1&s-kid=no"), Error::UnknownKey);
        check(&format!("sig={sig}&exp=1&s-nbf=9790000000"), Error::BadSignature);
        let both = blindly(&format!("{PATH}?s-nbf=9790000000&exp=1"));
        assert_eq!(verdict(&both), Err(Error::NotYetValid));
    }

    #[test]
    fn a_url_that_names_a_key_is_tried_with_no_other() {
        let now = Timestamp::from_seconds(NOW_S);
        let states = [
            (KeyState::Active, None),
            (KeyState::Retiring { verify_until: Timestamp::from_seconds(NOW_S + 1) }, None),
            (KeyState::Retiring { verify_until: now }, Some(Error::KeyRevoked)),
            (KeyState::Retired, Some(Error::KeyRevoked)),
            (KeyState::Revoked, Some(Error::KeyRevoked)),
        ];
        for (state, expected) in states {
            let keys = [key("old", "another key", KeyState::Active), key("default", SECRET, state)];
            let check = |query: &str, expected| {
                let url = DeliveryUrl::parse(&blindly(&format!("{PATH}?{query}exp=4102444800"))).unwrap();
                let verdict = verify(&url, &keys, &Policy::default(), now);
                assert_eq!(verdict.as_ref().err().copied(), expected, "{query} {state:?}");
                assert!(verdict.is_err() || verdict.unwrap().key.as_str() == "default");
            };
            check("s-kid=default&", expected);
            check("s-kid=d%65fault&", expected);
            check("", expected.map(|_| Error::BadSignature));
            check("s-kid=old&", Some(Error::BadSignature));
        }
    }

    #[test]
    fn a_name_that_is_in_use_again_is_not_refused_for_its_former_key() {
        let keys =
            [key("default", "another key", KeyState::Revoked), key("default", SECRET, KeyState::Active)];
        let url = DeliveryUrl::parse(&blindly(&format!("{PATH}?s-kid=default&exp=4102444800"))).unwrap();
        assert!(verify(&url, &keys, &Policy::default(), Timestamp::from_seconds(NOW_S)).is_ok());
    }

    #[test]
    fn eight_keys_are_tried_for_a_url_that_names_none() {
        let mut keys: Vec<SigningKey> = (0..MAX_KEYS_TRIED)
            .map(|n| key(&format!("k{n}"), &format!("secret {n}"), KeyState::Active))
            .collect();
        let url = DeliveryUrl::parse(&blindly(&format!("{PATH}?exp=4102444800"))).unwrap();
        let verdict =
            |keys: &[SigningKey]| verify(&url, keys, &Policy::default(), Timestamp::from_seconds(NOW_S));
        keys.push(key("default", SECRET, KeyState::Active));
        assert_eq!(verdict(&keys), Err(Error::BadSignature));
        keys.remove(0);
        assert!(verdict(&keys).is_ok());
        assert_eq!(verdict(&[]), Err(Error::BadSignature));
    }

    #[test]
    fn ignored_parameters_are_as_if_they_were_not_there() {
        let policy = Policy { ignore_params: vec!["utm_*".into(), "fb".into()], ..Policy::default() };
        let sig = blindly(&format!("{PATH}?a=1&exp=4102444800&b=2"));
        let sig = sig.rsplit("sig=").next().unwrap();
        let check = |query: &str, expected: Option<Error>| {
            let url = format!("{PATH}?{query}").replace("SIG", sig);
            assert_eq!(at(&url, &policy, NOW_S).verdict.err(), expected, "{query}");
        };
        check("a=1&exp=4102444800&b=2&sig=SIG", None);
        check("utm_a&a=1&utm_b=2&exp=4102444800&fb=&fb&sig=SIG&b=2&utm_c", None);
        check("sig=SIG&utm_a&a=1&exp=4102444800&b=2", None);
        check("a=1&exp=4102444800&fbx=1&b=2&sig=SIG", Some(Error::BadSignature));
        check("a=1&exp=4102444800&b=2&&sig=SIG", Some(Error::BadSignature));
    }

    #[test]
    fn a_url_with_as_many_runs_as_can_be_is_read_whole() {
        let policy = Policy { ignore_params: vec!["no".into()], ..Policy::default() };
        let signed: Vec<String> = (0..31).map(|n| format!("a{n}=1")).collect();
        let sig = blindly(&format!("{PATH}?{}&exp=4102444800", signed.join("&")));
        let sig = sig.rsplit("sig=").next().unwrap();
        let url = format!("{PATH}?{}&no&exp=4102444800&sig={sig}", signed.join("&no&"));
        assert_eq!(
            DeliveryUrl::parse(&url).unwrap().query().unwrap().split('&').count(),
            TargetLimits::MOST_QUERY_PAIRS
        );
        assert!(at(&url, &policy, NOW_S).verdict.is_ok());
    }

    #[test]
    fn signing_replaces_an_expiry_where_it_stands_and_drops_an_old_signature() {
        let key = &keys()[1];
        let unsigned = |url: &str, expires_s| {
            let signed = sign(url, key, expires_s).unwrap();
            let (text, sig) = signed.rsplit_once("sig=").unwrap();
            assert_eq!(sig.len(), 64);
            text.to_owned()
        };
        assert_eq!(unsigned("/a/b/c", Some(7)), "/a/b/c?exp=7&");
        assert_eq!(unsigned("/a/b/c?", None), "/a/b/c?");
        assert_eq!(unsigned("/a/b/c?exp=1&x=2&sig=old&exp=3", Some(7)), "/a/b/c?exp=7&x=2&");
        assert_eq!(unsigned("/a/b/c?exp=1&x", None), "/a/b/c?exp=1&x&");
        assert_eq!(unsigned("/a/b/c?exp=1&x=?", None), "/a/b/c?exp=1&x=?&");
        assert_eq!(
            unsigned("HTTPS://h:8/a/%c3%A4/c?s-kid=default", Some(7)),
            "HTTPS://h:8/a/%c3%A4/c?s-kid=default&exp=7&"
        );
    }

    #[test]
    fn what_would_be_refused_is_not_signed() {
        let key = &keys()[1];
        let check =
            |url: &str, expires_s, expected| assert_eq!(sign(url, key, expires_s), Err(expected), "{url}");
        for bad in [
            "",
            "a/b/c",
            "/a//c",
            "/a/b%2Fc/d",
            "/a/b c/d",
            "https://h",
            "https://h?a/b/c",
            "https://h/a/b/c#d",
            "ftp://h/a/b/c",
        ] {
            check(bad, Some(7), Error::BadPath);
        }
        check("/a/b/c", Some(-1), Error::MalformedParam);
        check("/a/b/c", Some(1_790_000_000_000), Error::MalformedParam);
        check("/a/b/c?exp=1&exp=2", None, Error::DuplicateParam);
        check("/a/b/c?s-ip=10.0.0.1", Some(7), Error::UnknownConstraint);
        check("/a/b/c?s-kid=other", Some(7), Error::UnknownKey);
        check(&format!("/a/{}/c", "x".repeat(5000)), Some(7), Error::TargetTooLong);
        check(&format!("/a/b/c?{}", ["x"; 64].join("&")), None, Error::MalformedParam);
    }

    #[test]
    fn an_explanation_names_what_to_do_first() {
        let strict = &Policy::default();
        let ignoring = &Policy { ignore_params: vec!["utm_*".into()], ..Policy::default() };
        let good = blindly(&format!("{PATH}?exp=4102444800"));
        let below = format!("/cdn-cgi/imagedelivery{good}");
        let check = |url: &str, policy: &Policy, word: &str| {
            let advice = advice_on(url, policy);
            assert!(advice.contains(word), "{url}: {advice}");
        };
        check(PATH, strict, "Sign the URL");
        check(&blindly(&format!("{PATH}?exp={}", NOW_S - 10_800)), strict, "expired 3 h ago");
        check(&blindly(&format!("{PATH}?s-nbf={}&exp=4102444800", NOW_S + 300)), strict, "valid in 5 min");
        check(&format!("{good}&utm_a=1"), strict, "utm_a was added after signing");
        check(&format!("{good}&utm_a=1&x=2"), strict, "Parameters were added after signing");
        check(&below, strict, "signed without /cdn-cgi/imagedelivery");
        check(&blindly(&format!("{PATH}?utm_a=1&exp=4102444800")), ignoring, "ignores was signed");
        check(
            &format!("{PATH}?exp=4102444800&{}", &blindly(PATH)[PATH.len() + 1..]),
            strict,
            "Only the path was signed",
        );
        check(&good.replace("mobile", "public"), strict, "changed after signing");
        check(
            &blindly(&format!("{PATH}?s-kid=other&exp=4102444800")),
            strict,
            "signed with default, but its s-kid",
        );
        check(&format!("{good}&s-geo=DE"), strict, "without s-geo");
    }

    #[test]
    fn an_explanation_tells_of_a_revoked_key_and_never_shows_a_secret() {
        let keys = [key("default", SECRET, KeyState::Revoked), key("new", "another key", KeyState::Active)];
        let url = DeliveryUrl::parse(&blindly(&format!("{PATH}?exp=4102444800"))).unwrap();
        let explanation = explain(&url, &keys, &Policy::default(), Timestamp::from_seconds(NOW_S));
        assert_eq!(explanation.verdict, Err(Error::BadSignature));
        assert!(explanation.advice.as_ref().unwrap().contains("default, which is revoked"));
        assert_eq!(explanation.signed_texts, [format!("{PATH}?exp=4102444800")]);
        assert!(!format!("{explanation:?}").contains(SECRET));
    }
}
