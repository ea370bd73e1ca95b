//! What Alipay says of a trade, in a notice or in an answer.
//!
//! One report can say two things: Alipay reports refunds by repeating the trade's notice with the cumulative
//! `refund_fee` (opendocs.alipay.com 00f7nu), so a second `TRADE_SUCCESS` is not a second payment.
//! `TRADE_CLOSED` is either "never paid" or "paid and wholly refunded".

use crate::{
    Currency, Fact, Instant, Money, Payer, PaymentFact, PaymentStatus, Reason, RefundAmount, RefundFact, RefundStatus,
    Rejection, ident, money::parse_yuan, time::parse_beijing,
};

/// A trade's fields as they were signed. Times are Beijing's.
#[derive(Debug)]
pub(super) struct Trade<'a> {
    pub(super) out_trade_no: &'a str,
    /// Missing in an answer about a trade that nobody has really begun (opendocs.alipay.com, alipay.trade.query).
    pub(super) trade_no: Option<&'a str>,
    pub(super) status: &'a str,
    pub(super) total: Money,
    pub(super) created: Option<&'a str>,
    /// Only trades that were paid have it.
    pub(super) paid: Option<&'a str>,
    pub(super) closed: Option<&'a str>,
    /// All that went back so far, in fen.
    pub(super) refund_fee: i64,
    pub(super) refund_no: Option<&'a str>,
    pub(super) refunded: Option<&'a str>,
    pub(super) payer: Option<&'a str>,
}

impl Trade<'_> {
    /// What it says about money.
    pub(super) fn facts(&self) -> Result<Vec<Fact>, Rejection> {
        let paid_once = self.refund_fee > 0 || self.refunded.is_some() || self.paid.is_some();
        match self.status {
            "WAIT_BUYER_PAY" => Ok(vec![self.payment(PaymentStatus::Pending, self.created)?]),
            "TRADE_SUCCESS" | "TRADE_FINISHED" if self.refund_fee > 0 => self.paid_and_refunded(self.refund_fee),
            "TRADE_SUCCESS" | "TRADE_FINISHED" => Ok(vec![self.payment(PaymentStatus::Succeeded, self.paid)?]),
            // Closing a paid trade means that all of it went back, also when the report leaves out how much.
            "TRADE_CLOSED" if paid_once && self.refund_fee == 0 => self.paid_and_refunded(self.total.minor),
            "TRADE_CLOSED" if paid_once => self.paid_and_refunded(self.refund_fee),
            "TRADE_CLOSED" => Ok(vec![self.payment(PaymentStatus::Closed, self.closed)?]),
            _ => Err(Rejection::new(Reason::Malformed, "trade_status is none that is documented")),
        }
    }

    fn paid_and_refunded(&self, refunded: i64) -> Result<Vec<Fact>, Rejection> {
        Ok(vec![self.payment(PaymentStatus::Succeeded, self.paid)?, self.refund(refunded)?])
    }

    /// What was paid has a number of Alipay's.
    fn transaction_id(&self) -> Result<String, Rejection> {
        ident::id(self.trade_no.unwrap_or_default(), "trade_no")
    }

    fn payment(&self, status: PaymentStatus, when: Option<&str>) -> Result<Fact, Rejection> {
        let transaction_id = match status {
            PaymentStatus::Succeeded => Some(self.transaction_id()?),
            PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Closed => {
                ident::optional_id(self.trade_no, "trade_no")?
            }
        };
        Ok(Fact::Payment(PaymentFact {
            out_trade_no: Some(ident::id(self.out_trade_no, "out_trade_no")?),
            transaction_id,
            status,
            amount: self.total,
            occurred_at: time(when)?,
            payer: self.payer.map(|id| ident::label(id, "buyer_id")).transpose()?.map(Payer::new),
        }))
    }

    fn refund(&self, refunded: i64) -> Result<Fact, Rejection> {
        Ok(Fact::Refund(RefundFact {
            out_trade_no: Some(ident::id(self.out_trade_no, "out_trade_no")?),
            transaction_id: Some(self.transaction_id()?),
            out_refund_no: ident::optional_id(self.refund_no, "out_biz_no")?,
            refund_id: None,
            status: RefundStatus::Succeeded,
            amount: RefundAmount::Cumulative(Money { minor: refunded, currency: Currency::CNY }),
            occurred_at: time(self.refunded)?,
        }))
    }
}

/// A trade's amount. Alipay names a currency only where it is another one.
pub(super) fn total(yuan: &str, currency: Option<&str>) -> Result<Money, Rejection> {
    if currency.is_some_and(|currency| currency != "CNY") {
        return Err(Rejection::new(Reason::BadAmount, "trans_currency is not CNY"));
    }
    Ok(Money { minor: parse_yuan(yuan)?, currency: Currency::CNY })
}

/// A time that may be missing.
pub(super) fn time(text: Option<&str>) -> Result<Option<Instant>, Rejection> {
    text.filter(|text| !text.is_empty()).map(parse_beijing).transpose()
}
