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

/// What a response code says of a transaction (codes: open.unionpay.com, response code list).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Succeeded,
    Unknown,
    Failed,
}

impl Fate {
    /// `A6` is a success with a blemish. Only codes that are known to be final are failures: a transaction under any
    /// other one may still succeed, or has debited the payer already (42, 74, 75).
    pub(super) fn of(code: &str) -> Self {
        match code {
            "00" | "A6" => Self::Succeeded,
            "01" | "10" | "11" | "13" | "14" | "30" | "31" | "32" | "33" | "36" | "38" | "39" => Self::Failed,
            "60" | "61" | "62" | "63" | "64" | "65" | "66" | "67" | "68" | "69" => Self::Failed,
            _ => Self::Unknown,
        }
    }

    pub(super) fn of_payment(self) -> PaymentStatus {
        match self {
            Self::Succeeded => PaymentStatus::Succeeded,
            Self::Unknown => PaymentStatus::Pending,
            Self::Failed => PaymentStatus::Failed,
        }
    }

    pub(super) fn of_refund(self) -> RefundStatus {
        match self {
            Self::Succeeded => RefundStatus::Succeeded,
            Self::Unknown => RefundStatus::Pending,
            Self::Failed => RefundStatus::Failed,
        }
    }
}

/// Nobody takes longer from the beginning to the end of a payment, so a later `traceTime` is of a clock that is behind ours.
const DAYS_TO_PAY: i64 = 31;

pub(super) fn read(verified: &Verified) -> Result<Notice, Rejection> {
    let form = verified.form();
    // The same certificate signs answers, whose codes mean something else: one that the shop got must not come in as a notice.
    if form.get("origRespCode").is_some() {
        return Err(Rejection::new(Reason::Malformed, "origRespCode: this is an answer to a question, and no notice"));
    }
    let txn_type = form.need("txnType")?;
    let facts = match txn_type {
        "01" => vec![Fact::Payment(payment(form, Fate::of(form.need("respCode")?))?)],
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

/// A payment as a notice has it, or an answer that says that it succeeded: with number, amount and currency.
pub(super) fn payment(form: &Form, fate: Fate) -> Result<PaymentFact, Rejection> {
    if form.get("currencyCode").is_none() {
        return Err(Rejection::new(Reason::BadAmount, "currencyCode is missing"));
    }
    Ok(PaymentFact {
        out_trade_no: Some(form.need_id("orderId")?),
        transaction_id: Some(form.need_id("queryId")?),
        status: fate.of_payment(),
        amount: amount(form)?,
        occurred_at: time(form)?,
        payer: payer(form)?,
    })
}

fn refund(form: &Form) -> Result<Fact, Rejection> {
    let status = Fate::of(form.need("respCode")?).of_refund();
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

pub(super) fn amount(form: &Form) -> Result<Money, Rejection> {
    match form.text("currencyCode")? {
        None | Some(YUAN) => Ok(Money { minor: parse_integer(form.need("txnAmt")?)?, currency: Currency::CNY }),
        Some(_) => Err(Rejection::new(Reason::BadAmount, "currencyCode is not 156 (yuan)")),
    }
}

/// When the money moved: `traceTime`, as statements have it too, which has no year (`MMDDHHmmss`). `txnTime` is when the attempt
/// was begun, perhaps hours before, and counts where there is no other.
pub(super) fn time(form: &Form) -> Result<Option<Instant>, Rejection> {
    let begun = form.text("txnTime")?.map(|text| parse_beijing_compact(text).map(|at| (text, at))).transpose()?;
    let Some((text, begun)) = begun else { return Ok(None) };
    let moved = form.text("traceTime")?.and_then(|moved| {
        let year: u16 = text.get(..4)?.parse().ok()?;
        // Begun in December, paid in January.
        let year = year + u16::from(moved < text.get(4..)?);
        parse_beijing_compact(&format!("{year:04}{moved}")).ok()
    });
    let is_near = |moved: &Instant| moved.seconds() - begun.seconds() < DAYS_TO_PAY * 24 * 3600;
    Ok(Some(moved.filter(is_near).unwrap_or(begun)))
}

fn payer(form: &Form) -> Result<Option<Payer>, Rejection> {
    let card = |text: &&str| text.len() <= MAX_CARD && text.bytes().all(|b| b.is_ascii_digit() || b == b'*');
    Ok(form.text("accNo")?.filter(card).map(|text| Payer::new(text.to_owned())))
}
