//! The writers' end of the feed: the log has grown.

use tokio::sync::watch;

/// Rung after a commit. A ring carries nothing and never waits; several rings may be heard as one.
#[derive(Debug, Clone, Default)]
pub struct Bell(watch::Sender<()>);

impl Bell {
    /// Says that the log has grown. Call after the commit.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    pub(super) fn listen(&self) -> Ears {
        Ears(self.0.subscribe())
    }
}

/// Hears a bell.
pub(super) struct Ears(watch::Receiver<()>);

impl Ears {
    /// Returns when the bell has been rung since the last call.
    pub(super) async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody is left who could ring it.
            std::future::pending().await
        }
    }
}
