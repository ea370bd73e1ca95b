//! Stripe's events: JSON with an HMAC of time and body in one header.
//!
//! The event is fixed when made; every send signs it again with a fresh time. One payment makes two
//! events, as Stripe's does: `payment_intent.succeeded` and `charge.succeeded`; one that came by a Checkout Session a
//! third. The API answers with the same objects.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{Desk, Draft, Request, Signer};
use crate::{AttackKind, Checkout, Refund, SandboxError, Trade, keyring::random};

pub(super) fn paid(desk: &Desk<'_>, trade: &Trade, origin: Option<&Checkout>) -> Vec<Draft> {
    let mut drafts = vec![
        draft(desk, "payment_intent.succeeded", &intent(trade, origin, IntentStatus::Succeeded)),
        draft(desk, "charge.succeeded", &charge(trade, origin)),
    ];
    if let Some(checkout) = origin.filter(|checkout| is_session(checkout)) {
        drafts.push(draft(desk, "checkout.session.completed", &session(checkout, SessionStatus::Complete)));
    }
    drafts
}

pub(super) fn refunded(desk: &Desk<'_>, trade: &Trade, refund: &Refund) -> Vec<Draft> {
    vec![
        draft(desk, "refund.created", &refund_object(trade, refund, "pending")),
        draft(desk, "refund.updated", &refund_object(trade, refund, "succeeded")),
    ]
}

pub(super) fn closed(desk: &Desk<'_>, trade: &Trade, origin: Option<&Checkout>) -> Vec<Draft> {
    vec![match origin.filter(|checkout| is_session(checkout)) {
        Some(checkout) => draft(desk, "checkout.session.expired", &session(checkout, SessionStatus::Expired)),
        None => draft(desk, "payment_intent.canceled", &intent(trade, origin, IntentStatus::Canceled)),
    }]
}

pub(super) fn request(desk: &Desk<'_>, body: String, sent_at: i64) -> Result<Request, SandboxError> {
    signed(&desk.keys.stripe_signing_secret, sent_at, body)
}

pub(super) fn forge(
    desk: &Desk<'_>,
    kind: AttackKind,
    trade: &Trade,
    now: i64,
) -> Result<Option<Request>, SandboxError> {
    let of = |trade: &Trade, live: bool| {
        event(desk, "payment_intent.succeeded", &intent(trade, None, IntentStatus::Succeeded), live)
    };
    let genuine = |body: String, time: i64| signed(&desk.keys.stripe_signing_secret, time, body);
    let body = of(trade, false);
    Ok(Some(match kind {
        AttackKind::ForgedSignature => signed(&format!("whsec_{}", random::text::<32>()?), now, body)?,
        AttackKind::TamperedAmount => Request { body, ..genuine(of(&super::other_amount(trade), false), now)? },
        AttackKind::MissingSignature => {
            let mut request = genuine(body, now)?;
            request.headers.retain(|(name, _)| *name != "stripe-signature");
            request
        }
        AttackKind::WrongAlgorithm => {
            let only_v0 = format!("t={now},v0={}", hmac_hex(&desk.keys.stripe_signing_secret, now, &body));
            genuine(body, now)?.with_header("stripe-signature", &only_v0)
        }
        AttackKind::Stale => genuine(body, now - 600)?,
        AttackKind::OtherMerchant => genuine(of(trade, true), now)?,
        AttackKind::WrongVersion
        | AttackKind::SelfSignedCertificate
        | AttackKind::MerchantCertificate
        | AttackKind::SignTest => return Ok(None),
    }))
}

fn signed(secret: &str, time: i64, body: String) -> Result<Request, SandboxError> {
    // Test mode adds a scheme of no meaning, to see whether the receiver ignores it.
    let v0 = hex::encode(random::bytes::<32>()?);
    let signature = format!("t={time},v1={},v0={v0}", hmac_hex(secret, time, &body));
    let headers = vec![
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)".to_owned()),
        ("stripe-signature", signature),
    ];
    Ok(Request { headers, body })
}

/// The key is the whole secret, prefix included.
fn hmac_hex(secret: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, format!("{time}.{body}").as_bytes()))
}

fn draft(desk: &Desk<'_>, kind: &str, object: &Value) -> Draft {
    Draft { kind: kind.to_owned(), body: event(desk, kind, object, false), signer: Signer::Fixed }
}

fn event(desk: &Desk<'_>, kind: &str, object: &Value, live: bool) -> String {
    let made = desk.stamps.next();
    let data = match kind {
        "refund.updated" => {
            json!({ "object": object, "previous_attributes": { "status": "pending" } })
        }
        _ => json!({ "object": object }),
    };
    json!({
        "id": made.stripe_id("evt"),
        "object": "event",
        "api_version": "2024-06-20",
        "created": made.seconds(),
        "data": data,
        "livemode": live,
        "pending_webhooks": 1,
        "request": { "id": made.stripe_id("req"), "idempotency_key": null },
        "type": kind,
    })
    .to_string()
}

/// Where a PaymentIntent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntentStatus {
    Open,
    Succeeded,
    Canceled,
}

/// Where a Checkout Session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

/// Sessions and intents are told apart by their ids.
pub(crate) fn is_session(checkout: &Checkout) -> bool {
    checkout.handle.starts_with("cs_")
}

pub(crate) fn intent(trade: &Trade, origin: Option<&Checkout>, status: IntentStatus) -> Value {
    let paid = status == IntentStatus::Succeeded;
    json!({
        "id": trade.transaction_id,
        "object": "payment_intent",
        "amount": trade.amount_minor,
        "amount_received": if paid { trade.amount_minor } else { 0 },
        "client_secret": format!("{}_secret_sandbox", trade.transaction_id),
        "currency": trade.currency.to_ascii_lowercase(),
        "created": trade.started_at.unwrap_or(trade.at).seconds(),
        "canceled_at": if status == IntentStatus::Canceled { json!(trade.at.seconds()) } else { Value::Null },
        "customer": "cus_PaystateSandbox",
        "description": "测试商品",
        "latest_charge": if paid { json!(trade.at.stripe_id("ch")) } else { Value::Null },
        "livemode": false,
        "metadata": metadata(trade, origin),
        "status": match status {
            IntentStatus::Open => "requires_payment_method",
            IntentStatus::Succeeded => "succeeded",
            IntentStatus::Canceled => "canceled",
        },
    })
}

/// The intent exists once the payer has paid; an open session names none.
pub(crate) fn session(checkout: &Checkout, status: SessionStatus) -> Value {
    let complete = status == SessionStatus::Complete;
    let (status, url) = match status {
        SessionStatus::Open => ("open", json!(format!("https://checkout.stripe.com/c/pay/{}", checkout.handle))),
        SessionStatus::Complete => ("complete", Value::Null),
        SessionStatus::Expired => ("expired", Value::Null),
    };
    json!({
        "id": checkout.handle,
        "object": "checkout.session",
        "amount_total": checkout.amount_minor,
        "client_reference_id": checkout.echo.get("client_reference_id"),
        "created": checkout.at.seconds(),
        "currency": checkout.currency.to_ascii_lowercase(),
        "expires_at": checkout.expires_at.map(crate::Stamp::seconds),
        "livemode": false,
        "metadata": given(&checkout.echo, "metadata["),
        "mode": "payment",
        "payment_intent": complete.then(|| checkout.transaction_id.clone()),
        "payment_status": if complete { "paid" } else { "unpaid" },
        "status": status,
        "url": url,
    })
}

pub(crate) fn charge(trade: &Trade, origin: Option<&Checkout>) -> Value {
    json!({
        "id": trade.at.stripe_id("ch"),
        "object": "charge",
        "amount": trade.amount_minor,
        "amount_captured": trade.amount_minor,
        "amount_refunded": 0,
        "captured": true,
        "created": trade.at.seconds(),
        "currency": trade.currency.to_ascii_lowercase(),
        "livemode": false,
        "metadata": metadata(trade, origin),
        "paid": true,
        "payment_intent": trade.transaction_id,
        "refunded": false,
        "status": "succeeded",
    })
}

pub(crate) fn refund_object(trade: &Trade, refund: &Refund, status: &str) -> Value {
    let made_here = json!({ "out_trade_no": trade.out_trade_no, "out_refund_no": refund.out_refund_no });
    json!({
        "id": refund.refund_id,
        "object": "refund",
        "amount": refund.amount_minor,
        "charge": trade.at.stripe_id("ch"),
        "created": refund.at.seconds(),
        "currency": trade.currency.to_ascii_lowercase(),
        "metadata": if refund.echo.is_empty() { made_here } else { given(&refund.echo, "metadata[") },
        "payment_intent": trade.transaction_id,
        "reason": "requested_by_customer",
        "status": status,
    })
}

/// The merchant's own words come back unchanged; a payment that it did not ask for by the API names the order. A
/// session's metadata are not its intent's.
fn metadata(trade: &Trade, origin: Option<&Checkout>) -> Value {
    match origin {
        None => json!({ "out_trade_no": trade.out_trade_no }),
        Some(checkout) if is_session(checkout) => given(&checkout.echo, "payment_intent_data[metadata]["),
        Some(checkout) => given(&checkout.echo, "metadata["),
    }
}

/// The values of the form's fields `prefix` name `]`.
fn given(echo: &BTreeMap<String, String>, prefix: &str) -> Value {
    let inner = |name: &str| Some(name.strip_prefix(prefix)?.strip_suffix(']')?.to_owned());
    echo.iter().filter_map(|(name, value)| Some((inner(name)?, json!(value)))).collect::<serde_json::Map<_, _>>().into()
}
