//! The day of a statement, as its platform cuts it.

use crate::order::Timestamp;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A day of a platform: from its first moment to the first moment of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// Its first moment.
    pub(super) from: Timestamp,
    /// The first moment of the next one.
    pub(super) to: Timestamp,
    /// What moves so near to either end may stand on the neighbouring day's statement.
    pub(super) margin: i64,
}

impl Day {
    /// Reads `YYYY-MM-DD`. The three Chinese platforms mean Beijing's day, Stripe UTC's. UnionPay cuts at about 23:00, when its
    /// settlement day ends.
    pub(crate) fn parse(date: &str, provider: &str) -> Option<Self> {
        let civil = jiff::civil::Date::strptime("%Y-%m-%d", date).ok().filter(|civil| civil.to_string() == date)?;
        let (offset, cut, margin) = match provider {
            "stripe" => (0, 0, 30 * MINUTE),
            "unionpay" => (8, HOUR, 90 * MINUTE),
            _ => (8, 0, 30 * MINUTE),
        };
        let midnight = jiff::tz::offset(offset).to_timestamp(civil.at(0, 0, 0, 0)).ok()?;
        let from = Timestamp(midnight.as_microsecond() - cut);
        Some(Self { from, to: Timestamp(from.0 + 24 * HOUR), margin })
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
        (Timestamp(self.from.0 - self.margin), Timestamp(self.to.0 + self.margin))
    }

    pub(super) fn place(&self, at: Timestamp) -> Place {
        if at < self.from {
            Place::Before
        } else if at < self.to {
            Place::In { near_end: at.0 >= self.to.0 - self.margin }
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

    #[test]
    fn days_are_those_of_the_platform() {
        let from = |provider| Day::parse("2026-11-22", provider).unwrap().from.0 / HOUR;
        assert_eq!(from("alipay"), from("stripe") - 8);
        assert_eq!(from("unionpay"), from("wechatpay") - 1);
        let day = Day::parse("2026-11-22", "alipay").unwrap();
        assert_eq!(day.to.0 - day.from.0, 24 * HOUR);
        assert!(!day.is_over(Timestamp(day.to.0 - 1)) && day.is_over(day.to));
        assert!(!day.has_begun(Timestamp(day.from.0 - 1)) && day.has_begun(day.from));
        for bad in ["", "2026-11-32", "2026-1-2", "22.11.2026", "2026-11-22 "] {
            assert_eq!(Day::parse(bad, "alipay"), None, "{bad}");
        }
        assert_eq!(date_before("2026-03-01").as_deref(), Some("2026-02-28"));
        assert_eq!(date_after("2026-02-28").as_deref(), Some("2026-03-01"));
    }

    #[test]
    fn near_the_end_is_half_an_hour() {
        let day = Day::parse("2026-11-22", "alipay").unwrap();
        let at = |from_end: i64| day.place(Timestamp(day.to.0 + from_end));
        assert_eq!(at(-31 * MINUTE), Place::In { near_end: false });
        assert_eq!(at(-30 * MINUTE), Place::In { near_end: true });
        assert_eq!(at(0), Place::After);
        assert_eq!(day.place(Timestamp(day.from.0 - 1)), Place::Before);
        assert!(day.may_have(Timestamp(day.to.0 + 29 * MINUTE)) && !day.may_have(Timestamp(day.to.0 + 30 * MINUTE)));
    }
}
