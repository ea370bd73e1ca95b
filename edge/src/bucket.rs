//! A token bucket. The time comes in, so it can be tested without waiting.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Gives out `burst` tokens at once and `per_second` over time.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// From one token to the next; `None` if none ever comes back.
    interval: Option<Duration>,
    burst: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: u32,
    /// The time up to which tokens have been added.
    filled: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second).map(|i| i.max(Duration::from_nanos(1)));
        Self { interval, burst, state: Mutex::new(State { tokens: burst, filled: now }) }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut state, now);
        match state.tokens.checked_sub(1) {
            Some(left) => {
                state.tokens = left;
                true
            }
            None => false,
        }
    }

    fn refill(&self, state: &mut State, now: Instant) {
        let Some(interval) = self.interval else {
            return;
        };
        let elapsed = now.saturating_duration_since(state.filled);
        let earned = u32::try_from(elapsed.as_nanos() / interval.as_nanos()).unwrap_or(u32::MAX);
        let tokens = state.tokens.saturating_add(earned);
        if tokens >= self.burst {
            *state = State { tokens: self.burst, filled: now };
        } else {
            // Whole intervals only, so that the one that has begun is not lost.
            *state = State { tokens, filled: state.filled + interval * earned };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &Bucket, now: Instant, tries: u32) -> usize {
        (0..tries).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn burst_then_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(50, 200, start);
        assert_eq!(taken(&bucket, start, 1000), 200);
        assert_eq!(taken(&bucket, start + Duration::from_millis(19), 9), 0);
        assert_eq!(taken(&bucket, start + Duration::from_millis(39), 9), 1);
        assert_eq!(taken(&bucket, start + Duration::from_millis(40), 9), 1, "a started interval is not lost");
        assert_eq!(taken(&bucket, start + Duration::from_secs(1), 1000), 48);
        assert_eq!(taken(&bucket, start + Duration::from_secs(3600), 1000), 200);
    }

    #[test]
    fn a_rate_of_zero_gives_the_burst_only() {
        let start = Instant::now();
        let bucket = Bucket::new(0, 2, start);
        assert_eq!(taken(&bucket, start + Duration::from_secs(9), 5), 2);
    }
}
