//! How long to wait before the next try.

use std::time::Duration;

/// Exponential, with full jitter: the bound doubles with each failure, and the wait is anything up to it, so that many
/// who lost the same server do not come back as one. By default up to 50 ms at first and 10 s at most, as followers wait;
/// for whoever must wait for something else besides, such as a broker.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    bound: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(10))
    }
}

impl Backoff {
    /// The bound of the first wait, and of every wait.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, bound: first }
    }

    /// The wait before the next try.
    pub fn wait(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.longest);
        rand::random_range(Duration::ZERO..=bound)
    }

    /// It went well.
    pub fn reset(&mut self) {
        self.bound = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest_and_begins_anew_after_success() {
        let mut backoff = Backoff::default();
        let bounds = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000].map(Duration::from_millis);
        for bound in bounds {
            assert_eq!(backoff.bound, bound);
            assert!(backoff.wait() <= bound);
        }
        backoff.reset();
        assert_eq!(backoff.bound, bounds[0]);
    }
}
