//! The day of a statement, as its platform cuts it.

use std::time::Duration;

use crate::{order::Timestamp, platform::StatementDay};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A day of a platform: from its first moment to the first moment of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// Its first moment.
    pub(super) from: Timestamp,
    /// The first moment of the next one.
    pub(super) to: Timestamp,
    /// What moves so near to either end may stand on the neighbouring day's statement.
    pub(super) margin: Duration,
}

impl Day {
    /// Reads `YYYY-MM-DD`.
    pub(crate) fn parse(date: &str, rule: &StatementDay) -> Option<Self> {
        let civil = jiff::civil::Date::strptime("%Y-%m-%d", date).ok().filter(|civil| civil.to_string() == date)?;
        let midnight = jiff::tz::offset(rule.utc_offset_hours).to_timestamp(civil.at(0, 0, 0, 0)).ok()?;
        let from = Timestamp(midnight.as_microsecond()).before(rule.before_midnight);
        Some(Self { from, to: from.after(DAY), margin: rule.margin })
    }

    /// Its last moment, and the first one of the next day.
    pub(crate) fn end(&self) -> Timestamp {
        self.to
    }

    /// Whether it is over. Until then its statement cannot be whole.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.to
    }

    /// Whether anything can have moved on it.
    pub(crate) fn has_begun(&self, now: Timestamp) -> bool {
        now >= self.from
    }

    /// The day with what lies near to it.
    pub(super) fn widened(&self) -> (Timestamp, Timestamp) {
        (self.from.before(self.margin), self.to.after(self.margin))
    }

    pub(super) fn place(&self, at: Timestamp) -> Place {
        if at < self.from {
            Place::Before
        } else if at < self.to {
            Place::In { near_end: at >= self.to.before(self.margin) }
        } else {
            Place::After
        }
    }

    /// Whether a line can be of this day's statement.
    pub(super) fn may_have(&self, at: Timestamp) -> bool {
        let (from, to) = self.widened();
        from <= at && at < to
    }
}

/// Where a moment lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the day.
    Before,
    /// In it.
    In {
        /// So near to its end that the next day's statement may have it.
        near_end: bool,
    },
    /// After it.
    After,
}

/// The date before one; `None` for what is no date.
pub(super) fn date_before(date: &str) -> Option<String> {
    let civil = jiff::civil::Date::strptime("%Y-%m-%d", date).ok()?;
    civil.yesterday().ok().map(|civil| civil.to_string())
}

/// The date after one; `None` for what is no date.
pub(crate) fn date_after(date: &str) -> Option<String> {
    let civil = jiff::civil::Date::strptime("%Y-%m-%d", date).ok()?;
    civil.tomorrow().ok().map(|civil| civil.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const HOUR: i64 = 60 * MINUTE;

    /// Beijing's day, cut at 23:00.
    fn day() -> Day {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let rule = StatementDay { utc_offset_hours: 8, before_midnight: minutes(60), margin: minutes(30) };
        Day::parse("2026-11-22", &rule).unwrap()
    }

    #[test]
    fn days_are_those_of_the_platform() {
        let day = day();
        let utc = Day::parse("2026-11-22", &StatementDay::default()).unwrap();
        assert_eq!(day.from.0 / HOUR, utc.from.0 / HOUR - 9);
        assert_eq!(day.to.0 - day.from.0, 24 * HOUR);
        assert!(!day.is_over(Timestamp(day.to.0 - 1)) && day.is_over(day.to));
        assert!(!day.has_begun(Timestamp(day.from.0 - 1)) && day.has_begun(day.from));
        for bad in ["", "2026-11-32", "2026-1-2", "22.11.2026", "2026-11-22 "] {
            assert_eq!(Day::parse(bad, &StatementDay::default()), None, "{bad}");
        }
        assert_eq!(date_before("2026-03-01").as_deref(), Some("2026-02-28"));
        assert_eq!(date_after("2026-02-28").as_deref(), Some("2026-03-01"));
    }

    #[test]
    fn near_the_end_is_half_an_hour() {
        let day = day();
        let at = |from_end: i64| day.place(Timestamp(day.to.0 + from_end));
        assert_eq!(at(-31 * MINUTE), Place::In { near_end: false });
        assert_eq!(at(-30 * MINUTE), Place::In { near_end: true });
        assert_eq!(at(0), Place::After);
        assert_eq!(day.place(Timestamp(day.from.0 - 1)), Place::Before);
        assert!(day.may_have(Timestamp(day.to.0 + 29 * MINUTE)) && !day.may_have(Timestamp(day.to.0 + 30 * MINUTE)));
    }
}
