//! Beginning a payment: a signed form that the payer's browser posts to UnionPay.

use super::{
    UnionPayApi,
    request::{Signed, bad, fen, number, stamp},
};
use crate::{
    api::{Action, Begin, Initiate, InitiateMethod, Unable},
    encode::html,
};

impl UnionPayApi {
    pub(super) fn form(&self, ask: &Initiate<'_>) -> Result<Begin, Unable> {
        if ask.method != InitiateMethod::UnionPayGateway {
            return Err(bad("method", "this account is on UnionPay; use UNIONPAY_GATEWAY"));
        }
        if ask.return_url.is_empty() {
            return Err(bad("return_url", "UnionPay needs the address to which the browser returns"));
        }
        let time = stamp("start_time", ask.started_at)?;
        let amount = fen(ask.amount)?;
        let timeout = ask.expires_at.map(|at| stamp("expire_time", at)).transpose()?;
        let mut fields = vec![
            ("txnType", "01"),
            ("txnSubType", "01"),
            ("bizType", "000201"),
            ("channelType", "07"),
            ("orderId", number("out_trade_no", ask.out_trade_no)?),
            ("txnTime", &time),
            ("txnAmt", &amount),
            ("currencyCode", "156"),
            ("frontUrl", ask.return_url),
            ("backUrl", &self.notify_url),
        ];
        fields.extend(timeout.as_deref().map(|timeout| ("payTimeout", timeout)));
        let action = format!("{}/gateway/api/frontTransReq.do", self.base_url);
        Ok(Begin::Ready(Action::HtmlForm(page(&action, &self.sign(fields)?))))
    }
}

/// A page that posts itself; with a button for browsers that run no scripts.
fn page(action: &str, fields: &Signed) -> String {
    let input = |(name, value): &(String, String)| {
        format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", html(name), html(value))
    };
    let inputs: String = fields.iter().map(input).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"zh\"><head><meta charset=\"utf-8\"><title>UnionPay</title></head>\n\
         <body onload=\"document.forms[0].submit()\">\n\
         <form method=\"post\" action=\"{}\" accept-charset=\"utf-8\">\n{inputs}\
         <noscript><button type=\"submit\">UnionPay</button></noscript>\n</form>\n</body></html>\n",
        html(action)
    )
}
