//! What happens at the platforms: payments, refunds, closings, attacks.
//!
//! Each is one record in the journal, written under one lock with the checks before it; only then do
//! its notices travel.

use std::collections::BTreeMap;

use paystate_providers::{Currency, Provider};

use super::{
    Sandbox,
    teller::{Denied, GiveBack, Refusal, Repetition},
};
use crate::{
    Attack, AttackOutcome, Callbacks, CloseRequest, PayRequest, Refund, RefundRequest, SandboxError, Trade,
    TradeStatus,
    book::{Record, State},
    platform,
    request::{check_amount, check_currency, check_number},
    stamp::Stamp,
};

impl Sandbox {
    /// A payer pays: the trade is recorded, then its notices travel.
    ///
    /// # Errors
    /// For a request that the platform would not take, and when the journal cannot be written.
    pub async fn pay(&self, request: PayRequest) -> Result<Trade, SandboxError> {
        let callbacks = Callbacks::Sent(request.plan);
        self.pay_and_tell(request, callbacks).await
    }

    /// A payer pays, and `callbacks` says what the shop hears of it.
    ///
    /// # Errors
    /// As [`Sandbox::pay`].
    pub async fn pay_and_tell(&self, request: PayRequest, callbacks: Callbacks) -> Result<Trade, SandboxError> {
        check_number("out_trade_no", &request.out_trade_no)?;
        check_amount(request.amount_minor)?;
        check_currency(request.provider, request.currency)?;
        let trade = self.new_trade(
            request.provider,
            request.out_trade_no,
            request.amount_minor,
            request.currency,
            TradeStatus::Paid,
        );
        let drafts = platform::paid(&self.inner.desk(), &trade, None)?;
        let post = self.post(&trade, callbacks, None, drafts);
        self.inner.book().record(vec![Record::Traded { trade: trade.clone(), notices: post.now.clone() }])?;
        self.send_off(post);
        Ok(trade)
    }

    /// The shop gives money back, all or in part.
    ///
    /// # Errors
    /// [`SandboxError::NotFound`] without such a paid trade, [`SandboxError::Conflict`] when it holds too
    /// little or the refund's number was used for another amount.
    pub async fn refund(&self, request: RefundRequest) -> Result<Refund, SandboxError> {
        check_number("out_refund_no", &request.out_refund_no)?;
        check_amount(request.amount_minor)?;
        let provider = request.provider;
        let ask = GiveBack {
            callbacks: Callbacks::Sent(request.plan),
            request,
            repetition: Repetition::Number,
            notify_url: None,
            started_at: None,
            void: false,
            echo: BTreeMap::new(),
        };
        self.give_back(ask).map(|(refund, _, _)| refund).map_err(|denied| match denied {
            Denied::Broken(error) => error,
            Denied::Refused(Refusal::TooMuch) => SandboxError::Conflict("the trade holds less than that".to_owned()),
            Denied::Refused(Refusal::Different) => {
                SandboxError::Conflict("out_refund_no was used for another refund".to_owned())
            }
            Denied::Refused(Refusal::Unknown | Refusal::Unpaid | Refusal::Paid | Refusal::Closed) => {
                SandboxError::NotFound(format!("{provider} has no such paid trade"))
            }
        })
    }

    /// An unpaid trade is closed. WeChat Pay and UnionPay send no notice of it. Closing again changes nothing.
    ///
    /// # Errors
    /// [`SandboxError::Conflict`] when the trade is paid already.
    pub async fn close(&self, request: CloseRequest) -> Result<Trade, SandboxError> {
        check_number("out_trade_no", &request.out_trade_no)?;
        check_amount(request.amount_minor)?;
        check_currency(request.provider, request.currency)?;
        if let Some(handle) = self.checkout_handles(request.provider, &request.out_trade_no).first() {
            return self.close_checkout(request.provider, handle).map(|sight| sight.trade).map_err(
                |denied| match denied {
                    Denied::Broken(error) => error,
                    Denied::Refused(_) => SandboxError::Conflict(format!("{} is paid", request.out_trade_no)),
                },
            );
        }
        let mut book = self.inner.book();
        let known = book.state().trades(request.provider, &request.out_trade_no);
        if known.iter().any(|trade| trade.status != TradeStatus::Closed) {
            return Err(SandboxError::Conflict(format!("{} is paid", request.out_trade_no)));
        }
        if let Some(closed) = known.first() {
            return Ok((*closed).clone());
        }
        let trade = self.new_trade(
            request.provider,
            request.out_trade_no,
            request.amount_minor,
            request.currency,
            TradeStatus::Closed,
        );
        let drafts = platform::closed(&self.inner.desk(), &trade, None)?;
        let post = self.post(&trade, Callbacks::Sent(request.plan), None, drafts);
        book.record(vec![Record::Traded { trade: trade.clone(), notices: post.now.clone() }])?;
        drop(book);
        self.send_off(post);
        Ok(trade)
    }

    /// Sends one message that must be refused, once, and says how it was answered.
    ///
    /// # Errors
    /// [`SandboxError::Invalid`] for a kind that the platform's protocol does not know,
    /// [`SandboxError::Unreachable`] without an answer.
    pub async fn attack(&self, attack: Attack) -> Result<AttackOutcome, SandboxError> {
        check_number("out_trade_no", &attack.out_trade_no)?;
        check_amount(attack.amount_minor)?;
        let Attack { kind, provider, out_trade_no, amount_minor } = attack;
        let trade = self.new_trade(provider, out_trade_no, amount_minor, Currency::CNY, TradeStatus::Paid);
        let request = platform::forge(&self.inner.desk(), kind, &trade, Stamp::now().seconds())?
            .ok_or_else(|| SandboxError::invalid("kind", format!("{kind} does not apply to {provider}")))?;
        let answer = self.inner.edge.send(provider, None, request).await.map_err(SandboxError::Unreachable)?;
        let accepted = platform::acknowledged(provider, answer.status, &answer.body);
        let (status, out_trade_no) = (answer.status, trade.out_trade_no);
        let record = Record::Attacked { provider, kind, out_trade_no, status, accepted, at: Stamp::now() };
        self.inner.book().record(vec![record])?;
        Ok(AttackOutcome { status, accepted })
    }

    fn new_trade(
        &self,
        provider: Provider,
        out_trade_no: String,
        amount_minor: i64,
        currency: Currency,
        status: TradeStatus,
    ) -> Trade {
        let at = self.inner.stamps.next();
        Trade {
            provider,
            out_trade_no,
            transaction_id: platform::transaction_id(provider, at),
            amount_minor,
            currency: currency.as_str().to_owned(),
            status,
            refunded_minor: 0,
            started_at: None,
            at,
        }
    }
}

/// The trade that has enough left; of several the first. An order that was paid twice has two.
pub(super) fn refundable(state: &State, request: &RefundRequest) -> Result<Trade, Refusal> {
    let id = request.transaction_id.as_ref();
    let trades = match id {
        Some(id) => state.trade(request.provider, id).into_iter().collect(),
        None => state.trades(request.provider, &request.out_trade_no),
    };
    let named = |trade: &&&Trade| request.out_trade_no.is_empty() || request.out_trade_no == trade.out_trade_no;
    let named: Vec<_> = trades.iter().filter(named).collect();
    let mut paid = named.iter().filter(|trade| trade.status != TradeStatus::Closed).peekable();
    if paid.peek().is_none() {
        let asked_for = !state.checkouts(request.provider, &request.out_trade_no).is_empty();
        return Err(if asked_for || !named.is_empty() { Refusal::Unpaid } else { Refusal::Unknown });
    }
    let enough = paid.find(|trade| trade.amount_minor - trade.refunded_minor >= request.amount_minor);
    enough.map(|trade| (**trade).clone()).ok_or(Refusal::TooMuch)
}
