//! How long to wait after a failure.

use std::time::Duration;

use rand::RngExt as _;

/// The first wait is at most this.
const SHORTEST: Duration = Duration::from_millis(50);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double, each of them anywhere between nothing and its limit, so that many who lost the same broker do
/// not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    limit: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { limit: SHORTEST }
    }
}

impl Backoff {
    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = rand::rng().random_range(Duration::ZERO..=self.limit);
        self.limit = (self.limit * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let mut backoff = Backoff::default();
        let limits: Vec<_> = std::iter::repeat_with(|| (backoff.limit, backoff.next())).take(10).collect();
        assert!(limits.iter().all(|(limit, wait)| wait <= limit), "{limits:?}");
        assert_eq!((limits[0].0, limits[1].0, limits[9].0), (SHORTEST, SHORTEST * 2, LONGEST));
    }
}
