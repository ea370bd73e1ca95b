//! Stripe's events: JSON with an HMAC of time and body in one header.
//!
//! The event is fixed when made; every send signs it again with a fresh time. One payment makes two
//! events, as Stripe's does: `payment_intent.succeeded` and `charge.succeeded`.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{Desk, Draft, Request, Signer};
use crate::{AttackKind, Refund, SandboxError, Trade, keyring::random};

pub(super) fn paid(desk: &Desk<'_>, trade: &Trade) -> Result<Vec<Draft>, SandboxError> {
    Ok(vec![
        draft(desk, "payment_intent.succeeded", &intent(trade, "succeeded")),
        draft(desk, "charge.succeeded", &charge(trade)),
    ])
}

pub(super) fn refunded(desk: &Desk<'_>, trade: &Trade, refund: &Refund) -> Result<Vec<Draft>, SandboxError> {
    Ok(vec![
        draft(desk, "refund.created", &refund_object(trade, refund, "pending")),
        draft(desk, "refund.updated", &refund_object(trade, refund, "succeeded")),
    ])
}

pub(super) fn closed(desk: &Desk<'_>, trade: &Trade) -> Result<Vec<Draft>, SandboxError> {
    Ok(vec![draft(desk, "payment_intent.canceled", &intent(trade, "canceled"))])
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
    let of = |trade: &Trade, live: bool| event(desk, "payment_intent.succeeded", &intent(trade, "succeeded"), live);
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

fn intent(trade: &Trade, status: &str) -> Value {
    let paid = status == "succeeded";
    json!({
        "id": trade.transaction_id,
        "object": "payment_intent",
        "amount": trade.amount_minor,
        "amount_received": if paid { trade.amount_minor } else { 0 },
        "currency": trade.currency.to_ascii_lowercase(),
        "created": trade.at.seconds(),
        "canceled_at": if paid { Value::Null } else { json!(trade.at.seconds()) },
        "customer": "cus_PaystateSandbox",
        "description": "测试商品",
        "latest_charge": if paid { json!(trade.at.stripe_id("ch")) } else { Value::Null },
        "livemode": false,
        "metadata": { "out_trade_no": trade.out_trade_no },
        "status": status,
    })
}

fn charge(trade: &Trade) -> Value {
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
        "metadata": { "out_trade_no": trade.out_trade_no },
        "paid": true,
        "payment_intent": trade.transaction_id,
        "refunded": false,
        "status": "succeeded",
    })
}

fn refund_object(trade: &Trade, refund: &Refund, status: &str) -> Value {
    json!({
        "id": refund.refund_id,
        "object": "refund",
        "amount": refund.amount_minor,
        "charge": trade.at.stripe_id("ch"),
        "created": refund.at.seconds(),
        "currency": trade.currency.to_ascii_lowercase(),
        "metadata": { "out_trade_no": trade.out_trade_no, "out_refund_no": refund.out_refund_no },
        "payment_intent": trade.transaction_id,
        "reason": "requested_by_customer",
        "status": status,
    })
}
