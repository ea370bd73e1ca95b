//! What a verified callback says about money, once its resource is open.
//!
//! `event_type` alone is ambiguous (profit sharing also sends `TRANSACTION.SUCCESS`), so the resource's
//! `original_type` decides what is read. Structs, not maps: serde refuses a repeated member of a struct.
//! Fields: pay.weixin.qq.com/doc/v3/merchant 4012791861 (payment), 4012791865 (refund).

use serde::Deserialize;

use super::{Verified, WechatPay, api_key::Sealed};
use crate::{
    Currency, Fact, Instant, Money, Notice, Payer, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact,
    RefundStatus, Rejection, crypto::sha256_hex, ident, time::parse_rfc3339,
};

#[derive(Deserialize)]
struct Envelope {
    id: Option<String>,
    event_type: String,
    resource: Sealed,
}

#[derive(Deserialize)]
struct Transaction {
    mchid: Option<String>,
    appid: Option<String>,
    out_trade_no: Option<String>,
    combine_out_trade_no: Option<String>,
    transaction_id: Option<String>,
    trade_state: Option<String>,
    success_time: Option<String>,
    amount: Option<TransactionAmount>,
    payer: Option<TransactionPayer>,
}

/// `total` is the order's amount; `payer_total` is after coupons and not compared (4015124358).
#[derive(Deserialize)]
struct TransactionAmount {
    total: i64,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct TransactionPayer {
    openid: Option<String>,
}

#[derive(Deserialize)]
struct Refund {
    mchid: Option<String>,
    out_trade_no: String,
    transaction_id: String,
    out_refund_no: String,
    refund_id: String,
    refund_status: String,
    success_time: Option<String>,
    amount: RefundedAmount,
}

#[derive(Deserialize)]
struct RefundedAmount {
    refund: i64,
    currency: Option<String>,
}

impl WechatPay {
    pub(super) fn read(&self, verified: Verified, body: &[u8]) -> Result<Notice, Rejection> {
        let envelope: Envelope = parse(body, "the callback")?;
        let plaintext = self.open(&envelope.resource)?;
        let facts = match envelope.resource.original_type.as_deref() {
            Some("transaction") if envelope.event_type.starts_with("TRANSACTION.") => self.transaction(&plaintext)?,
            Some("refund") if envelope.event_type.starts_with("REFUND.") => {
                vec![self.refund(&plaintext)?]
            }
            _ => Vec::new(),
        };
        Ok(Notice {
            platform_notice_id: envelope.id.map(|id| ident::label(&id, "id")).transpose()?,
            content_sha256: sha256_hex(body),
            event_type: ident::label(&envelope.event_type, "event_type")?,
            key_id: verified.key_id,
            facts,
        })
    }

    fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, Rejection> {
        let mut last = Err(Rejection::new(Reason::DecryptionFailed, "no APIv3 key is configured"));
        for key in &self.api_v3_keys {
            last = key.open_sealed(sealed);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn transaction(&self, plaintext: &[u8]) -> Result<Vec<Fact>, Rejection> {
        let transaction: Transaction = parse(plaintext, "the transaction")?;
        // Without an order's number it is not a payment of ours, e.g. the end of a profit sharing.
        let Some(out_trade_no) = &transaction.out_trade_no else {
            return match transaction.combine_out_trade_no {
                None => Ok(Vec::new()),
                // Money of several orders at once: to acknowledge it would be to lose it.
                Some(_) => Err(malformed("combined payments are not supported; query the payment")),
            };
        };
        self.bind_mchid(transaction.mchid.as_deref())?;
        self.bind_appid(transaction.appid.as_deref())?;
        let amount = transaction.amount.as_ref().ok_or_else(|| malformed("the transaction has no amount"))?;
        let payer = transaction.payer.as_ref().and_then(|payer| payer.openid.as_deref()).filter(|id| !id.is_empty());
        Ok(vec![Fact::Payment(PaymentFact {
            out_trade_no: Some(ident::id(out_trade_no, "out_trade_no")?),
            transaction_id: ident::optional_id(transaction.transaction_id.as_deref(), "transaction_id")?,
            status: payment_status(transaction.trade_state.as_deref())?,
            amount: money(amount.total, amount.currency.as_deref())?,
            occurred_at: time(transaction.success_time.as_deref())?,
            payer: payer.map(|id| ident::label(id, "openid")).transpose()?.map(Payer::new),
        })])
    }

    fn refund(&self, plaintext: &[u8]) -> Result<Fact, Rejection> {
        let refund: Refund = parse(plaintext, "the refund")?;
        self.bind_mchid(refund.mchid.as_deref())?;
        Ok(Fact::Refund(RefundFact {
            out_trade_no: Some(ident::id(&refund.out_trade_no, "out_trade_no")?),
            transaction_id: Some(ident::id(&refund.transaction_id, "transaction_id")?),
            out_refund_no: Some(ident::id(&refund.out_refund_no, "out_refund_no")?),
            refund_id: Some(ident::id(&refund.refund_id, "refund_id")?),
            status: refund_status(&refund.refund_status)?,
            amount: RefundAmount::Single(money(refund.amount.refund, refund.amount.currency.as_deref())?),
            occurred_at: time(refund.success_time.as_deref())?,
        }))
    }

    fn bind_mchid(&self, mchid: Option<&str>) -> Result<(), Rejection> {
        match mchid {
            Some(mchid) if mchid == self.mchid => Ok(()),
            Some(_) => Err(Rejection::new(Reason::WrongAccount, "mchid is another merchant's")),
            None => Err(Rejection::new(Reason::WrongAccount, "mchid is missing (a service provider's notice?)")),
        }
    }

    fn bind_appid(&self, appid: Option<&str>) -> Result<(), Rejection> {
        match appid {
            Some(appid) if !self.appids.iter().any(|ours| ours == appid) => {
                Err(Rejection::new(Reason::WrongAccount, "appid is none of ours"))
            }
            Some(_) | None => Ok(()),
        }
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

/// Refund notices carry no currency; this platform's is the yuan.
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
fn parse<'a, T: Deserialize<'a>>(json: &'a [u8], what: &str) -> Result<T, Rejection> {
    serde_json::from_slice(json).map_err(|error| {
        malformed(&format!("{what} is not as documented, line {} column {}", error.line(), error.column()))
    })
}

fn malformed(detail: &str) -> Rejection {
    Rejection::new(Reason::Malformed, detail)
}
