//! Asking how a payment stands, and closing it.

use serde::Deserialize;

use super::{AlipayApi, answer::Codes, request::biz};
use crate::{
    Instant, Notice, Reason, Rejection,
    alipay::trade::{Trade, total},
    api::{PaymentRef, Request, Response, Unable},
    failure::Failure,
    ident,
};

const QUERY: &str = "alipay.trade.query";
const CLOSE: &str = "alipay.trade.close";

/// Also the answer while the payer has not opened the cashier: the trade begins there.
const NOT_FOUND: &[&str] = &["ACQ.TRADE_NOT_EXIST"];

/// Closed before: what was wanted.
const CLOSED_BEFORE: &[&str] = &["ACQ.TRADE_HAS_CLOSE"];

/// Not waiting for the payer, so there is nothing to close: paid, or closed.
const NOT_CLOSABLE: &[&str] = &[
    "ACQ.TRADE_STATUS_ERROR",
    "ACQ.REASON_TRADE_STATUS_INVALID",
    "ACQ.REASON_ILLEGAL_STATUS",
    "ACQ.TRADE_HAS_SUCCESS",
    "ACQ.TRADE_HAS_FINISHED",
];

#[derive(Deserialize)]
struct Queried {
    out_trade_no: String,
    trade_no: Option<String>,
    trade_status: String,
    total_amount: Option<String>,
    trans_currency: Option<String>,
    send_pay_date: Option<String>,
    buyer_user_id: Option<String>,
    buyer_open_id: Option<String>,
}

impl AlipayApi {
    pub(super) fn ask_payment(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable> {
        self.call(QUERY, biz([("out_trade_no", ask.out_trade_no)]), at)
    }

    pub(super) fn read_payment(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        let node = self.node(QUERY, ask.out_trade_no, answer)?;
        node.done(&Codes { not_found: NOT_FOUND, ..Codes::default() })?;
        let found: Queried = node.fields()?;
        let trade = found.trade(ask)?;
        Ok(self.notice(&node, &ident::label(&found.trade_status, "trade_status")?, "", trade.facts()?))
    }

    pub(super) fn ask_to_close(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable> {
        self.call(CLOSE, biz([("out_trade_no", ask.out_trade_no)]), at)
    }

    pub(super) fn read_closed(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Result<(), Failure> {
        let node = self.node(CLOSE, ask.out_trade_no, answer)?;
        if node.failed_with(CLOSED_BEFORE) {
            return Ok(());
        }
        node.done(&Codes { not_found: NOT_FOUND, refused: NOT_CLOSABLE, ..Codes::default() })
    }
}

impl Queried {
    /// Only a trade that was paid has `send_pay_date`, so a closed one with it was wholly refunded.
    fn trade(&self, ask: &PaymentRef<'_>) -> Result<Trade<'_>, Rejection> {
        let unpaid = self.trade_status == "WAIT_BUYER_PAY" || self.trade_status == "TRADE_CLOSED";
        let total = match filled(&self.total_amount) {
            Some(yuan) => total(yuan, filled(&self.trans_currency))?,
            None if unpaid && self.send_pay_date.is_none() => ask.amount,
            None => return Err(Rejection::new(Reason::Malformed, "the answer has no total_amount")),
        };
        Ok(Trade {
            out_trade_no: &self.out_trade_no,
            trade_no: filled(&self.trade_no),
            status: &self.trade_status,
            total,
            created: None,
            paid: filled(&self.send_pay_date),
            closed: None,
            refund_fee: 0,
            refund_no: None,
            refunded: None,
            payer: filled(&self.buyer_user_id).or(filled(&self.buyer_open_id)),
        })
    }
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}
