//! What a verified event says about money.
//!
//! Order and uniqueness are not Stripe's promise (docs.stripe.com/webhooks): each event is read on its
//! own, and the strongest news wins later. Stripe names no payer: a `customer` is the shop's own record.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Stripe, Verified,
    objects::{Charge, Metadata, PaymentIntent, Refund, Session},
};
use crate::{
    Currency, Fact, Instant, Money, Notice, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact, RefundStatus,
    Rejection, crypto::sha256_hex, ident,
};

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: Option<i64>,
    livemode: Option<bool>,
    account: Option<String>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Stripe {
    pub(super) fn read(&self, verified: Verified, body: &[u8]) -> Result<Notice, Rejection> {
        let event: Event<'_> = serde_json::from_slice(body).map_err(|error| unreadable("the event", &error))?;
        self.bind(&event)?;
        Ok(Notice {
            platform_notice_id: Some(ident::label(&event.id, "id")?),
            content_sha256: sha256_hex(body),
            event_type: ident::label(&event.kind, "type")?,
            key_id: verified.key_id,
            facts: facts(&event)?,
        })
    }

    fn bind(&self, event: &Event<'_>) -> Result<(), Rejection> {
        let wrong = |what: &str| Rejection::new(Reason::WrongAccount, what);
        match event.livemode {
            Some(livemode) if livemode == self.livemode => {}
            Some(true) => return Err(wrong("a live event at a test endpoint")),
            Some(false) => return Err(wrong("a test event at a live endpoint")),
            None => return Err(malformed("the event has no livemode")),
        }
        if event.account != self.account {
            return Err(wrong("the event is of another connected account"));
        }
        Ok(())
    }
}

fn facts(event: &Event<'_>) -> Result<Vec<Fact>, Rejection> {
    use PaymentStatus::{Closed, Failed, Pending, Succeeded};
    let fact = match event.kind.as_str() {
        "payment_intent.created" | "payment_intent.processing" | "payment_intent.requires_action" => {
            Some(intent(event, Pending)?)
        }
        "payment_intent.payment_failed" => Some(intent(event, Failed)?),
        "payment_intent.canceled" => Some(intent(event, Closed)?),
        "payment_intent.succeeded" => Some(intent(event, Succeeded)?),
        "charge.succeeded" | "charge.captured" | "charge.refunded" => charge(event)?,
        "checkout.session.completed" => session(event, None)?,
        "checkout.session.async_payment_succeeded" => session(event, Some(Succeeded))?,
        "checkout.session.async_payment_failed" => session(event, Some(Failed))?,
        "checkout.session.expired" => session(event, Some(Closed))?,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => refund(event)?,
        _ => None,
    };
    Ok(fact.into_iter().collect())
}

fn intent(event: &Event<'_>, status: PaymentStatus) -> Result<Fact, Rejection> {
    let intent: PaymentIntent = object(event)?;
    let amount = match status {
        PaymentStatus::Succeeded => intent.amount_received.ok_or_else(|| malformed("amount_received is missing"))?,
        PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Closed => intent.amount,
    };
    Ok(Fact::Payment(PaymentFact {
        out_trade_no: out_trade_no(intent.metadata.as_ref())?,
        transaction_id: Some(ident::id(&intent.id, "payment_intent")?),
        status,
        amount: money(amount, &intent.currency)?,
        occurred_at: when(event),
        payer: None,
    }))
}

/// An uncaptured charge is only a reservation. `charge.refunded` still proves the payment; the refund
/// itself comes as a `refund.*` event.
fn charge(event: &Event<'_>) -> Result<Option<Fact>, Rejection> {
    let charge: Charge = object(event)?;
    if !charge.captured {
        return Ok(None);
    }
    let id = charge.payment_intent.as_ref().unwrap_or(&charge.id);
    Ok(Some(Fact::Payment(PaymentFact {
        out_trade_no: out_trade_no(charge.metadata.as_ref())?,
        transaction_id: Some(ident::id(id, "payment_intent")?),
        status: PaymentStatus::Succeeded,
        amount: money(charge.amount_captured, &charge.currency)?,
        occurred_at: when(event),
        payer: None,
    })))
}

/// A session completes also when its payment is still on the way (`unpaid`: delayed methods). `None` for
/// subscriptions and set-ups, for free orders, and for a session that names no payment of ours.
fn session(event: &Event<'_>, status: Option<PaymentStatus>) -> Result<Option<Fact>, Rejection> {
    let session: Session = object(event)?;
    let status = match (status, session.payment_status.as_str()) {
        (Some(status), _) => status,
        (None, "paid") => PaymentStatus::Succeeded,
        (None, "unpaid") => PaymentStatus::Pending,
        (None, "no_payment_required") => return Ok(None),
        (None, _) => return Err(malformed("payment_status is none that is documented")),
    };
    let out_trade_no = match out_trade_no(session.metadata.as_ref())? {
        Some(number) => Some(number),
        // The payer may have set it (payment links), so what is no number of ours is no fault either.
        None => session.client_reference_id.as_deref().and_then(ident::claimed),
    };
    let transaction_id = ident::optional_id(session.payment_intent.as_deref(), "payment_intent")?;
    let other_mode = session.mode.as_deref().is_some_and(|mode| mode != "payment");
    if other_mode || (out_trade_no.is_none() && transaction_id.is_none()) {
        return Ok(None);
    }
    let (Some(total), Some(currency)) = (session.amount_total, &session.currency) else {
        return Err(malformed("the session has no amount_total or currency"));
    };
    let (amount, occurred_at) = (money(total, currency)?, when(event));
    Ok(Some(Fact::Payment(PaymentFact { out_trade_no, transaction_id, status, amount, occurred_at, payer: None })))
}

/// `None` for money that goes back without ever having been a payment, e.g. out of a cash balance.
fn refund(event: &Event<'_>) -> Result<Option<Fact>, Rejection> {
    let refund: Refund = object(event)?;
    let metadata = refund.metadata.unwrap_or_default();
    let transaction = refund.payment_intent.or(refund.charge);
    let out_trade_no = ident::optional_id(metadata.out_trade_no.as_deref(), "out_trade_no")?;
    let transaction_id = ident::optional_id(transaction.as_deref(), "payment_intent")?;
    if out_trade_no.is_none() && transaction_id.is_none() {
        return Ok(None);
    }
    Ok(Some(Fact::Refund(RefundFact {
        out_trade_no,
        transaction_id,
        out_refund_no: ident::optional_id(metadata.out_refund_no.as_deref(), "out_refund_no")?,
        refund_id: Some(ident::id(&refund.id, "id")?),
        status: refund_status(refund.status.as_deref())?,
        amount: RefundAmount::Single(money(refund.amount, &refund.currency)?),
        occurred_at: when(event),
    })))
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

fn object<'a, T: Deserialize<'a>>(event: &Event<'a>) -> Result<T, Rejection> {
    let data = event.data.as_ref().ok_or_else(|| malformed("the event has no data"))?;
    serde_json::from_str(data.object.get()).map_err(|error| unreadable("data.object", &error))
}

fn out_trade_no(metadata: Option<&Metadata>) -> Result<Option<String>, Rejection> {
    ident::optional_id(metadata.and_then(|metadata| metadata.out_trade_no.as_deref()), "out_trade_no")
}

fn money(minor: i64, currency: &str) -> Result<Money, Rejection> {
    if minor < 0 {
        return Err(Rejection::new(Reason::BadAmount, "the amount is negative"));
    }
    Ok(Money { minor, currency: Currency::parse(currency)? })
}

fn when(event: &Event<'_>) -> Option<Instant> {
    event.created.map(Instant::from_seconds)
}

pub(super) fn claimed_out_trade_no(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Claim {
        data: ClaimData,
    }
    #[derive(Deserialize)]
    struct ClaimData {
        object: ClaimObject,
    }
    #[derive(Deserialize)]
    struct ClaimObject {
        metadata: Option<Metadata>,
        client_reference_id: Option<String>,
    }
    crate::form::check_size(body).ok()?;
    let object = serde_json::from_slice::<Claim>(body).ok()?.data.object;
    let named = object.metadata.and_then(|metadata| metadata.out_trade_no);
    ident::claimed(&named.or(object.client_reference_id)?)
}

/// The detail keeps serde's position but not its text, which may quote the message.
fn unreadable(what: &str, error: &serde_json::Error) -> Rejection {
    malformed(&format!("{what} is not as documented, line {} column {}", error.line(), error.column()))
}

fn malformed(detail: &str) -> Rejection {
    Rejection::new(Reason::Malformed, detail)
}
