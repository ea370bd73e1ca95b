//! Points in time as the platforms write them. Nothing here reads a clock.

use crate::{Reason, Rejection, statement::Day};

/// A point in time: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(i64);

impl Instant {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds since the Unix epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Parses `"2026-11-22 10:00:00"`, optionally with `.143` milliseconds, which Alipay means as Beijing time.
///
/// # Errors
/// [`Reason::Malformed`] for anything else.
pub fn parse_beijing(text: &str) -> Result<Instant, Rejection> {
    beijing("%Y-%m-%d %H:%M:%S%.f", text)
}

/// Parses `"20261122100000"`, which UnionPay means as Beijing time.
///
/// # Errors
/// [`Reason::Malformed`] for anything else.
pub fn parse_beijing_compact(text: &str) -> Result<Instant, Rejection> {
    if text.len() != 14 {
        return Err(malformed(text));
    }
    beijing("%Y%m%d%H%M%S", text)
}

/// Parses RFC 3339 with an offset, e.g. `"2026-11-22T10:00:00+08:00"`.
///
/// # Errors
/// [`Reason::Malformed`] for anything else.
pub fn parse_rfc3339(text: &str) -> Result<Instant, Rejection> {
    text.parse::<jiff::Timestamp>().map(|t| Instant(t.as_microsecond())).map_err(|_| malformed(text))
}

/// Writes Beijing time as UnionPay does, e.g. `"20261122100000"`. `None` beyond the year 9999.
pub(crate) fn format_beijing_compact(at: Instant) -> Option<String> {
    in_beijing(at, "%Y%m%d%H%M%S")
}

/// When a calendar day begins, `hours_east` of Greenwich. `None` for a day that no calendar has.
pub(crate) fn start_of_day(day: Day, hours_east: i8) -> Option<Instant> {
    let date = jiff::civil::Date::new(day.year, day.month, day.day).ok()?;
    let start = jiff::tz::offset(hours_east).to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(Instant(start.as_microsecond()))
}

fn beijing(format: &str, text: &str) -> Result<Instant, Rejection> {
    let civil = jiff::civil::DateTime::strptime(format, text).map_err(|_| malformed(text))?;
    jiff::tz::offset(8).to_timestamp(civil).map(|t| Instant(t.as_microsecond())).map_err(|_| malformed(text))
}

/// Writes Beijing time as Alipay does, e.g. `"2026-11-22 10:00:00"`. `None` beyond the year 9999.
pub(crate) fn format_beijing(at: Instant) -> Option<String> {
    in_beijing(at, "%Y-%m-%d %H:%M:%S")
}

/// Writes RFC 3339 in Beijing time as WeChat Pay does, e.g. `"2026-11-22T10:00:00+08:00"`. `None` beyond the year 9999.
pub(crate) fn format_rfc3339_beijing(at: Instant) -> Option<String> {
    in_beijing(at, "%Y-%m-%dT%H:%M:%S+08:00")
}

fn in_beijing(at: Instant, format: &str) -> Option<String> {
    let utc = jiff::Timestamp::from_microsecond(at.0).ok()?;
    Some(jiff::tz::offset(8).to_datetime(utc).strftime(format).to_string())
}

fn malformed(text: &str) -> Rejection {
    Rejection::new(Reason::Malformed, format!("{:?} is not a time", text.chars().take(40).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 10:00:00 in Beijing.
    const TEN: i64 = 1_795_312_800;

    #[test]
    fn the_three_writings_agree() {
        assert_eq!(parse_beijing("2026-11-22 10:00:00"), Ok(Instant::from_seconds(TEN)));
        assert_eq!(parse_beijing("2026-11-22 10:00:00.143").map(Instant::micros), Ok(TEN * 1_000_000 + 143_000));
        assert_eq!(parse_beijing_compact("20261122100000"), Ok(Instant::from_seconds(TEN)));
        assert_eq!(parse_rfc3339("2026-11-22T10:00:00+08:00"), Ok(Instant::from_seconds(TEN)));
        assert_eq!(Instant::from_micros(-1).seconds(), -1);
        assert_eq!(format_beijing_compact(Instant::from_seconds(TEN)).as_deref(), Some("20261122100000"));
        assert_eq!(format_beijing_compact(Instant::from_micros(i64::MAX)), None);
    }

    #[test]
    fn days_begin_where_they_are() {
        let day = Day { year: 2026, month: 11, day: 22 };
        assert_eq!(start_of_day(day, 8), Some(Instant::from_seconds(TEN - 10 * 3600)));
        assert_eq!(start_of_day(day, 0), Some(Instant::from_seconds(TEN - 2 * 3600)));
        assert_eq!(start_of_day(Day { month: 13, ..day }, 8), None);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let ten = Instant::from_seconds(TEN);
        assert_eq!(format_beijing(ten).as_deref(), Some("2026-11-22 10:00:00"));
        assert_eq!(format_rfc3339_beijing(ten).as_deref(), Some("2026-11-22T10:00:00+08:00"));
        assert_eq!(parse_rfc3339("2026-11-22T10:00:00+08:00"), Ok(ten));
        assert_eq!(format_beijing(Instant::from_micros(i64::MAX)), None);
    }

    #[test]
    fn other_texts_are_no_times() {
        let reason = |result: Result<Instant, Rejection>| result.map_err(|r| r.reason);
        for text in
            ["", "2026-11-22", "2026-11-22T10:00:00", "2026-13-22 10:00:00", "2026-02-30 10:00:00", "22/11/2026"]
        {
            assert_eq!(reason(parse_beijing(text)), Err(Reason::Malformed), "{text}");
        }
        for text in ["2026112210000", "20261322100000", "2026112210000x", "202611221000000"] {
            assert_eq!(reason(parse_beijing_compact(text)), Err(Reason::Malformed), "{text}");
        }
        for text in ["2026-11-22T10:00:00", "1795312800", "now"] {
            assert_eq!(reason(parse_rfc3339(text)), Err(Reason::Malformed), "{text}");
        }
    }
}
