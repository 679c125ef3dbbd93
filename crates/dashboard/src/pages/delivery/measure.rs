//! A length of time or a size as people type it: a number and its unit.

/// Amounts of the units that can be chosen, the smallest first, with their words.
type Units = &'static [(u64, &'static str)];

/// Seconds of the units of time.
pub(crate) const TIME: Units = &[(1, "seconds"), (60, "minutes"), (3_600, "hours"), (86_400, "days")];

/// Bytes of the units of size.
pub(crate) const SIZE: Units = &[(1, "bytes"), (1_000, "KB"), (1_000_000, "MB"), (1_000_000_000, "GB")];

/// A number as it was typed, and the unit beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measure {
    /// As typed; empty where nothing is set.
    pub(crate) number: String,
    unit: u64,
    units: Units,
}

impl Measure {
    /// A whole amount in the largest unit that divides it; none at all is an empty field, in the unit that is meant as
    /// a rule.
    pub(crate) fn of(amount: Option<u64>, units: Units, usual: u64) -> Measure {
        let Some(amount) = amount else { return Measure { number: String::new(), unit: usual, units } };
        let unit = units.iter().rev().find(|(unit, _)| amount.is_multiple_of(*unit));
        let unit = unit.map_or(1, |(unit, _)| *unit);
        Measure { number: (amount / unit).to_string(), unit, units }
    }

    /// What was typed. A unit that is not offered counts as the smallest.
    pub(crate) fn typed(number: &str, unit: &str, units: Units) -> Measure {
        let unit = units.iter().find(|(known, _)| known.to_string() == unit);
        Measure { number: number.trim().to_owned(), unit: unit.map_or(1, |(unit, _)| *unit), units }
    }

    /// The whole amount; none where it is no whole number, or too large a one.
    pub(crate) fn amount(&self) -> Option<u64> {
        self.number.parse::<u64>().ok()?.checked_mul(self.unit)
    }

    /// The units: amount, words, whether it is the chosen one.
    pub(crate) fn units(&self) -> impl Iterator<Item = (u64, &'static str, bool)> {
        self.units.iter().map(|(unit, words)| (*unit, *words, *unit == self.unit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_stands_in_its_largest_unit() {
        let check = |amount, units, number: &str, unit| {
            let measure = Measure::of(Some(amount), units, 1);
            assert_eq!((measure.number.as_str(), measure.unit), (number, unit));
        };
        check(172_800, TIME, "2", 86_400);
        check(5_400, TIME, "90", 60);
        check(3_601, TIME, "3601", 1);
        check(0, TIME, "0", 86_400);
        check(4_500_000, SIZE, "4500", 1_000);
        let none = Measure::of(None, SIZE, 1_000_000);
        assert_eq!((none.number.as_str(), none.unit), ("", 1_000_000));
    }

    #[test]
    fn what_is_no_amount_is_told() {
        for (number, unit) in
            [("", "60"), ("x", "60"), ("-1", "60"), ("1.5", "60"), ("99999999999999999999", "1")]
        {
            assert_eq!(Measure::typed(number, unit, TIME).amount(), None, "{number}");
        }
        assert_eq!(Measure::typed(" 2 ", "86400", TIME).amount(), Some(172_800));
        assert_eq!(Measure::typed("18446744073709551615", "86400", TIME).amount(), None);
        assert_eq!(Measure::typed("7", "fortnights", TIME).amount(), Some(7));
    }

    proptest! {
        #[test]
        fn any_amount_is_read_back(amount in 0_u64..10_000_000_000) {
            for units in [TIME, SIZE] {
                prop_assert_eq!(Measure::of(Some(amount), units, 1).amount(), Some(amount));
            }
        }
    }
}
