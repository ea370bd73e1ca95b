//! Where platforms are asked: by the worker, and by the calls of a service or a person that must know first.
//!
//! Contract: no call is made inside a transaction or under a lock. Every exchange is recorded. What an answer says goes
//! through the door like a callback before anything is decided by it, so whoever reads the order afterwards knows all
//! that the platform has said. Every question, every closing and every refund takes one from the account's budget,
//! which all cores share. Initiate and FetchStatement take none: their pace is set by the caller of StartPayment, or by
//! the reconciliation.

use std::{sync::Arc, time::Duration};

use futures_util::future::{try_join, try_join_all};
use paystate_proto::v1;
use prost::Message as _;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    payment,
    platforms::{Answer, Outcome, Platforms},
    refund,
};
use crate::{
    clock::now,
    commit::{Door, DoorError},
    intake::{Intake, clip},
    order::{AccountName, Case, CaseKind, Order, OrderId, OutRefundNo, OutTradeNo, Payment, Refund, Source},
    store::{Exchange, ExchangeOutcome, ExchangeRow, Rate, Store, StoreError},
    wire,
};

/// How long all questions about one order may take while a caller waits. What is not answered by then is asked again on
/// schedule.
const ALL_ASKED: Duration = Duration::from_secs(10);
/// Between two looks at a budget that is used up.
const BUDGET_PAUSE: Duration = Duration::from_millis(50);

/// Asks, and takes in what is said.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(super) platforms: Platforms,
    pub(super) store: Arc<dyn Store>,
    pub(super) door: Door,
    pub(super) intake: Intake,
}

/// What the platform said could not be taken in.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NotTakenIn {
    /// Not now: the database is away, or there is too much to do.
    #[error("{0}")]
    Now(String),
    /// Never in this form: the edge is wrong, or this program is.
    #[error("{0}")]
    Ever(String),
}

impl From<StoreError> for NotTakenIn {
    fn from(error: StoreError) -> Self {
        Self::Now(error.to_string())
    }
}

impl From<DoorError> for NotTakenIn {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::Overloaded | DoorError::Unavailable(_) => Self::Now(error.to_string()),
            DoorError::Refused(_) | DoorError::Internal(_) => Self::Ever(error.to_string()),
        }
    }
}

/// An answer that our door will never take counts as an answer, so that its questions come to an end like others; one
/// that it cannot take now is asked for again.
pub(super) fn taken_in(answer: Result<Answer, NotTakenIn>) -> Result<Answer, NotTakenIn> {
    match answer {
        Err(NotTakenIn::Ever(why)) => {
            tracing::warn!(why, "an answer of a platform was not taken in");
            Ok(Answer::not_taken_in(why))
        }
        Ok(_) | Err(NotTakenIn::Now(_)) => answer,
    }
}

/// What an exchange was about.
struct About<'a> {
    provider: &'a str,
    account: &'a AccountName,
    order_id: &'a OrderId,
    out_trade_no: Option<&'a OutTradeNo>,
    out_refund_no: Option<&'a OutRefundNo>,
}

impl<'a> About<'a> {
    fn payment(order: &'a Order, payment: &'a Payment) -> Self {
        let (provider, account) = (payment.provider.as_str(), &payment.account);
        Self { provider, account, order_id: &order.id, out_trade_no: Some(&payment.out_trade_no), out_refund_no: None }
    }

    fn refund(order: &'a Order, refund: &'a Refund, provider: &'a str) -> Self {
        Self {
            provider,
            account: &refund.account,
            order_id: &order.id,
            out_trade_no: refund.out_trade_no.as_ref(),
            out_refund_no: refund.out_refund_no.as_ref(),
        }
    }
}

impl Desk {
    /// The way to the platforms, for what is no question about an order.
    pub(crate) fn platforms(&self) -> &Platforms {
        &self.platforms
    }

    /// Takes one question from the account's budget, waiting for it at most `patience`; false if there was none.
    pub(crate) async fn turn(&self, account: &AccountName, patience: Duration) -> Result<bool, StoreError> {
        let Some(rate) = self.rate(account) else { return Ok(false) };
        let end = Instant::now() + patience;
        loop {
            if self.store.tasks().budget(account, rate, 1, now()).await? > 0 {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            sleep(BUDGET_PAUSE).await;
        }
    }

    /// How often an account may be asked; `None` if it cannot be.
    pub(super) fn rate(&self, account: &AccountName) -> Option<Rate> {
        let calls = self.intake.calls(account)?;
        Some(Rate { per_second: calls.rate_per_second, burst: calls.burst })
    }

    /// Asks how a payment stands. The start time is sent only for payments that we began, because it is not known here
    /// for others: a platform that needs it is not asked at all, rather than asked about another payment.
    pub(crate) async fn ask_payment(&self, order: &Order, payment: &Payment) -> Result<Answer, NotTakenIn> {
        let request = v1::QueryPaymentRequest {
            account: payment.account.to_string(),
            out_trade_no: payment.out_trade_no.to_string(),
            start_time: (!payment.method.is_external()).then(|| wire::time(payment.started_at)),
            platform_reference: payment.reference.as_deref().unwrap_or_default().to_owned(),
            amount: Some(wire::money(order.amount)),
            expire_time: payment.expires_at.map(wire::time),
        };
        let answer = self.platforms.query_payment(request).await;
        self.take_in(&About::payment(order, payment), "query_payment", answer).await
    }

    /// Closes a payment at the platform. That it agreed is no fact.
    pub(crate) async fn close_payment(&self, order: &Order, payment: &Payment) -> Result<Answer, NotTakenIn> {
        let request = v1::ClosePaymentRequest {
            account: payment.account.to_string(),
            out_trade_no: payment.out_trade_no.to_string(),
            platform_reference: payment.reference.as_deref().unwrap_or_default().to_owned(),
        };
        let answer = self.platforms.close_payment(request).await;
        self.take_in(&About::payment(order, payment), "close_payment", answer).await
    }

    /// Begins a payment that is stored already.
    pub(crate) async fn initiate(
        &self,
        order: &Order,
        payment: &Payment,
        request: v1::InitiateRequest,
    ) -> Result<(Option<v1::InitiateResponse>, Answer), NotTakenIn> {
        let (said, answer) = self.platforms.initiate(request).await;
        let answer = self.take_in(&About::payment(order, payment), "initiate", answer).await?;
        Ok((said, answer))
    }

    /// Asks how a refund stands that was requested here.
    pub(crate) async fn ask_refund(&self, order: &Order, refund: &Refund) -> Result<Answer, NotTakenIn> {
        let request = v1::QueryRefundRequest {
            account: refund.account.to_string(),
            out_trade_no: text(refund.out_trade_no.as_ref()),
            out_refund_no: text(refund.out_refund_no.as_ref()),
            start_time: refund.requested.as_ref().map(|r| wire::time(r.at)),
            transaction_id: text(refund.transaction_id.as_ref()),
            refund_id: text(refund.refund_id.as_ref()),
            amount: Some(wire::money(refund.amount)),
        };
        let answer = self.platforms.query_refund(request).await;
        self.take_in(&About::refund(order, refund, self.provider(&refund.account)), "query_refund", answer).await
    }

    /// Asks the platform to give the money back, always with the same content.
    pub(crate) async fn refund(&self, order: &Order, refund: &Refund) -> Result<Answer, NotTakenIn> {
        let of = |t: &&crate::order::Transaction| Some(&t.id) == refund.transaction_id.as_ref();
        let paid = order.transactions().filter(|t| t.account == refund.account).find(of);
        let requested = refund.requested.as_ref();
        let request = v1::RefundRequest {
            account: refund.account.to_string(),
            out_trade_no: text(refund.out_trade_no.as_ref()),
            transaction_id: text(refund.transaction_id.as_ref()),
            out_refund_no: text(refund.out_refund_no.as_ref()),
            amount: Some(wire::money(requested.map_or(refund.amount, |r| r.amount))),
            paid_amount: paid.map(|t| wire::money(t.amount)),
            reason: requested.map(|r| r.reason.clone()).unwrap_or_default(),
            pay_time: paid.and_then(|t| t.occurred_at).map(wire::time),
            start_time: requested.map(|r| wire::time(r.at)),
        };
        let answer = self.platforms.refund(request).await;
        self.take_in(&About::refund(order, refund, self.provider(&refund.account)), "refund", answer).await
    }

    /// Asks about what a case is about, before it is ruled on; answers whether the platforms answered. What cannot be
    /// asked about needs no answer.
    pub(crate) async fn ask_about(&self, case: &Case, patience: Duration) -> Result<bool, NotTakenIn> {
        let Some(id) = &case.order_id else { return Ok(true) };
        let Some(order) = self.store.orders(std::slice::from_ref(id)).await?.remove(id) else { return Ok(true) };
        let told = self.ask_open(&order, case.out_trade_no.as_ref(), patience).await?;
        // These cases say that the platform does not tell, so a person may rule on them without an answer.
        Ok(told || matches!(case.kind, CaseKind::Stuck | CaseKind::RefundStuck))
    }

    /// Asks about each payment and refund of an order whose end is not known, or only of one payment; answers whether
    /// all were answered.
    pub(crate) async fn ask_open(
        &self,
        order: &Order,
        only: Option<&OutTradeNo>,
        patience: Duration,
    ) -> Result<bool, NotTakenIn> {
        let wanted = |number: Option<&OutTradeNo>, account| {
            only.is_none_or(|only| number == Some(only)) && self.rate(account).is_some()
        };
        let payments = order.payments.iter().filter(|p| !payment::is_final(p));
        let payments = payments.filter(|p| wanted(Some(&p.out_trade_no), &p.account)).map(|payment| async move {
            Ok(self.turn(&payment.account, patience).await?
                && taken_in(self.ask_payment(order, payment).await)?.is_told())
        });
        let refunds = order.refunds.iter().filter(|r| r.requested.is_some() && !refund::is_final(r));
        let refunds = refunds.filter(|r| wanted(r.out_trade_no.as_ref(), &r.account)).map(|refund| async move {
            Ok(self.turn(&refund.account, patience).await? && taken_in(self.ask_refund(order, refund).await)?.is_told())
        });
        // All at once, and for a bounded time: a silent platform must not hold the caller up for longer.
        let asked = try_join(try_join_all(payments), try_join_all(refunds));
        match timeout(ALL_ASKED, asked).await {
            Ok(said) => said.map(|(payments, refunds)| payments.into_iter().chain(refunds).all(|told| told)),
            Err(_) => Ok(false),
        }
    }

    fn provider(&self, account: &AccountName) -> &'static str {
        self.intake.accounts().get(account).map(|a| a.platform.name).unwrap_or_default()
    }

    /// Records the exchanges, and brings what was verified to the door.
    async fn take_in(
        &self,
        about: &About<'_>,
        operation: &'static str,
        mut answer: Answer,
    ) -> Result<Answer, NotTakenIn> {
        let (account, outcome) = (about.account.to_string(), answer.outcome.as_str());
        metrics::counter!("paystate_asked_total", "account" => account, "operation" => operation, "outcome" => outcome)
            .increment(1);
        if answer.outcome == Outcome::Unknown {
            tracing::info!(account = %about.account, operation, said = answer.said(), "a platform gave no answer");
        }
        self.record(about, std::mem::take(&mut answer.exchanges)).await;
        let Some(message) = answer.message.take() else { return Ok(answer) };
        if message.account != about.account.as_str() {
            return Err(NotTakenIn::Ever(format!("the edge answers for account {}", message.account)));
        }
        let key = self.intake.key(&message).map_err(NotTakenIn::Ever)?;
        let message = self.intake.message(Source::Query, key, message).map_err(NotTakenIn::Ever)?;
        self.door.observe(message).await?;
        Ok(answer)
    }

    /// A record for people: if it cannot be written, the log says so, and nothing else depends on it.
    async fn record(&self, about: &About<'_>, exchanges: Vec<v1::Exchange>) {
        if exchanges.is_empty() {
            return;
        }
        let rows: Result<Vec<_>, String> = exchanges.into_iter().map(|e| self.row(about, e)).collect();
        let recorded = match rows {
            Ok(rows) => self.store.exchanges().record(&rows).await.map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        if let Err(why) = recorded {
            tracing::warn!(why, order_id = %about.order_id, "an exchange with a platform was not recorded");
        }
    }

    fn row(&self, about: &About<'_>, exchange: v1::Exchange) -> Result<ExchangeRow, String> {
        let id = Uuid::now_v7().to_string();
        let outcome = outcome(exchange.outcome());
        let v1::Exchange { operation, target, start_time, duration, http_status, code, request, response, .. } =
            exchange;
        let plain = v1::Exchange { request, response, ..Default::default() }.encode_to_vec();
        let started_at = start_time.as_ref().and_then(|t| wire::read_time(t).ok()).unwrap_or_else(now);
        let duration = duration.and_then(|d| Duration::try_from(d).ok()).unwrap_or_default();
        Ok(ExchangeRow {
            sealed: self.intake.seal(&format!("exchange/{id}"), &plain)?,
            exchange: Exchange {
                id,
                provider: about.provider.to_owned(),
                account: about.account.clone(),
                operation: clip(operation),
                order_id: Some(about.order_id.clone()),
                out_trade_no: about.out_trade_no.cloned(),
                out_refund_no: about.out_refund_no.cloned(),
                started_at,
                duration_us: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
                http_status: u16::try_from(http_status).unwrap_or(0),
                outcome,
                code: clip(code),
                target: clip(target),
            },
        })
    }
}

fn outcome(outcome: v1::PlatformOutcome) -> ExchangeOutcome {
    match outcome {
        v1::PlatformOutcome::Answered => ExchangeOutcome::Answered,
        v1::PlatformOutcome::NotFound => ExchangeOutcome::NotFound,
        v1::PlatformOutcome::Refused => ExchangeOutcome::Refused,
        v1::PlatformOutcome::Unknown | v1::PlatformOutcome::Unspecified => ExchangeOutcome::Unknown,
        v1::PlatformOutcome::RateLimited => ExchangeOutcome::RateLimited,
        v1::PlatformOutcome::NotSent | v1::PlatformOutcome::NoSuchOperation | v1::PlatformOutcome::BadInput => {
            ExchangeOutcome::NotSent
        }
    }
}

fn text(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}
