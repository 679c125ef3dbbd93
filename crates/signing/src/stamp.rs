//! Times as Amazon and Google write them: `20260921T141320Z` in requests, ISO 8601 in policies, and
//! the date of HTTP. UTC only, and no leniency: a time that can be read in two ways is none.

use domain::Timestamp;

/// Reads `YYYYMMDD'T'HHMMSS'Z'`.
pub(crate) fn parse_compact(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    if bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let day = day(digits(&bytes[..4])?, digits(&bytes[4..6])?, digits(&bytes[6..8])?)?;
    let second = second(digits(&bytes[9..11])?, digits(&bytes[11..13])?, digits(&bytes[13..15])?)?;
    Some(Timestamp::from_seconds(day * DAY_S + second))
}

/// Reads `YYYY-MM-DD'T'HH:MM:SS[.f]'Z'` with one to nine digits of a fraction, of which microseconds are kept.
pub(crate) fn parse_iso(text: &str) -> Option<Timestamp> {
    let bytes = text.strip_suffix('Z')?.as_bytes();
    let (date, fraction) = bytes.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(place, mark)| date[place] != mark) {
        return None;
    }
    let day = day(digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..10])?)?;
    let second = second(digits(&date[11..13])?, digits(&date[14..16])?, digits(&date[17..19])?)?;
    Some(Timestamp::from_micros((day * DAY_S + second) * 1_000_000 + micros(fraction)?))
}

/// Reads the date of HTTP in its one form that is still written (RFC 9110, 5.6.7): `Mon, 21 Sep 2026 14:13:20 GMT`. Which
/// day of the week it says does not count.
pub(crate) fn parse_http(text: &str) -> Option<Timestamp> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let bytes: &[u8; 29] = text.as_bytes().try_into().ok()?;
    let marks = [(3, b','), (4, b' '), (7, b' '), (11, b' '), (16, b' '), (19, b':'), (22, b':')];
    if marks.iter().any(|&(place, mark)| bytes[place] != mark) || &bytes[25..] != b" GMT" {
        return None;
    }
    let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == &bytes[8..11]).map(|(_, month)| month)?;
    let day = day(digits(&bytes[12..16])?, month, digits(&bytes[5..7])?)?;
    let second = second(digits(&bytes[17..19])?, digits(&bytes[20..22])?, digits(&bytes[23..25])?)?;
    Some(Timestamp::from_seconds(day * DAY_S + second))
}

/// Writes what [`parse_compact`] reads.
pub(crate) fn compact(time: Timestamp) -> String {
    let (year, month, day) = time.to_date();
    let second = time.as_seconds().rem_euclid(DAY_S);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}Z", second % 60)
}

const DAY_S: i64 = 86_400;

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Days since 1970 of a day that exists, counted in years that begin in March.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn second(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// The microseconds of a fraction with its point; no fraction has none.
fn micros(fraction: &[u8]) -> Option<i64> {
    let Some((point, places)) = fraction.split_first() else { return Some(0) };
    if *point != b'.' || !(1..=9).contains(&places.len()) {
        return None;
    }
    let nanos = digits(places)? * 10_i64.pow(9 - u32::try_from(places.len()).ok()?);
    Some(nanos / 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_read_in_one_way_only() {
        let compact = |text| parse_compact(text).map(Timestamp::as_micros);
        assert_eq!(compact("20260921T141320Z"), Some(1_790_000_000_000_000));
        assert_eq!(compact("20240229T000000Z"), Some(1_709_164_800_000_000));
        assert_eq!(compact("19700101T000000Z"), Some(0));
        let iso = |text| parse_iso(text).map(Timestamp::as_micros);
        assert_eq!(iso("2026-09-21T14:13:20Z"), Some(1_790_000_000_000_000));
        assert_eq!(iso("2026-09-21T14:13:20.5Z"), Some(1_790_000_000_500_000));
        assert_eq!(iso("2026-09-21T14:13:20.123456789Z"), Some(1_790_000_000_123_456));
        for bad in [
            "",
            "20260921T141320",
            "20260921t141320Z",
            "20260921T141320z",
            "20260921T141360Z",
            "20260921T146020Z",
            "20260921T241320Z",
            "20260931T141320Z",
            "20261321T141320Z",
            "20260021T141320Z",
            "20250229T000000Z",
            "21000229T000000Z",
            "20260921T141320ZZ",
            "2026092１T14132",
            "+0260921T141320Z",
        ] {
            assert_eq!(compact(bad), None, "{bad}");
        }
        for bad in [
            "",
            "Z",
            "2026-09-21T14:13:20",
            "2026-09-21 14:13:20Z",
            "2026-09-21T14:13:20+00:00",
            "2026-09-21Z",
            "2026-9-21T14:13:20Z",
            "2026-09-21T14:13:20.Z",
            "2026-09-21T14:13:20.1234567890Z",
            "2026-09-21T14:13:20,5Z",
            "2026-09-21T14:13:20.5 Z",
            "2026-02-30T14:13:20Z",
        ] {
            assert_eq!(iso(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_date_of_http_is_read() {
        let check = |text, expected: Option<i64>| {
            assert_eq!(parse_http(text).map(Timestamp::as_seconds), expected, "{text}");
        };
        check("Mon, 21 Sep 2026 14:13:20 GMT", Some(1_790_000_000));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        for bad in [
            "",
            "Mon, 21 Sep 2026 14:13:20 UTC",
            "Monday, 21-Sep-26 14:13:20 GMT",
            "Mon Sep 21 14:13:20 2026",
            "Mon, 31 Sep 2026 14:13:20 GMT",
            "Mon, 21 sep 2026 14:13:20 GMT",
            "Mon, 21 Sep 2026 24:13:20 GMT",
            "Mon, 21 Sép 2026 14:13:2 GMT",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in -62_000_000_000_i64..250_000_000_000) {
            let time = Timestamp::from_seconds(seconds);
            prop_assert_eq!(parse_compact(&compact(time)), Some(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}|[0-9TZ:.-]{10,32}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT") {
            let _ = (parse_compact(&text), parse_iso(&text), parse_http(&text));
        }
    }
}
