//! Which money a fact is about, and what of it is booked.

use smol_str::SmolStr;

use crate::{
    order::{
        AccountName, Case, CaseKind, CaseState, Fact, Money, Observation, Order, OrderId, PaymentStatus, RefundFact,
        RefundStatus, Timestamp,
    },
    store::{MoneyKey, MoneyKind, ParkedRow},
};

fn key(provider: &str, account: &AccountName, kind: MoneyKind, number: impl Into<SmolStr>) -> MoneyKey {
    MoneyKey { provider: provider.into(), account: account.clone(), kind, number: number.into() }
}

/// Money that a fact names: the payment's, and for a refund the refund's own.
pub(super) fn keys(provider: &str, observation: &Observation) -> Vec<MoneyKey> {
    let account = &observation.account;
    let payment = observation.fact.transaction_id().map(|id| key(provider, account, MoneyKind::Payment, id.as_str()));
    let refund = match &observation.fact {
        Fact::Refund(refund) => refund_key(provider, account, refund),
        Fact::Payment(_) => None,
    };
    payment.into_iter().chain(refund).collect()
}

/// The identity of a refund. A running total has no number of its own: each total that a transaction reaches
/// is one booking.
fn refund_key(provider: &str, account: &AccountName, refund: &RefundFact) -> Option<MoneyKey> {
    let number = if refund.cumulative {
        let transaction = refund.transaction_id.as_ref().map(ToString::to_string);
        let of = transaction.or_else(|| refund.out_trade_no.as_ref().map(ToString::to_string))?;
        format!("{of}/total/{}", refund.amount.minor())
    } else {
        refund.refund_id.as_ref().or(refund.out_refund_no.as_ref())?.to_string()
    };
    Some(key(provider, account, MoneyKind::Refund, number))
}

/// The booking that this fact made necessary: money that the order knows after it and did not know before.
pub(super) fn booked(
    before: &Order,
    after: &Order,
    provider: &str,
    observation: &Observation,
) -> Option<(MoneyKey, Money)> {
    let account = &observation.account;
    match &observation.fact {
        Fact::Payment(payment) if payment.status == PaymentStatus::Succeeded => {
            let id = payment.transaction_id.as_ref()?;
            let has = |order: &Order| order.transactions().any(|t| t.id == *id && t.account == *account);
            let new = has(after) && !has(before);
            new.then(|| (key(provider, account, MoneyKind::Payment, id.as_str()), payment.amount))
        }
        Fact::Refund(refund) if refund.status == RefundStatus::Succeeded => {
            let (old, new) = (before.running_total(account, refund), after.running_total(account, refund));
            // A single refund is booked once, whatever is said of it later; a total by what it grew.
            let is_new = new > old && (refund.cumulative || old == 0);
            let growth = if refund.cumulative { new - old } else { refund.amount.minor() };
            let amount = Money::new(growth, refund.amount.currency()).ok()?;
            refund_key(provider, account, refund).filter(|_| is_new).map(|key| (key, amount))
        }
        Fact::Payment(_) | Fact::Refund(_) => None,
    }
}

/// The case for money that belongs to no order, or that contradicts what is booked `elsewhere`. Weaker news
/// opens none: it waits, and nothing is lost by waiting.
pub(super) fn unbound(fact: &ParkedRow, elsewhere: Option<&OrderId>, at: Timestamp) -> Option<Case> {
    let account = &fact.observation.account;
    let said = &fact.observation.fact;
    let (number, amount) = match said {
        Fact::Payment(p) if p.status == PaymentStatus::Succeeded => (p.transaction_id.as_ref()?, p.amount),
        // A refund of a payment that is not known yet waits for it; one that contradicts needs a person.
        Fact::Refund(r) if r.status == RefundStatus::Succeeded && elsewhere.is_some() => {
            (r.refund_id.as_ref().or(r.out_refund_no.as_ref()).or(r.transaction_id.as_ref())?, r.amount)
        }
        Fact::Payment(_) | Fact::Refund(_) => return None,
    };
    let named = said.out_trade_no().map_or_else(|| "no out_trade_no".to_owned(), ToString::to_string);
    let summary = match elsewhere {
        None => format!(
            "transaction {number} brought {amount} on account {account} for {named}, which belongs to no order; \
             StartPayment with that number binds it, otherwise refund it"
        ),
        Some(order) => format!(
            "{number} of {amount} on account {account} names {named}, but this money is booked on order {order}; \
             the platform's console tells which is right"
        ),
    };
    Some(Case {
        id: Case::id_for(CaseKind::UnknownOrder, account, number.as_str()),
        kind: CaseKind::UnknownOrder,
        state: CaseState::Open,
        order_id: elsewhere.cloned(),
        account: account.clone(),
        out_trade_no: said.out_trade_no().cloned(),
        transaction_id: said.transaction_id().cloned(),
        expected: None,
        observed: Some(amount),
        summary,
        opened_at: at,
    })
}
