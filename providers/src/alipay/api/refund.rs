//! Giving money back, and asking about it. `out_request_no` is the refund's number: with it a repeated request is the
//! same refund (opendocs.alipay.com 02ekfs, 02ekft).

use serde::Deserialize;
use serde_json::Value;

use super::{
    AlipayApi,
    answer::{Codes, Node, same},
    pay::yuan,
    request::{bad, biz},
};
use crate::{
    Currency, Fact, Instant, Money, Notice, Reason, RefundAmount, RefundFact, RefundStatus, Rejection,
    alipay::trade::time,
    api::{Refund, Request, Response, Said, Unable},
    failure::Failure,
    ident,
    money::{format_yuan, parse_yuan},
};

const REFUND: &str = "alipay.trade.refund";
const QUERY: &str = "alipay.trade.fastpay.refund.query";

/// Characters.
const MAX_REASON: usize = 256;

/// Nothing was given back, and a repetition would not change that. Not among them: `ACQ.SELLER_BALANCE_NOT_ENOUGH` (it
/// helps to put money in), `ACQ.DISCORDANT_REPEAT_REQUEST` (a refund of that number was made), and `ACQ.TRADE_HAS_CLOSE`
/// (all of it went back, perhaps by this very refund).
const REFUSED: &[&str] = &[
    "ACQ.INVALID_PARAMETER",
    "ACQ.NOT_ALLOW_PARTIAL_REFUND",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
    "ACQ.TRADE_HAS_FINISHED",
    "ACQ.TRADE_NOT_ALLOW_REFUND",
    "ACQ.TRADE_STATUS_ERROR",
];

/// The list of this operation has both spellings.
const NOT_FOUND: &[&str] = &["ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"];

#[derive(Deserialize)]
struct Refunded {
    trade_no: Option<String>,
    fund_change: Option<String>,
    refund_fee: Option<String>,
    gmt_refund_pay: Option<String>,
}

#[derive(Deserialize)]
struct Queried {
    trade_no: Option<String>,
    out_request_no: Option<String>,
    refund_status: Option<String>,
    refund_amount: Option<String>,
    gmt_refund_pay: Option<String>,
}

impl AlipayApi {
    pub(super) fn ask_to_refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable> {
        check(ask)?;
        let reason: String = ask.reason.chars().take(MAX_REASON).collect();
        let biz = biz([
            ("out_request_no", ask.out_refund_no),
            ("out_trade_no", ask.out_trade_no),
            ("refund_amount", &format_yuan(ask.amount.minor)),
            ("refund_reason", &reason),
            ("trade_no", ask.transaction_id),
        ]);
        self.call(REFUND, biz, at)
    }

    /// `fund_change` `Y`: this call moved the money. Anything else is no failure, only a question is left.
    pub(super) fn read_refunded(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Result<Option<Notice>, Failure> {
        let node = self.node(REFUND, ask.out_trade_no, answer)?;
        node.done(&Codes { refused: REFUSED, ..Codes::default() })?;
        let refunded: Refunded = node.fields()?;
        same("trade_no", refunded.trade_no.as_deref(), ask.transaction_id)?;
        if refunded.fund_change.as_deref() != Some("Y") {
            return Ok(None);
        }
        // A running total, this refund among it.
        if parse_yuan(refunded.refund_fee.as_deref().unwrap_or_default())? < ask.amount.minor {
            return Err(Failure::for_another("refund_fee"));
        }
        let fact = fact(ask, refunded.trade_no.as_deref(), ask.amount.minor, refunded.gmt_refund_pay.as_deref())?;
        Ok(Some(self.notice(&node, "REFUND_SUCCESS", ask.out_refund_no, vec![fact])))
    }

    pub(super) fn ask_refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable> {
        check(ask)?;
        let mut biz = biz([
            ("out_request_no", ask.out_refund_no),
            ("out_trade_no", ask.out_trade_no),
            ("trade_no", ask.transaction_id),
        ]);
        biz.insert("query_options".to_owned(), Value::from(vec!["gmt_refund_pay"]));
        self.call(QUERY, biz, at)
    }

    pub(super) fn read_refund(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Result<Option<Notice>, Failure> {
        let node = self.node(QUERY, ask.out_trade_no, answer)?;
        node.done(&Codes { not_found: NOT_FOUND, ..Codes::default() })?;
        let found: Queried = node.fields()?;
        same("trade_no", found.trade_no.as_deref(), ask.transaction_id)?;
        same("out_request_no", found.out_request_no.as_deref(), ask.out_refund_no)?;
        match found.refund_status.as_deref() {
            Some("REFUND_SUCCESS") => self.succeeded(ask, &node, &found).map(Some),
            // Documented: not received or not done, and to be sent again under the same number.
            None | Some("") if found.refund_amount.is_none() => {
                Err(Failure::NotFound(Said::new("NO_REFUND_STATUS", "no refund of this number was made")))
            }
            _ => Ok(None),
        }
    }

    fn succeeded(&self, ask: &Refund<'_>, node: &Node<'_>, found: &Queried) -> Result<Notice, Failure> {
        // Without its number the answer could be about any refund of the trade.
        if found.out_request_no.is_none() {
            return Err(Failure::for_another("out_request_no"));
        }
        let amount = parse_yuan(found.refund_amount.as_deref().unwrap_or_default())?;
        let fact = fact(ask, found.trade_no.as_deref(), amount, found.gmt_refund_pay.as_deref())?;
        Ok(self.notice(node, "REFUND_SUCCESS", "", vec![fact]))
    }
}

fn fact(ask: &Refund<'_>, trade_no: Option<&str>, minor: i64, when: Option<&str>) -> Result<Fact, Rejection> {
    if minor == 0 {
        return Err(Rejection::new(Reason::BadAmount, "a refund of nothing"));
    }
    let trade_no = trade_no.filter(|number| !number.is_empty()).unwrap_or(ask.transaction_id);
    Ok(Fact::Refund(RefundFact {
        out_trade_no: ident::optional_id(Some(ask.out_trade_no), "out_trade_no")?,
        transaction_id: ident::optional_id(Some(trade_no), "trade_no")?,
        out_refund_no: Some(ident::id(ask.out_refund_no, "out_request_no")?),
        refund_id: None,
        status: RefundStatus::Succeeded,
        amount: RefundAmount::Single(Money { minor, currency: Currency::CNY }),
        occurred_at: time(when)?,
    }))
}

/// Without its own number Alipay would take a refund for the whole one, and a retry for another.
fn check(ask: &Refund<'_>) -> Result<(), Unable> {
    ident::id(ask.out_refund_no, "out_refund_no").map_err(|r| bad("out_refund_no", r.detail))?;
    if ask.out_trade_no.is_empty() && ask.transaction_id.is_empty() {
        return Err(bad("out_trade_no", "name the payment by out_trade_no or transaction_id"));
    }
    yuan("amount", ask.amount)
}
