//! Asking how a transaction stands (`txnType` 00), by its own number and time.
//!
//! `respCode` is the fate of the question, `origRespCode` that of the transaction. Answers about unpaid transactions
//! carry neither a number of UnionPay's nor a currency.

use super::{
    UnionPayApi,
    request::{about, number, stamp},
};
use crate::{
    Fact, Instant, Notice, PaymentFact, RefundAmount, RefundFact,
    api::{PaymentRef, Refund, Request, Response, Said, Unable},
    crypto::sha256_hex,
    failure::Failure,
    form::Form,
    ident,
    unionpay::{
        Verified,
        notify::{self, Fate},
    },
};

/// Accepted, and not more. UnionPay has no other word for a payer who has left, so such a payment stays so for ever.
const ACCEPTED: &str = "05";
/// How long after the end of the payer's time that is no word for a payer who has just paid: UnionPay has payments asked about
/// for 120 minutes (open.unionpay.com, answers 77 and 234), and gives back what is debited after `payTimeout`.
const SETTLED_WITHIN: i64 = 120 * 60;

impl UnionPayApi {
    pub(super) fn question(&self, order_id: &str, field: &'static str, at: Instant) -> Result<Request, Unable> {
        let time = stamp("start_time", at)?;
        let fields = vec![
            ("txnType", "00"),
            ("txnSubType", "00"),
            ("bizType", "000000"),
            ("orderId", number(field, order_id)?),
            ("txnTime", &time),
        ];
        self.post("queryTrans.do", fields)
    }

    pub(super) fn read_payment(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        let verified = self.verified(answer)?;
        let form = verified.form();
        let started_at = ask.started_at.ok_or_else(|| Failure::for_another("txnTime"))?;
        let code = found(form, ask.out_trade_no, started_at, &["01"])?;
        let end = ask.expires_at.map(|end| end.max(started_at).seconds().saturating_add(SETTLED_WITHIN));
        let is_left = code == ACCEPTED && end.is_some_and(|end| answer.received_at.seconds() >= end);
        let fate = if is_left { Fate::Failed } else { Fate::of(code) };
        let fact = match fate {
            Fate::Succeeded => notify::payment(form, fate)?,
            Fate::Unknown | Fate::Failed => unpaid(form, fate, ask)?,
        };
        let mut notice = notice(&verified, Fact::Payment(fact))?;
        if is_left {
            // The same words as before, and another meaning: another message, or it would be taken for a repetition.
            notice.content_sha256 = sha256_hex(format!("{}, and the payer has left", notice.content_sha256).as_bytes());
        }
        Ok(notice)
    }

    pub(super) fn read_refund(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        let verified = self.verified(answer)?;
        let form = verified.form();
        let fate = Fate::of(found(form, ask.out_refund_no, ask.started_at, &["04", "31"])?);
        let fact = refund_fact(form, fate, ask)?;
        notice(&verified, Fact::Refund(fact))
    }
}

/// The code of the transaction, if the question was answered and the answer is about it.
fn found<'f>(form: &'f Form, order_id: &str, started_at: Instant, kinds: &[&str]) -> Result<&'f str, Failure> {
    about(form, order_id, started_at)?;
    let code = form.need("respCode")?;
    match code {
        "00" => {}
        "34" => return Err(Failure::NotFound(said(form, code))),
        "37" => return Err(Failure::RateLimited(said(form, code), None)),
        _ => return Err(Failure::Unknown(said(form, code))),
    }
    if !kinds.contains(&form.need("txnType")?) {
        return Err(Failure::for_another("txnType"));
    }
    Ok(form.need("origRespCode")?)
}

fn unpaid(form: &Form, fate: Fate, ask: &PaymentRef<'_>) -> Result<PaymentFact, Failure> {
    Ok(PaymentFact {
        out_trade_no: Some(form.need_id("orderId")?),
        transaction_id: form.id("queryId")?,
        status: fate.of_payment(),
        amount: ask.amount,
        occurred_at: notify::time(form)?,
        payer: None,
    })
}

/// A refund by an answer. What went back is the platform's to say; how much is under way, ours.
pub(super) fn refund_fact(form: &Form, fate: Fate, ask: &Refund<'_>) -> Result<RefundFact, Failure> {
    let original = form.id("origQryId")?;
    if original.as_deref().is_some_and(|id| id != ask.transaction_id) {
        return Err(Failure::for_another("origQryId"));
    }
    let (refund_id, amount) = match fate {
        Fate::Succeeded => (Some(form.need_id("queryId")?), notify::amount(form)?),
        Fate::Unknown | Fate::Failed => (form.id("queryId")?, ask.amount),
    };
    Ok(RefundFact {
        out_trade_no: ident::optional_id(Some(ask.out_trade_no), "out_trade_no")?,
        transaction_id: ident::optional_id(Some(ask.transaction_id), "transaction_id")?,
        out_refund_no: Some(form.need_id("orderId")?),
        refund_id,
        status: fate.of_refund(),
        amount: RefundAmount::Single(amount),
        occurred_at: notify::time(form)?,
    })
}

/// The signed fields name the transaction, so their hash identifies the answer.
pub(super) fn notice(verified: &Verified, fact: Fact) -> Result<Notice, Failure> {
    let form = verified.form();
    let mut event_type = String::new();
    for name in ["txnType", "respCode", "origRespCode"] {
        if let Some(value) = form.text(name)? {
            let comma = if event_type.is_empty() { "" } else { "," };
            event_type.push_str(&format!("{comma}{name}={value}"));
        }
    }
    Ok(Notice {
        platform_notice_id: None,
        content_sha256: verified.content_sha256(),
        event_type: ident::label(&event_type, "txnType or respCode")?,
        key_id: verified.key_id().to_owned(),
        facts: vec![fact],
    })
}

/// The code and its text.
pub(super) fn said(form: &Form, code: &str) -> Said {
    let detail = form.text("respMsg").ok().flatten().unwrap_or_default();
    Said::new(code, detail)
}
