//! Stripe's balance transactions: what the API lists, and the same as one JSON array.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Line, LineKind};

/// Writes an array of objects, each with the charge or refund that it comes from.
///
/// # Errors
/// When `out` does not take it.
pub fn write<'a>(lines: impl IntoIterator<Item = &'a Line>, mut out: impl Write) -> io::Result<()> {
    let mut separator = "[";
    for line in lines {
        write!(out, "{separator}\n{}", object(line, true))?;
        separator = ",";
    }
    out.write_all(if separator == "[" { b"[]\n" } else { b"\n]\n" })?;
    out.flush()
}

/// The balance transaction of a line; with `expand` its source is the object instead of its id.
pub(crate) fn object(line: &Line, expand: bool) -> Value {
    let is_refund = line.kind != LineKind::Payment;
    let amount = if is_refund { -line.amount_minor } else { line.amount_minor };
    let source = source(line);
    json!({
        "id": line.at.stripe_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": line.at.plus_seconds(172_800).seconds(),
        "created": line.at.seconds(),
        "currency": line.currency.to_ascii_lowercase(),
        "description": null,
        "exchange_rate": null,
        "fee": line.fee_minor,
        "fee_details": [],
        "net": amount - line.fee_minor,
        "reporting_category": if is_refund { "refund" } else { "charge" },
        "source": if expand { source } else { source["id"].clone() },
        "status": "pending",
        "type": if is_refund { "refund" } else { "charge" },
    })
}

fn source(line: &Line) -> Value {
    let charge = line.paid_at.stripe_id("ch");
    let mut metadata = json!({});
    for (name, value) in [("out_trade_no", &line.out_trade_no), ("out_refund_no", &line.out_refund_no)] {
        if !value.is_empty() {
            metadata[name] = value.as_str().into();
        }
    }
    let common = |id: &str, object: &str| {
        json!({
            "id": id,
            "object": object,
            "amount": line.amount_minor,
            "created": line.at.seconds(),
            "currency": line.currency.to_ascii_lowercase(),
            "metadata": metadata,
            "payment_intent": line.transaction_id,
            "status": "succeeded",
        })
    };
    if line.kind == LineKind::Payment {
        return common(&charge, "charge");
    }
    let mut refund = common(&line.refund_id, "refund");
    refund["charge"] = charge.into();
    refund
}
