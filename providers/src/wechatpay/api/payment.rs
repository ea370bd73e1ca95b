//! Asking how a payment stands, and closing it (4012791859, 4013070360).

use serde_json::json;

use super::{
    WechatPayApi,
    answer::{Codes, RATE_LIMITED},
};
use crate::{
    Instant, Notice,
    api::{PaymentRef, Request, Response, Unable},
    encode,
    failure::Failure,
    ident,
    wechatpay::objects::Transaction,
};

/// The older documents leave out the underscores.
const NOT_FOUND: &[&str] = &["ORDER_NOT_EXIST", "ORDERNOTEXIST"];

const QUESTION: Codes = Codes { not_found: NOT_FOUND, refused: &[], rate_limited: RATE_LIMITED, question: true };

/// `FREQUENCY_LIMITED` is also what a close hears that races a payment, so it settles nothing here.
const CLOSE: Codes =
    Codes { not_found: NOT_FOUND, refused: &["ORDERPAID", "ORDER_PAID"], rate_limited: &[], question: false };

impl WechatPayApi {
    pub(super) fn ask_payment(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable> {
        let mchid = encode::percent(&self.platform.mchid);
        self.get(&format!("{}?mchid={mchid}", path(ask)), at)
    }

    pub(super) fn read_payment(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        let opened = self.open(&QUESTION, answer)?;
        let found: Transaction = opened.read()?;
        let ours = self.platform.bind_mchid(found.mchid.as_deref());
        ours.and(self.platform.bind_appid(found.appid.as_deref())).map_err(|_| Failure::for_another("the account"))?;
        let number = found.out_trade_no.as_deref().unwrap_or_default();
        if number != ask.out_trade_no {
            return Err(Failure::for_another("out_trade_no"));
        }
        let fact = found.fact(number, Some(ask.amount))?;
        let state = ident::label(found.trade_state.as_deref().unwrap_or_default(), "trade_state")?;
        Ok(opened.notice(format!("TRANSACTION.{state}"), fact))
    }

    pub(super) fn ask_to_close(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable> {
        self.post(&format!("{}/close", path(ask)), &json!({ "mchid": self.platform.mchid }), at)
    }

    /// Status 204; its signature covers the empty body.
    pub(super) fn read_closed(&self, answer: &Response<'_>) -> Result<(), Failure> {
        self.open(&CLOSE, answer).map(drop)
    }
}

fn path(ask: &PaymentRef<'_>) -> String {
    format!("/v3/pay/transactions/out-trade-no/{}", encode::percent(ask.out_trade_no))
}
