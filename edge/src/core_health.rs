//! Whether a core can be reached, for `/readyz`.
//!
//! The last call's result counts while it is fresh; otherwise the cores' health services are asked, and one that
//! serves is enough. However often `/readyz` is called, each is asked at most once per [`FRESH`].

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::Cores;

/// How long a result counts.
const FRESH: Duration = Duration::from_secs(1);
/// How long a core may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is known of the cores.
#[derive(Debug)]
pub(crate) struct CoreHealth {
    cores: Cores,
    known: Mutex<Option<(Instant, bool)>>,
    /// Held while the cores are asked, so that one asks for all.
    asking: tokio::sync::Mutex<()>,
}

impl CoreHealth {
    pub(crate) fn new(cores: Cores) -> Self {
        Self { cores, known: Mutex::new(None), asking: tokio::sync::Mutex::new(()) }
    }

    /// Notes the result of a call that was made anyway.
    pub(crate) fn note(&self, good: bool) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), good));
    }

    /// Whether a core answers.
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
        let mut asked: JoinSet<bool> = self.cores.channels().into_iter().map(serves).collect();
        while let Some(answer) = asked.join_next().await {
            if answer.unwrap_or(false) {
                return true;
            }
        }
        false
    }
}

async fn serves(core: Channel) -> bool {
    let mut request = Request::new(HealthCheckRequest { service: String::new() });
    request.set_timeout(PROBE_TIMEOUT);
    match timeout(PROBE_TIMEOUT, HealthClient::new(core).check(request)).await {
        Ok(Ok(response)) => response.into_inner().status() == ServingStatus::Serving,
        // It answered; that it has no health service does not make it unable to store.
        Ok(Err(status)) => status.code() == Code::Unimplemented,
        Err(_) => false,
    }
}
