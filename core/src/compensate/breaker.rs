//! Whether a platform is worth asking; pure.
//!
//! A platform that fails to answer five times in a row is left alone, but for one question every few seconds. The first
//! answer ends that. So an outage costs no budget and no patience, and its end is noticed at once. Times are monotonic.

use std::time::Duration;

use tokio::time::Instant;

/// Questions without an answer, one after the other, after which an account is left alone.
const FAILURES: u32 = 5;

/// What is known of one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// No probe before this time.
    probe_at: Option<Instant>,
    /// The platform asked to be left alone until then, whatever it answers meanwhile.
    patient_until: Option<Instant>,
}

impl Breaker {
    /// Whether the account is being left alone.
    pub(super) fn is_open(&self) -> bool {
        self.failures >= FAILURES
    }

    /// How many questions may be asked now: any number (`u32::MAX`), one as a probe, or none.
    pub(super) fn room(&self, now: Instant) -> u32 {
        match self.blocked_until() {
            Some(until) if now < until => 0,
            Some(_) | None if self.is_open() => 1,
            Some(_) | None => u32::MAX,
        }
    }

    /// Nothing is asked before this time.
    fn blocked_until(&self) -> Option<Instant> {
        self.probe_at.max(self.patient_until)
    }

    /// Notes that a probe is asked now; the next one may follow after `pause`.
    pub(super) fn probed(&mut self, now: Instant, pause: Duration) {
        self.probe_at = Some(now + pause);
    }

    /// Notes that a question was answered, whatever the answer. It may have been under way when patience was asked for.
    pub(super) fn answered(&mut self) {
        *self = Self { patient_until: self.patient_until, ..Self::default() };
    }

    /// Notes that a question was not answered.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Notes that the platform asked for patience.
    pub(super) fn wait(&mut self, until: Instant) {
        self.patient_until = self.patient_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    const PROBE: Duration = Duration::from_secs(5);

    /// So many seconds after the first call.
    fn at(second: u64) -> Instant {
        static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        *BEGIN + Duration::from_secs(second)
    }

    #[test]
    fn five_failures_leave_one_question_every_few_seconds_until_one_is_answered() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed();
            assert_eq!(breaker.room(at(0)), u32::MAX);
        }
        breaker.failed();
        assert!(breaker.is_open());
        assert_eq!(breaker.room(at(0)), 1);
        breaker.probed(at(0), PROBE);
        assert_eq!(breaker.room(at(4)), 0);
        assert_eq!(breaker.room(at(5)), 1);
        breaker.probed(at(5), PROBE);
        breaker.failed();
        assert_eq!(breaker.room(at(9)), 0);
        breaker.answered();
        assert_eq!(breaker.room(at(9)), u32::MAX);
    }

    #[test]
    fn an_answer_between_failures_starts_the_count_again() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed();
        }
        breaker.answered();
        breaker.failed();
        assert!(!breaker.is_open());
    }

    #[test]
    fn patience_is_given_as_long_as_it_was_asked_for() {
        let mut breaker = Breaker::default();
        breaker.wait(at(30));
        breaker.wait(at(10));
        breaker.answered();
        assert_eq!(breaker.room(at(29)), 0);
        assert_eq!(breaker.room(at(30)), u32::MAX);
    }
}
