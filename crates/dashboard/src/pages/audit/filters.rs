//! What a list of the audit page is filtered by, as it stands in its address.

use domain::Timestamp;

use crate::fields::Fields;
use crate::words::{encoded, parse_local_input};

/// Characters of a filter; no name is longer.
const MAX_CHARS: usize = 255;

/// The filters of an address, those of these names only.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pairs: Vec<(&'static str, String)>,
}

impl Filters {
    /// Reads a query.
    pub(crate) fn of(query: &str, names: &[&'static str]) -> Filters {
        let query = Fields::parse(query);
        let text = |name: &str| query.get(name).trim().chars().take(MAX_CHARS).collect();
        Filters { pairs: names.iter().map(|&name| (name, text(name))).collect() }
    }

    /// A filter as it was typed; empty where it is not set.
    pub(crate) fn shown(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// A filter, if it is set.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(self.shown(name).to_owned()).filter(|text| !text.is_empty())
    }

    /// The beginning of the first day. What is no date filters nothing.
    pub(crate) fn from(&self) -> Option<Timestamp> {
        day(self.shown("from"))
    }

    /// The end of the last day.
    pub(crate) fn to(&self) -> Option<Timestamp> {
        day(self.shown("to")).map(|day| Timestamp::from_seconds(day.as_seconds() + 86_400))
    }

    /// Whether any is set.
    pub(crate) fn is_active(&self) -> bool {
        self.pairs.iter().any(|(_, value)| !value.is_empty())
    }

    /// The address of a list with these filters, from a cursor on.
    pub(crate) fn address(&self, path: &str, after: Option<&str>) -> String {
        let pairs = self.pairs.iter().map(|(name, value)| (*name, value.as_str()));
        query(path, pairs.chain(after.map(|after| ("after", after))))
    }

    /// The same with one filter set to a value.
    pub(crate) fn with(&self, path: &str, name: &'static str, value: &str) -> String {
        let others = self.pairs.iter().filter(|(known, _)| *known != name);
        query(path, others.map(|(name, value)| (*name, value.as_str())).chain([(name, value)]))
    }
}

fn query<'a>(path: &str, pairs: impl Iterator<Item = (&'static str, &'a str)>) -> String {
    let set = pairs.filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = set.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// The beginning of a day that `<input type=date>` writes, in UTC.
fn day(text: &str) -> Option<Timestamp> {
    parse_local_input(&format!("{text}T00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_from_an_address_and_written_into_it_again() {
        let filters =
            Filters::of("act=+key.revoke+&actor=a%26b&who=x&after=y", &["act", "actor", "from", "to"]);
        assert_eq!(
            (filters.shown("act"), filters.text("actor"), filters.text("who")),
            ("key.revoke", Some("a&b".into()), None)
        );
        assert_eq!(filters.address("/audit", None), "/audit?act=key.revoke&actor=a%26b");
        assert_eq!(filters.address("/audit", Some("c")), "/audit?act=key.revoke&actor=a%26b&after=c");
        assert_eq!(filters.with("/audit", "act", "key.use"), "/audit?actor=a%26b&act=key.use");
        assert!(filters.is_active() && !Filters::of("after=y", &["act"]).is_active());
    }

    #[test]
    fn a_day_counts_whole_and_what_is_none_filters_nothing() {
        let filters = Filters::of("from=2026-11-14&to=2026-11-14", &["from", "to"]);
        let (from, to) = (filters.from().unwrap(), filters.to().unwrap());
        assert_eq!(to.as_seconds() - from.as_seconds(), 86_400);
        let filters = Filters::of("from=soon&to=2026-02-30", &["from", "to"]);
        assert_eq!((filters.from(), filters.to()), (None, None));
    }
}
