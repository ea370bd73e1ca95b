//! Commands about an order and its payments, decided.

use std::time::Duration;

use super::{
    Case, CaseId, Command, Decision, Due, Ending, EventKind, Followup, MAX_PAYMENTS, Order, OrderId, OutTradeNo,
    Payment, PaymentStatus, Refusal, State, Timestamp, journal::Journal, refunding, ruling,
};

/// How long after a payment's expiry it is still not taken for unpaid: the platform's clock may lag behind ours, and
/// its answers behind its clock.
pub const UNPAID_GRACE: Duration = Duration::from_secs(5 * 60);

/// Decides a command. `order` is the one that it is about, `case` the one that it names, as far as they exist.
///
/// # Errors
/// [`Refusal`] says why nothing changes.
pub fn decide(
    order: Option<&Order>,
    case: Option<&Case>,
    command: &Command,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    let known = |id: &OrderId| order.ok_or_else(|| Refusal::OrderNotFound(id.clone()));
    let named = |id: &CaseId| case.ok_or_else(|| Refusal::CaseNotFound(id.clone()));
    match command {
        Command::Create { order_id, .. } if order.is_some() => Err(Refusal::OrderExists(order_id.clone())),
        Command::Create { order_id, amount, description, expires_at } => create(
            Order {
                id: order_id.clone(),
                amount: *amount,
                description: description.clone(),
                version: 0,
                created_at: at,
                updated_at: at,
                expires_at: *expires_at,
                ending: Ending::Open,
                payments: Vec::new(),
                refunds: Vec::new(),
                open_cases: Vec::new(),
                ruled_cases: Vec::new(),
            },
            at,
        ),
        Command::StartPayment { order_id, out_trade_no, account, provider, method, inputs, expires_at } => {
            start_payment(
                known(order_id)?,
                Payment {
                    out_trade_no: out_trade_no.clone(),
                    account: account.clone(),
                    provider: provider.clone(),
                    status: PaymentStatus::Pending,
                    ruled_at: None,
                    started_at: at,
                    expires_at: *expires_at,
                    method: *method,
                    inputs: *inputs,
                    reference: None,
                    transactions: Vec::new(),
                },
                at,
            )
        }
        Command::RecordReference { order_id, out_trade_no, reference } => {
            record_reference(known(order_id)?, out_trade_no, reference, at)
        }
        Command::Close { order_id, payments_closed } => close(known(order_id)?, *payments_closed, at),
        Command::ConcludeUnpaid { order_id, out_trade_no } => conclude_unpaid(known(order_id)?, out_trade_no, at),
        Command::RequestRefund { order_id, out_trade_no, transaction_id, out_refund_no, amount, reason } => {
            let wanted = refunding::Wanted {
                out_trade_no: out_trade_no.as_ref(),
                transaction_id: transaction_id.as_ref(),
                out_refund_no,
                amount: *amount,
                reason,
            };
            refunding::request(known(order_id)?, &wanted, at)
        }
        Command::RefundRefused { order_id, out_refund_no, code, detail } => {
            refunding::troubled(known(order_id)?, out_refund_no, format!("{code}: {detail}"), at)
        }
        Command::GiveUp { order_id, about, evidence } => ruling::give_up(known(order_id)?, about, evidence, at),
        Command::OpenCase { case: new } => {
            let order = new.order_id.as_ref().map(known).transpose()?;
            ruling::open(order, case, new, at)
        }
        Command::ResolveCase { case_id, resolution, reason, by } => {
            let ruling = ruling::Ruling { resolution: *resolution, reason, by: *by, at };
            ruling::resolve(order, named(case_id)?, &ruling)
        }
        Command::AssignCase { case_id, .. } => ruling::assign(order, named(case_id)?),
    }
}

fn create(order: Order, at: Timestamp) -> Result<Decision, Refusal> {
    if order.expires_at.is_some_and(|expires| expires <= at) {
        return Err(Refusal::ExpiresInPast);
    }
    let expiry = order.expires_at.map(|expires| Followup::expiry(&order.id, expires));
    let mut journal = Journal::new(order, None, at);
    journal.record(EventKind::OrderCreated, Vec::new())?;
    journal.decision.tasks.extend(expiry);
    Ok(journal.decision)
}

fn start_payment(order: &Order, payment: Payment, at: Timestamp) -> Result<Decision, Refusal> {
    if let Some(known) = order.payment(&payment.out_trade_no) {
        let begun = |p: &Payment| (p.account.clone(), p.provider.clone(), p.method);
        if begun(known) != begun(&payment) {
            return Err(Refusal::NumberTaken(payment.out_trade_no));
        }
        // Otherwise the platform would be sent a number that it knows with other inputs.
        let differs = known.inputs.zip(payment.inputs).is_some_and(|(known, now)| known != now);
        return if differs { Err(Refusal::InputsDiffer(payment.out_trade_no)) } else { Ok(Decision::default()) };
    }
    if !order.is_payable() {
        return Err(Refusal::NotPayable(order.id.clone(), order.state()));
    }
    if order.payments.len() >= MAX_PAYMENTS {
        return Err(Refusal::TooManyPayments(order.id.clone()));
    }
    let mut journal = Journal::of(order, at);
    journal.decision.tasks.push(Followup::payment(&payment.out_trade_no, &payment.account, Due::Soon));
    journal.order.payments.push(payment);
    journal.record(EventKind::PaymentStarted, Vec::new())?;
    Ok(journal.decision)
}

/// The last reference counts: it is the one that the payer was sent to.
fn record_reference(
    order: &Order,
    out_trade_no: &OutTradeNo,
    reference: &smol_str::SmolStr,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    let mut journal = Journal::of(order, at);
    let payment = journal.named_payment(out_trade_no)?;
    if payment.reference.as_ref() != Some(reference) {
        payment.reference = Some(reference.clone());
        journal.record(EventKind::PaymentUpdated, Vec::new())?;
    }
    Ok(journal.decision)
}

fn close(order: &Order, payments_closed: bool, at: Timestamp) -> Result<Decision, Refusal> {
    match order.state() {
        State::Created | State::Pending => {}
        State::Closed => return Ok(Decision::default()),
        state @ (State::Paid | State::PartiallyRefunded | State::Refunded | State::Abnormal) => {
            return Err(Refusal::AlreadyPaid(order.id.clone(), state));
        }
    }
    let mut journal = Journal::of(order, at);
    let vouched = payments_closed && journal.vouch_for_external();
    if journal.order.all_payments_ended() {
        journal.close()?;
        return Ok(journal.decision);
    }
    if journal.request_end() || vouched {
        journal.record(EventKind::CloseRequested, Vec::new())?;
    }
    journal.hurry_payments();
    Ok(journal.decision)
}

impl Journal {
    /// Takes the payments that the caller began for closed, because it vouches for that. What we began, the platform
    /// tells us. The platform has not confirmed the closing, so it is still asked on schedule. False if nothing
    /// changed.
    fn vouch_for_external(&mut self) -> bool {
        let (at, mut changed) = (self.at, false);
        for payment in self.order.payments.iter_mut().filter(|p| p.method.is_external() && !p.is_ended()) {
            payment.status = PaymentStatus::Closed;
            payment.ruled_at = Some(at);
            let question = Followup::payment(&payment.out_trade_no, &payment.account, Due::Soon);
            self.decision.tasks.push(question);
            changed = true;
        }
        changed
    }
}

/// A platform cannot take money for a payment that it does not know, once the payment's own expiry is over. Before
/// that, the payer may just be typing.
fn conclude_unpaid(order: &Order, out_trade_no: &OutTradeNo, at: Timestamp) -> Result<Decision, Refusal> {
    let mut journal = Journal::of(order, at);
    let payment = journal.named_payment(out_trade_no)?;
    if payment.is_ended() {
        return Ok(Decision::default());
    }
    let until = payment.expires_at.map(|expires| expires.after(UNPAID_GRACE));
    if until.is_none_or(|until| at < until) {
        return Err(Refusal::MayStillBePaid { number: out_trade_no.clone(), until });
    }
    payment.status = PaymentStatus::Closed;
    journal.record(EventKind::PaymentUpdated, Vec::new())?;
    journal.close_if_over()?;
    Ok(journal.decision)
}
