//! What merchants ask for by the platforms' APIs: to collect, to tell, to close, to give back.
//!
//! Contract: every method looks and acts under one lock of the book, so what it decides is true when it is recorded.
//! A payer who pays and a shop that closes the same checkout meet here: whoever is first wins, the other is refused.

use std::collections::BTreeMap;

use paystate_providers::Provider;

use super::{Sandbox, operations::refundable};
use crate::{
    Callbacks, Checkout, Refund, RefundRequest, SandboxError, Stamp, Trade, TradeStatus,
    book::{Book, Kept, Record, State, after_refund},
    platform,
    request::CheckoutPayment,
};

/// A payment to open.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) provider: Provider,
    pub(crate) out_trade_no: String,
    /// `None`: the platform makes one, `cs_…` or the intent's.
    pub(crate) handle: Handle,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) notify_url: Option<String>,
    pub(crate) expires_at: Option<Stamp>,
    pub(crate) terms: String,
    pub(crate) visible: bool,
    pub(crate) echo: BTreeMap<String, String>,
    pub(crate) started_at: Option<Stamp>,
}

/// What the platform will tell a checkout by.
#[derive(Debug, Clone)]
pub(crate) enum Handle {
    /// The merchant's words.
    Given(String),
    /// Stripe: the intent's own id.
    Intent,
    /// Stripe: a session's id.
    Session,
}

/// Why a platform does not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such payment or refund.
    Unknown,
    /// The number was used with other content.
    Different,
    /// It is paid.
    Paid,
    /// It is closed, or its time is over.
    Closed,
    /// It is not paid, so nothing can go back.
    Unpaid,
    /// More than the payment holds.
    TooMuch,
}

/// Why a platform cannot answer at all, or will not do it.
#[derive(Debug)]
pub(crate) enum Denied {
    Refused(Refusal),
    Broken(SandboxError),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SandboxError> for Denied {
    fn from(error: SandboxError) -> Self {
        Self::Broken(error)
    }
}

/// How a payment looks to somebody who asks.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) status: Standing,
    /// The trade, or what it will be.
    pub(crate) trade: Trade,
    pub(crate) origin: Option<Checkout>,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    Closed,
    Paid,
}

/// What makes two refund requests the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repetition {
    /// The shop's number.
    Number,
    /// The shop's number, and the payment that it is about (Alipay).
    NumberOfTrade,
    /// The number and the merchant's time of it (UnionPay).
    NumberAndTime,
    /// Nothing in the request (Stripe: only its idempotency key).
    Never,
}

/// Money to give back.
#[derive(Debug, Clone)]
pub(crate) struct GiveBack {
    pub(crate) request: RefundRequest,
    pub(crate) callbacks: Callbacks,
    pub(crate) repetition: Repetition,
    pub(crate) notify_url: Option<String>,
    pub(crate) started_at: Option<Stamp>,
    pub(crate) void: bool,
    pub(crate) echo: BTreeMap<String, String>,
}

impl Sandbox {
    /// A merchant asks for a payment. Asking again with the same content changes nothing.
    pub(crate) fn open_checkout(&self, ask: Ask) -> Result<Checkout, Denied> {
        let mut book = self.inner.book();
        if let Handle::Given(handle) = &ask.handle {
            if let Some(known) = book.state().checkout(ask.provider, handle).cloned() {
                return again(&mut book, known, &ask);
            }
            if let Some(sight) = outside(book.state(), ask.provider, &ask.out_trade_no, handle) {
                return Err(if sight.status == Standing::Paid { Refusal::Paid } else { Refusal::Closed }.into());
            }
        }
        let checkout = self.new_checkout(ask);
        book.record(vec![Record::Opened { checkout: checkout.clone() }])?;
        Ok(checkout)
    }

    /// How the payment of a handle stands; of `out_trade_no` where nobody asked for it by the API. `None`: the platform
    /// knows none.
    pub(crate) fn sight(&self, provider: Provider, handle: &str, out_trade_no: &str) -> Option<Sight> {
        let book = self.inner.book();
        let outside = outside(book.state(), provider, out_trade_no, handle);
        match book.state().checkout(provider, handle) {
            // A payment that was planted beside the checkout counts as the checkout's.
            Some(checkout) => outside
                .filter(|planted| planted.status == Standing::Paid)
                .or_else(|| checkout.visible.then(|| seen(book.state(), checkout))),
            None => outside,
        }
    }

    /// How the payment with the platform's own number stands.
    pub(crate) fn sight_by_id(&self, provider: Provider, transaction_id: &str) -> Option<Sight> {
        let book = self.inner.book();
        let trade = book.state().trade(provider, transaction_id)?.clone();
        let origin = book.state().origin(&trade).cloned();
        Some(Sight { status: standing(&trade), trade, origin })
    }

    /// The refunds of a shop's number, each with its trade.
    pub(crate) fn refunds_of(&self, provider: Provider, out_refund_no: &str) -> Vec<(Refund, Trade)> {
        let book = self.inner.book();
        let state = book.state();
        let with_trade =
            |refund: &Refund| Some((refund.clone(), state.trade(provider, &refund.transaction_id)?.clone()));
        state.refunds(provider, out_refund_no).into_iter().filter_map(with_trade).collect()
    }

    /// A refund by the platform's number, with its trade.
    pub(crate) fn refund_by_id(&self, provider: Provider, refund_id: &str) -> Option<(Refund, Trade)> {
        let book = self.inner.book();
        let state = book.state();
        let refund =
            state.ledger().refunds.iter().rev().find(|r| r.provider == provider && r.refund_id == refund_id)?;
        Some((refund.clone(), state.trade(provider, &refund.transaction_id)?.clone()))
    }

    /// The refunds of a trade, oldest first; of all trades for an empty number.
    pub(crate) fn refunds_of_trade(&self, provider: Provider, transaction_id: &str) -> Vec<(Refund, Trade)> {
        let book = self.inner.book();
        let state = book.state();
        let of = |refund: &&Refund| {
            refund.provider == provider && (transaction_id.is_empty() || refund.transaction_id == transaction_id)
        };
        let with_trade =
            |refund: &Refund| Some((refund.clone(), state.trade(provider, &refund.transaction_id)?.clone()));
        state.ledger().refunds.iter().filter(of).filter_map(with_trade).collect()
    }

    /// The handles of everything that was asked for under a shop's number, newest first.
    pub(crate) fn checkout_handles(&self, provider: Provider, out_trade_no: &str) -> Vec<String> {
        let book = self.inner.book();
        book.state().checkouts(provider, out_trade_no).iter().rev().map(|checkout| checkout.handle.clone()).collect()
    }

    /// Stripe's answer under an idempotency key.
    pub(crate) fn kept_answer(&self, key: &str) -> Option<Kept> {
        self.inner.book().state().kept(key).cloned()
    }

    /// Keeps Stripe's answer under an idempotency key.
    pub(crate) fn keep_answer(
        &self,
        key: &str,
        request_sha256: String,
        status: u16,
        body: &str,
    ) -> Result<(), SandboxError> {
        let (key, body) = (key.to_owned(), body.to_owned());
        self.inner.book().record(vec![Record::Answered { key, request_sha256, status, body }])
    }

    /// Ends an unpaid checkout. Ending it again changes nothing.
    pub(crate) fn close_checkout(&self, provider: Provider, handle: &str) -> Result<Sight, Denied> {
        let mut book = self.inner.book();
        let known = book.state().checkout(provider, handle).filter(|checkout| checkout.visible);
        let Some(checkout) = known.cloned() else {
            let trade = outside(book.state(), provider, handle, handle).ok_or(Refusal::Unknown)?;
            return if trade.status == Standing::Paid { Err(Refusal::Paid.into()) } else { Ok(trade) };
        };
        let sight = seen(book.state(), &checkout);
        match sight.status {
            Standing::Paid => {
                drop(book);
                self.let_go(provider, &checkout.out_trade_no)?;
                return Err(Refusal::Paid.into());
            }
            Standing::Closed if book.state().trade(provider, &checkout.transaction_id).is_some() => return Ok(sight),
            Standing::Closed | Standing::Waiting => {}
        }
        let trade = becomes(&checkout, TradeStatus::Closed, self.inner.stamps.next());
        let drafts = platform::closed(&self.inner.desk(), &trade, Some(&checkout))?;
        let post = self.post(&trade, self.inner.callbacks(provider), checkout.notify_url.as_deref(), drafts);
        book.record(vec![Record::Traded { trade: trade.clone(), notices: post.now.clone() }])?;
        drop(book);
        self.send_off(post);
        Ok(Sight { status: Standing::Closed, trade, origin: Some(checkout) })
    }

    /// A person pays what a merchant asked for: scans, confirms, and the money is the merchant's.
    ///
    /// # Errors
    /// [`SandboxError::NotFound`] if nobody asked for it, [`SandboxError::Conflict`] if it is paid, closed or expired.
    pub async fn pay_checkout(&self, payment: CheckoutPayment) -> Result<Trade, SandboxError> {
        let CheckoutPayment { provider, out_trade_no, callbacks } = payment;
        let mut book = self.inner.book();
        let open = book.state().checkouts(provider, &out_trade_no);
        if open.is_empty() {
            return Err(SandboxError::NotFound(format!("nobody asked {provider} to collect {out_trade_no}")));
        }
        let payable = open.into_iter().rev().find(|checkout| seen(book.state(), checkout).status == Standing::Waiting);
        let Some(checkout) = payable.cloned() else {
            return Err(SandboxError::Conflict(format!("{out_trade_no} is paid, closed or expired")));
        };
        let trade = becomes(&checkout, TradeStatus::Paid, self.inner.stamps.next());
        let drafts = platform::paid(&self.inner.desk(), &trade, Some(&checkout))?;
        let callbacks = callbacks.unwrap_or_else(|| self.inner.callbacks(provider));
        let post = self.post(&trade, callbacks, checkout.notify_url.as_deref(), drafts);
        let scanned = (!checkout.visible).then(|| Record::Scanned { provider, handle: checkout.handle.clone() });
        let traded = Record::Traded { trade: trade.clone(), notices: post.now.clone() };
        book.record(scanned.into_iter().chain([traded]).collect())?;
        drop(book);
        self.send_off(post);
        Ok(trade)
    }

    /// A person scans the code, and does not pay yet. Only Alipay's platform learns of it.
    ///
    /// # Errors
    /// [`SandboxError::NotFound`] if nobody asked for it.
    pub async fn scan(&self, provider: Provider, out_trade_no: &str) -> Result<Checkout, SandboxError> {
        let mut book = self.inner.book();
        let known = book.state().checkouts(provider, out_trade_no).last().map(|checkout| (*checkout).clone());
        let known = known
            .ok_or_else(|| SandboxError::NotFound(format!("nobody asked {provider} to collect {out_trade_no}")))?;
        if !known.visible {
            book.record(vec![Record::Scanned { provider, handle: known.handle.clone() }])?;
        }
        Ok(Checkout { visible: true, ..known })
    }

    /// Gives money back, once for what the platform takes for one request. Second: whether it was new.
    pub(crate) fn give_back(&self, ask: GiveBack) -> Result<(Refund, Trade, bool), Denied> {
        // One lock from check to write, so that two refunds cannot both take the last of the money.
        let mut book = self.inner.book();
        let GiveBack { request, callbacks, repetition, notify_url, started_at, void, echo } = ask;
        let known = book.state().refunds(request.provider, &request.out_refund_no);
        let of_trade = |refund: &Refund| match &request.transaction_id {
            Some(id) => *id == refund.transaction_id,
            None => request.out_trade_no == refund.out_trade_no,
        };
        let same_request = |refund: &&&Refund| match repetition {
            Repetition::Number => true,
            Repetition::NumberOfTrade => of_trade(refund),
            Repetition::NumberAndTime => refund.started_at == started_at,
            Repetition::Never => false,
        };
        if let Some(known) = known.iter().find(same_request) {
            let trade = book.state().trade(request.provider, &known.transaction_id).ok_or(Refusal::Unknown)?;
            let same = known.amount_minor == request.amount_minor && of_trade(known);
            return if same { Ok(((*known).clone(), trade.clone(), false)) } else { Err(Refusal::Different.into()) };
        }
        let origin_trade = refundable(book.state(), &request)?;
        let trade = after_refund(&origin_trade, request.amount_minor);
        let at = self.inner.stamps.next();
        let refund = Refund {
            provider: request.provider,
            out_trade_no: trade.out_trade_no.clone(),
            transaction_id: trade.transaction_id.clone(),
            out_refund_no: request.out_refund_no,
            refund_id: platform::refund_id(request.provider, at),
            amount_minor: request.amount_minor,
            started_at,
            void,
            echo,
            at,
        };
        let drafts = platform::refunded(&self.inner.desk(), &trade, &refund)?;
        let own_url = || book.state().origin(&trade).and_then(|checkout| checkout.notify_url.clone());
        let url = notify_url.or_else(own_url);
        let post = self.post(&trade, callbacks, url.as_deref(), drafts);
        book.record(vec![Record::Refunded { refund: refund.clone(), notices: post.now.clone() }])?;
        drop(book);
        self.send_off(post);
        Ok((refund, trade, true))
    }
}

impl Sandbox {
    fn new_checkout(&self, ask: Ask) -> Checkout {
        let at = self.inner.stamps.next();
        let transaction_id = platform::transaction_id(ask.provider, at);
        let handle = match ask.handle {
            Handle::Given(handle) => handle,
            Handle::Intent => transaction_id.clone(),
            Handle::Session => at.stripe_id("cs_test"),
        };
        Checkout {
            provider: ask.provider,
            out_trade_no: ask.out_trade_no,
            handle,
            transaction_id,
            amount_minor: ask.amount_minor,
            currency: ask.currency,
            notify_url: ask.notify_url,
            expires_at: ask.expires_at,
            terms: ask.terms,
            visible: ask.visible,
            echo: ask.echo,
            started_at: ask.started_at.unwrap_or(at),
            at,
        }
    }
}

/// The same request once more: the same checkout, unless it has ended or was asked for otherwise.
fn again(book: &mut Book, known: Checkout, ask: &Ask) -> Result<Checkout, Denied> {
    match seen(book.state(), &known).status {
        Standing::Paid => return Err(Refusal::Paid.into()),
        Standing::Closed => return Err(Refusal::Closed.into()),
        Standing::Waiting => {}
    }
    if known.terms != ask.terms {
        return Err(Refusal::Different.into());
    }
    if ask.visible && !known.visible {
        book.record(vec![Record::Scanned { provider: known.provider, handle: known.handle.clone() }])?;
    }
    Ok(known)
}

/// A payment under the shop's number that nobody asked for by the API: the first one that is paid, or one that was
/// closed.
fn outside(state: &State, provider: Provider, out_trade_no: &str, handle: &str) -> Option<Sight> {
    let asked_for = |trade: &&&Trade| state.origin(trade).is_some();
    let named = |trade: &&&Trade| provider != Provider::UnionPay || handle == unionpay_handle(out_trade_no, trade.at);
    let trades = state.trades(provider, out_trade_no);
    let strays: Vec<_> = trades.iter().filter(|trade| !asked_for(trade)).filter(named).collect();
    let paid = strays.iter().find(|trade| standing(trade) == Standing::Paid);
    let trade = (***paid.or(strays.first())?).clone();
    Some(Sight { status: standing(&trade), trade, origin: None })
}

/// UnionPay's name of a payment: the shop's number and the time that the shop gave it.
pub(crate) fn unionpay_handle(order_id: &str, txn_time: Stamp) -> String {
    format!("{order_id}/{}", txn_time.compact())
}

/// How a checkout stands now.
fn seen(state: &State, checkout: &Checkout) -> Sight {
    let origin = Some(checkout.clone());
    if let Some(trade) = state.trade(checkout.provider, &checkout.transaction_id) {
        return Sight { status: standing(trade), trade: trade.clone(), origin };
    }
    let expired = checkout.expires_at.is_some_and(|end| end <= Stamp::now());
    let status = if expired { Standing::Closed } else { Standing::Waiting };
    Sight { status, trade: becomes(checkout, TradeStatus::Closed, checkout.expires_at.unwrap_or(checkout.at)), origin }
}

fn standing(trade: &Trade) -> Standing {
    match trade.status {
        TradeStatus::Paid | TradeStatus::Refunded => Standing::Paid,
        TradeStatus::Closed => Standing::Closed,
    }
}

fn becomes(checkout: &Checkout, status: TradeStatus, at: Stamp) -> Trade {
    Trade {
        provider: checkout.provider,
        out_trade_no: checkout.out_trade_no.clone(),
        transaction_id: checkout.transaction_id.clone(),
        amount_minor: checkout.amount_minor,
        currency: checkout.currency.clone(),
        status,
        refunded_minor: 0,
        started_at: Some(checkout.started_at),
        at,
    }
}
