//! What Stripe's objects say about money, in events and in answers alike. The event, or the object's own status, says
//! where it stands. Stripe names no payer: a `customer` is the shop's own record.

use super::{
    amount::of_stripe,
    objects::{Charge, Metadata, PaymentIntent, Refund, Session},
};
use crate::{Instant, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact, RefundStatus, Rejection, ident};

pub(super) fn intent(
    intent: &PaymentIntent,
    status: PaymentStatus,
    when: Option<Instant>,
) -> Result<PaymentFact, Rejection> {
    let amount = match status {
        PaymentStatus::Succeeded => intent.amount_received.ok_or_else(|| malformed("amount_received is missing"))?,
        PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Closed => intent.amount,
    };
    Ok(PaymentFact {
        out_trade_no: out_trade_no(intent.metadata.as_ref())?,
        transaction_id: Some(ident::id(&intent.id, "payment_intent")?),
        status,
        amount: of_stripe(amount, &intent.currency)?,
        occurred_at: when,
        payer: None,
    })
}

/// An uncaptured charge is only a reservation. `charge.refunded` still proves the payment; the refund
/// itself comes as a `refund.*` event.
pub(super) fn charge(charge: &Charge, when: Option<Instant>) -> Result<Option<PaymentFact>, Rejection> {
    if !charge.captured {
        return Ok(None);
    }
    let id = charge.payment_intent.as_ref().unwrap_or(&charge.id);
    Ok(Some(PaymentFact {
        out_trade_no: out_trade_no(charge.metadata.as_ref())?,
        transaction_id: Some(ident::id(id, "payment_intent")?),
        status: PaymentStatus::Succeeded,
        amount: of_stripe(charge.amount_captured, &charge.currency)?,
        occurred_at: when,
        payer: None,
    }))
}

/// `None` for subscriptions and set-ups, and for a session that names no payment of ours.
pub(super) fn session(
    session: &Session,
    status: PaymentStatus,
    when: Option<Instant>,
) -> Result<Option<PaymentFact>, Rejection> {
    // Not `client_reference_id`: in a Payment Link and a pricing table it is the payer who sets it, so it could say that
    // money for something else was money for this order.
    let out_trade_no = out_trade_no(session.metadata.as_ref())?;
    let intent = session.payment_intent.as_ref().map(|intent| intent.id());
    let transaction_id = ident::optional_id(intent, "payment_intent")?;
    let other_mode = session.mode.as_deref().is_some_and(|mode| mode != "payment");
    if other_mode || (out_trade_no.is_none() && transaction_id.is_none()) {
        return Ok(None);
    }
    let (Some(total), Some(currency)) = (session.amount_total, &session.currency) else {
        return Err(malformed("the session has no amount_total or currency"));
    };
    let amount = of_stripe(total, currency)?;
    Ok(Some(PaymentFact { out_trade_no, transaction_id, status, amount, occurred_at: when, payer: None }))
}

/// `None` for money that goes back without ever having been a payment, e.g. out of a cash balance.
pub(super) fn refund(refund: Refund, when: Option<Instant>) -> Result<Option<RefundFact>, Rejection> {
    let metadata = refund.metadata.unwrap_or_default();
    let transaction = refund.payment_intent.or(refund.charge);
    let out_trade_no = ident::optional_id(metadata.out_trade_no.as_deref(), "out_trade_no")?;
    let transaction_id = ident::optional_id(transaction.as_deref(), "payment_intent")?;
    if out_trade_no.is_none() && transaction_id.is_none() {
        return Ok(None);
    }
    Ok(Some(RefundFact {
        out_trade_no,
        transaction_id,
        out_refund_no: ident::optional_id(metadata.out_refund_no.as_deref(), "out_refund_no")?,
        refund_id: Some(ident::id(&refund.id, "id")?),
        status: refund_status(refund.status.as_deref())?,
        amount: RefundAmount::Single(of_stripe(refund.amount, &refund.currency)?),
        occurred_at: when,
    }))
}

fn refund_status(status: Option<&str>) -> Result<RefundStatus, Rejection> {
    match status {
        Some("succeeded") => Ok(RefundStatus::Succeeded),
        // Null while Stripe has not decided.
        Some("pending" | "requires_action") | None => Ok(RefundStatus::Pending),
        Some("failed" | "canceled") => Ok(RefundStatus::Failed),
        Some(_) => Err(malformed("the refund's status is none that is documented")),
    }
}

fn out_trade_no(metadata: Option<&Metadata>) -> Result<Option<String>, Rejection> {
    ident::optional_id(metadata.and_then(|metadata| metadata.out_trade_no.as_deref()), "out_trade_no")
}

/// The detail keeps serde's position but not its text, which may quote the message.
pub(super) fn unreadable(what: &str, error: &serde_json::Error) -> Rejection {
    malformed(&format!("{what} is not as documented, line {} column {}", error.line(), error.column()))
}

pub(super) fn malformed(detail: &str) -> Rejection {
    Rejection::new(Reason::Malformed, detail)
}
