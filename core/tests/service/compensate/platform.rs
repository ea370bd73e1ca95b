//! A platform behind a gateway, over a real socket: it keeps what happened to it, recognises a repeated number, and fails
//! as it is told to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use paystate_core::sha256::Sha256;
use paystate_proto::v1::{
    self, PlatformAnswer, PlatformOutcome,
    provider_gateway_service_server::{ProviderGatewayService, ProviderGatewayServiceServer},
};
use tokio::{net::TcpListener, time::Instant};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, codegen::BoxStream, transport::Channel};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and nobody knows.
    LostBefore,
    /// It happens, and nobody knows.
    LostAfter,
    /// Nothing comes back for longer than anybody waits.
    Silent,
    /// It says that it knows nothing of it.
    NotFound,
    /// It refuses.
    Refused,
    /// It has an answer, and neither does nor refuses it.
    NotNow,
    /// The edge sends nothing, with this code.
    NotSent(PlatformOutcome, &'static str),
    /// The edge answers about another account.
    Astray,
}

/// An attempt, as the platform has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    pub(crate) paid: bool,
    pub(crate) closed: bool,
    pub(crate) begun: u32,
    /// When, if it was begun by us.
    begun_at: Option<prost_types::Timestamp>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) attempts: BTreeMap<String, Attempt>,
    /// Refunds by number: how much, and how often money went back.
    pub(crate) refunds: BTreeMap<String, (i64, u32)>,
    /// Every call: when, what, and about which number.
    pub(crate) calls: Vec<(Instant, &'static str, String)>,
    /// What goes wrong with the next calls, by operation.
    pub(crate) faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// It finds payments only by the time that they were begun with, as UnionPay does.
    pub(crate) finds_by_time: bool,
    /// It answers nothing at all.
    pub(crate) down: bool,
    /// The payer pays this in the moment in which it is to be closed.
    pub(crate) pays_while_closing: BTreeSet<String>,
    /// Numbers that somebody asks about right now; asking twice at once is noted.
    asking: BTreeSet<String>,
    pub(crate) asked_twice_at_once: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Platform(Arc<Mutex<State>>);

/// How long an answer takes.
const DELAY: Duration = Duration::from_millis(5);
/// How long a silent one takes.
const SILENCE: Duration = Duration::from_secs(60);

impl Platform {
    pub(crate) fn with<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.lock().unwrap())
    }

    /// Serves it; the way there.
    pub(crate) async fn serve(&self) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = ProviderGatewayServiceServer::new(self.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        paystate_rpc::channel(endpoint, None)
    }

    pub(crate) fn pay(&self, number: &str) {
        self.with(|s| s.attempts.entry(number.to_owned()).or_default().paid = true);
    }

    pub(crate) fn fail(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.with(|s| s.faults.entry(operation).or_default().extend(faults));
    }

    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.with(|s| s.calls.iter().filter(|(_, op, _)| *op == operation).count())
    }

    /// The order of the operations about a number.
    pub(crate) fn story(&self, number: &str) -> Vec<&'static str> {
        self.with(|s| s.calls.iter().filter(|(_, _, about)| about == number).map(|(_, op, _)| *op).collect())
    }

    /// One call: it is noted, takes its time, and perhaps goes wrong.
    async fn call(
        &self,
        operation: &'static str,
        number: &str,
        effect: impl FnOnce(&mut State) -> PlatformAnswer,
    ) -> PlatformAnswer {
        let (fault, alone) = self.with(|s| {
            s.calls.push((Instant::now(), operation, number.to_owned()));
            let alone = s.asking.insert(number.to_owned());
            s.asked_twice_at_once += u32::from(!alone);
            (s.faults.get_mut(operation).and_then(VecDeque::pop_front), alone)
        });
        tokio::time::sleep(if fault == Some(Fault::Silent) { SILENCE } else { DELAY }).await;
        self.with(|s| {
            if alone {
                s.asking.remove(number);
            }
            match fault {
                _ if s.down => said(PlatformOutcome::Unknown, "HTTP_503"),
                None => effect(s),
                Some(Fault::LostBefore | Fault::Silent) => said(PlatformOutcome::Unknown, "TIMEOUT"),
                Some(Fault::LostAfter) => {
                    effect(s);
                    said(PlatformOutcome::Unknown, "TIMEOUT")
                }
                Some(Fault::NotFound) => said(PlatformOutcome::NotFound, "TRADE_NOT_EXIST"),
                Some(Fault::Refused) => said(PlatformOutcome::Refused, "NOT_ENOUGH"),
                Some(Fault::NotNow) => {
                    let mut answer = said(PlatformOutcome::Unknown, "BALANCE_TOO_LOW");
                    answer.exchanges[0].http_status = 200;
                    answer
                }
                Some(Fault::NotSent(outcome, code)) => said(outcome, code),
                Some(Fault::Astray) => {
                    let mut answer = effect(s);
                    answer.message.as_mut().unwrap().account = "mute".into();
                    answer
                }
            }
        })
    }
}

fn said(outcome: PlatformOutcome, code: &str) -> PlatformAnswer {
    let exchange = v1::Exchange {
        operation: "Call".into(),
        target: "POST https://platform.example/gateway".into(),
        start_time: Some(std::time::SystemTime::now().into()),
        duration: Some(prost_types::Duration { seconds: 0, nanos: 5_000_000 }),
        outcome: outcome.into(),
        code: code.into(),
        ..Default::default()
    };
    PlatformAnswer { outcome: outcome.into(), code: code.into(), exchanges: vec![exchange], ..Default::default() }
}

fn answered(account: &str, about: &str, fact: v1::observation::Fact) -> PlatformAnswer {
    PlatformAnswer { message: Some(message(account, about, fact)), ..said(PlatformOutcome::Answered, "10000") }
}

/// Verified words of the platform.
fn message(account: &str, about: &str, fact: v1::observation::Fact) -> v1::VerifiedMessage {
    let body = format!("{about} {fact:?}").into_bytes();
    v1::VerifiedMessage {
        provider: "alipay".into(),
        account: account.into(),
        source: v1::ObservationSource::Query.into(),
        receive_time: Some(std::time::SystemTime::now().into()),
        content_sha256: Sha256::of(&body).to_string(),
        body,
        key_id: "k".into(),
        event_type: "query".into(),
        observations: vec![v1::Observation { fact: Some(fact) }],
        ..Default::default()
    }
}

/// A callback that says how much went back of a payment in all, as Alipay's do.
pub(crate) fn running_total(payment: &str, reached_by: &str, minor: i64) -> v1::VerifiedMessage {
    let fact = v1::observation::Fact::Refund(v1::RefundFact {
        out_trade_no: payment.into(),
        transaction_id: format!("T-{payment}"),
        out_refund_no: reached_by.into(),
        state: v1::RefundState::Succeeded.into(),
        amount: Some(v1::Money { amount_minor: minor, currency: "CNY".into() }),
        cumulative: true,
        ..Default::default()
    });
    v1::VerifiedMessage { source: v1::ObservationSource::Callback.into(), ..message("shop", payment, fact) }
}

fn payment_fact(number: &str, attempt: &Attempt, amount: Option<v1::Money>) -> v1::observation::Fact {
    let state = match attempt {
        Attempt { paid: true, .. } => v1::PaymentState::Succeeded,
        Attempt { closed: true, .. } => v1::PaymentState::Closed,
        _ => v1::PaymentState::Pending,
    };
    v1::observation::Fact::Payment(v1::PaymentFact {
        out_trade_no: number.into(),
        transaction_id: if attempt.paid { format!("T-{number}") } else { String::new() },
        state: state.into(),
        amount,
        ..Default::default()
    })
}

#[tonic::async_trait]
impl ProviderGatewayService for Platform {
    async fn initiate(&self, r: Request<v1::InitiateRequest>) -> Result<Response<v1::InitiateResponse>, Status> {
        let r = r.into_inner();
        let answer = self.call("initiate", &r.out_trade_no, |s| {
            let attempt = s.attempts.entry(r.out_trade_no.clone()).or_default();
            attempt.begun += 1;
            attempt.begun_at = r.start_time;
            said(PlatformOutcome::Answered, "10000")
        });
        let answer = answer.await;
        let action = v1::initiate_response::Action::QrText(format!("qr:{}", r.out_trade_no));
        let action = (answer.outcome() == PlatformOutcome::Answered).then_some(action);
        Ok(Response::new(v1::InitiateResponse { answer: Some(answer), action, ..Default::default() }))
    }

    async fn query_payment(
        &self,
        r: Request<v1::QueryPaymentRequest>,
    ) -> Result<Response<v1::QueryPaymentResponse>, Status> {
        let r = r.into_inner();
        let answer = self.call("query", &r.out_trade_no, |s| match s.attempts.get(&r.out_trade_no) {
            Some(_) if s.finds_by_time && r.start_time.is_none() => {
                said(PlatformOutcome::NoSuchOperation, "NO_SUCH_OPERATION")
            }
            Some(attempt) if s.finds_by_time && r.start_time != attempt.begun_at => {
                said(PlatformOutcome::NotFound, "TRADE_NOT_EXIST")
            }
            None => said(PlatformOutcome::NotFound, "TRADE_NOT_EXIST"),
            Some(attempt) => {
                answered(&r.account, &r.out_trade_no, payment_fact(&r.out_trade_no, attempt, r.amount.clone()))
            }
        });
        Ok(Response::new(v1::QueryPaymentResponse { answer: Some(answer.await) }))
    }

    async fn close_payment(
        &self,
        r: Request<v1::ClosePaymentRequest>,
    ) -> Result<Response<v1::ClosePaymentResponse>, Status> {
        let r = r.into_inner();
        let answer = self.call("close", &r.out_trade_no, |s| {
            let faster = s.pays_while_closing.contains(&r.out_trade_no);
            match s.attempts.get_mut(&r.out_trade_no) {
                None => said(PlatformOutcome::NotFound, "TRADE_NOT_EXIST"),
                Some(attempt) => {
                    attempt.paid |= faster;
                    attempt.closed |= !attempt.paid;
                    let outcome = if attempt.paid { PlatformOutcome::Refused } else { PlatformOutcome::Answered };
                    said(outcome, "CLOSE")
                }
            }
        });
        Ok(Response::new(v1::ClosePaymentResponse { answer: Some(answer.await) }))
    }

    async fn refund(&self, r: Request<v1::RefundRequest>) -> Result<Response<v1::RefundResponse>, Status> {
        let r = r.into_inner();
        let amount = r.amount.clone().unwrap().amount_minor;
        let answer = self.call("refund", &r.out_refund_no, |s| {
            let known = s.refunds.entry(r.out_refund_no.clone()).or_insert((amount, 0));
            assert_eq!(known.0, amount, "a retry with other content");
            known.1 = 1;
            said(PlatformOutcome::Answered, "10000")
        });
        Ok(Response::new(v1::RefundResponse { answer: Some(answer.await) }))
    }

    async fn query_refund(
        &self,
        r: Request<v1::QueryRefundRequest>,
    ) -> Result<Response<v1::QueryRefundResponse>, Status> {
        let r = r.into_inner();
        let answer = self.call("query_refund", &r.out_refund_no, |s| match s.refunds.get(&r.out_refund_no) {
            None => said(PlatformOutcome::NotFound, "REFUND_NOT_EXIST"),
            Some((amount, _)) => {
                let fact = v1::observation::Fact::Refund(v1::RefundFact {
                    out_trade_no: r.out_trade_no.clone(),
                    transaction_id: r.transaction_id.clone(),
                    out_refund_no: r.out_refund_no.clone(),
                    state: v1::RefundState::Succeeded.into(),
                    amount: Some(v1::Money { amount_minor: *amount, currency: "CNY".into() }),
                    ..Default::default()
                });
                answered(&r.account, &r.out_refund_no, fact)
            }
        });
        Ok(Response::new(v1::QueryRefundResponse { answer: Some(answer.await) }))
    }

    type FetchStatementStream = BoxStream<v1::FetchStatementResponse>;

    async fn fetch_statement(
        &self,
        _: Request<v1::FetchStatementRequest>,
    ) -> Result<Response<Self::FetchStatementStream>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }
}
