//! The native token: Cloudflare's signed URL, in which every other parameter is signed too, with reserved names
//! `s-…` for what it may demand (signing-schemes 1); and the generic form, the same under other names (7).

mod advice;
mod blocks;
mod chain;
mod constraint;
mod demands;
mod dialect;
mod stock;
mod write;

use domain::Timestamp;

pub(super) use self::advice::advice;
use self::blocks::Blocks;
use self::chain::{Chain, Reading, readings};
use self::constraint::Held;
use self::demands::Demands;
pub(super) use self::dialect::Dialect;
pub(super) use self::stock::accept as accept_stock;
pub(super) use self::write::{narrow, sign};
use crate::request::{Request, Target};
use crate::verdict::{Carrier, Covers, Nobody, ShortText, Signer, Uses, Verified, Witness};
use crate::verifier::{MAX_KEYS_TRIED, Verifier, signer};
use crate::{DeliveryUrl, Error, Policy, SigningKey};

/// Most cookies that are looked at.
const MAX_COOKIES: usize = 8;
/// Segments of `/cdn-cgi/imagedelivery`, which are no part of what a prefix covers.
const MOVED_SEGMENTS: u8 = 2;

/// A token as it was presented.
#[derive(Clone, Copy)]
struct Presented<'p> {
    url: &'p DeliveryUrl,
    query: Option<&'p str>,
    carrier: Carrier,
    dialect: Dialect,
    /// None where the caller knows nothing but the URL.
    request: Option<&'p Request<'p>>,
}

/// Judges the token in the URL of a request.
pub(super) fn judge<W: Witness>(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    dialect: Dialect,
    witness: &mut W,
) -> Result<Verified, Error> {
    with_url(request, witness, |url, witness| {
        let (query, carrier) = (url.query(), Carrier::Url);
        judge_token(
            Presented { url, query, carrier, dialect, request: Some(request) },
            verifier,
            now,
            witness,
        )
    })
}

/// Judges the token in a URL that was read already, of a request of which nothing else is known.
pub(super) fn judge_url<W: Witness>(
    url: &DeliveryUrl,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut W,
) -> Result<Verified, Error> {
    let (query, carrier, dialect) = (url.query(), Carrier::Url, Dialect::Native);
    judge_token(Presented { url, query, carrier, dialect, request: None }, verifier, now, witness)
}

/// Judges the tokens in the cookies of a request (signing-schemes 1.4): one that verifies is enough, and if none does,
/// the first one's reason is told.
pub(super) fn judge_cookies<W: Witness>(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut W,
) -> Result<Verified, Error> {
    let cookies = request.cookies();
    let tokens = cookies.iter().filter(|(name, _)| verifier.policy.is_token_cookie(name)).take(MAX_COOKIES);
    with_url(request, witness, |url, witness| {
        let mut first = None;
        for (_, token) in tokens {
            let verdict = judge_token(in_cookie(url, token, request), verifier, now, &mut Nobody);
            if verdict.is_ok() && !W::LISTENS {
                return verdict;
            }
            if verdict.is_ok() {
                return judge_token(in_cookie(url, token, request), verifier, now, witness);
            }
            first.get_or_insert(token);
        }
        let first = first.ok_or(Error::MissingSignature)?;
        judge_token(in_cookie(url, first, request), verifier, now, witness)
    })
}

fn in_cookie<'p>(url: &'p DeliveryUrl, token: &'p str, request: &'p Request<'p>) -> Presented<'p> {
    let (query, carrier, dialect) = (Some(token), Carrier::Cookie, Dialect::Native);
    Presented { url, query, carrier, dialect, request: Some(request) }
}

/// Reads the URL of a request, unless its door did.
fn with_url<W: Witness>(
    request: &Request<'_>,
    witness: &mut W,
    judge: impl FnOnce(&DeliveryUrl, &mut W) -> Result<Verified, Error>,
) -> Result<Verified, Error> {
    match request.target {
        Target::Delivery(url) => judge(url, witness),
        Target::Raw(target) => match DeliveryUrl::parse(target) {
            Ok(url) => judge(&url, witness),
            Err(error) => witness.step("path", Err(error), |_| String::new()),
        },
    }
}

/// Makes every check in its order (signing-schemes 0): what is wrong with the form first, what only a holder of
/// the key may learn after the signature.
fn judge_token<W: Witness>(
    presented: Presented<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut W,
) -> Result<Verified, Error> {
    let Presented { url, query, dialect, .. } = presented;
    witness.see("path", true, || "The path can be read in one way only.".into());
    let blocks = Blocks::walk(query, dialect, verifier.policy);
    if blocks.is_overfull() {
        return witness.step("parameters", Err(Error::MalformedParam), |_| String::new());
    }
    if W::LISTENS {
        signed_texts(url, &blocks, verifier.policy).into_iter().for_each(|text| witness.text(|| text));
    }
    let sig =
        witness.step("signature present", blocks.signature(), |_| "The URL carries one signature.".into())?;
    let sig =
        witness.step("signature syntax", dialect.mac(sig), |_| "It is written as it must be.".into())?;
    let checked = checked(&blocks, &presented, verifier);
    witness.step("parameters", checked, |()| "Each is well formed, known and there once.".into())?;
    let first = blocks.first();
    witness.step("expiry present", has_expiry(first, dialect, verifier.policy), |_| {
        match first.expires_s {
            Some(exp) => format!("The URL ends at {}.", Timestamp::from_seconds(exp).to_rfc3339()),
            None => "The URL never expires, which the account allows.".into(),
        }
    })?;
    witness.step("signing key", known_key(first, dialect, verifier.keys, now), |tried| match &first.key {
        Some(name) => format!("The URL names the signing key {name}, which verifies."),
        None => format!("The URL names no signing key; each that verifies is tried, {tried} in all."),
    })?;
    let (chain, readings) = (Chain(&blocks), readings(url, &blocks, verifier.policy));
    let candidates = candidates(first, verifier.keys, now);
    let read = candidates.flat_map(|key| readings.clone().map(move |reading| (key, reading)));
    let signer = signer(read, |(key, reading)| chain.is_signed(key, reading, &sig));
    let (key, reading) = witness.step("signature", signer.ok_or(Error::BadSignature), |(key, _)| {
        format!("The signing key {} made this signature of this path and query.", key.id())
    })?;
    Token { presented, blocks: &blocks, first, key, reading }.judge(verifier, now, witness)
}

/// A token whose signature is right.
struct Token<'t, 'u> {
    presented: Presented<'t>,
    blocks: &'t Blocks<'u>,
    /// What the first block demands.
    first: &'t Demands<'u>,
    key: &'t SigningKey,
    reading: Reading<'t>,
}

impl Token<'_, '_> {
    /// What is told only to who holds a right signature.
    fn judge<W: Witness>(
        &self,
        verifier: &Verifier<'_>,
        now: Timestamp,
        witness: &mut W,
    ) -> Result<Verified, Error> {
        let policy = verifier.policy;
        let (request, url) = (self.presented.request, self.presented.url);
        witness.signed(|| self.issuer_names());
        let revoked = self.each(|demands| constraint::revocation(demands, &policy.revoked));
        see(witness, "revocation", and(revoked, self.issued_after(policy)), "It was not revoked.")?;
        let later_s = now.as_seconds().saturating_add(policy.leeway_s());
        witness.step("not before", self.has_begun(later_s), |()| "The URL is valid already.".into())?;
        let expires_s = self.expires_s();
        witness.step("expiry", is_running(expires_s, now), |()| "The URL is still valid.".into())?;
        see(witness, "lifetime", self.lifetime(policy, now), "It lives no longer than the account allows.")?;
        see(witness, "prefix", self.prefix(policy), "It covers no more than the account allows.")?;
        let held = self.each(|demands| constraint::address(demands, request));
        see(witness, "address", held, "It was asked for from an address that it names.")?;
        let held = self.each(|demands| constraint::variant(demands, url));
        see(witness, "variant", held, "The variant is one that it names.")?;
        let held = self.each(|demands| constraint::referer(demands, request));
        see(witness, "referer", held, "The page that embeds it is one that it names.")?;
        let held = self.each(|demands| constraint::session(demands, request, &policy.session_cookie));
        see(witness, "session", held, "The session is the one that it is bound to.")?;
        Ok(self.verified(expires_s))
    }

    /// What each block says of a demand, the first refusal before all.
    fn each(&self, judge: impl Fn(&Demands<'_>) -> Held) -> Held {
        self.blocks.all().fold(None, |held, demands| and(held, judge(demands)))
    }

    /// The value of a demand in each block that makes it.
    fn values<T>(&self, of: impl Fn(&Demands<'_>) -> Option<T>) -> impl Iterator<Item = T> {
        self.blocks.all().filter_map(of)
    }

    fn expires_s(&self) -> Option<i64> {
        self.values(|demands| demands.expires_s).min()
    }

    fn has_begun(&self, later_s: i64) -> Result<(), Error> {
        let begins = self.values(|demands| demands.not_before_s).chain(self.first.issued_at_s);
        if begins.max().is_some_and(|begin| begin > later_s) {
            return Err(Error::NotYetValid);
        }
        Ok(())
    }

    fn issued_after(&self, policy: &Policy) -> Held {
        let mark = policy.revoked.issued_before_s?;
        let is_after = self.first.issued_at_s.is_some_and(|issued| issued >= mark);
        Some(if is_after { Ok(()) } else { Err(Error::Revoked) })
    }

    /// The life that the holder of the key gave it. What others cut off later does not make it shorter, or else any URL
    /// could be made to fit.
    fn lifetime(&self, policy: &Policy, now: Timestamp) -> Held {
        let most_s = policy.max_lifetime_s?;
        let begin_s = self.first.issued_at_s.unwrap_or_else(|| now.as_seconds());
        let fits = self.first.expires_s.is_some_and(|exp| exp.saturating_sub(begin_s) <= most_s);
        Some(if fits { Ok(()) } else { Err(Error::LifetimeTooLong) })
    }

    /// The prefix is as deep as the account demands. What comes in a cookie has one.
    fn prefix(&self, policy: &Policy) -> Held {
        let Some(segments) = self.first.prefix_segments else {
            return (self.presented.carrier == Carrier::Cookie).then_some(Err(Error::PathNotAllowed));
        };
        let is_moved = self.presented.url.is_moved() && !self.reading.is_unmoved;
        let depth = if is_moved { segments.saturating_sub(MOVED_SEGMENTS) } else { segments };
        let fits = depth >= policy.min_prefix_segments.max(1);
        Some(if fits { Ok(()) } else { Err(Error::PathNotAllowed) })
    }

    /// Who signed, by the words of the holder of the key alone. Whoever holds a link may add others to it, and one that
    /// has ended long ago must not fill the log with names.
    fn issuer_names(&self) -> Signer {
        let text = |text: &Option<_>| ShortText::new(text.as_deref()?);
        Signer {
            key: self.key.shared_id(),
            subject: text(&self.first.subject),
            token_id: text(&self.first.token_id),
        }
    }

    fn signer(&self) -> Signer {
        Signer {
            key: self.key.shared_id(),
            subject: self.values(|demands| ShortText::new(demands.subject.as_deref()?)).next(),
            token_id: self.values(|demands| ShortText::new(demands.token_id.as_deref()?)).next(),
        }
    }

    fn verified(&self, expires_s: Option<i64>) -> Verified {
        let Signer { key, subject, token_id } = self.signer();
        let Presented { dialect, carrier, .. } = self.presented;
        let demands_more = |demands: &Demands<'_>| demands.needs_request() || demands.uses.is_some();
        Verified {
            expires_s,
            shareable: carrier == Carrier::Url && !self.blocks.all().any(demands_more),
            covers: self.first.prefix_segments.map_or(Covers::Path, |segments| Covers::Prefix { segments }),
            carrier,
            subject,
            token_id,
            uses: self.uses(),
            ..Verified::of(dialect.scheme(), key)
        }
    }

    /// The counters, one for each block that demands one. Each counts until the block ends that demands it, and not until
    /// one behind it does: that may be cut off again, and the counter must not have been forgotten then.
    fn uses(&self) -> Vec<Uses> {
        let (mut uses, mut until_s) = (Vec::new(), None::<i64>);
        for (block, demands) in self.blocks.all().enumerate() {
            until_s = until_s.into_iter().chain(demands.expires_s).min();
            let Some(most) = demands.uses else { continue };
            let counter = Chain(self.blocks).signature(self.key, self.reading, block);
            uses.extend(counter.map(|counter| Uses { counter, most, until_s }));
        }
        uses
    }
}

/// Both of two outcomes.
fn and(one: Held, other: Held) -> Held {
    match (one, other) {
        (Some(Err(error)), _) | (_, Some(Err(error))) => Some(Err(error)),
        (Some(Ok(())), _) | (_, Some(Ok(()))) => Some(Ok(())),
        (None, None) => None,
    }
}

/// Sees a check, where it was demanded.
fn see(witness: &mut impl Witness, name: &'static str, held: Held, detail: &str) -> Result<(), Error> {
    held.map_or(Ok(()), |outcome| witness.step(name, outcome, |()| detail.into()))
}

/// The texts that the signatures of each block may stand for, for people.
fn signed_texts(url: &DeliveryUrl, blocks: &Blocks<'_>, policy: &Policy) -> Vec<String> {
    let chain = Chain(blocks);
    let of_reading = |reading| (0..blocks.count()).map(move |block| (reading, block));
    let all = readings(url, blocks, policy).flat_map(of_reading);
    all.filter_map(|(reading, block)| chain.written(reading, block)).collect()
}

/// Whether all blocks are well formed, and there is someone to see to each demand.
fn checked(blocks: &Blocks<'_>, presented: &Presented<'_>, verifier: &Verifier<'_>) -> Result<(), Error> {
    blocks.check()?;
    let is_kept = |demands: &Demands<'_>| {
        (presented.request.is_some() || !demands.needs_request())
            && (verifier.counts_uses || demands.uses.is_none())
    };
    if blocks.all().all(is_kept) { Ok(()) } else { Err(Error::UnknownConstraint) }
}

fn has_expiry(first: &Demands<'_>, dialect: Dialect, policy: &Policy) -> Result<(), Error> {
    if first.expires_s.is_none() && (policy.require_exp || dialect == Dialect::Generic) {
        return Err(Error::MissingExp);
    }
    Ok(())
}

/// How many keys are to be tried. A URL that names a key which is retired or revoked learns that; one that names none
/// learns nothing, since neither is tried.
fn known_key(
    first: &Demands<'_>,
    dialect: Dialect,
    keys: &[SigningKey],
    now: Timestamp,
) -> Result<usize, Error> {
    let tried = candidates(first, keys, now).count();
    match &first.key {
        Some(name) if tried == 0 => {
            let known = keys.iter().any(|key| key.id().as_str() == name);
            Err(if known { Error::KeyRevoked } else { Error::UnknownKey })
        }
        None if dialect.names_key() => Err(Error::UnknownKey),
        _ => Ok(tried),
    }
}

/// The keys that may have signed: the named one, else all that verify.
fn candidates<'k>(
    first: &Demands<'_>,
    keys: &'k [SigningKey],
    now: Timestamp,
) -> impl Iterator<Item = &'k SigningKey> + Clone {
    let named = move |key: &&SigningKey| first.key.as_deref().is_none_or(|name| name == key.id().as_str());
    keys.iter().filter(move |key| key.verifies_at(now)).filter(named).take(MAX_KEYS_TRIED)
}

fn is_running(expires_s: Option<i64>, now: Timestamp) -> Result<(), Error> {
    if expires_s.is_some_and(|exp| now.as_seconds() >= exp) {
        return Err(Error::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::advice::mac_of;
    use super::*;
    use crate::{Constraints, Explanation, KeyState, TargetLimits, explain, sign, sign_with, verify};

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
        format!("{path}?{query}{joint}sig={}", hex::encode(mac_of(text, &keys()[1])))
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
        check(&format!("sig={sig}&exp=1&s-at=1&exp=x&s-x=1"), Error::MalformedParam);
        check(&format!("sig={sig}&exp=1&s-x=1&s-at=1&exp=1&exp=1"), Error::DuplicateParam);
        check(&format!("sig={sig}&exp=1&s-at=1&s-x=1"), Error::UnknownConstraint);
        check(&format!("sig={sig}&exp=1&s-at=1&exp=1"), Error::BadSignature);
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
        check("/a/b/c?s-x=10.0.0.1", Some(7), Error::UnknownConstraint);
        check("/a/b/c?s-ip=10.0.0", Some(7), Error::MalformedParam);
        check("/a/b/", Some(7), Error::BadPath);
        check("/a/b/?s-pfx=3", Some(7), Error::PathNotAllowed);
        check("/a//?s-pfx=1", Some(7), Error::BadPath);
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

    fn at_now(target: &str, policy: &Policy) -> Result<Verified, Error> {
        at(target, policy, NOW_S).verdict
    }

    #[test]
    fn a_prefix_opens_what_lies_below_and_nothing_beside() {
        let album = Constraints { prefix_segments: Some(3), ..Constraints::until(Some(NOW_S + 60)) };
        let query = |url: &str| {
            let signed = sign_with(url, &keys()[1], &album).unwrap();
            signed.split_once('?').unwrap().1.to_owned()
        };
        let token = query("https://img.example/acct/albums/2026/");
        assert_eq!(query("/acct/albums/2026/beach/IMG_7/mobile"), token);
        assert_eq!(query("/acct/albums/2026/?s-pfx=2"), token);
        let check = |path: &str, expected: Option<Error>| {
            let verdict = at_now(&format!("{path}?{token}"), &Policy::default());
            assert_eq!(verdict.as_ref().err().copied(), expected, "{path}");
            assert!(verdict.is_err() || verdict.unwrap().covers == Covers::Prefix { segments: 3 });
        };
        check("/acct/albums/2026/beach/IMG_7/mobile", None);
        check("/acct/albums/2026/w=9", None);
        check("/acct/albums/2025/beach/IMG_7/mobile", Some(Error::BadSignature));
        check("/acct/albums/2026", Some(Error::BadSignature));
        check("/acct/albums/%32026/a", Some(Error::BadSignature));
    }

    #[test]
    fn a_prefix_below_the_moved_path_never_covers_all_accounts() {
        let check = |segments, min_prefix_segments, expected: Option<Error>| {
            let wide =
                Constraints { prefix_segments: Some(segments), ..Constraints::until(Some(NOW_S + 60)) };
            let signed = sign_with("/cdn-cgi/imagedelivery/acct/a/b/c", &keys()[1], &wide).unwrap();
            let policy = Policy { min_prefix_segments, ..Policy::default() };
            assert_eq!(at_now(&signed, &policy).err(), expected, "{segments} {min_prefix_segments}");
        };
        check(1, 0, Some(Error::PathNotAllowed));
        check(2, 0, Some(Error::PathNotAllowed));
        check(3, 0, None);
        check(3, 1, None);
        check(3, 2, Some(Error::PathNotAllowed));
        check(4, 2, None);
    }

    #[test]
    fn a_holder_narrows_and_never_widens() {
        let album = Constraints { prefix_segments: Some(2), ..Constraints::until(Some(NOW_S + 600)) };
        let issued = sign_with("/acct/albums/a/b", &keys()[1], &album).unwrap();
        let hour = Constraints { variants: vec!["b".into()], ..Constraints::until(Some(NOW_S + 60)) };
        let mut url = narrow(&issued, &hour).unwrap();
        assert_eq!(at_now(&url, &Policy::default()).map(|verified| verified.expires_s), Ok(Some(NOW_S + 60)));
        assert_eq!(
            at_now(&url.replace("/a/b?", "/x/b?"), &Policy::default()).err(),
            Some(Error::BadSignature)
        );
        for _ in 1..4 {
            url = narrow(&url, &Constraints::until(Some(NOW_S + 9_000))).unwrap();
            assert_eq!(
                at_now(&url, &Policy::default()).map(|verified| verified.expires_s),
                Ok(Some(NOW_S + 60))
            );
        }
        assert_eq!(narrow(&url, &hour), Err(Error::MalformedParam));
        for bad in [
            Constraints { key: Some("default".into()), ..Constraints::default() },
            Constraints { issued_at_s: Some(1), ..Constraints::default() },
            Constraints { variants: vec!["w=1".into()], ..Constraints::default() },
        ] {
            assert_eq!(narrow(&issued, &bad), Err(Error::MalformedParam));
        }
        assert_eq!(narrow("/a/b/c?exp=1", &hour), Err(Error::MissingSignature));
        let folder =
            sign_with("/acct/albums/?s-pfx=2", &keys()[1], &Constraints::until(Some(NOW_S + 600))).unwrap();
        assert_eq!(narrow(&folder, &hour), Err(Error::BadPath));
        let sub = Constraints { prefix_segments: Some(2), ..Constraints::until(Some(NOW_S + 60)) };
        let query = narrow(&folder, &sub).unwrap();
        let below = query.replacen("/acct/albums/", "/acct/albums/x/y", 1);
        assert!(at_now(&below, &Policy::default()).is_ok(), "{below}");
    }

    #[test]
    fn signing_a_narrowed_url_signs_its_blocks_too() {
        let issued = blindly(&format!("{PATH}?exp=4102444800"));
        let narrowed = narrow(&issued, &Constraints::until(Some(NOW_S + 60))).unwrap();
        assert_eq!(sign(&narrowed, &keys()[1], None).unwrap(), narrowed);
        let longer = sign(&narrowed, &keys()[1], Some(4_102_444_801)).unwrap();
        assert!(longer.contains(&format!("exp=4102444801&s-at=1&exp={}", NOW_S + 60)), "{longer}");
        assert!(at_now(&longer, &Policy::default()).is_ok());
    }

    #[test]
    fn a_constraint_that_nobody_sees_to_opens_nothing() {
        for query in [
            "s-ip=0.0.0.0/0",
            "s-ref=-",
            "s-cnf=00112233445566778899aabbccddeeff",
            "s-jti=01J9Z3K8QW&s-uses=9",
        ] {
            let url = sign(&format!("{PATH}?{query}"), &keys()[1], Some(NOW_S + 60)).unwrap();
            assert_eq!(at_now(&url, &Policy::default()).err(), Some(Error::UnknownConstraint), "{query}");
            let added = format!("{PATH}?exp={}&s-at=1&{query}", NOW_S + 60);
            let added = sign(&added, &keys()[1], None).unwrap();
            assert_eq!(at_now(&added, &Policy::default()).err(), Some(Error::UnknownConstraint), "{query}");
            let name = query.split('=').next().unwrap().replace("jti", "uses");
            assert!(advice_on(&url, &Policy::default()).contains(&name), "{query}");
        }
    }

    #[test]
    fn a_lifetime_is_what_the_key_s_holder_gave() {
        let policy = Policy { max_lifetime_s: Some(100), ..Policy::default() };
        let check =
            |url: &str, expected: Option<Error>| assert_eq!(at_now(url, &policy).err(), expected, "{url}");
        let short = blindly(&format!("{PATH}?exp={}", NOW_S + 100));
        let long = blindly(&format!("{PATH}?exp={}", NOW_S + 101));
        check(&short, None);
        check(&long, Some(Error::LifetimeTooLong));
        check(&narrow(&long, &Constraints::until(Some(NOW_S + 9))).unwrap(), Some(Error::LifetimeTooLong));
        check(&blindly(&format!("{PATH}?s-iat={}&exp={}", NOW_S - 50, NOW_S + 50)), None);
        check(
            &blindly(&format!("{PATH}?s-iat={}&exp={}", NOW_S - 51, NOW_S + 50)),
            Some(Error::LifetimeTooLong),
        );
        let endless = Policy { require_exp: false, ..policy.clone() };
        assert_eq!(at_now(&blindly(&format!("{PATH}?")), &endless).err(), Some(Error::LifetimeTooLong));
    }

    #[test]
    fn a_counter_counts_on_when_its_url_was_narrowed() {
        let url = blindly(&format!("{PATH}?s-jti=download-1&s-uses=1&exp={}", NOW_S + 90_000));
        let mut narrowed = narrow(&url, &Constraints::until(Some(NOW_S + 60))).unwrap();
        let counters = |url: &str| {
            let (url, keys, policy) = (DeliveryUrl::parse(url).unwrap(), keys(), Policy::default());
            let verifier = Verifier { counts_uses: true, ..Verifier::native(&keys, &policy) };
            let request = Request::get(Target::Delivery(&url));
            let verified =
                crate::verify_request(&request, &verifier, Timestamp::from_seconds(NOW_S)).unwrap();
            (verified.expires_s, verified.uses)
        };
        let (_, uses) = counters(&url);
        assert_eq!((uses.len(), uses[0].until_s), (1, Some(NOW_S + 90_000)));
        assert_eq!(counters(&narrowed), (Some(NOW_S + 60), uses.clone()));
        let twice =
            Constraints { token_id: Some("download-2".into()), uses: Some(2), ..Constraints::default() };
        narrowed = narrow(&narrowed, &twice).unwrap();
        let (_, both) = counters(&narrowed);
        assert_eq!((both[0], both[1].until_s), (uses[0], Some(NOW_S + 60)));
    }

    #[test]
    fn what_a_holder_adds_can_be_revoked_too() {
        let issued = blindly(&format!("{PATH}?s-sub=issuer&exp={}", NOW_S + 60));
        let added = Constraints { subject: Some("holder".into()), ..Constraints::default() };
        let url = narrow(&issued, &added).unwrap();
        let subject = at_now(&url, &Policy::default()).unwrap().subject;
        assert_eq!(subject.map(|subject| subject.as_str().to_owned()).as_deref(), Some("issuer"));
        for name in ["issuer", "holder", "else"] {
            let mut policy = Policy::default();
            policy.revoked.subjects.insert(name.into());
            let expected = (name != "else").then_some(Error::Revoked);
            assert_eq!(at_now(&url, &policy).err(), expected, "{name}");
        }
    }
}
