//! The way to the platforms: the gateway of the edges, which hold the keys.
//!
//! Contract: every call has an [`Answer`]. That no edge could be asked, or that it did not answer in time, is an answer
//! whose outcome is unknown. A question goes to the next edge when one is away; a call that has an effect does so only
//! if it certainly was not sent. An edge that has no keys for the account passes both on to the next one.

use std::{future::Future, time::Duration};

use paystate_proto::v1::{
    self, PlatformOutcome, observation::Fact, provider_gateway_service_client::ProviderGatewayServiceClient,
};
use paystate_rpc::{Failure, Repeat, Servers};
use tonic::{Code, Request, Response, Status, Streaming, transport::Channel};

/// The edge gives a platform 10 s, so an edge that has not answered by then is not going to.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);
/// Until the first line of a statement: the edge fetches and checks the file before.
const STATEMENT_PATIENCE: Duration = Duration::from_secs(1_000);
/// A message with statement lines or a sealed exchange is far smaller.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;

type Client = ProviderGatewayServiceClient<Channel>;

/// The edges, one or several.
#[derive(Debug, Clone)]
pub struct Platforms {
    edges: Servers,
}

/// How a call to a platform ended, for whatever decides what comes next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The platform's code, or the edge's, or ours.
    pub(crate) code: String,
    /// For people.
    pub(crate) detail: String,
    /// What was verified.
    pub(crate) message: Option<v1::VerifiedMessage>,
    /// What was sent and received.
    pub(crate) exchanges: Vec<v1::Exchange>,
    /// It says that the attempt to pay has failed.
    pub(crate) failed: bool,
    /// The platform itself has answered, even if its answer decides nothing.
    pub(crate) spoken: bool,
}

/// How a call to a platform ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered and verified.
    Answered,
    /// Not known there.
    NotFound,
    /// Refused for good.
    Refused,
    /// Nobody knows.
    Unknown,
    /// Not carried out; ask again after that time.
    RateLimited(Option<Duration>),
    /// Answered and verified, and our door does not take it.
    NotTakenIn,
    /// Nothing was sent: none of the reachable edges has keys for the account. Another edge may have, or this one
    /// later.
    NotSent,
    /// Nothing was sent: the platform offers no such thing, or not for this payment.
    NoSuchOperation,
    /// Nothing was sent: the edge does not accept the request as it is. Asking again changes nothing.
    BadInput,
}

impl Outcome {
    /// The name in metrics and in notes.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::RateLimited(_) => "rate_limited",
            Self::NotTakenIn => "not_taken_in",
            Self::NotSent => "not_sent",
            Self::NoSuchOperation => "no_such_operation",
            Self::BadInput => "bad_input",
        }
    }
}

impl Answer {
    fn of(answer: Option<v1::PlatformAnswer>) -> Self {
        let Some(answer) = answer else {
            return Self::none(Outcome::Unknown, "NO_ANSWER", "the edge answered without an outcome".into());
        };
        let outcome = match answer.outcome() {
            PlatformOutcome::Answered => Outcome::Answered,
            PlatformOutcome::NotFound => Outcome::NotFound,
            PlatformOutcome::Refused => Outcome::Refused,
            PlatformOutcome::Unknown | PlatformOutcome::Unspecified => Outcome::Unknown,
            PlatformOutcome::RateLimited => {
                Outcome::RateLimited(answer.retry_after.and_then(|d| Duration::try_from(d).ok()))
            }
            PlatformOutcome::NotSent => Outcome::NotSent,
            PlatformOutcome::NoSuchOperation => Outcome::NoSuchOperation,
            PlatformOutcome::BadInput => Outcome::BadInput,
        };
        let v1::PlatformAnswer { code, detail, message, exchanges, .. } = answer;
        let failed = message.iter().flat_map(|m| &m.observations).any(says_failed);
        let spoken = exchanges.iter().any(has_spoken);
        Self { outcome, code, detail, message, exchanges, failed, spoken }
    }

    /// An answer that could not be taken in, whoever is at fault.
    pub(super) fn not_taken_in(why: String) -> Self {
        Self::none(Outcome::NotTakenIn, "NOT_TAKEN_IN", why)
    }

    /// No answer of a platform: what the edge, or the way to it, said instead.
    fn failed(failure: &Failure) -> Self {
        match failure {
            Failure::Slow => Self::none(Outcome::Unknown, "EDGE_SLOW", "no edge answered in time".into()),
            Failure::Status(status) if status.code() == Code::InvalidArgument => {
                Self::none(Outcome::BadInput, "INVALID_ARGUMENT", status.message().to_owned())
            }
            Failure::Status(status) => {
                Self::none(Outcome::Unknown, "EDGE_UNAVAILABLE", format!("{}: {}", status.code(), status.message()))
            }
        }
    }

    fn none(outcome: Outcome, code: &str, detail: String) -> Self {
        Self {
            outcome,
            code: code.to_owned(),
            detail,
            message: None,
            exchanges: Vec::new(),
            failed: false,
            spoken: false,
        }
    }

    /// Whether it says how things stand, or that the platform will never say. A call without an answer may still have
    /// had an effect.
    pub(crate) fn is_told(&self) -> bool {
        match self.outcome {
            Outcome::Answered | Outcome::NotFound | Outcome::Refused | Outcome::NoSuchOperation | Outcome::BadInput => {
                true
            }
            Outcome::Unknown | Outcome::RateLimited(_) | Outcome::NotTakenIn | Outcome::NotSent => false,
        }
    }

    /// Code and detail as one text for people.
    pub(crate) fn said(&self) -> String {
        match (self.code.as_str(), self.detail.as_str()) {
            ("", "") => self.outcome.as_str().to_owned(),
            (code, "") => code.to_owned(),
            ("", detail) => detail.to_owned(),
            (code, detail) => format!("{code}: {detail}"),
        }
    }
}

fn says_failed(observation: &v1::Observation) -> bool {
    matches!(&observation.fact, Some(Fact::Payment(payment)) if payment.state() == v1::PaymentState::Failed)
}

/// An HTTP answer that is not a server error and brings a code of its own.
fn has_spoken(exchange: &v1::Exchange) -> bool {
    (200..500).contains(&exchange.http_status) && !exchange.code.is_empty()
}

/// Whether an edge has keys for the account, as far as its answer says.
fn is_able(answer: Option<&v1::PlatformAnswer>) -> bool {
    answer.is_none_or(|a| a.outcome() != PlatformOutcome::NotSent)
}

impl Platforms {
    /// The gateways of these edges.
    #[must_use]
    pub fn new(edges: Servers) -> Self {
        Self { edges }
    }

    async fn call<Q, T, F>(
        &self,
        repeat: Repeat,
        question: Q,
        call: impl Fn(Client, Request<Q>) -> F,
        answer: impl Fn(&T) -> Option<&v1::PlatformAnswer>,
    ) -> (Option<T>, Answer)
    where
        Q: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |channel, left| {
            let mut request = Request::new(question.clone());
            request.set_timeout(left);
            call(Client::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES), request)
        };
        match self.edges.call_able(repeat, PATIENCE, call, |said| is_able(answer(said))).await {
            Ok(said) => {
                let answer = Answer::of(answer(&said).cloned());
                (Some(said), answer)
            }
            Err(failure) => (None, Answer::failed(&failure)),
        }
    }

    /// Begins a payment; what the front end needs comes with an answer.
    pub(crate) async fn initiate(&self, request: v1::InitiateRequest) -> (Option<v1::InitiateResponse>, Answer) {
        let call = |mut client: Client, request| async move { client.initiate(request).await };
        self.call(Repeat::Never, request, call, |said| said.answer.as_ref()).await
    }

    /// Asks how a payment stands.
    pub(crate) async fn query_payment(&self, request: v1::QueryPaymentRequest) -> Answer {
        let call = |mut client: Client, request| async move { client.query_payment(request).await };
        self.call(Repeat::Harmless, request, call, |said: &v1::QueryPaymentResponse| said.answer.as_ref()).await.1
    }

    /// Closes an unpaid payment.
    pub(crate) async fn close_payment(&self, request: v1::ClosePaymentRequest) -> Answer {
        let call = |mut client: Client, request| async move { client.close_payment(request).await };
        self.call(Repeat::Never, request, call, |said: &v1::ClosePaymentResponse| said.answer.as_ref()).await.1
    }

    /// Gives money back.
    pub(crate) async fn refund(&self, request: v1::RefundRequest) -> Answer {
        let call = |mut client: Client, request| async move { client.refund(request).await };
        self.call(Repeat::Never, request, call, |said: &v1::RefundResponse| said.answer.as_ref()).await.1
    }

    /// Asks how a refund stands.
    pub(crate) async fn query_refund(&self, request: v1::QueryRefundRequest) -> Answer {
        let call = |mut client: Client, request| async move { client.query_refund(request).await };
        self.call(Repeat::Harmless, request, call, |said: &v1::QueryRefundResponse| said.answer.as_ref()).await.1
    }

    /// Fetches the statement of a day. A stream that breaks off is to be fetched anew.
    ///
    /// # Errors
    /// What the edge said, or UNAVAILABLE when none is there.
    pub async fn fetch_statement(
        &self,
        request: v1::FetchStatementRequest,
    ) -> Result<Streaming<v1::FetchStatementResponse>, Status> {
        let called = self.edges.call(Repeat::Harmless, STATEMENT_PATIENCE, |channel, _| {
            let mut client = Client::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
            let request = request.clone();
            async move { client.fetch_statement(request).await }
        });
        called.await.map_err(|failure| match failure {
            Failure::Slow => Status::unavailable("no edge answered in time"),
            Failure::Status(status) => status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_edge_answered_is_unknown_and_what_it_refuses_is_not() {
        let unknown =
            [Failure::Slow, Failure::Status(Status::unavailable("gone")), Failure::Status(Status::internal(""))];
        assert!(unknown.iter().all(|failure| Answer::failed(failure).outcome == Outcome::Unknown));
        let refused = Answer::failed(&Failure::Status(Status::invalid_argument("payer_id: is missing")));
        assert_eq!(
            (refused.outcome, refused.said()),
            (Outcome::BadInput, "INVALID_ARGUMENT: payer_id: is missing".into())
        );
    }

    #[test]
    fn an_answer_without_an_outcome_is_no_answer() {
        assert_eq!(Answer::of(None).outcome, Outcome::Unknown);
        assert_eq!(Answer::of(Some(v1::PlatformAnswer::default())).outcome, Outcome::Unknown);
        for (outcome, heard, able) in [
            (PlatformOutcome::BadInput, Outcome::BadInput, true),
            (PlatformOutcome::NoSuchOperation, Outcome::NoSuchOperation, true),
            (PlatformOutcome::NotSent, Outcome::NotSent, false),
        ] {
            let said = v1::PlatformAnswer { outcome: outcome.into(), ..Default::default() };
            assert_eq!((is_able(Some(&said)), Answer::of(Some(said)).outcome), (able, heard), "{outcome:?}");
        }
    }

    #[test]
    fn a_code_that_came_by_http_was_said_by_somebody() {
        let exchange = |http_status, code: &str| v1::Exchange { http_status, code: code.into(), ..Default::default() };
        let spoken =
            |exchange| Answer::of(Some(v1::PlatformAnswer { exchanges: vec![exchange], ..Default::default() })).spoken;
        assert!(spoken(exchange(200, "ACQ.NOT_ENOUGH")) && spoken(exchange(403, "NOT_ENOUGH")));
        assert!(!spoken(exchange(503, "HTTP_503")) && !spoken(exchange(0, "TIMEOUT")) && !spoken(exchange(200, "")));
    }

    #[test]
    fn a_failure_is_what_the_answer_says_itself() {
        let says = |state: v1::PaymentState| {
            let fact = Fact::Payment(v1::PaymentFact { state: state.into(), ..Default::default() });
            let observations = vec![v1::Observation { fact: Some(fact) }];
            let message = Some(v1::VerifiedMessage { observations, ..Default::default() });
            Answer::of(Some(v1::PlatformAnswer { message, ..Default::default() })).failed
        };
        assert!(says(v1::PaymentState::Failed) && !says(v1::PaymentState::Pending));
    }
}
