//! Where an object lies: day, account, object id, and below it the original and its renditions.

use domain::{AccountId, ObjectId, Timestamp};

/// The place of one object, e.g. `2026-11-26/{account}/{object}/original`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// The place of an original with all its renditions; removing an image is removing one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(String);

/// The name of an original below its prefix.
const ORIGINAL: &str = "original";

/// 9999-12-31, the last day that four digits of year can write.
const LAST_DAY: i64 = 2_932_896;

impl Prefix {
    /// The prefix of an original that came on a day (days since 1970, UTC; up to the year 9999).
    pub fn new(day: i64, account: &AccountId, object: &ObjectId) -> Self {
        Prefix(format!("{}/{account}/{object}", day_text(day)))
    }

    /// Reads a prefix back, as it was noted when its row was removed, or as a listing told it. Only the one
    /// spelling that [`Prefix::new`] writes is a prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, account, object) = split(text)?;
        let prefix = Prefix::new(day, &account, &object);
        (prefix.0 == text).then_some(prefix)
    }

    /// The day (days since 1970), account and object id in the prefix.
    pub fn parts(&self) -> (i64, AccountId, ObjectId) {
        split(&self.0).expect("a prefix is only made from its parts")
    }

    /// The original below this prefix.
    pub fn original(&self) -> ObjectKey {
        ObjectKey(format!("{}/{ORIGINAL}", self.0))
    }

    /// The rendition with this digest of recipe and engine.
    pub fn rendition(&self, digest: &[u8; 16]) -> ObjectKey {
        ObjectKey(format!("{}/{}", self.0, hex::encode(digest)))
    }

    /// The prefix as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an object lies below this prefix.
    pub(crate) fn holds(&self, key: &ObjectKey) -> bool {
        key.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl ObjectKey {
    /// Whether a text is the key of an original or of a rendition, in the one spelling that is written.
    pub(crate) fn is_key(text: &str) -> bool {
        text.rsplit_once('/').is_some_and(|(prefix, name)| {
            Prefix::parse(prefix).is_some() && (name == ORIGINAL || digest_named(name).is_some())
        })
    }

    /// The key as text: segments of `a-z 0-9 -` joined by slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix that the object lies below, and its name there.
    pub(crate) fn parts(&self) -> (Prefix, &str) {
        let (prefix, name) = self.0.rsplit_once('/').unwrap_or((&self.0, ""));
        (Prefix(prefix.to_owned()), name)
    }
}

/// The digest of a rendition whose name in its prefix this is.
pub(crate) fn digest_named(name: &str) -> Option<[u8; 16]> {
    let digest = hex::decode(name).ok()?.try_into().ok()?;
    (hex::encode(digest) == name).then_some(digest)
}

/// The text that the keys of a day begin with.
pub(crate) fn day_text(day: i64) -> String {
    let (year, month, day) = Timestamp::from_seconds(day.clamp(0, LAST_DAY) * 86_400).to_date();
    format!("{year:04}-{month:02}-{day:02}")
}

fn split(text: &str) -> Option<(i64, AccountId, ObjectId)> {
    let mut segments = text.split('/');
    let day = day_of(segments.next()?)?;
    let account = segments.next()?.parse().ok()?;
    let object = segments.next()?.parse().ok()?;
    segments.next().is_none().then_some((day, account, object))
}

/// The day number of `2026-11-26`, counted over years that begin in March so that a leap day is the last.
fn day_of(date: &str) -> Option<i64> {
    let mut numbers = date.splitn(3, '-').map(|digits| digits.parse::<u16>().ok().map(i64::from));
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = year * 365 + year / 4 - year / 100 + year / 400;
    Some(before_year + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(day: i64) -> Prefix {
        Prefix::new(day, &AccountId::from_bytes([1; 16]), &ObjectId::from_bytes([0xab; 16]))
    }

    #[test]
    fn a_prefix_is_day_account_and_object_id() {
        let text = format!("2026-11-26/{}/{}", "01".repeat(16), "ab".repeat(16));
        assert_eq!(prefix(20_783).as_str(), text);
        assert_eq!(prefix(20_783).original().as_str(), format!("{text}/original"));
        assert_eq!(prefix(20_783).rendition(&[0x0f; 16]).as_str(), format!("{text}/{}", "0f".repeat(16)));
    }

    #[test]
    fn only_the_one_spelling_is_a_prefix() {
        let good = prefix(20_783).as_str().to_owned();
        assert!(Prefix::parse(&good).is_some());
        let bad = [
            String::new(),
            format!("{good}/"),
            format!("/{good}"),
            format!("{good}/original"),
            good.replace("ab", "AB"),
            good.replace("-26/", "-31/"),
            good.replace("2026", "+2026"),
            good.replace("2026-11", "2026-+1"),
            good.replace("01/", "../"),
            format!(".scratch/{}", &good[11..]),
        ];
        for text in bad {
            assert!(Prefix::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_originals_and_renditions_have_a_key() {
        let below = prefix(20_783);
        assert!(ObjectKey::is_key(below.original().as_str()));
        assert!(ObjectKey::is_key(below.rendition(&[0xfa; 16]).as_str()));
        let good = below.original().as_str().to_owned();
        for text in ["", "original", below.as_str(), &good[1..], &format!("{good}s"), &format!("a/{good}")] {
            assert!(!ObjectKey::is_key(text), "{text}");
        }
    }

    #[test]
    fn a_prefix_holds_its_own_objects_and_no_neighbours() {
        let mine = prefix(1);
        assert!(mine.holds(&mine.original()));
        assert!(!mine.holds(&prefix(2).original()));
        assert!(!mine.holds(&ObjectKey(format!("{}0/original", mine.as_str()))));
        assert_eq!(mine.original().parts(), (mine.clone(), "original"));
        assert_eq!(digest_named(mine.rendition(&[0xfa; 16]).parts().1), Some([0xfa; 16]));
        for name in ["original", "", "0", &"FA".repeat(16), &"fa".repeat(17)] {
            assert_eq!(digest_named(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_prefix_is_read_back_with_its_parts(
            day in 0..=LAST_DAY,
            account: [u8; 16],
            object: [u8; 16],
        ) {
            let parts = (day, AccountId::from_bytes(account), ObjectId::from_bytes(object));
            let prefix = Prefix::new(day, &parts.1, &parts.2);
            prop_assert_eq!(prefix.parts(), parts);
            prop_assert_eq!(Prefix::parse(prefix.as_str()), Some(prefix));
        }

        #[test]
        fn no_text_is_a_prefix_that_prints_otherwise(text in ".{0,90}") {
            prop_assert!(Prefix::parse(&text).is_none_or(|prefix| prefix.as_str() == text));
        }
    }
}
