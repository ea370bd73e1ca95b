//! Giving money back, and asking about it (4012791883). `out_refund_no` is the refund's number: a repeated request is
//! the same refund, another number would be a second one.

use serde_json::json;

use super::{
    WechatPayApi,
    answer::{Codes, Opened, RATE_LIMITED, same},
    pay::yuan,
    request::bad,
};
use crate::{
    Instant, Notice,
    api::{self, Request, Response, Unable},
    encode,
    failure::Failure,
    ident,
    wechatpay::objects::Refund,
};

const PATH: &str = "/v3/refund/domestic/refunds";

/// Bytes of UTF-8.
const MAX_REASON: usize = 80;

/// Nothing was given back, and a repetition would not change that. Not among them: `NOT_ENOUGH` (it helps to put money
/// in), and every "too many", after which a refund may have been begun.
const REFUND: Codes = Codes {
    not_found: &[],
    refused: &["INVALID_REQUEST", "PARAM_ERROR", "USER_ACCOUNT_ABNORMAL"],
    rate_limited: &[],
    question: false,
};

const QUESTION: Codes =
    Codes { not_found: &["RESOURCE_NOT_EXISTS"], refused: &[], rate_limited: RATE_LIMITED, question: true };

impl WechatPayApi {
    pub(super) fn ask_to_refund(&self, ask: &api::Refund<'_>, at: Instant) -> Result<Request, Unable> {
        check(ask)?;
        let mut refund = json!({
            "out_refund_no": ask.out_refund_no,
            "notify_url": self.notify_url,
            "amount": { "refund": ask.amount.minor, "total": ask.paid.minor, "currency": "CNY" },
        });
        if ask.transaction_id.is_empty() {
            refund["out_trade_no"] = ask.out_trade_no.into();
        } else {
            refund["transaction_id"] = ask.transaction_id.into();
        }
        if !ask.reason.is_empty() {
            refund["reason"] = encode::cut(ask.reason, MAX_REASON).into();
        }
        self.post(PATH, &refund, at)
    }

    pub(super) fn read_refunded(&self, ask: &api::Refund<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        read(ask, &self.open(&REFUND, answer)?)
    }

    pub(super) fn ask_refund(&self, ask: &api::Refund<'_>, at: Instant) -> Result<Request, Unable> {
        number(ask)?;
        self.get(&format!("{PATH}/{}", encode::percent(ask.out_refund_no)), at)
    }

    pub(super) fn read_refund(&self, ask: &api::Refund<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        read(ask, &self.open(&QUESTION, answer)?)
    }
}

/// The answers name no merchant; the numbers of refund and payment are the merchant's own.
fn read(ask: &api::Refund<'_>, opened: &Opened<'_>) -> Result<Notice, Failure> {
    let refund: Refund = opened.read()?;
    if refund.out_refund_no != ask.out_refund_no {
        return Err(Failure::for_another("out_refund_no"));
    }
    same("out_trade_no", &refund.out_trade_no, ask.out_trade_no)?;
    same("transaction_id", &refund.transaction_id, ask.transaction_id)?;
    let fact = refund.fact()?;
    let status = ident::label(&refund.refund_status, "status")?;
    Ok(opened.notice(format!("REFUND.{status}"), fact))
}

fn check(ask: &api::Refund<'_>) -> Result<(), Unable> {
    number(ask)?;
    if ask.out_trade_no.is_empty() && ask.transaction_id.is_empty() {
        return Err(bad("out_trade_no", "name the payment by out_trade_no or transaction_id"));
    }
    yuan("amount", ask.amount)?;
    yuan("paid_amount", ask.paid)
}

fn number(ask: &api::Refund<'_>) -> Result<(), Unable> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*' | b'@');
    if !(1..=64).contains(&ask.out_refund_no.len()) || !ask.out_refund_no.bytes().all(plain) {
        return Err(bad("out_refund_no", "WeChat Pay takes 1 to 64 letters, digits and _-|*@"));
    }
    Ok(())
}
