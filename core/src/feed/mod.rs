//! Wake-ups: who waits for a change of an order learns that there was one, then reads it from the store.
//!
//! Contract: a wake-up carries no data and may be lost by a slow listener ([`Wakeups::changed`] says so), so
//! listeners register first, then read, and read again now and then without being woken. The writer
//! never waits for a listener.

use tokio::sync::broadcast;

use crate::order::OrderId;

/// Wake-ups kept for a slow listener.
const BACKLOG: usize = 1024;

/// The writers' end.
#[derive(Debug, Clone)]
pub struct Feed {
    sender: broadcast::Sender<OrderId>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }
}

impl Feed {
    /// Says that an order changed. Call after its commit.
    pub fn wake(&self, order_id: OrderId) {
        // No listener is no error.
        let _ = self.sender.send(order_id);
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> Wakeups {
        Wakeups { receiver: self.sender.subscribe() }
    }
}

/// A listener's end.
#[derive(Debug)]
pub struct Wakeups {
    receiver: broadcast::Receiver<OrderId>,
}

impl Wakeups {
    /// Returns when this order changed, or may have.
    pub async fn changed(&mut self, order_id: &OrderId) {
        loop {
            match self.receiver.recv().await {
                Ok(id) if id == *order_id => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                // The writers are gone; nothing will ever change.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
