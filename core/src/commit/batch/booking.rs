//! Which money a fact is about, and what of it is booked.

use smol_str::SmolStr;

use crate::{
    order::{
        AccountName, Case, CaseId, CaseKind, Fact, Money, Observation, Order, OrderId, PaymentStatus, RefundFact,
        RefundStatus, Timestamp, TransactionId,
    },
    store::{MoneyKey, MoneyKind},
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

/// The other key under which a fact may be booked: a running total may confirm the refund that reached it. This key
/// says nothing about whose money it is, because a platform may let each payment number its refunds anew.
pub(super) fn other_key(provider: &str, observation: &Observation) -> Option<MoneyKey> {
    let Fact::Refund(refund) = &observation.fact else { return None };
    let number = refund.out_refund_no.as_ref().filter(|_| refund.cumulative)?;
    Some(key(provider, &observation.account, MoneyKind::Refund, number.as_str()))
}

/// The identity of a refund. A running total has no number of its own: each total that a transaction reaches
/// is one booking.
fn refund_key(provider: &str, account: &AccountName, refund: &RefundFact) -> Option<MoneyKey> {
    let number = if refund.cumulative {
        let transaction = refund.transaction_id.as_ref().map(ToString::to_string);
        let of = transaction.or_else(|| refund.out_trade_no.as_ref().map(ToString::to_string))?;
        format!("{of}/total/{}", refund.amount.minor())
    } else {
        refund.number()?.to_owned()
    };
    Some(key(provider, account, MoneyKind::Refund, number))
}

/// The bookings that this fact makes necessary: money that the order knows of after it and did not know of before. At
/// most two, because a running total may confirm a refund of ours and also tell of others.
pub(super) fn booked(
    before: &Order,
    after: &Order,
    provider: &str,
    observation: &Observation,
) -> [Option<(MoneyKey, Money)>; 2] {
    let account = &observation.account;
    match &observation.fact {
        Fact::Payment(payment) if payment.status == PaymentStatus::Succeeded => {
            let Some(id) = &payment.transaction_id else { return [None, None] };
            let has = |order: &Order| order.transactions().any(|t| t.id == *id && t.account == *account);
            let new = has(after) && !has(before);
            [new.then(|| (key(provider, account, MoneyKind::Payment, id.as_str()), payment.amount)), None]
        }
        Fact::Refund(refund) if refund.status == RefundStatus::Succeeded && refund.cumulative => {
            total(before, after, provider, account, refund)
        }
        Fact::Refund(refund) if refund.status == RefundStatus::Succeeded => {
            // It is booked once, whatever is said of it later.
            let is_new = after.went_back(account, refund) > 0 && before.went_back(account, refund) == 0;
            [refund_key(provider, account, refund).filter(|_| is_new).map(|key| (key, refund.amount)), None]
        }
        Fact::Payment(_) | Fact::Refund(_) => [None, None],
    }
}

/// A running total books what it says of refunds that were asked for elsewhere. Those that were asked for here are
/// booked under their own numbers, by whichever report first says that they went through.
fn total(
    before: &Order,
    after: &Order,
    provider: &str,
    account: &AccountName,
    refund: &RefundFact,
) -> [Option<(MoneyKey, Money)>; 2] {
    let confirmed = refund.out_refund_no.as_ref().and_then(|number| {
        let asked = after.asked_back(account, number).filter(|r| r.status == RefundStatus::Succeeded)?;
        let is_news = before.asked_back(account, number).map(|r| r.status) != Some(RefundStatus::Succeeded);
        is_news.then(|| (key(provider, account, MoneyKind::Refund, number.as_str()), asked.amount))
    });
    let growth = after.went_back_elsewhere(account, refund) - before.went_back_elsewhere(account, refund);
    let growth = Money::new(growth, refund.amount.currency()).ok().filter(|growth| !growth.is_zero());
    [confirmed, refund_key(provider, account, refund).zip(growth)]
}

/// The case for money that belongs to no order, or that contradicts what is booked on the order `elsewhere`. Weaker
/// news opens none: it waits, and waiting loses nothing.
pub(super) fn unbound(news: &Observation, elsewhere: Option<&OrderId>, at: Timestamp) -> Option<Case> {
    let Observation { account, fact: said } = news;
    let (number, amount) = match said {
        Fact::Payment(p) if p.status == PaymentStatus::Succeeded => (p.transaction_id.as_ref()?.as_str(), p.amount),
        // A refund of a payment that is not known yet waits for it; one that contradicts a booking needs a person.
        Fact::Refund(r) if r.status == RefundStatus::Succeeded && elsewhere.is_some() => {
            (r.number().or(r.transaction_id.as_ref().map(TransactionId::as_str))?, r.amount)
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
    // The two have different ids: resolving a case about unknown money does not resolve a contradiction.
    let about = match elsewhere {
        None => number.to_string(),
        Some(_) => format!("{number} for {}", said.out_trade_no().map_or("-", |named| named.as_str())),
    };
    let kind = CaseKind::UnknownOrder;
    Some(Case {
        order_id: elsewhere.cloned(),
        out_trade_no: said.out_trade_no().cloned(),
        transaction_id: said.transaction_id().cloned(),
        observed: Some(amount),
        ..Case::open(CaseId::of(kind, account, about), kind, account, summary, at)
    })
}
