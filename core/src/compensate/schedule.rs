//! When a question is asked again; pure.

use std::time::Duration;

/// Delays between questions about one payment or refund, the first one after its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// Jitter in percent, more or less, so that what began together is not asked about together.
const JITTER: u32 = 10;

impl Schedule {
    /// Delays in the order in which they are waited; at least one.
    #[must_use]
    pub fn new(first: Duration, more: impl IntoIterator<Item = Duration>) -> Self {
        Self(std::iter::once(first).chain(more).collect())
    }

    /// For payments: the first look while the payer still waits for the page, the last hours later.
    #[must_use]
    pub fn payments() -> Self {
        let minutes = [1, 5, 15, 30, 60, 3 * 60, 6 * 60].map(|m| Duration::from_secs(m * 60));
        Self::new(Duration::from_secs(10), minutes)
    }

    /// For refunds, which banks carry out in days: three of them.
    #[must_use]
    pub fn refunds() -> Self {
        let minutes = [1, 5, 30, 60].into_iter().chain(std::iter::repeat_n(6 * 60, 12));
        Self::new(Duration::from_secs(10), minutes.map(|m| Duration::from_secs(m * 60)))
    }

    /// The wait after this many answered questions; `None` after the last one.
    pub(super) fn after(&self, answered: u32) -> Option<Duration> {
        self.0.get(usize::try_from(answered).unwrap_or(usize::MAX)).copied()
    }

    /// The wait before the first question.
    pub(crate) fn first(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    /// The last delay.
    pub(super) fn last(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }

    /// From the start to the last question.
    pub(super) fn whole(&self) -> Duration {
        self.0.iter().sum()
    }
}

/// The delay with jitter: 0.9 to 1.1 of it, by a number that differs from task to task. 0 gives the shortest.
pub(super) fn jittered(delay: Duration, chance: u32) -> Duration {
    delay * (100 - JITTER + chance % (2 * JITTER + 1)) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_ends() {
        let schedule = Schedule::payments();
        assert_eq!(schedule.first(), Duration::from_secs(10));
        assert_eq!(schedule.after(1), Some(Duration::from_secs(60)));
        assert_eq!(schedule.after(7), Some(schedule.last()));
        assert_eq!(schedule.after(8), None);
        assert!(Schedule::refunds().whole() > Duration::from_secs(3 * 24 * 3600));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        let minute = Duration::from_secs(60);
        let all: Vec<_> = (0..1000).map(|chance| jittered(minute, chance)).collect();
        assert_eq!(all.iter().min(), Some(&(minute * 9 / 10)));
        assert_eq!(all.iter().max(), Some(&(minute * 11 / 10)));
    }
}
