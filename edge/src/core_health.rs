//! Whether the core can be reached, and whether it is without its Redis, for `/readyz`.
//!
//! The last call's result counts while it is fresh; otherwise the core's health service is asked. However
//! often `/readyz` is called, the core is asked at most once per [`FRESH`] and question.

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

/// The health service's name for the whole core.
const CORE: &str = "";
/// Its name for the core's Redis; a core that has none does not know it.
const REDIS: &str = "redis";

/// What is known of the core.
#[derive(Debug)]
pub(crate) struct CoreHealth {
    channel: Channel,
    good: Known,
    degraded: Known,
}

/// The answer to a question, for as long as it counts.
#[derive(Debug, Default)]
struct Known {
    answer: Mutex<Option<(Instant, bool)>>,
    /// Held while the core is asked, so that one asks for all.
    asking: tokio::sync::Mutex<()>,
}

impl Known {
    fn note(&self, answer: bool) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), answer));
    }

    fn fresh(&self) -> Option<bool> {
        let known = *self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|(at, _)| at.elapsed() < FRESH).map(|(_, answer)| answer)
    }

    async fn or_ask(&self, ask: impl AsyncFnOnce() -> bool) -> bool {
        if let Some(answer) = self.fresh() {
            return answer;
        }
        let _one = self.asking.lock().await;
        if let Some(answer) = self.fresh() {
            return answer;
        }
        let answer = ask().await;
        self.note(answer);
        answer
    }
}

impl CoreHealth {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, good: Known::default(), degraded: Known::default() }
    }

    /// Notes the result of a call that was made anyway.
    pub(crate) fn note(&self, good: bool) {
        self.good.note(good);
    }

    /// Whether the core answers.
    pub(crate) async fn good(&self) -> bool {
        // It answered; that it has no health service does not make it unable to store.
        let good = |said| matches!(said, Ok(ServingStatus::Serving) | Err(Code::Unimplemented));
        self.good.or_ask(async || good(self.ask(CORE).await)).await
    }

    /// Whether the core goes on without its Redis.
    pub(crate) async fn degraded(&self) -> bool {
        self.degraded.or_ask(async || self.ask(REDIS).await == Ok(ServingStatus::NotServing)).await
    }

    async fn ask(&self, service: &str) -> Result<ServingStatus, Code> {
        let mut client = HealthClient::new(self.channel.clone());
        let request = HealthCheckRequest { service: service.to_owned() };
        match timeout(PROBE_TIMEOUT, client.check(request)).await {
            Ok(Ok(response)) => Ok(response.into_inner().status()),
            Ok(Err(status)) => Err(status.code()),
            Err(_) => Err(Code::DeadlineExceeded),
        }
    }
}
