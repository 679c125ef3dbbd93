//! What a signer demands of whoever shows a URL, written as the parameters of a native token (signing-schemes 1.1).

use sha2::{Digest as _, Sha256};

use crate::escape::encode_into;

/// What a URL is to demand beside its path. Everything is optional; nothing here is checked before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraints {
    /// End of validity, in unix seconds.
    pub expires_s: Option<i64>,
    /// Begin of validity, in unix seconds.
    pub not_before_s: Option<i64>,
    /// When it is issued, in unix seconds. Only the holder of a key says so.
    pub issued_at_s: Option<i64>,
    /// The name of the signing key. Only the holder of a key says so.
    pub key: Option<String>,
    /// Sign only so many segments of the path, 1 to 16: the URL opens everything below.
    pub prefix_segments: Option<u8>,
    /// Names of variants, at most 32.
    pub variants: Vec<String>,
    /// Client addresses and networks in CIDR form, at most 8.
    pub networks: Vec<String>,
    /// Hosts that may embed it, in lower case, at most 8: `host`, `*.host` for its sub-domains, `-` for no referer.
    pub referers: Vec<String>,
    /// For whom it is, for the audit log: 1 to 64 of `A-Za-z0-9._@:-`.
    pub subject: Option<String>,
    /// The session that it is bound to, by [`Constraints::session_of`].
    pub session: Option<[u8; 16]>,
    /// Its id: 8 to 64 of `A-Za-z0-9._-`.
    pub token_id: Option<String>,
    /// How often it may be fetched; needs a token id.
    pub uses: Option<u64>,
}

impl Constraints {
    /// An expiry and nothing else.
    pub fn until(expires_s: Option<i64>) -> Self {
        Constraints { expires_s, ..Constraints::default() }
    }

    /// What a URL is bound to, so that only requests with this value of the session cookie may use it.
    pub fn session_of(cookie_value: &str) -> [u8; 16] {
        let whole: [u8; 32] = Sha256::digest(cookie_value).into();
        std::array::from_fn(|index| whole[index])
    }

    /// An expiry that stays the same all through a window, so that browsers and shared caches see one URL: at least
    /// `life_s` from now, and less than `window_s` more.
    pub fn stable_expiry_s(now_s: i64, life_s: i64, window_s: i64) -> i64 {
        let window_s = window_s.max(1);
        let end_s = now_s.saturating_add(life_s);
        end_s.saturating_add((-end_s).rem_euclid(window_s))
    }

    /// The parameters, name and pair, the expiry last.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let number = |value: Option<i64>| value.map(|value| value.to_string());
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        let count = |value: Option<u64>| value.map(|value| value.to_string());
        let values = [
            ("s-kid", self.key.clone()),
            ("s-nbf", number(self.not_before_s)),
            ("s-iat", number(self.issued_at_s)),
            ("s-pfx", count(self.prefix_segments.map(u64::from))),
            ("s-var", list(&self.variants)),
            ("s-ip", list(&self.networks)),
            ("s-ref", list(&self.referers)),
            ("s-sub", self.subject.clone()),
            ("s-cnf", self.session.map(hex::encode)),
            ("s-jti", self.token_id.clone()),
            ("s-uses", count(self.uses)),
            ("exp", number(self.expires_s)),
        ];
        let written =
            |(name, value): (&'static str, Option<String>)| value.map(|value| (name, pair(name, &value)));
        values.into_iter().filter_map(written).collect()
    }
}

/// A pair whose value keeps what a query may show.
fn pair(name: &str, value: &str) -> String {
    let mut pair = format!("{name}=");
    encode_into(&mut pair, value, b",:/*@");
    pair
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_expiry_stays_the_same_all_through_a_window() {
        let check = |now_s, expected| {
            assert_eq!(Constraints::stable_expiry_s(now_s, 3_600, 600), expected, "{now_s}");
        };
        check(1_790_000_400, 1_790_004_000);
        check(1_790_000_401, 1_790_004_600);
        check(1_790_001_000, 1_790_004_600);
        check(1_790_001_001, 1_790_005_200);
        assert_eq!(Constraints::stable_expiry_s(7, 3, 0), 10);
    }

    #[test]
    fn a_session_is_bound_by_half_of_its_digest() {
        assert_eq!(hex::encode(Constraints::session_of("")), "e3b0c44298fc1c149afbf4c8996fb924");
    }

    proptest! {
        #[test]
        fn a_stable_expiry_is_never_too_early(now_s in 0_i64..4_000_000_000, life_s in 0_i64..1_000_000, window_s in 1_i64..1_000_000) {
            let end_s = Constraints::stable_expiry_s(now_s, life_s, window_s);
            prop_assert!((now_s + life_s..now_s + life_s + window_s).contains(&end_s) && end_s % window_s == 0);
        }
    }
}
