//! What a verified notice says about money.
//!
//! One trade notice can say two things: Alipay reports refunds by repeating the trade's notice with the
//! cumulative `refund_fee` (opendocs.alipay.com 00f7nu), so a second `TRADE_SUCCESS` is not a second
//! payment. `TRADE_CLOSED` is either "never paid" or "paid and wholly refunded".

use super::{
    Alipay,
    signature::{TRADE_NOTICE, Verified},
};
use crate::{
    Currency, Fact, Instant, Money, Notice, Payer, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact,
    RefundStatus, Rejection, form::Form, ident, money::parse_yuan, time::parse_beijing,
};

impl Alipay {
    pub(super) fn read(&self, verified: &Verified) -> Result<Notice, Rejection> {
        let form = verified.form();
        // Every notice says its kind; the return URL, which the payer's browser sees and which is signed by
        // the same rule, does not.
        let notify_type = form.need("notify_type")?;
        let trade = notify_type == TRADE_NOTICE;
        if trade {
            self.bind_seller(form)?;
        }
        let event_type = if trade { form.need("trade_status")? } else { notify_type };
        Ok(Notice {
            platform_notice_id: form.text("notify_id")?.map(|id| ident::label(id, "notify_id")).transpose()?,
            content_sha256: verified.content_sha256(),
            event_type: ident::label(event_type, "trade_status")?,
            key_id: self.key_id.clone(),
            facts: if trade { trade_facts(form)? } else { Vec::new() },
        })
    }
}

fn trade_facts(form: &Form) -> Result<Vec<Fact>, Rejection> {
    let refunded = refunded(form)?;
    let paid_once = refunded > 0 || form.get("gmt_refund").is_some() || form.get("gmt_payment").is_some();
    match form.need("trade_status")? {
        "WAIT_BUYER_PAY" => Ok(vec![payment(form, PaymentStatus::Pending, "gmt_create")?]),
        "TRADE_SUCCESS" | "TRADE_FINISHED" if refunded > 0 => paid_and_refunded(form, refunded),
        "TRADE_SUCCESS" | "TRADE_FINISHED" => Ok(vec![payment(form, PaymentStatus::Succeeded, "gmt_payment")?]),
        // Closing a paid trade means that all of it went back, also when the notice leaves out how much.
        "TRADE_CLOSED" if paid_once && refunded == 0 => paid_and_refunded(form, total(form)?.minor),
        "TRADE_CLOSED" if paid_once => paid_and_refunded(form, refunded),
        "TRADE_CLOSED" => Ok(vec![payment(form, PaymentStatus::Closed, "gmt_close")?]),
        _ => Err(Rejection::new(Reason::Malformed, "trade_status is none that is documented")),
    }
}

fn paid_and_refunded(form: &Form, refunded: i64) -> Result<Vec<Fact>, Rejection> {
    Ok(vec![payment(form, PaymentStatus::Succeeded, "gmt_payment")?, refund(form, refunded)?])
}

fn payment(form: &Form, status: PaymentStatus, when: &str) -> Result<Fact, Rejection> {
    Ok(Fact::Payment(PaymentFact {
        out_trade_no: Some(form.need_id("out_trade_no")?),
        transaction_id: Some(form.need_id("trade_no")?),
        status,
        amount: total(form)?,
        occurred_at: time(form, when)?,
        payer: payer(form)?,
    }))
}

fn refund(form: &Form, refunded: i64) -> Result<Fact, Rejection> {
    Ok(Fact::Refund(RefundFact {
        out_trade_no: Some(form.need_id("out_trade_no")?),
        transaction_id: Some(form.need_id("trade_no")?),
        out_refund_no: form.id("out_biz_no")?,
        refund_id: None,
        status: RefundStatus::Succeeded,
        amount: RefundAmount::Cumulative(Money { minor: refunded, currency: Currency::CNY }),
        occurred_at: time(form, "gmt_refund")?,
    }))
}

fn total(form: &Form) -> Result<Money, Rejection> {
    if form.text("trans_currency")?.is_some_and(|currency| currency != "CNY") {
        return Err(Rejection::new(Reason::BadAmount, "trans_currency is not CNY"));
    }
    Ok(Money { minor: parse_yuan(form.need("total_amount")?)?, currency: Currency::CNY })
}

/// The cumulative refund; `"0.00"` also appears on ordinary notices.
fn refunded(form: &Form) -> Result<i64, Rejection> {
    form.text("refund_fee")?.map_or(Ok(0), parse_yuan)
}

fn time(form: &Form, key: &str) -> Result<Option<Instant>, Rejection> {
    form.text(key)?.map(parse_beijing).transpose()
}

/// Older applications get `buyer_id`, newer ones an open id.
fn payer(form: &Form) -> Result<Option<Payer>, Rejection> {
    for key in ["buyer_id", "buyer_open_id", "open_id"] {
        if let Some(text) = form.text(key)? {
            return Ok(Some(Payer::new(ident::label(text, key)?)));
        }
    }
    Ok(None)
}
