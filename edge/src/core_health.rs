//! Whether the core can be reached, for `/readyz`.
//!
//! The last call's result counts while it is fresh; otherwise the core's health service is asked. However
//! often `/readyz` is called, the core is asked at most once per [`FRESH`].

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// How long a result counts.
const FRESH: Duration = Duration::from_secs(1);
/// How long the core may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is known of the core.
#[derive(Debug)]
pub(crate) struct CoreHealth {
    channel: Channel,
    known: Mutex<Option<(Instant, bool)>>,
    /// Held while the core is asked, so that one asks for all.
    asking: tokio::sync::Mutex<()>,
}

impl CoreHealth {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, known: Mutex::new(None), asking: tokio::sync::Mutex::new(()) }
    }

    /// Notes the result of a call that was made anyway.
    pub(crate) fn note(&self, good: bool) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), good));
    }

    /// Whether the core answers.
    pub(crate) async fn good(&self) -> bool {
        if let Some(good) = self.fresh() {
            return good;
        }
        let _one = self.asking.lock().await;
        if let Some(good) = self.fresh() {
            return good;
        }
        let good = self.ask().await;
        self.note(good);
        good
    }

    fn fresh(&self) -> Option<bool> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|(at, _)| at.elapsed() < FRESH).map(|(_, good)| good)
    }

    async fn ask(&self) -> bool {
        let mut client = HealthClient::new(self.channel.clone());
        let request = HealthCheckRequest { service: String::new() };
        match timeout(PROBE_TIMEOUT, client.check(request)).await {
            Ok(Ok(response)) => response.into_inner().status() == ServingStatus::Serving,
            // It answered; that it has no health service does not make it unable to store.
            Ok(Err(status)) => status.code() == Code::Unimplemented,
            Err(_) => false,
        }
    }
}
