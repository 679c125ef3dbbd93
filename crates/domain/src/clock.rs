//! Time as a value. Whoever needs the time is given a clock; only tests give another than the system's.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: microseconds since 1970-01-01 UTC, as both databases keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many microseconds after 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// The moment this many seconds after 1970, at most what microseconds can hold.
    pub const fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down: `now == exp` in these is expired.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole days since 1970.
    pub const fn as_days(self) -> i64 {
        self.0.div_euclid(86_400_000_000)
    }

    /// This moment and so much later.
    pub fn plus(self, later: Duration) -> Self {
        Timestamp(self.0.saturating_add(later.as_micros().try_into().unwrap_or(i64::MAX)))
    }

    /// This moment and so much earlier.
    pub fn minus(self, earlier: Duration) -> Self {
        Timestamp(self.0.saturating_sub(earlier.as_micros().try_into().unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero where it is before.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }

    /// `2022-01-31T16:39:28.458Z`, the form of the wire contract (1.2).
    pub fn to_rfc3339(self) -> String {
        let (year, month, day) = civil_from_days(self.as_days());
        let second_of_day = self.as_seconds().rem_euclid(86_400);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        let millis = self.0.rem_euclid(1_000_000) / 1000;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }

    /// Year, month and day in UTC.
    pub fn to_date(self) -> (i64, u32, u32) {
        civil_from_days(self.as_days())
    }
}

/// The proleptic Gregorian date of a day number (Howard Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Tells the time. Cloning is cheap; all clones tell the same time.
#[derive(Clone)]
pub struct Clock {
    tell: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    is_of_machine: bool,
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Clock::of_machine(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp(since.as_micros().try_into().unwrap_or(i64::MAX))
        })
    }

    /// A clock that a machine keeps, as `tell` has it: it may be wrong.
    pub fn of_machine(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock { tell: Arc::new(tell), is_of_machine: true }
    }

    /// A clock that asks `tell` each time, and is right by definition; for tests.
    pub fn new(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock { tell: Arc::new(tell), is_of_machine: false }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.tell)()
    }

    /// Whether a machine keeps it: then another machine's may say another time.
    pub fn is_of_machine(&self) -> bool {
        self.is_of_machine
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_the_contract_writes_it() {
        let check = |micros, text| assert_eq!(Timestamp::from_micros(micros).to_rfc3339(), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_643_647_168_458_000, "2022-01-31T16:39:28.458Z");
        check(1_709_164_800_000_000, "2024-02-29T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn seconds_round_down_so_that_no_link_outlives_its_expiry() {
        assert_eq!(Timestamp::from_micros(1_999_999).as_seconds(), 1);
        assert_eq!(Timestamp::from_micros(2_000_000).as_seconds(), 2);
    }

    #[test]
    fn time_never_wraps() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_seconds(0).since(end), Duration::ZERO);
    }
}
