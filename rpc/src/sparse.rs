//! Bounds log lines about callers without any rights, which must not fill the log.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// At most one line in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Says whether a line may be logged now, and how many were left out since the last one.
#[derive(Default)]
pub(crate) struct Sparse {
    last: Mutex<Option<Instant>>,
    unsaid: AtomicU64,
}

impl Sparse {
    /// How many lines were left out since the last one; `None` if there may be none now.
    pub(crate) fn due(&self) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < LOG_INTERVAL) {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *last = Some(Instant::now());
        Some(self.unsaid.swap(0, Ordering::Relaxed))
    }
}

impl fmt::Debug for Sparse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sparse").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second() {
        let log = Sparse::default();
        assert_eq!(log.due(), Some(0));
        assert_eq!((log.due(), log.due()), (None, None));
        *log.last.lock().unwrap() = Instant::now().checked_sub(LOG_INTERVAL);
        assert_eq!(log.due(), Some(2));
    }
}
