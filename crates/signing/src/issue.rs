//! Signing as a door does it for others: never what the account's own rules would refuse, and as a cookie where one is
//! wished for. What a URL demands stands in `constraints.rs`, how it is signed in `scheme/native/write.rs`.

use domain::Timestamp;

use crate::constraints::Constraints;
use crate::delivery_url::split_origin;
use crate::pairs::pairs;
use crate::policy::Policy;
use crate::request::{Request, Target};
use crate::scheme::{sign_with, verify_request};
use crate::verifier::Verifier;
use crate::{DeliveryUrl, Error, SigningKey};

const DAY_S: i64 = 86_400;

/// What is asked for below a folder, where its URL is judged.
const BELOW: &str = "x/x";

/// As [`sign_with`], but for URLs only that the account lets in: with an expiry where it requires one, not longer than its
/// longest life, with a prefix as deep as it demands, nothing that it has revoked. The error is the reason for which the
/// URL would be refused from its begin on; what depends on who asks (address, page, session, uses) is not judged.
pub fn issue(
    url: &str,
    key: &SigningKey,
    constraints: &Constraints,
    policy: &Policy,
    now: Timestamp,
) -> Result<String, Error> {
    let signed = sign_with(url, key, constraints)?;
    let (_, target) = split_origin(&signed);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let below = if path.ends_with('/') { BELOW } else { "" };
    let probe = DeliveryUrl::parse(&format!("{path}{below}?{query}"))?;
    let is_of_variant =
        below.is_empty() && !constraints.variants.is_empty() && constraints.prefix_segments.is_none();
    if is_of_variant && !constraints.variants.iter().any(|name| name == probe.last()) {
        return Err(Error::VariantNotAllowed);
    }
    let keys = std::slice::from_ref(key);
    let verifier = Verifier { counts_uses: true, ..Verifier::native(keys, policy) };
    let begin = begin(&probe, now);
    match verify_request(&Request::get(Target::Delivery(&probe)), &verifier, begin) {
        // These are the last that are judged, and depend on who asks.
        Ok(_)
        | Err(
            Error::IpMismatch | Error::VariantNotAllowed | Error::RefererNotAllowed | Error::SessionMismatch,
        ) => Ok(signed),
        Err(error) => Err(error),
    }
}

/// What a URL has to say of when it was issued, in unix seconds: something only where the account refuses URLs from before
/// a mark, or that do not say. It stays the same all through a window, as far as the mark allows.
pub fn issued_at_s(policy: &Policy, now: Timestamp, window_s: i64) -> Option<i64> {
    let mark_s = policy.revoked.issued_before_s?;
    let now_s = now.as_seconds();
    Some((now_s - now_s.rem_euclid(window_s.max(1))).max(mark_s).min(now_s))
}

/// How long a URL lives where nothing is said, in seconds: a day, or as long as the account allows where that is shorter. The
/// end may be rounded up within a window.
pub fn usual_life_s(policy: &Policy, window_s: i64) -> i64 {
    let most_s =
        policy.max_lifetime_s.map_or(DAY_S, |most_s| most_s.saturating_sub(window_s.saturating_sub(1)));
    most_s.clamp(1, DAY_S)
}

/// The value of a `Set-Cookie` header with the token of a URL that was signed for so many segments (signing-schemes 1.4):
/// it opens everything below them for browsers that ask for plain URLs.
pub fn set_cookie(
    signed: &str,
    prefix_segments: u8,
    expires_s: Option<i64>,
    policy: &Policy,
    now: Timestamp,
) -> String {
    let (_, target) = split_origin(signed);
    let (path, token) = target.split_once('?').unwrap_or((target, ""));
    let end = path.match_indices('/').nth(prefix_segments.into()).map_or(path.len(), |(slash, _)| slash + 1);
    let life = expires_s.map_or_else(String::new, |end_s| {
        format!("; Max-Age={}", end_s.saturating_sub(now.as_seconds()).max(0))
    });
    let (name, folder) = (&policy.token_cookie, &path[..end]);
    format!("{name}={token}; Path={folder}{life}; Secure; HttpOnly; SameSite=Lax")
}

/// When a URL begins to be valid: now, or later where it says so.
fn begin(url: &DeliveryUrl, now: Timestamp) -> Timestamp {
    let later = pairs(url.query()).filter(|pair| pair.name == "s-nbf").filter_map(|pair| pair.value);
    let later = later.filter_map(|value| value.parse().ok()).map(Timestamp::from_seconds);
    later.fold(now, Timestamp::max)
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SigningKeyId};
    use proptest::prelude::*;

    use super::*;
    use crate::{KeyState, Revoked};

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn key() -> SigningKey {
        SigningKey::new(
            SigningKeyId::default_key(),
            Secret::new("t3stSigningKey0123456789"),
            KeyState::Active,
        )
    }

    fn until(life_s: i64) -> Constraints {
        Constraints::until(Some(NOW.as_seconds() + life_s))
    }

    fn check(url: &str, constraints: &Constraints, policy: &Policy, refused: Option<Error>) {
        let issued = issue(url, &key(), constraints, policy, NOW);
        assert_eq!(issued.err(), refused, "{url} {constraints:?}");
    }

    #[test]
    fn what_the_account_would_refuse_is_not_signed() {
        let (plain, url) = (Policy::default(), "/acct/cat/public");
        check(url, &until(60), &plain, None);
        check(url, &until(0), &plain, Some(Error::Expired));
        check(url, &Constraints::default(), &plain, Some(Error::MissingExp));
        let never = Policy { require_exp: false, ..Policy::default() };
        check(url, &Constraints::default(), &never, None);
        let short = Policy { max_lifetime_s: Some(60), ..Policy::default() };
        check(url, &until(60), &short, None);
        check(url, &until(61), &short, Some(Error::LifetimeTooLong));
        let revoked = Revoked { subjects: ["ada".into()].into(), ..Revoked::default() };
        let revoking = Policy { revoked, ..Policy::default() };
        let subject = |name: &str| Constraints { subject: Some(name.into()), ..until(60) };
        check(url, &subject("ada"), &revoking, Some(Error::Revoked));
        check(url, &subject("bob"), &revoking, None);
        let ignoring = Policy { ignore_params: vec!["utm_*".into()], ..Policy::default() };
        check("/acct/cat/public?utm_a=1", &until(60), &ignoring, Some(Error::BadSignature));
    }

    #[test]
    fn a_folder_is_signed_as_deep_as_the_account_demands() {
        let deep = Policy { min_prefix_segments: 2, ..Policy::default() };
        let of = |segments| Constraints { prefix_segments: Some(segments), ..until(60) };
        check("/acct/", &of(1), &deep, Some(Error::PathNotAllowed));
        check("/acct/album/", &of(2), &deep, None);
        check("/acct/album/", &of(1), &Policy::default(), None);
        check("/acct/album/", &until(60), &Policy::default(), Some(Error::BadPath));
        let thumbs = Constraints { variants: vec!["thumb".into()], ..of(2) };
        check("/acct/album/", &thumbs, &Policy::default(), None);
    }

    #[test]
    fn what_depends_on_who_asks_is_no_reason_not_to_sign() {
        let bound = Constraints {
            networks: vec!["203.0.113.0/24".into()],
            referers: vec!["shop.example".into()],
            session: Some([7; 16]),
            token_id: Some("download-1".into()),
            uses: Some(3),
            not_before_s: Some(NOW.as_seconds() + 30),
            ..until(60)
        };
        check("https://img.example/acct/cat/public", &bound, &Policy::default(), None);
        let late = Constraints { not_before_s: Some(NOW.as_seconds() + 60), ..until(60) };
        check("/acct/cat/public", &late, &Policy::default(), Some(Error::Expired));
        let other = Constraints { variants: vec!["thumb".into()], ..until(60) };
        check("/acct/cat/public", &other, &Policy::default(), Some(Error::VariantNotAllowed));
        let nameless = Constraints { uses: Some(1), ..until(60) };
        check("/acct/cat/public", &nameless, &Policy::default(), Some(Error::MalformedParam));
    }

    #[test]
    fn a_url_says_when_it_was_issued_where_the_account_asks() {
        let mark = |issued_before_s| Policy {
            revoked: Revoked { issued_before_s, ..Revoked::default() },
            ..Policy::default()
        };
        assert_eq!(issued_at_s(&mark(None), NOW, 3_600), None);
        assert_eq!(issued_at_s(&mark(Some(5)), NOW, 1), Some(1_790_000_000));
        assert_eq!(issued_at_s(&mark(Some(5)), NOW, 3_600), Some(1_789_999_200));
        assert_eq!(issued_at_s(&mark(Some(1_789_999_900)), NOW, 3_600), Some(1_789_999_900));
        assert_eq!(issued_at_s(&mark(Some(1_800_000_000)), NOW, 3_600), Some(1_790_000_000));
        let policy = mark(Some(5));
        let issued = Constraints { issued_at_s: issued_at_s(&policy, NOW, 1), ..until(60) };
        check("/acct/cat/public", &issued, &policy, None);
        check("/acct/cat/public", &until(60), &policy, Some(Error::Revoked));
    }

    #[test]
    fn a_url_lives_a_day_or_as_long_as_the_account_allows() {
        let check = |max_lifetime_s, window_s, expected| {
            let policy = Policy { max_lifetime_s, ..Policy::default() };
            assert_eq!(usual_life_s(&policy, window_s), expected, "{max_lifetime_s:?} {window_s}");
        };
        check(None, 1, 86_400);
        check(Some(604_800), 3_600, 86_400);
        check(Some(3_600), 1, 3_600);
        check(Some(3_600), 600, 3_001);
        check(Some(60), i64::MAX, 1);
    }

    #[test]
    fn a_cookie_opens_the_folder_that_was_signed() {
        let check = |signed, segments, expires_s, expected: &str| {
            assert_eq!(set_cookie(signed, segments, expires_s, &Policy::default(), NOW), expected);
        };
        let end = Some(NOW.as_seconds() + 60);
        let rest = "Secure; HttpOnly; SameSite=Lax";
        check(
            "https://img.example/a/b/?s-pfx=2&sig=0",
            2,
            end,
            &format!("imgtoken=s-pfx=2&sig=0; Path=/a/b/; Max-Age=60; {rest}"),
        );
        check("/a/b/c/d?s-pfx=2&sig=0", 2, None, &format!("imgtoken=s-pfx=2&sig=0; Path=/a/b/; {rest}"));
    }

    proptest! {
        #[test]
        fn any_url_and_any_demand_is_signed_or_refused(
            url in "(https://h)?(/[a-zA-Z0-9%._-]{0,8}){0,5}/?(\\?[a-z0-9=&%-]{0,30})?|\\PC{0,40}",
            text in "\\PC{0,20}",
            segments in prop::option::of(0_u8..20),
            life_s in any::<i64>(),
        ) {
            let constraints = Constraints {
                expires_s: Some(life_s),
                prefix_segments: segments,
                subject: Some(text.clone()),
                variants: vec![text],
                ..Constraints::default()
            };
            if let Ok(signed) = issue(&url, &key(), &constraints, &Policy::default(), NOW) {
                prop_assert!(signed.contains("sig="));
                let _ = set_cookie(&signed, segments.unwrap_or(1), Some(life_s), &Policy::default(), NOW);
            }
        }
    }
}
