//! Whether a core can be reached, and whether one is without its Redis, for `/readyz`.
//!
//! The last call's result counts while it is fresh; otherwise the cores' health services are asked, and one that
//! serves is enough. However often `/readyz` is called, each is asked at most once per [`FRESH`] and question.

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

/// The health service's name for the whole core.
const CORE: &str = "";
/// Its name for the core's Redis; a core that has none does not know it.
const REDIS: &str = "redis";

/// What is known of the cores.
#[derive(Debug)]
pub(crate) struct CoreHealth {
    cores: Cores,
    good: Known,
    degraded: Known,
}

/// The answer to a question, for as long as it counts.
#[derive(Debug, Default)]
struct Known {
    answer: Mutex<Option<(Instant, bool)>>,
    /// Held while the cores are asked, so that one asks for all.
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
    pub(crate) fn new(cores: Cores) -> Self {
        Self { cores, good: Known::default(), degraded: Known::default() }
    }

    /// Notes the result of a call that was made anyway.
    pub(crate) fn note(&self, good: bool) {
        self.good.note(good);
    }

    /// Whether a core answers.
    pub(crate) async fn good(&self) -> bool {
        // It answered; that it has no health service does not make it unable to store.
        let good = |said| matches!(said, Ok(ServingStatus::Serving) | Err(Code::Unimplemented));
        self.good.or_ask(async || self.any(CORE, good).await).await
    }

    /// Whether a core goes on without its Redis.
    pub(crate) async fn degraded(&self) -> bool {
        self.degraded.or_ask(async || self.any(REDIS, |said| said == Ok(ServingStatus::NotServing)).await).await
    }

    /// Whether any core says so.
    async fn any(&self, service: &'static str, so: impl Fn(Result<ServingStatus, Code>) -> bool) -> bool {
        let mut asked: JoinSet<_> = self.cores.channels().into_iter().map(|core| ask(core, service)).collect();
        while let Some(answer) = asked.join_next().await {
            if answer.is_ok_and(&so) {
                return true;
            }
        }
        false
    }
}

async fn ask(core: Channel, service: &str) -> Result<ServingStatus, Code> {
    let mut request = Request::new(HealthCheckRequest { service: service.to_owned() });
    request.set_timeout(PROBE_TIMEOUT);
    match timeout(PROBE_TIMEOUT, HealthClient::new(core).check(request)).await {
        Ok(Ok(response)) => Ok(response.into_inner().status()),
        Ok(Err(status)) => Err(status.code()),
        Err(_) => Err(Code::DeadlineExceeded),
    }
}
