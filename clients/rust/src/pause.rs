//! The wait between two streams.

use std::time::Duration;

use crate::backoff::Backoff;

/// Bounds of the wait.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(10);

/// Says why a stream was lost, and waits before the next.
#[derive(Debug)]
pub(crate) struct Pause(Backoff);

impl Default for Pause {
    fn default() -> Self {
        Self(Backoff::new(FIRST, LONGEST))
    }
}

impl Pause {
    pub(crate) async fn after(&mut self, why: &str) {
        let wait = self.0.wait();
        tracing::info!(why, wait_ms = wait.as_millis(), "the stream of events is lost; it is opened again");
        tokio::time::sleep(wait).await;
    }

    /// A message came.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }
}
