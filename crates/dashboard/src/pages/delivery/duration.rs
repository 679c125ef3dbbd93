//! A length of time as people type it: a number and its unit.

/// Seconds of the units that can be chosen, with their words.
const UNITS: [(u64, &str); 4] = [(1, "seconds"), (60, "minutes"), (3_600, "hours"), (86_400, "days")];

/// A number as it was typed, and the unit beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Duration {
    /// As typed; empty where no length is set.
    pub(crate) number: String,
    unit_s: u64,
}

impl Duration {
    /// Whole seconds in the largest unit that divides them; none at all is an empty field.
    pub(crate) fn of_seconds(seconds: Option<u64>) -> Duration {
        let Some(seconds) = seconds else { return Duration { number: String::new(), unit_s: UNITS[3].0 } };
        let unit = UNITS.iter().rev().find(|(unit_s, _)| seconds.is_multiple_of(*unit_s));
        let unit_s = unit.map_or(1, |(unit_s, _)| *unit_s);
        Duration { number: (seconds / unit_s).to_string(), unit_s }
    }

    /// What was typed. A unit that is not offered counts as seconds.
    pub(crate) fn typed(number: &str, unit: &str) -> Duration {
        let unit = UNITS.iter().find(|(unit_s, _)| unit_s.to_string() == unit);
        Duration { number: number.trim().to_owned(), unit_s: unit.map_or(1, |(unit_s, _)| *unit_s) }
    }

    /// Whole seconds; none where it is no whole number, or too large a one.
    pub(crate) fn seconds(&self) -> Option<u64> {
        self.number.parse::<u64>().ok()?.checked_mul(self.unit_s)
    }

    /// The units: seconds, words, whether it is the chosen one.
    pub(crate) fn units(&self) -> impl Iterator<Item = (u64, &'static str, bool)> {
        UNITS.iter().map(|(unit_s, words)| (*unit_s, *words, *unit_s == self.unit_s))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_stands_in_its_largest_unit() {
        let check = |seconds, number: &str, unit_s| {
            let duration = Duration::of_seconds(Some(seconds));
            assert_eq!((duration.number.as_str(), duration.unit_s), (number, unit_s));
        };
        check(172_800, "2", 86_400);
        check(5_400, "90", 60);
        check(3_601, "3601", 1);
        check(0, "0", 86_400);
        assert_eq!(Duration::of_seconds(None).number, "");
    }

    #[test]
    fn what_is_no_length_is_told() {
        for (number, unit) in
            [("", "60"), ("x", "60"), ("-1", "60"), ("1.5", "60"), ("99999999999999999999", "1")]
        {
            assert_eq!(Duration::typed(number, unit).seconds(), None, "{number}");
        }
        assert_eq!(Duration::typed(" 2 ", "86400").seconds(), Some(172_800));
        assert_eq!(Duration::typed("18446744073709551615", "86400").seconds(), None);
        assert_eq!(Duration::typed("7", "fortnights").seconds(), Some(7));
    }

    proptest! {
        #[test]
        fn any_length_is_read_back(seconds in 0_u64..10_000_000_000) {
            prop_assert_eq!(Duration::of_seconds(Some(seconds)).seconds(), Some(seconds));
        }
    }
}
