//! Which of an original goes out, by what the client has already (RFC 9110, 13 and 14): all of it, one range, or nothing.

use std::ops::Range;
use std::time::SystemTime;

use actix_web::http::header::HttpDate;

use super::refused::Refused;

/// What goes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// Bytes from the first to before the second.
    Part(Range<u64>),
    /// The client has it.
    Nothing,
}

/// What is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct There<'t> {
    /// Its tag, quoted.
    pub(super) tag: &'t str,
    /// When it came, in whole seconds.
    pub(super) modified: SystemTime,
    /// Its length in bytes.
    pub(super) len: u64,
}

impl There<'_> {
    /// Decides by the headers of a GET or HEAD. Of several ranges none counts: the whole goes out, as the standard allows.
    pub(super) fn wanted<'h>(
        &self,
        is_get: bool,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Result<Wanted, Refused> {
        if !self.holds(&header) {
            return Err(Refused::unmet());
        }
        let has_it = match header("if-none-match") {
            Some(tags) => names(tags, self.tag, true),
            None => header("if-modified-since").and_then(date).is_some_and(|since| self.modified <= since),
        };
        if has_it {
            return Ok(Wanted::Nothing);
        }
        let range =
            header("range").filter(|_| is_get && header("if-range").is_none_or(|same| self.is_same(same)));
        match range.map_or(Asked::Nothing, |range| read_range(range, self.len)) {
            Asked::Nothing => Ok(Wanted::Whole),
            Asked::Part(part) => Ok(Wanted::Part(part)),
            Asked::Outside => Err(Refused::range(self.len)),
        }
    }

    /// Whether the client's conditions on changes hold.
    fn holds<'h>(&self, header: &impl Fn(&str) -> Option<&'h str>) -> bool {
        match header("if-match") {
            Some(tags) => names(tags, self.tag, false),
            None => header("if-unmodified-since").and_then(date).is_none_or(|since| self.modified <= since),
        }
    }

    /// Whether an `If-Range` names exactly this.
    fn is_same(&self, validator: &str) -> bool {
        let validator = validator.trim();
        if validator.starts_with('"') {
            validator == self.tag
        } else {
            date(validator) == Some(self.modified)
        }
    }
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Nothing that counts.
    Nothing,
    Part(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

fn read_range(text: &str, len: u64) -> Asked {
    let unit = text.get(..6).filter(|unit| unit.eq_ignore_ascii_case("bytes="));
    let Some((first, last)) = unit.and_then(|_| text[6..].trim().split_once('-')) else {
        return Asked::Nothing;
    };
    match (number(first), number(last)) {
        (Some(first), _)
            if first >= len && (last.is_empty() || number(last).is_some_and(|last| last >= first)) =>
        {
            Asked::Outside
        }
        (Some(first), Some(last)) if first <= last => Asked::Part(first..last.saturating_add(1).min(len)),
        (Some(first), None) if last.is_empty() => Asked::Part(first..len),
        (None, Some(0)) if first.is_empty() => Asked::Outside,
        (None, Some(_)) if first.is_empty() && len == 0 => Asked::Outside,
        (None, Some(tail)) if first.is_empty() => Asked::Part(len.saturating_sub(tail)..len),
        _ => Asked::Nothing,
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Whether a list of tags names this one; a weak tag counts where that is enough.
fn names(list: &str, tag: &str, weak_counts: bool) -> bool {
    list.split(',').map(str::trim).any(|one| {
        let plain = if weak_counts { one.strip_prefix("W/").unwrap_or(one) } else { one };
        one == "*" || plain == tag
    })
}

fn date(text: &str) -> Option<SystemTime> {
    text.trim().parse::<HttpDate>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const TAG: &str = "\"abc\"";

    fn there() -> There<'static> {
        // Mon, 21 Sep 2026 14:13:20 GMT
        There { tag: TAG, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000), len: 100 }
    }

    fn wanted(is_get: bool, headers: &[(&str, &'static str)]) -> Option<Wanted> {
        let header = |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        there().wanted(is_get, header).ok()
    }

    #[test]
    fn one_range_is_cut_out_and_all_else_is_the_whole() {
        let check = |range, expected| assert_eq!(wanted(true, &[("range", range)]), expected, "{range}");
        check("bytes=0-9", Some(Wanted::Part(0..10)));
        check("Bytes=90-", Some(Wanted::Part(90..100)));
        check("bytes=-7", Some(Wanted::Part(93..100)));
        check("bytes=-700", Some(Wanted::Part(0..100)));
        check("bytes=99-1000", Some(Wanted::Part(99..100)));
        check("bytes=0-18446744073709551615", Some(Wanted::Whole));
        for outside in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            check(outside, None);
        }
        for nothing in
            ["bytes=0-1,3-4", "bytes=5-4", "bytes=200-100", "items=0-1", "bytes=a-b", "bytes=", "0-1", ""]
        {
            check(nothing, Some(Wanted::Whole));
        }
        assert_eq!(wanted(false, &[("range", "bytes=0-9")]), Some(Wanted::Whole), "HEAD knows no ranges");
    }

    #[test]
    fn a_range_counts_only_of_the_same_original() {
        let check = |validator, part| {
            let expected = if part { Wanted::Part(0..1) } else { Wanted::Whole };
            assert_eq!(
                wanted(true, &[("range", "bytes=0-0"), ("if-range", validator)]),
                Some(expected),
                "{validator}"
            );
        };
        check(TAG, true);
        check("W/\"abc\"", false);
        check("\"other\"", false);
        check("Mon, 21 Sep 2026 14:13:20 GMT", true);
        check("Mon, 21 Sep 2026 14:13:21 GMT", false);
        check("nonsense", false);
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let check = |headers: &[(&str, &'static str)], expected| {
            assert_eq!(wanted(true, headers), expected, "{headers:?}");
        };
        let (before, after) = ("Mon, 21 Sep 2026 14:13:19 GMT", "Mon, 21 Sep 2026 14:13:20 GMT");
        check(&[("if-none-match", "\"x\", W/\"abc\"")], Some(Wanted::Nothing));
        check(&[("if-none-match", "*")], Some(Wanted::Nothing));
        check(&[("if-none-match", "\"x\""), ("if-modified-since", after)], Some(Wanted::Whole));
        check(&[("if-modified-since", after)], Some(Wanted::Nothing));
        check(&[("if-modified-since", before)], Some(Wanted::Whole));
        check(&[("if-modified-since", "yesterday")], Some(Wanted::Whole));
        check(&[("if-match", TAG)], Some(Wanted::Whole));
        check(&[("if-match", "\"x\"")], None);
        check(&[("if-match", "W/\"abc\"")], None);
        check(&[("if-unmodified-since", after)], Some(Wanted::Whole));
        check(&[("if-unmodified-since", before)], None);
    }

    proptest! {
        #[test]
        fn any_range_lies_within_the_original(text in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}", len in 0_u64..1_000) {
            if let Asked::Part(part) = read_range(&text, len) {
                prop_assert!(part.start < part.end && part.end <= len, "{text} of {len}: {part:?}");
            }
        }
    }
}
