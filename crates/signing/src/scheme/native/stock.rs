//! The short way to accept the commonest token: Cloudflare's own form, `exp` and `sig` and nothing else, of an account
//! that has no other scheme. It accepts only what the whole walk accepts, in a part of its time, and leaves all else to it:
//! refusals first of all.

use domain::Timestamp;
use subtle::Choice;

use crate::request::{Request, Target};
use crate::syntax::{integer, lower_hex, same};
use crate::verdict::Verified;
use crate::verifier::{MAX_KEYS_TRIED, Verifier, signer};
use crate::{DeliveryUrl, Policy, Scheme, SchemeSet, SigningKey};

/// What a right signature in this form proves; none for whatever is to be looked at more closely.
pub(in crate::scheme) fn accept(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
) -> Option<Verified> {
    let Target::Delivery(url) = request.target else { return None };
    if verifier.schemes != SchemeSet::NATIVE {
        return None;
    }
    let token = Stock::read(url)?;
    if !token.lives(verifier.policy, now) {
        return None;
    }
    let tried = verifier.keys.iter().filter(|key| key.verifies_at(now)).take(MAX_KEYS_TRIED);
    let key = signer(tried, |key| token.is_signed_by(key))?;
    Some(Verified { expires_s: Some(token.expires_s), ..Verified::of(Scheme::Native, key.shared_id()) })
}

/// Length of `&sig=` and the 64 digits after it.
const SIG_BYTES: usize = 69;

/// A token of two pairs.
struct Stock<'u> {
    /// Path, `?` and `exp` with its value.
    signed: &'u str,
    expires_s: i64,
    sig: [u8; 32],
}

impl<'u> Stock<'u> {
    fn read(url: &'u DeliveryUrl) -> Option<Self> {
        let query = url.query()?;
        let (exp, sig) = query.split_at_checked(query.len().checked_sub(SIG_BYTES)?)?;
        let (exp, sig) = (exp.strip_prefix("exp=")?, sig.strip_prefix("&sig=")?);
        let signed = url.target().get(..url.target().len() - SIG_BYTES)?;
        Some(Stock { signed, expires_s: integer(exp)?, sig: lower_hex(sig)? })
    }

    /// Whether nothing that the account has decided concerns it, but its end.
    fn lives(&self, policy: &Policy, now: Timestamp) -> bool {
        let left_s = self.expires_s - now.as_seconds();
        left_s > 0
            && policy.max_lifetime_s.is_none_or(|most_s| left_s <= most_s)
            && policy.revoked.issued_before_s.is_none()
    }

    fn is_signed_by(&self, key: &SigningKey) -> Choice {
        same(&key.mac().of([self.signed]), &self.sig)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SigningKeyId};
    use proptest::prelude::*;

    use super::*;
    use crate::policy::Revoked;
    use crate::{KeyState, explain_request, sign};

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn key(name: &str, state: KeyState) -> SigningKey {
        SigningKey::new(name.parse::<SigningKeyId>().unwrap(), Secret::new(name), state)
    }

    fn policy() -> impl Strategy<Value = Policy> {
        let mark = prop::option::of(Just(NOW.as_seconds() - 5));
        (prop::option::of(1_i64..900), mark, any::<(bool, bool)>()).prop_map(
            |(max_lifetime_s, issued_before_s, (moved_urls, ignores))| Policy {
                max_lifetime_s,
                moved_urls,
                ignore_params: if ignores { vec!["utm_*".into()] } else { Vec::new() },
                revoked: Revoked { issued_before_s, ..Revoked::default() },
                ..Policy::default()
            },
        )
    }

    proptest! {
        /// The whole walk is what explains a request: nothing shortens that.
        #[test]
        fn what_the_short_way_accepts_the_whole_walk_accepts_too(
            path in "(/cdn-cgi/imagedelivery)?/a/b/c",
            signer in prop::sample::select(vec!["one", "two", "gone", "strange"]),
            life_s in -2_i64..1_000,
            more in prop::option::of("(utm_a=1|exp=1790000001|s-kid=two|s-pfx=1|a)"),
            cut in prop::option::of(any::<prop::sample::Index>()),
            policy in policy(),
        ) {
            let keys = [key("one", KeyState::Active), key("gone", KeyState::Revoked), key("two", KeyState::Active)];
            let mut target = sign(&path, &key(signer, KeyState::Active), Some(NOW.as_seconds() + life_s)).unwrap();
            target.extend(more.iter().flat_map(|more| ["&", more]));
            if let Some(cut) = cut {
                target.truncate(cut.index(target.len()).max(path.len()));
            }
            let url = DeliveryUrl::parse(&target).unwrap();
            let request = Request::get(Target::Delivery(&url));
            let verifier = Verifier::native(&keys, &policy);
            if let Some(verified) = accept(&request, &verifier, NOW) {
                prop_assert_eq!(Ok(verified), explain_request(&request, &verifier, NOW).verdict, "{}", target);
            }
        }
    }

    #[test]
    fn the_commonest_token_goes_the_short_way_and_none_goes_it_beside_another_scheme() {
        let (keys, policy) =
            ([key("one", KeyState::Active), key("two", KeyState::Active)], Policy::default());
        let target = sign("/a/b/c", &keys[1], Some(NOW.as_seconds() + 1)).unwrap();
        let url = DeliveryUrl::parse(&target).unwrap();
        let request = Request::get(Target::Delivery(&url));
        let native = Verifier::native(&keys, &policy);
        assert!(accept(&request, &native, NOW).is_some());
        let beside = Verifier { schemes: SchemeSet::NATIVE.with(Scheme::Imgix), ..native };
        assert!(accept(&request, &beside, NOW).is_none());
        let ended = Timestamp::from_seconds(NOW.as_seconds() + 1);
        assert!(accept(&request, &native, ended).is_none());
    }
}
