//! The wait between two streams.

use crate::backoff::Backoff;

/// Says why a stream was lost, and waits before the next.
#[derive(Debug, Default)]
pub(crate) struct Pause(Backoff);

impl Pause {
    pub(crate) async fn after(&mut self, why: &str) {
        let wait = self.0.wait();
        tracing::info!(why, wait_ms = wait.as_millis(), "the stream of events is lost; it is opened again");
        tokio::time::sleep(wait).await;
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }
}
