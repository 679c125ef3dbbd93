//! Numbers, sizes, times and names as people read them.

use std::time::Duration;

use domain::Timestamp;
use variant::Format;

/// `10,482`.
pub(crate) fn number(value: impl TryInto<u64>) -> String {
    domain::grouped(value)
}

/// Decimal sizes: `0 B`, `96 KB`, `4.8 MB`, `38.4 GB`.
pub(crate) fn size(bytes: impl TryInto<u64>) -> String {
    let bytes = bytes.try_into().unwrap_or(0);
    let (divisor, unit) = match bytes {
        ..1_000 => return format!("{bytes} B"),
        1_000..999_500 => return format!("{} KB", (bytes + 500) / 1_000),
        999_500..999_950_000 => (1_000_000, "MB"),
        999_950_000..999_950_000_000 => (1_000_000_000, "GB"),
        _ => (1_000_000_000_000, "TB"),
    };
    let tenths = (u128::from(bytes) * 10 + divisor / 2) / divisor;
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// `1 image`, `2,316 images`.
pub(crate) fn count(value: impl TryInto<u64>, noun: &str) -> String {
    let value = value.try_into().unwrap_or(0);
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// A moment with its form for `<time datetime>`.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// `2026-11-14T10:40:00.000Z`.
    pub(crate) machine: String,
    /// `14 Nov 2026, 10:40 UTC`; the page's script says it in the browser's zone.
    pub(crate) people: String,
}

impl Moment {
    pub(crate) fn new(at: Timestamp) -> Self {
        Moment { machine: at.to_rfc3339(), people: format!("{}, {} UTC", date(at), clock(at)) }
    }
}

/// `14 Nov 2026`.
pub(crate) fn date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = at.to_date();
    format!("{day} {} {year}", MONTHS[(month as usize + 11) % 12])
}

fn clock(at: Timestamp) -> String {
    let second = at.as_seconds().rem_euclid(86_400);
    format!("{:02}:{:02}", second / 3600, second / 60 % 60)
}

/// `2026-11-14T10:40`, as `<input type=datetime-local>` writes a moment, here in UTC.
pub(crate) fn local_input(at: Timestamp) -> String {
    at.to_rfc3339()[..16].to_owned()
}

/// Reads [`local_input`], with or without seconds.
pub(crate) fn parse_local_input(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next().unwrap_or(Some(0))?);
    let within = (1970..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    let days = within.then(|| days_of(year, month, day)).flatten()?;
    Some(Timestamp::from_seconds(days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// The day number of a date, if there is such a date: years begin in March, so that a leap day is the last.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (from_march, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = from_march * 365 + from_march / 4 - from_march / 100
        + from_march / 400
        + (153 * march_month + 2) / 5
        + day
        - 1
        - 719_468;
    let same = Timestamp::from_seconds(days * 86_400).to_date() == (year, month as u32, day as u32);
    same.then_some(days)
}

/// A span in its two largest units: `4 d 22 h`, `59 min`, `12 s`.
pub(crate) fn span(span: Duration) -> String {
    let s = span.as_secs();
    match s {
        ..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => two(s / 3600, "h", s / 60 % 60, "min"),
        _ => two(s / 86_400, "d", s / 3600 % 24, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

/// A name of at most `max` characters: too long a one loses its middle, so that its end, where the extension
/// stands, stays in sight.
pub(crate) fn middle_cut(name: &str, max: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= max {
        return name.to_owned();
    }
    let tail = (max / 3).max(1);
    let head = max - tail - 1;
    let cut: String = chars[..head].iter().collect();
    let kept: String = chars[chars.len() - tail..].iter().collect();
    format!("{}…{kept}", cut.trim_end())
}

/// The formats of this build: `JPEG, PNG … or SVG`.
pub(crate) fn formats(last: &str) -> String {
    Format::told(last)
}

/// The media types that a file chooser offers.
pub(crate) fn media_types() -> String {
    Format::ALL.map(Format::media_type).join(",")
}

/// Up to two initials for a person's mark.
pub(crate) fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let first = words.first().and_then(|word| word.chars().next());
    let last = (words.len() > 1).then(|| words.last().and_then(|word| word.chars().next())).flatten();
    first.into_iter().chain(last).flat_map(char::to_uppercase).take(4).collect()
}

/// A text as a query value: everything but unreserved characters is percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    const KEEP: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    percent_encoding::utf8_percent_encode(text, &KEEP).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let check = |value: i64, text| assert_eq!(number(value), text);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
        check(-1, "0");
    }

    #[test]
    fn sizes_are_decimal_and_never_read_1000() {
        let check = |bytes: u64, text| assert_eq!(size(bytes), text);
        check(0, "0 B");
        check(999, "999 B");
        check(1_000, "1 KB");
        check(999_499, "999 KB");
        check(999_500, "1 MB");
        check(4_812_000, "4.8 MB");
        check(10_000_000, "10 MB");
        check(999_949_999, "999.9 MB");
        check(999_950_000, "1 GB");
        check(38_400_000_000, "38.4 GB");
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let check = |name, text: &str| assert_eq!(middle_cut(name, 20), text);
        check("short.jpg", "short.jpg");
        check("exactly-twenty-x.jpg", "exactly-twenty-x.jpg");
        check("summer-catalogue/alpine-ridge.jpg", "summer-catalo…ge.jpg");
        check("日本の山と海と空と風と雪と雨と花と猫.jpg", "日本の山と海と空と風と雪と…と猫.jpg");
    }

    #[test]
    fn a_moment_reads_in_utc() {
        let moment = Moment::new(Timestamp::from_seconds(1_794_652_800));
        assert_eq!(moment.people, "14 Nov 2026, 10:40 UTC");
        assert!(moment.machine.starts_with("2026-11-14T10:40:00"));
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let check = |s, text| assert_eq!(span(Duration::from_secs(s)), text);
        check(12, "12 s");
        check(3_599, "59 min");
        check(3_600, "1 h");
        check(5_400, "1 h 30 min");
        check(424_800, "4 d 22 h");
    }

    #[test]
    fn a_typed_moment_must_exist() {
        assert_eq!(parse_local_input("2026-11-14T10:40"), Some(Timestamp::from_seconds(1_794_652_800)));
        assert!(parse_local_input("2028-02-29T00:00:59").is_some());
        for bad in [
            "",
            "2026-11-14",
            "2026-02-29T00:00",
            "2026-13-01T00:00",
            "2026-11-14T24:00",
            "x",
            "-1-1-1T0:0",
            "T",
        ] {
            assert_eq!(parse_local_input(bad), None, "{bad}");
        }
    }

    #[test]
    fn formats_and_initials_read_well() {
        assert_eq!(formats("or"), "JPEG, PNG, WebP, AVIF, GIF, JPEG XL or SVG");
        assert!(media_types().starts_with("image/jpeg,image/png,image/webp,image/avif,"));
        assert_eq!(initials("Mira Köhler"), "MK");
        assert_eq!(initials("ada"), "A");
        assert_eq!(initials("  "), "");
    }

    proptest! {
        #[test]
        fn a_cut_name_is_never_longer_than_asked(name in "\\PC{0,80}", max in 3_usize..40) {
            prop_assert!(middle_cut(&name, max).chars().count() <= max.max(name.chars().count().min(max)));
        }

        #[test]
        fn a_moment_in_a_field_is_read_back(minutes in 0_i64..200_000_000) {
            let at = Timestamp::from_seconds(minutes * 60);
            prop_assert_eq!(parse_local_input(&local_input(at)), Some(at));
        }

        #[test]
        fn any_typed_moment_is_taken_or_refused_without_panic(text in "[0-9T:-]{0,24}") {
            let _ = parse_local_input(&text);
        }
    }
}
