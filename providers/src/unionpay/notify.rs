//! What a verified back notice says about money.
//!
//! Payments are `txnType` 01; refunds are 04, voids 31: both give money back, each under its own order
//! number and its own notice. Others (pre-authorisations, files) are genuine but not tracked.

use super::Verified;
use crate::{
    Currency, Fact, Instant, Money, Notice, Payer, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact,
    RefundStatus, Rejection, form::Form, ident, money::parse_integer, time::parse_beijing_compact,
};

const YUAN: &str = "156";
/// A clear or masked card number is at most this long; with encryption switched on it is 344 characters
/// of ciphertext that differ each time and so name nobody.
const MAX_CARD: usize = 32;

/// What a response code says (codes: open.unionpay.com, response code list).
enum Fate {
    Succeeded,
    Unknown,
    Failed,
}

pub(super) fn read(verified: &Verified) -> Result<Notice, Rejection> {
    let form = verified.form();
    let txn_type = form.need("txnType")?;
    let facts = match txn_type {
        "01" => vec![payment(form)?],
        "04" | "31" => vec![refund(form)?],
        _ => Vec::new(),
    };
    let event_type = format!("txnType={txn_type},respCode={}", form.text("respCode")?.unwrap_or("none"));
    Ok(Notice {
        platform_notice_id: None,
        content_sha256: verified.content_sha256(),
        event_type: ident::label(&event_type, "txnType or respCode")?,
        key_id: verified.key_id().to_owned(),
        facts,
    })
}

fn payment(form: &Form) -> Result<Fact, Rejection> {
    if form.get("currencyCode").is_none() {
        return Err(Rejection::new(Reason::BadAmount, "currencyCode is missing"));
    }
    let status = match fate(form)? {
        Fate::Succeeded => PaymentStatus::Succeeded,
        Fate::Unknown => PaymentStatus::Pending,
        Fate::Failed => PaymentStatus::Failed,
    };
    Ok(Fact::Payment(PaymentFact {
        out_trade_no: Some(form.need_id("orderId")?),
        transaction_id: Some(form.need_id("queryId")?),
        status,
        amount: amount(form)?,
        occurred_at: time(form)?,
        payer: payer(form)?,
    }))
}

fn refund(form: &Form) -> Result<Fact, Rejection> {
    let status = match fate(form)? {
        Fate::Succeeded => RefundStatus::Succeeded,
        Fate::Unknown => RefundStatus::Pending,
        Fate::Failed => RefundStatus::Failed,
    };
    let (out_trade_no, transaction_id) = (form.id("origOrderId")?, form.id("origQryId")?);
    if out_trade_no.is_none() && transaction_id.is_none() {
        return Err(Rejection::new(Reason::Malformed, "neither origQryId nor origOrderId names the payment"));
    }
    Ok(Fact::Refund(RefundFact {
        out_trade_no,
        transaction_id,
        out_refund_no: Some(form.need_id("orderId")?),
        refund_id: Some(form.need_id("queryId")?),
        status,
        amount: RefundAmount::Single(amount(form)?),
        occurred_at: time(form)?,
    }))
}

/// `A6` is a success with a blemish. Codes that leave the result open are never read as a failure.
fn fate(form: &Form) -> Result<Fate, Rejection> {
    Ok(match form.need("respCode")? {
        "00" | "A6" => Fate::Succeeded,
        "03" | "04" | "05" | "06" | "70" | "83" => Fate::Unknown,
        _ => Fate::Failed,
    })
}

fn amount(form: &Form) -> Result<Money, Rejection> {
    match form.text("currencyCode")? {
        None | Some(YUAN) => Ok(Money { minor: parse_integer(form.need("txnAmt")?)?, currency: Currency::CNY }),
        Some(_) => Err(Rejection::new(Reason::BadAmount, "currencyCode is not 156 (yuan)")),
    }
}

fn time(form: &Form) -> Result<Option<Instant>, Rejection> {
    form.text("txnTime")?.map(parse_beijing_compact).transpose()
}

fn payer(form: &Form) -> Result<Option<Payer>, Rejection> {
    let card = |text: &&str| text.len() <= MAX_CARD && text.bytes().all(|b| b.is_ascii_digit() || b == b'*');
    Ok(form.text("accNo")?.filter(card).map(|text| Payer::new(text.to_owned())))
}
