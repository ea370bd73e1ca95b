//! Points in time that are also unique: every trade, refund and notice of the sandbox gets its own
//! microsecond, so the platforms' numbers made from it never repeat, across restarts too.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(i64);

impl Stamp {
    /// The clock's time, which may repeat.
    pub(crate) fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From whole seconds since the Unix epoch.
    pub(crate) const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// `2026-11-22 10:00:00`, Beijing.
    pub(crate) fn beijing(self) -> String {
        self.text("%Y-%m-%d %H:%M:%S")
    }

    /// Reads `2026-11-22 10:00:00`, Beijing.
    pub(crate) fn parse_beijing(text: &str) -> Option<Self> {
        Self::parse("%Y-%m-%d %H:%M:%S", text)
    }

    /// Reads `20261122100000`, Beijing.
    pub(crate) fn parse_compact(text: &str) -> Option<Self> {
        Self::parse("%Y%m%d%H%M%S", text)
    }

    /// Reads RFC 3339, with whatever offset.
    pub(crate) fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|at| Self(at.as_microsecond()))
    }

    fn parse(format: &str, text: &str) -> Option<Self> {
        let beijing = DateTime::strptime(format, text).ok()?;
        Offset::constant(8).to_timestamp(beijing).ok().map(|at| Self(at.as_microsecond()))
    }

    /// So much earlier.
    pub(crate) fn minus(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(earlier.as_micros()).unwrap_or(i64::MAX)))
    }

    /// So many seconds later.
    pub(crate) const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// `20261122100000`, Beijing.
    pub(crate) fn compact(self) -> String {
        self.text("%Y%m%d%H%M%S")
    }

    /// `2026-11-22T10:00:00+08:00`.
    pub(crate) fn rfc3339(self) -> String {
        self.text("%Y-%m-%dT%H:%M:%S+08:00")
    }

    /// Any other form of the Beijing time.
    pub(crate) fn text(self, format: &str) -> String {
        let utc = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let beijing: DateTime = Offset::constant(8).to_datetime(utc);
        beijing.strftime(format).to_string()
    }

    /// The calendar day in Beijing.
    pub(crate) fn beijing_day(self) -> jiff::civil::Date {
        let utc = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        Offset::constant(8).to_datetime(utc).date()
    }

    /// The 28 digits of an Alipay or WeChat Pay transaction: prefix, day, sixteen digits.
    pub(crate) fn digits28(self, prefix: u16) -> String {
        format!("{prefix:04}{}{:016}", self.text("%Y%m%d"), self.0)
    }

    /// The 21 digits of a UnionPay transaction: second, microsecond, a digit.
    pub(crate) fn digits21(self) -> String {
        format!("{}{:06}8", self.compact(), self.0.rem_euclid(1_000_000))
    }

    /// A Stripe object's id: prefix, the stamp in base 62, a tail that marks it as ours.
    pub(crate) fn stripe_id(self, prefix: &str) -> String {
        format!("{prefix}_3{}PaystateSandbox", base62(self.0))
    }
}

fn base62(mut number: i64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = Vec::new();
    while number > 0 {
        let digit = usize::try_from(number % 62).ok().and_then(|index| DIGITS.get(index)).copied();
        out.push(digit.map_or('0', char::from));
        number /= 62;
    }
    out.iter().rev().collect()
}

/// Hands out stamps: the clock's time, or one more than the last where the clock repeats or goes back.
#[derive(Debug)]
pub(crate) struct Stamps {
    last: AtomicI64,
    /// How far the clock that they are read from is behind, in microseconds.
    behind: i64,
}

impl Stamps {
    /// Starts after the `last` stamp of an earlier run.
    pub(crate) fn after(last: Stamp) -> Self {
        Self { last: AtomicI64::new(last.0), behind: 0 }
    }

    /// The same by a clock that is behind.
    pub(crate) fn behind(self, behind: Duration) -> Self {
        Self { behind: i64::try_from(behind.as_micros()).unwrap_or(i64::MAX), ..self }
    }

    /// What the clock says, which may repeat.
    pub(crate) fn now(&self) -> Stamp {
        Stamp(Stamp::now().0.saturating_sub(self.behind))
    }

    pub(crate) fn next(&self) -> Stamp {
        let now = self.now().0;
        let previous = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        Stamp(now.max(previous.unwrap_or_else(|last| last) + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_platforms_shapes() {
        let stamp = Stamp(1_795_312_800_123_456);
        assert_eq!(stamp.beijing(), "2026-11-22 10:00:00");
        assert_eq!(stamp.rfc3339(), "2026-11-22T10:00:00+08:00");
        assert_eq!(stamp.digits28(2200), "2200202611221795312800123456");
        assert_eq!(stamp.digits21(), "202611221000001234568");
        assert!(stamp.stripe_id("pi").starts_with("pi_3"));
    }

    #[test]
    fn a_clock_that_is_behind_stays_so() {
        let day = Duration::from_secs(86_400);
        let stamps = Stamps::after(Stamp(0)).behind(day);
        let stamp = stamps.next();
        assert!(stamp <= Stamp::now().minus(day) && stamp > Stamp::now().minus(day * 2));
        assert!(stamps.next() > stamp);
    }

    #[test]
    fn stamps_never_repeat_even_when_the_clock_does() {
        let ahead = Stamp(Stamp::now().0 + 1_000_000_000);
        let stamps = Stamps::after(ahead);
        let first = stamps.next();
        assert!(first > ahead);
        let all: std::collections::HashSet<_> = (0..10_000).map(|_| stamps.next()).collect();
        assert_eq!(all.len(), 10_000);
        assert!(!all.contains(&first));
    }
}
