//! What the verifiers of other services' URLs share: who signed, the times, and queries without what is not signed.

use domain::Timestamp;

use crate::escape::decoded;
use crate::key_material::VerifyingKey;
use crate::pairs::{Pair, Runs};
use crate::policy::{Policy, Revoked};
use crate::request::Request;
use crate::syntax::integer;
use crate::verdict::{Signer, Witness};
use crate::{Error, TargetLimits};

/// Lets a key that signed through, and sees it.
pub(super) fn signed_by<'k>(
    signer: Option<&'k VerifyingKey>,
    witness: &mut impl Witness,
) -> Result<&'k VerifyingKey, Error> {
    let key = witness.step("signature", signer.ok_or(Error::BadSignature), |key| {
        format!("The signing key {} made this signature.", key.name())
    })?;
    witness.signed(|| Signer::of(key.shared_name()));
    Ok(key)
}

/// What a signature says about its life.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Life<'t> {
    /// When it was issued, in unix seconds.
    pub(super) issued_s: Option<i64>,
    /// When it begins, in unix seconds. The nearest thing to a time of issue that most other services write.
    pub(super) begins_s: Option<i64>,
    /// When it ends, in unix seconds; none for never.
    pub(super) expires_s: Option<i64>,
    /// Who it was issued to.
    pub(super) subject: Option<&'t str>,
}

impl Life<'_> {
    /// Checks that it is not revoked, and that now is neither before its begin, nor at or after its end, nor too long
    /// before that. What has no end lives longer than any limit that the account sets.
    pub(super) fn check(
        &self,
        policy: &Policy,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<(), Error> {
        let refuse_if = |refused: bool, error| if refused { Err(error) } else { Ok(()) };
        let now_s = now.as_seconds();
        let later_s = now_s.saturating_add(policy.leeway_s());
        self.check_revocation(policy, witness)?;
        let early = refuse_if(self.begins_s.is_some_and(|begins_s| begins_s > later_s), Error::NotYetValid);
        witness.step("not before", early, |()| "It is valid already.".into())?;
        let late = refuse_if(self.expires_s.is_some_and(|expires_s| now_s >= expires_s), Error::Expired);
        witness.step("expiry", late, |()| match self.expires_s {
            Some(expires_s) => format!("It ends at {}.", Timestamp::from_seconds(expires_s).to_rfc3339()),
            None => "It never ends.".into(),
        })?;
        let Some(most_s) = policy.max_lifetime_s else { return Ok(()) };
        let long = refuse_if(
            self.expires_s.is_none_or(|expires_s| expires_s - now_s > most_s),
            Error::LifetimeTooLong,
        );
        witness.step("lifetime", long, |()| format!("It ends within the {most_s} s that the account allows."))
    }

    /// Checks that neither its subject nor all that was issued before a time is revoked. What does not say when it
    /// was issued is older than any such time.
    pub(super) fn check_revocation(&self, policy: &Policy, witness: &mut impl Witness) -> Result<(), Error> {
        let outcome = if self.is_revoked(&policy.revoked) { Err(Error::Revoked) } else { Ok(()) };
        witness.step("revocation", outcome, |()| "It is not revoked.".into())
    }

    fn is_revoked(&self, revoked: &Revoked) -> bool {
        let issued_s = self.issued_s.or(self.begins_s);
        let is_older = |mark_s| issued_s.is_none_or(|issued_s| issued_s < mark_s);
        self.subject.is_some_and(|subject| revoked.subjects.contains(subject))
            || revoked.issued_before_s.is_some_and(is_older)
    }
}

/// The raw value of the parameter that holds the signature: there, and once.
pub(super) fn carried_signature<'p>(
    found: Result<Option<&'p str>, Error>,
    name: &str,
    witness: &mut impl Witness,
) -> Result<&'p str, Error> {
    let found = found.and_then(|value| value.ok_or(Error::MissingSignature));
    witness.step("signature present", found, |_| format!("The URL carries {name} once."))
}

/// The value of a parameter that may be there once.
pub(super) fn once<'p>(pairs: impl Iterator<Item = Pair<'p>>, name: &str) -> Result<Option<&'p str>, Error> {
    let mut values = pairs.filter(|pair| pair.name == name).map(|pair| pair.value.unwrap_or_default());
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Error::DuplicateParam),
        (value, None) => Ok(value),
    }
}

/// The values of parameters that may be there once each, found in one walk. Every pair is shown on the way, with its place
/// among the names where it bears one.
pub(super) fn each_once<'p, const N: usize>(
    pairs: impl Iterator<Item = Pair<'p>>,
    names: [&str; N],
    mut see: impl FnMut(Option<usize>, Pair<'p>),
) -> [Result<Option<&'p str>, Error>; N] {
    let mut values = [Ok(None); N];
    for pair in pairs {
        let place = names.iter().position(|name| *name == pair.name);
        if let Some(place) = place {
            values[place] = match values[place] {
                Ok(None) => Ok(Some(pair.value.unwrap_or_default())),
                _ => Err(Error::DuplicateParam),
            };
        }
        see(place, pair);
    }
    values
}

/// A time that need not be there, in unix seconds.
pub(super) fn time(value: Option<&str>) -> Result<Option<i64>, Error> {
    value.map(|value| integer(value).ok_or(Error::MalformedParam)).transpose()
}

/// Most digits of a time that is signed right behind other text. With one more, the last digit of that text could be
/// read as the first of the time (`/w=41` `1790000600` as `/w=4` `11790000600`): no time of ten digits has such a
/// neighbour.
const MAX_JOINED_DIGITS: usize = 10;

/// A time that is signed right behind other text.
pub(super) fn joined_time(value: &str) -> Result<i64, Error> {
    integer(value).filter(|_| value.len() <= MAX_JOINED_DIGITS).ok_or(Error::MalformedParam)
}

/// The texts that make up a query: `?` and the pairs, joined by `&`; nothing where there are none.
pub(super) fn query_parts<'p>(pairs: impl Iterator<Item = Pair<'p>>) -> impl Iterator<Item = &'p str> {
    pairs.enumerate().flat_map(|(index, pair)| [if index == 0 { "?" } else { "&" }, pair.raw])
}

/// A text that is signed: a path, and the pairs of a query that are signed with it. Never put together for a delivery: it is
/// hashed in the pieces in which it stands in the target.
#[derive(Debug, Clone)]
pub(super) struct SignedText<'r> {
    /// The path that is signed, and all of the query behind it.
    target: &'r str,
    path_bytes: usize,
    pairs: Runs<{ TargetLimits::MOST_QUERY_PAIRS / 2 }>,
}

impl<'r> SignedText<'r> {
    /// The text of a request's path so far, or of the end of it. The request's size was checked.
    pub(super) fn of(request: &Request<'r>, path: &'r str) -> Self {
        let before = request.path().len() - path.len();
        let target = request.target().get(before..).unwrap_or_default();
        SignedText { target, path_bytes: path.len(), pairs: Runs::new() }
    }

    /// Appends a pair of the query.
    pub(super) fn push(&mut self, pair: Pair<'_>) {
        let has_room = self.pairs.push(&pair);
        debug_assert!(has_room.is_some(), "a target has less pairs than there is room for");
    }

    /// The same without the slash that it begins with, where there is one and not two.
    pub(super) fn without_slash(&self) -> Option<Self> {
        let bare = self.target.strip_prefix('/').filter(|bare| !bare.starts_with('/'))?;
        Some(SignedText { target: bare, path_bytes: self.path_bytes - 1, pairs: self.pairs.clone() })
    }

    /// The texts that it is made of.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &'r str> + Clone + '_ {
        let query = self.path_bytes + 1;
        let piece = |start, end| self.target.get(start..end).unwrap_or_default();
        let mut places = self.pairs.places();
        let head = match places.next() {
            None => [piece(0, self.path_bytes), "", ""],
            Some((0, end)) => [piece(0, query + end), "", ""],
            Some((start, end)) => [piece(0, self.path_bytes), "?", piece(query + start, query + end)],
        };
        // Each run after the first brings its `&` along.
        head.into_iter().chain(places.map(move |(start, end)| piece(query + start - 1, query + end)))
    }

    /// The whole text, for people.
    pub(super) fn written(&self) -> String {
        self.pieces().collect()
    }
}

/// Refuses a path that names what lies elsewhere, where a signature opens more than one path.
pub(super) fn stays_inside(path: &str) -> Result<(), Error> {
    let climbs = |segment: &str| !matches!(decoded(segment).as_deref(), Some(plain) if !is_elsewhere(plain));
    if path.split('/').any(climbs) { Err(Error::BadPath) } else { Ok(()) }
}

/// Whether a decoded segment is, or holds, a step to elsewhere.
fn is_elsewhere(segment: &str) -> bool {
    segment.split(['/', '\\']).any(|step| step == "." || step == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::pairs;
    use crate::verdict::Nobody;

    fn checked(life: Life<'_>, policy: &Policy) -> Result<(), Error> {
        life.check(policy, Timestamp::from_seconds(1_000), &mut Nobody)
    }

    fn from_to(begins_s: Option<i64>, expires_s: Option<i64>) -> Life<'static> {
        Life { begins_s, expires_s, ..Life::default() }
    }

    #[test]
    fn a_lifetime_is_short_or_refused_and_none_is_never_short() {
        let check = |expires_s, max_lifetime_s, expected| {
            let policy = Policy { max_lifetime_s, ..Policy::default() };
            assert_eq!(checked(from_to(None, expires_s), &policy), expected, "{expires_s:?}");
        };
        check(None, None, Ok(()));
        check(Some(1_060), Some(60), Ok(()));
        check(Some(1_061), Some(60), Err(Error::LifetimeTooLong));
        check(None, Some(60), Err(Error::LifetimeTooLong));
        check(Some(1_000), Some(60), Err(Error::Expired));
    }

    #[test]
    fn leeway_helps_a_begin_and_never_an_end() {
        let policy = Policy { leeway_s: 30, ..Policy::default() };
        assert_eq!(checked(from_to(Some(1_030), Some(2_000)), &policy), Ok(()));
        assert_eq!(checked(from_to(Some(1_031), Some(2_000)), &policy), Err(Error::NotYetValid));
        assert_eq!(checked(from_to(None, Some(999)), &policy), Err(Error::Expired));
    }

    #[test]
    fn what_does_not_say_when_it_was_issued_is_revoked_with_all_that_is_older() {
        let revoked = Revoked {
            subjects: ["sess-1".to_owned()].into(),
            issued_before_s: Some(500),
            ..Revoked::default()
        };
        let policy = Policy { revoked, ..Policy::default() };
        let check = |begins_s, subject, expected| {
            let life = Life { subject, ..from_to(begins_s, Some(2_000)) };
            assert_eq!(checked(life, &policy), expected, "{begins_s:?} {subject:?}");
        };
        check(Some(500), Some("sess-2"), Ok(()));
        check(Some(500), Some("sess-1"), Err(Error::Revoked));
        check(Some(499), None, Err(Error::Revoked));
        check(None, None, Err(Error::Revoked));
    }

    #[test]
    fn a_time_that_is_joined_to_text_has_no_neighbour() {
        assert_eq!(joined_time("1790000600"), Ok(1_790_000_600));
        for bad in ["11790000600", "01790000600", "", "17900006OO"] {
            assert_eq!(joined_time(bad), Err(Error::MalformedParam), "{bad}");
        }
    }

    #[test]
    fn a_query_without_a_pair_loses_one_ampersand() {
        let check = |query, expected: &str| {
            let kept = pairs(query).filter(|pair| pair.name != "sig");
            assert_eq!(query_parts(kept).collect::<String>(), expected, "{query:?}");
        };
        check(None, "");
        check(Some("sig=1"), "");
        check(Some("a=1&sig=1&b"), "?a=1&b");
        check(Some("sig=1&a=1&"), "?a=1&");
    }

    #[test]
    fn a_path_that_climbs_is_refused_in_every_spelling() {
        for good in ["/a/b", "/a//b", "/a/", "/a/..b/.c", "/a%2Fb", "/%C3%A9"] {
            assert_eq!(stays_inside(good), Ok(()), "{good}");
        }
        for bad in ["/a/../b", "/a/.", "/%2e%2E/a", "/a%2F..%2fb", "/a%5c..%5Cb", "/a/%zz", "/%ff"] {
            assert_eq!(stays_inside(bad), Err(Error::BadPath), "{bad}");
        }
    }
}
