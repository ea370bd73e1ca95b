//! What a relay knows of its two sides, for callers that ask whether it is ready.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::ConnectionStatus;
use tokio::time::Instant;

/// A core says something every few seconds, also on a quiet log.
const SILENCE: Duration = Duration::from_secs(30);

/// Shared by the relay and its callers.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    link: Option<ConnectionStatus>,
    heard: Option<Instant>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("heard", &self.heard).finish_non_exhaustive()
    }
}

/// Why a relay hands nothing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// There is no connection to RabbitMQ.
    #[error("no connection to RabbitMQ")]
    Broker,
    /// RabbitMQ is out of memory or disk.
    #[error("RabbitMQ takes nothing in: it is out of memory or disk")]
    Blocked,
    /// The core has not said anything for a while.
    #[error("nothing heard from the core")]
    Core,
}

impl Health {
    /// Whether new events are handed on.
    ///
    /// # Errors
    /// Which side is missing.
    pub fn ready(&self) -> Result<(), NotReady> {
        let known = self.known();
        if !known.link.as_ref().is_some_and(ConnectionStatus::connected) {
            return Err(NotReady::Broker);
        }
        if known.link.as_ref().is_some_and(ConnectionStatus::blocked) {
            return Err(NotReady::Blocked);
        }
        if known.heard.is_none_or(|heard| heard.elapsed() > SILENCE) {
            return Err(NotReady::Core);
        }
        Ok(())
    }

    /// The core has said something.
    pub fn heard(&self) {
        self.known().heard = Some(Instant::now());
    }

    pub(crate) fn linked(&self, link: ConnectionStatus) {
        self.known().link = Some(link);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_without_its_broker_is_not_ready() {
        let health = Health::default();
        health.heard();
        assert_eq!(health.ready(), Err(NotReady::Broker));
    }
}
