//! Points in time as the platforms write them. Nothing here reads a clock.

use crate::{Reason, Rejection};

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

fn beijing(format: &str, text: &str) -> Result<Instant, Rejection> {
    let civil = jiff::civil::DateTime::strptime(format, text).map_err(|_| malformed(text))?;
    jiff::tz::offset(8)
        .to_timestamp(civil)
        .map(|t| Instant(t.as_microsecond()))
        .map_err(|_| malformed(text))
}

fn malformed(text: &str) -> Rejection {
    Rejection::new(Reason::Malformed, format!("{:?} is not a time", text.chars().take(40).collect::<String>()))
}
