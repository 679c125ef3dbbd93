//! What an account decides about the verification of its URLs (signing-schemes 1.5).

use std::collections::BTreeSet;

use domain::Invalid;

use crate::schemes::{Scheme, SchemeSet};

/// An account's rules for verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// A URL without `exp` is refused.
    pub require_exp: bool,
    /// Names of query pairs that are dropped before the text is built; a trailing `*` names a prefix.
    pub ignore_params: Vec<String>,
    /// Under `/cdn-cgi/imagedelivery/` the path without that prefix is tried too.
    pub moved_urls: bool,
    /// Seconds added to now for not-before checks only; at most 60.
    pub leeway_s: u32,
    /// The longest life of a URL in seconds, from `s-iat` or else from now; none for any.
    pub max_lifetime_s: Option<i64>,
    /// Fewest segments of a signed prefix; the two of `/cdn-cgi/imagedelivery/` do not count.
    pub min_prefix_segments: u8,
    /// What was revoked.
    pub revoked: Revoked,
    /// The name of cookies that carry a token; also with `-` and a label after it.
    pub token_cookie: String,
    /// The name of the session cookie that tokens may be bound to.
    pub session_cookie: String,
}

/// What an account has revoked beside its keys. Each list is in order, so that a look into it is short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revoked {
    /// Token ids.
    pub token_ids: BTreeSet<String>,
    /// Subjects.
    pub subjects: BTreeSet<String>,
    /// Tokens that were issued before, or do not say when; in unix seconds.
    pub issued_before_s: Option<i64>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            require_exp: true,
            ignore_params: Vec::new(),
            moved_urls: false,
            leeway_s: 0,
            max_lifetime_s: None,
            min_prefix_segments: 1,
            revoked: Revoked::default(),
            token_cookie: Policy::TOKEN_COOKIE.into(),
            session_cookie: Policy::SESSION_COOKIE.into(),
        }
    }
}

impl Policy {
    /// The name of cookies that carry a token, where the account gives them no other.
    pub const TOKEN_COOKIE: &str = "imgtoken";
    /// The name of the session cookie, where the account gives it no other.
    pub const SESSION_COOKIE: &str = "imgsess";
    /// Longest leeway, in seconds; a larger one counts as this.
    pub const MAX_LEEWAY_S: u32 = 60;
    /// Longest entry of `ignore_params`, in bytes.
    pub const MAX_IGNORE_PARAM_BYTES: usize = 64;

    /// Checks one entry of `ignore_params`: a parameter's name, or a prefix of at least 2 characters and `*`.
    /// Says why it is refused, also where it would match `exp`, `sig` or an `s-…` constraint.
    pub fn check_ignore_param(entry: &str) -> Result<(), Invalid> {
        Policy::check_ignore_param_beside(entry, SchemeSet::NATIVE)
    }

    /// The same where these schemes are switched on: a control name of any of them is refused too.
    pub fn check_ignore_param_beside(entry: &str, schemes: SchemeSet) -> Result<(), Invalid> {
        let name = entry.strip_suffix('*');
        let (text, is_prefix) = (name.unwrap_or(entry), name.is_some());
        let refused = |why: &str| Err(Invalid(why.to_owned()));
        if text.len() < if is_prefix { 2 } else { 1 } {
            return refused("an ignored parameter is a name, or a prefix of at least 2 characters and '*'");
        }
        let fits =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'&' | b'=' | b'%' | b'#' | b'?');
        if entry.len() > Self::MAX_IGNORE_PARAM_BYTES || !text.bytes().all(fits) {
            return refused(
                "an ignored parameter has at most 64 printable characters without '&', '=', '%', '#', '?'",
            );
        }
        let control = |name: &str| if is_prefix { name.starts_with(text) } else { name == text };
        if control("exp") || control("sig") || text.starts_with("s-") {
            return refused("'exp', 'sig' and the constraints that begin with 's-' are never ignored");
        }
        if let Some(scheme) = schemes.iter().find(|scheme| scheme.is_touched_by(text, is_prefix)) {
            return refused(&format!("URLs of the scheme {} need that parameter", scheme.name()));
        }
        Ok(())
    }

    /// Whether pairs of this raw name are dropped before the text is built. Control names never are, whatever
    /// the list says: it may have been written before a name became one.
    pub fn ignores(&self, name: &str) -> bool {
        !self.ignore_params.is_empty()
            && !is_control(name)
            && self.ignore_params.iter().any(|entry| match entry.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == entry,
            })
    }

    /// Whether a cookie of this name carries a token.
    pub(crate) fn is_token_cookie(&self, name: &str) -> bool {
        let label = name.strip_prefix(self.token_cookie.as_str());
        label.is_some_and(|label| label.is_empty() || label.starts_with('-'))
    }

    /// The leeway that counts, in seconds.
    pub(crate) fn leeway_s(&self) -> i64 {
        self.leeway_s.min(Self::MAX_LEEWAY_S).into()
    }
}

/// Whether a name has a meaning in a native token (signing-schemes 1.1).
pub(crate) fn is_control(name: &str) -> bool {
    Scheme::Native.controls(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_parameter_never_touches_the_signature() {
        for good in ["utm_*", "fbclid", "x", "s", "sig2", "ex", "expires", "e.x*", "siglum*", "expo*"] {
            assert!(Policy::check_ignore_param(good).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "", "*", "u*", "s*", "si*", "sig", "sig*", "exp", "exp*", "ex*", "s-", "s-kid", "s-*", "a*b",
            "a=b", "a&b", "%73ig", "ü", "a b", &long,
        ] {
            assert!(Policy::check_ignore_param(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_scheme_that_is_on_needs_is_never_ignored() {
        let all = SchemeSet::of(Scheme::ALL);
        for entry in [
            "Signature",
            "Key-Pair-Id",
            "X-Amz-Date",
            "x-goog-*",
            "X-A*",
            "ci_*",
            "token",
            "tok*",
            "ik-t",
            "Expires",
        ] {
            assert!(Policy::check_ignore_param_beside(entry, all).is_err(), "{entry}");
            assert!(Policy::check_ignore_param(entry).is_ok(), "{entry}");
        }
        for entry in ["utm_*", "fbclid", "tag", "x"] {
            assert!(Policy::check_ignore_param_beside(entry, all).is_ok(), "{entry}");
        }
    }

    #[test]
    fn a_prefix_matches_what_begins_with_it() {
        let policy = Policy {
            ignore_params: vec!["utm_*".into(), "fbclid".into(), "si*".into()],
            ..Policy::default()
        };
        let check = |name, ignored| assert_eq!(policy.ignores(name), ignored, "{name}");
        check("utm_source", true);
        check("utm_", true);
        check("utm", false);
        check("fbclid", true);
        check("fbclid2", false);
        check("FBCLID", false);
        check("side", true);
        check("sig", false);
    }
}
