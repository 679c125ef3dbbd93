//! The signing schemes, a file each. This list knows its members.

mod native;

use domain::Timestamp;

use crate::verdict::{Check, Nobody, Verified};
use crate::{DeliveryUrl, Error, Policy, SigningKey};

/// A way to sign delivery URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Ours, which includes Cloudflare's form.
    Native,
}

/// Everything about a verdict, for people who have the right to see it. Never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The scheme that the URL is read by.
    pub scheme: Scheme,
    /// The verdict.
    pub verdict: Result<Verified, Error>,
    /// The texts that a signature may stand for.
    pub signed_texts: Vec<String>,
    /// Each check that was made.
    pub checks: Vec<Check>,
    /// The first thing to do about a refusal; none where it was accepted.
    pub advice: Option<String>,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: &[Scheme] = &[Scheme::Native];

    /// Its name, as settings and people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Native => "native",
        }
    }

    /// The scheme whose mark a URL carries (signing-schemes 9). A URL without a mark is read as native, which
    /// then misses its signature; schemes are never tried one after another.
    fn of(_url: &DeliveryUrl) -> Scheme {
        Scheme::Native
    }
}

/// Signs a delivery URL or path (with or without a query; an old `sig` goes): returns path, query and `sig`,
/// or the whole URL where one was given. `expires_s` in unix seconds replaces an `exp`.
///
/// Path and query keep their bytes, so for one that is already encoded the result is what Cloudflare's documented
/// JavaScript makes of it. Without `exp` the text is the path and `?`, as there. Refused is what [`verify`] would
/// refuse for its form, and as [`Error::UnknownKey`] a URL whose `s-kid` names another key.
pub fn sign(url: &str, key: &SigningKey, expires_s: Option<i64>) -> Result<String, Error> {
    native::sign(url, key, expires_s)
}

/// Verifies the signature of a delivery URL against an account's keys, in the order of signing-schemes 0.
///
/// The keys are all that the account has, retired and revoked ones too, so that a URL which names one of these is
/// told from one that names none. Does not allocate where nothing is percent-encoded in a control value.
pub fn verify(
    url: &DeliveryUrl,
    keys: &[SigningKey],
    policy: &Policy,
    now: Timestamp,
) -> Result<Verified, Error> {
    match Scheme::of(url) {
        Scheme::Native => native::judge(url, keys, policy, now, &mut Nobody),
    }
}

/// Verifies and says how the verdict came about: the same walk as [`verify`], with someone who listens.
pub fn explain(url: &DeliveryUrl, keys: &[SigningKey], policy: &Policy, now: Timestamp) -> Explanation {
    let scheme = Scheme::of(url);
    let mut checks = Vec::new();
    let (verdict, signed_texts, advice) = match scheme {
        Scheme::Native => {
            let verdict = native::judge(url, keys, policy, now, &mut checks);
            let advice = verdict.as_ref().err().map(|&error| native::advice(error, url, keys, policy, now));
            (verdict, native::signed_texts(url, policy), advice)
        }
    };
    Explanation { scheme, verdict, signed_texts, checks, advice }
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SigningKeyId};
    use proptest::prelude::*;

    use super::*;
    use crate::KeyState;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn key(secret: &str) -> SigningKey {
        SigningKey::new(SigningKeyId::default_key(), Secret::new(secret), KeyState::Active)
    }

    fn verdict(target: &str, keys: &[SigningKey]) -> Result<Verified, Error> {
        verify(&DeliveryUrl::parse(target)?, keys, &Policy::default(), NOW)
    }

    /// Delivery URLs that a caller may want signed, by scheme.
    fn signable(scheme: Scheme) -> impl Strategy<Value = String> {
        match scheme {
            Scheme::Native => {
                "(/cdn-cgi/imagedelivery)?(/([A-Za-z0-9_.+=,:~-]|%20|%C3%A4){1,12}x){3,5}(\\?([a-d]=?[a-z0-9%+?=]{0,4}&?){0,6})?"
            }
        }
    }

    proptest! {
        #[test]
        fn a_signed_url_passes_and_with_any_byte_changed_is_refused(
            url in (0..Scheme::ALL.len()).prop_flat_map(|index| signable(Scheme::ALL[index])),
            place in any::<prop::sample::Index>(),
            byte in 0x20_u8..=0x7F,
            life_s in 1_i64..1_000_000,
        ) {
            let keys = [key("another key"), key("t3stSigningKey0123456789")];
            let exp = NOW.as_seconds() + life_s;
            let signed = sign(&url, &keys[1], Some(exp)).unwrap();
            prop_assert_eq!(verdict(&signed, &keys).unwrap().expires_s, Some(exp));
            prop_assert_eq!(sign(&signed, &keys[1], None).unwrap(), signed.as_str());

            let mut changed = signed.clone().into_bytes();
            let place = place.index(changed.len());
            prop_assume!(changed[place] != byte);
            changed[place] = byte;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert!(verdict(&changed, &keys).is_err(), "{} became {}", signed, changed);
        }

        #[test]
        fn any_query_gets_a_verdict_and_the_same_explanation(
            query in "((exp|sig|s-kid|s-nbf|s-iat|s-at|s-x|utm_a|%73ig)?(=|&|%|1|0|17900036[0-9]{2}|[0-9a-f]{64}|default|\\PC)){0,12}",
            (require_exp, moved_urls) in any::<(bool, bool)>(),
        ) {
            let Ok(url) = DeliveryUrl::parse(&format!("/cdn-cgi/imagedelivery/a/b/c?{query}")) else { return Ok(()) };
            let policy = Policy { require_exp, moved_urls, ignore_params: vec!["utm_*".into()], leeway_s: 1 };
            let keys = [key("t3stSigningKey0123456789")];
            let explanation = explain(&url, &keys, &policy, NOW);
            prop_assert_eq!(&verify(&url, &keys, &policy, NOW), &explanation.verdict);
            prop_assert!(explanation.verdict.is_err() && explanation.advice.is_some());
        }
    }
}
