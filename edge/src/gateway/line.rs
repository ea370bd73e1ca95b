//! One account as it is called: a request goes out, the platform's code reads the answer, and what was sent and
//! received is written down.
//!
//! Contract: anything but a whole answer that the platform's code has judged is UNKNOWN. Only what that code has
//! verified becomes a message. No header of a request is ever in an exchange.

use std::{sync::Arc, time::Duration};

use paystate_proto::v1::{Exchange, ObservationSource, PlatformAnswer, PlatformOutcome, VerifiedMessage};
use paystate_providers::{
    Notice, Provider,
    api::{LONGEST_PAUSE, PlatformApi, Reply, Request, Response, Said},
};
use tokio::time::Instant as Clock;

use super::{
    GatewayLimits,
    http::{Answer, Cut, Http},
    limits::Bounds,
    observe,
};
use crate::{
    Api,
    convert::{self, Genuine},
    rejections::clip,
    verify::now,
};

/// Bytes of a request, and of an answer, that are written down.
const LOGGED_BYTES: usize = 16 * 1024;
const MAX_CODE_BYTES: usize = 64;
const MAX_DETAIL_BYTES: usize = 300;

/// One account, ready to be called.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) account: Arc<str>,
    pub(crate) provider: Provider,
    pub(crate) api: Arc<dyn PlatformApi>,
    pub(crate) http: Http,
    pub(crate) limits: GatewayLimits,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Called<T> {
    /// For the core.
    pub(crate) answer: PlatformAnswer,
    /// What the platform's code read out of it; present if, and only if, the answer is ANSWERED.
    pub(crate) value: Option<T>,
}

impl Line {
    pub(crate) fn new(account: &str, provider: Provider, api: Api, limits: GatewayLimits) -> Self {
        let Api { platform, tls } = api;
        Self { account: account.into(), provider, api: platform, http: Http::new(&tls, limits), limits }
    }

    /// Sends a request and has its answer read.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        request: Request,
        bounds: Bounds,
        read: impl FnOnce(&Response<'_>) -> Reply<T>,
    ) -> Called<T> {
        let mut exchange = sent(operation, &request);
        let started = Clock::now();
        let answer = self.http.answer(request, bounds).await;
        let took = started.elapsed();
        let ended = match &answer {
            Ok(answer) => Ended::of(read(&answer.response())),
            Err(cut) => Ended::unknown(cut.why.code(), cut.why.to_string()),
        };
        received(&mut exchange, &answer, took, &ended);
        observe::called(self, &exchange, &ended.said.detail, took);
        let answer = PlatformAnswer {
            outcome: ended.outcome.into(),
            code: ended.said.code,
            detail: ended.said.detail,
            message: None,
            exchanges: vec![exchange],
            retry_after: ended.retry_after.and_then(|after| after.try_into().ok()),
        };
        Called { answer, value: ended.value }
    }

    /// [`Self::call`] where the answer may be a notice.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        request: Request,
        read: impl FnOnce(&Response<'_>) -> Reply<Option<Notice>>,
    ) -> PlatformAnswer {
        let message = |response: &Response<'_>| read(response).map(|notice| notice.map(|n| self.message(response, n)));
        let Called { answer, value } = self.call(operation, request, self.limits.of_call(), message).await;
        PlatformAnswer { message: value.flatten(), ..answer }
    }

    fn message(&self, response: &Response<'_>, notice: Notice) -> VerifiedMessage {
        let genuine = Genuine {
            provider: self.provider,
            account: &self.account,
            source: ObservationSource::Query,
            received_at: response.received_at,
            headers: response.headers,
            body: response.body,
        };
        convert::message(&genuine, notice)
    }
}

/// The beginning of an exchange.
fn sent(operation: &str, request: &Request) -> Exchange {
    let (url, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let said = if request.body.is_empty() { query.as_bytes() } else { &request.body };
    Exchange {
        operation: operation.to_owned(),
        target: format!("{} {url}", request.method),
        start_time: Some(convert::timestamp(now())),
        request: beginning(said),
        ..Exchange::default()
    }
}

/// The rest of it.
fn received<T>(exchange: &mut Exchange, answer: &Result<Answer, Cut>, took: Duration, ended: &Ended<T>) {
    let (status, body) = match answer {
        Ok(answer) => (Some(answer.status), &answer.body),
        Err(cut) => (cut.status, &cut.kept),
    };
    exchange.http_status = status.map_or(0, |status| i32::from(status.as_u16()));
    exchange.response = beginning(body);
    exchange.duration = took.try_into().ok();
    exchange.outcome = ended.outcome.into();
    exchange.code.clone_from(&ended.said.code);
}

fn beginning(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take(LOGGED_BYTES).collect()
}

/// An answer in the contract's words.
struct Ended<T> {
    outcome: PlatformOutcome,
    said: Said,
    value: Option<T>,
    retry_after: Option<Duration>,
}

impl<T> Ended<T> {
    fn of(reply: Reply<T>) -> Self {
        use PlatformOutcome as Outcome;
        let nothing = Said { code: String::new(), detail: String::new() };
        let (outcome, said, value, retry_after) = match reply {
            Reply::Answered(value) => (Outcome::Answered, nothing, Some(value), None),
            Reply::NotFound(said) => (Outcome::NotFound, said, None, None),
            Reply::Refused(said) => (Outcome::Refused, said, None, None),
            Reply::Unknown(said) => (Outcome::Unknown, said, None, None),
            Reply::RateLimited(said, after) => {
                (Outcome::RateLimited, said, None, after.map(|after| after.min(LONGEST_PAUSE)))
            }
        };
        let said = Said { code: clip(&said.code, MAX_CODE_BYTES), detail: clip(&said.detail, MAX_DETAIL_BYTES) };
        Self { outcome, said, value, retry_after }
    }

    fn unknown(code: &str, detail: String) -> Self {
        Self::of(Reply::Unknown(Said { code: code.to_owned(), detail }))
    }
}
