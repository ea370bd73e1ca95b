//! Transactions and refunds as WeChat Pay writes them, in callbacks and in answers of the API.
//!
//! Structs, not maps: serde refuses a repeated member of a struct.
//! Fields: pay.weixin.qq.com/doc/v3/merchant 4012791861 (payment), 4012791865 (refund), 4012791859 (query).

use serde::Deserialize;

use crate::{
    Currency, Fact, Instant, Money, Payer, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact, RefundStatus,
    Rejection, ident, time::parse_rfc3339,
};

#[derive(Deserialize)]
pub(super) struct Transaction {
    pub(super) mchid: Option<String>,
    pub(super) appid: Option<String>,
    pub(super) out_trade_no: Option<String>,
    pub(super) combine_out_trade_no: Option<String>,
    pub(super) trade_state: Option<String>,
    transaction_id: Option<String>,
    success_time: Option<String>,
    amount: Option<TransactionAmount>,
    payer: Option<TransactionPayer>,
}

/// `total` is the order's amount; `payer_total` is after coupons and not compared (4015124358). Answers about unpaid
/// orders may lack it.
#[derive(Deserialize)]
struct TransactionAmount {
    total: Option<i64>,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct TransactionPayer {
    openid: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) mchid: Option<String>,
    pub(super) out_trade_no: String,
    pub(super) transaction_id: String,
    pub(super) out_refund_no: String,
    refund_id: String,
    /// Callbacks call it `refund_status`, answers `status`.
    #[serde(alias = "status")]
    pub(super) refund_status: String,
    success_time: Option<String>,
    amount: RefundedAmount,
}

#[derive(Deserialize)]
struct RefundedAmount {
    refund: i64,
    currency: Option<String>,
}

impl Transaction {
    /// What it says of the payment `out_trade_no`. `unpaid`: the amount that stands in where an unpaid one has none.
    pub(super) fn fact(&self, out_trade_no: &str, unpaid: Option<Money>) -> Result<Fact, Rejection> {
        let status = payment_status(self.trade_state.as_deref())?;
        let total = self.amount.as_ref().and_then(|amount| Some((amount.total?, amount.currency.as_deref())));
        let amount = match (total, unpaid) {
            (Some((total, currency)), _) => money(total, currency)?,
            (None, Some(asked)) if status != PaymentStatus::Succeeded => asked,
            (None, _) => return Err(malformed("the transaction has no amount")),
        };
        let payer = self.payer.as_ref().and_then(|payer| payer.openid.as_deref()).filter(|id| !id.is_empty());
        Ok(Fact::Payment(PaymentFact {
            out_trade_no: Some(ident::id(out_trade_no, "out_trade_no")?),
            transaction_id: ident::optional_id(self.transaction_id.as_deref(), "transaction_id")?,
            status,
            amount,
            occurred_at: time(self.success_time.as_deref())?,
            payer: payer.map(|id| ident::label(id, "openid")).transpose()?.map(Payer::new),
        }))
    }
}

impl Refund {
    /// What it says.
    pub(super) fn fact(&self) -> Result<Fact, Rejection> {
        Ok(Fact::Refund(RefundFact {
            out_trade_no: Some(ident::id(&self.out_trade_no, "out_trade_no")?),
            transaction_id: Some(ident::id(&self.transaction_id, "transaction_id")?),
            out_refund_no: Some(ident::id(&self.out_refund_no, "out_refund_no")?),
            refund_id: Some(ident::id(&self.refund_id, "refund_id")?),
            status: refund_status(&self.refund_status)?,
            amount: RefundAmount::Single(money(self.amount.refund, self.amount.currency.as_deref())?),
            occurred_at: time(self.success_time.as_deref())?,
        }))
    }
}

/// `REFUND` means "a refund was begun": the payment itself had succeeded.
fn payment_status(trade_state: Option<&str>) -> Result<PaymentStatus, Rejection> {
    match trade_state {
        Some("SUCCESS" | "REFUND") => Ok(PaymentStatus::Succeeded),
        Some("NOTPAY" | "USERPAYING" | "ACCEPT") => Ok(PaymentStatus::Pending),
        Some("CLOSED" | "REVOKED") => Ok(PaymentStatus::Closed),
        Some("PAYERROR") => Ok(PaymentStatus::Failed),
        _ => Err(malformed("trade_state is none that is documented")),
    }
}

/// `CLOSED` is final: the money did not go back.
fn refund_status(status: &str) -> Result<RefundStatus, Rejection> {
    match status {
        "SUCCESS" => Ok(RefundStatus::Succeeded),
        "PROCESSING" => Ok(RefundStatus::Pending),
        "ABNORMAL" => Ok(RefundStatus::Abnormal),
        "CLOSED" => Ok(RefundStatus::Failed),
        _ => Err(malformed("refund_status is none that is documented")),
    }
}

/// Refunds carry no currency in callbacks; this platform's is the yuan.
fn money(minor: i64, currency: Option<&str>) -> Result<Money, Rejection> {
    if minor < 0 {
        return Err(Rejection::new(Reason::BadAmount, "the amount is negative"));
    }
    Ok(Money { minor, currency: currency.map_or(Ok(Currency::CNY), Currency::parse)? })
}

fn time(text: Option<&str>) -> Result<Option<Instant>, Rejection> {
    text.filter(|text| !text.is_empty()).map(parse_rfc3339).transpose()
}

/// The detail keeps serde's position but not its text, which may quote the message.
pub(super) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8], what: &str) -> Result<T, Rejection> {
    serde_json::from_slice(json).map_err(|error| {
        malformed(&format!("{what} is not as documented, line {} column {}", error.line(), error.column()))
    })
}

pub(super) fn malformed(detail: &str) -> Rejection {
    Rejection::new(Reason::Malformed, detail)
}
