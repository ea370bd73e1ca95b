//! What happens at the platforms: payments, refunds, closings, attacks.
//!
//! Each is one record in the journal, written under one lock with the checks before it; only then do
//! its notices travel.

use paystate_providers::{Currency, Provider};

use super::Sandbox;
use crate::{
    Attack, AttackOutcome, CloseRequest, DeliveryPlan, PayRequest, Refund, RefundRequest, SandboxError, Trade,
    TradeStatus,
    book::{Notice, Record, after_refund},
    platform::{self, Draft},
    request::{check_amount, check_currency, check_number},
    stamp::Stamp,
};

impl Sandbox {
    /// A payer pays: the trade is recorded, then its notices travel.
    ///
    /// # Errors
    /// For a request that the platform would not take, and when the journal cannot be written.
    pub async fn pay(&self, request: PayRequest) -> Result<Trade, SandboxError> {
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
        let notices = self.notices(&trade, request.plan, platform::paid(&self.inner.desk(), &trade)?);
        let ids = ids(&notices);
        self.inner.book().record(vec![Record::Traded { trade: trade.clone(), notices }])?;
        self.dispatch(ids);
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
        // One lock from check to write, so that two refunds cannot both take the last of the money.
        let mut book = self.inner.book();
        if let Some(known) = book.state().refund(request.provider, &request.out_refund_no) {
            let same = known.amount_minor == request.amount_minor && known.out_trade_no == request.out_trade_no;
            let conflict = || SandboxError::Conflict("out_refund_no was used for another refund".to_owned());
            return same.then(|| known.clone()).ok_or_else(conflict);
        }
        let trades = book.state().trades(request.provider, &request.out_trade_no);
        let trade = after_refund(refundable(&trades, &request)?, request.amount_minor);
        let at = self.inner.stamps.next();
        let refund = Refund {
            provider: request.provider,
            out_trade_no: request.out_trade_no,
            transaction_id: trade.transaction_id.clone(),
            out_refund_no: request.out_refund_no,
            refund_id: platform::refund_id(request.provider, at),
            amount_minor: request.amount_minor,
            at,
        };
        let drafts = platform::refunded(&self.inner.desk(), &trade, &refund)?;
        let notices = self.notices(&trade, request.plan, drafts);
        let ids = ids(&notices);
        book.record(vec![Record::Refunded { refund: refund.clone(), notices }])?;
        drop(book);
        self.dispatch(ids);
        Ok(refund)
    }

    /// An unpaid trade is closed. WeChat Pay and UnionPay send no notice of it. Closing again changes nothing.
    ///
    /// # Errors
    /// [`SandboxError::Conflict`] when the trade is paid already.
    pub async fn close(&self, request: CloseRequest) -> Result<Trade, SandboxError> {
        check_number("out_trade_no", &request.out_trade_no)?;
        check_amount(request.amount_minor)?;
        check_currency(request.provider, request.currency)?;
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
        let notices = self.notices(&trade, request.plan, platform::closed(&self.inner.desk(), &trade)?);
        let ids = ids(&notices);
        book.record(vec![Record::Traded { trade: trade.clone(), notices }])?;
        drop(book);
        self.dispatch(ids);
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
        let answer = self.inner.edge.send(provider, request).await.map_err(SandboxError::Unreachable)?;
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
            at,
        }
    }

    fn notices(&self, trade: &Trade, plan: DeliveryPlan, drafts: Vec<Draft>) -> Vec<Notice> {
        let number = |draft: Draft| {
            let at = self.inner.stamps.next();
            Notice {
                id: format!("n{}", at.micros()),
                provider: trade.provider,
                out_trade_no: trade.out_trade_no.clone(),
                kind: draft.kind,
                signer: draft.signer,
                plan,
                body: draft.body,
                at,
            }
        };
        drafts.into_iter().map(number).collect()
    }
}

fn ids(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(|notice| notice.id.clone()).collect()
}

fn refundable<'a>(trades: &[&'a Trade], request: &RefundRequest) -> Result<&'a Trade, SandboxError> {
    let named = |trade: &&&Trade| request.transaction_id.as_ref().is_none_or(|id| *id == trade.transaction_id);
    let mut paid = trades.iter().filter(|trade| trade.status != TradeStatus::Closed).filter(named).peekable();
    if paid.peek().is_none() {
        return Err(SandboxError::NotFound(format!("{} has no such paid trade", request.provider)));
    }
    paid.find(|trade| trade.amount_minor - trade.refunded_minor >= request.amount_minor)
        .copied()
        .ok_or_else(|| SandboxError::Conflict("the trade holds less than that".to_owned()))
}
