//! How long to wait before the next try.

use std::time::Duration;

/// Exponential, with full jitter: the bound doubles with each failure, and the wait is anything up to it, so that many
/// who lost the same server do not come back as one.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    bound: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, bound: first }
    }

    /// The wait before the next try.
    pub(crate) fn wait(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.longest);
        rand::random_range(Duration::ZERO..=bound)
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.bound = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest_and_begins_anew_after_success() {
        let (first, longest) = (Duration::from_millis(50), Duration::from_secs(10));
        let mut backoff = Backoff::new(first, longest);
        let bounds = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000].map(Duration::from_millis);
        for bound in bounds {
            assert_eq!(backoff.bound, bound);
            assert!(backoff.wait() <= bound);
        }
        backoff.reset();
        assert!(backoff.wait() <= first);
    }
}
