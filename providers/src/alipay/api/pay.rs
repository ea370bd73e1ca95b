//! Beginning a payment. Page, mobile web and app are signed here and carried by the front end, so Alipay learns of them
//! only when the payer comes; a QR code is fetched.

use serde::Deserialize;

use super::{
    AlipayApi,
    answer::Codes,
    request::{Params, bad, beijing, biz},
};
use crate::{
    Currency, Instant, Money, Reason,
    api::{Action, Begin, Initiate, InitiateMethod, Initiated, Response, Unable},
    failure::Failure,
    money::format_yuan,
};

const PRECREATE: &str = "alipay.trade.precreate";
/// Characters of what the payer is shown.
const MAX_SUBJECT: usize = 256;
/// 100 million yuan.
const MOST: i64 = 10_000_000_000;

/// Refusals of a new trade that cannot be taken as news about an older one of the same number.
const CODES: Codes = Codes {
    not_found: &[],
    refused: &[
        "ACQ.INVALID_PARAMETER",
        "ACQ.EXIST_FORBIDDEN_WORD",
        "ACQ.TOTAL_FEE_EXCEED",
        "ACQ.BUYER_SELLER_EQUAL",
        "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR",
        "ACQ.ACCESS_FORBIDDEN",
    ],
    rate_limited: &[],
};

#[derive(Deserialize)]
struct Precreated {
    qr_code: String,
}

impl AlipayApi {
    pub(super) fn begin(&self, ask: &Initiate<'_>, at: Instant) -> Result<Begin, Unable> {
        let (method, product) = match ask.method {
            InitiateMethod::AlipayPage => ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
            InitiateMethod::AlipayWap => ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
            InitiateMethod::AlipayApp => ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
            InitiateMethod::AlipayPrecreate => (PRECREATE, ""),
            InitiateMethod::WechatPayNative
            | InitiateMethod::WechatPayJsapi
            | InitiateMethod::WechatPayApp
            | InitiateMethod::WechatPayH5
            | InitiateMethod::UnionPayGateway
            | InitiateMethod::StripeCheckout
            | InitiateMethod::StripePaymentIntent => {
                return Err(Unable::NoSuchOperation("Alipay has no such method; use one of Alipay's"));
            }
        };
        check(ask)?;
        let expires = ask.expires_at.map(|at| beijing("expire_time", at)).transpose()?.unwrap_or_default();
        let biz = biz([
            ("out_trade_no", ask.out_trade_no),
            ("product_code", product),
            ("subject", &subject(ask)),
            ("time_expire", &expires),
            ("total_amount", &format_yuan(ask.amount.minor)),
        ]);
        if ask.method == InitiateMethod::AlipayPrecreate {
            return self.call_with_notices(method, biz, at).map(Begin::Call);
        }
        // An app comes back by itself.
        let return_url = if ask.method == InitiateMethod::AlipayApp { "" } else { ask.return_url };
        let more = vec![("notify_url", self.notify_url.clone()), ("return_url", return_url.to_owned())];
        let params = self.signed(method, biz, more, at)?;
        Ok(Begin::Ready(self.action(ask.method, &params)))
    }

    /// The app's SDK takes the signed query string whole.
    fn action(&self, method: InitiateMethod, params: &Params) -> Action {
        if method == InitiateMethod::AlipayApp {
            let text = crate::encode::form(params);
            return Action::SignedParameters(vec![("order_string".to_owned(), text)]);
        }
        Action::RedirectUrl(self.url(params))
    }

    pub(super) fn begun(&self, ask: &Initiate<'_>, answer: &Response<'_>) -> Result<Initiated, Failure> {
        let node = self.node(PRECREATE, ask.out_trade_no, answer)?;
        node.done(&CODES)?;
        let made: Precreated = node.fields()?;
        if made.qr_code.is_empty() {
            return Err(Failure::unknown(Reason::Malformed.as_str(), "the answer has no qr_code"));
        }
        Ok(Initiated { action: Action::QrText(made.qr_code), reference: None })
    }
}

/// Alipay would show the payer an error page, of which nobody here would learn.
fn check(ask: &Initiate<'_>) -> Result<(), Unable> {
    check_number(ask.out_trade_no).map_err(|problem| bad("out_trade_no", problem))?;
    yuan("amount", ask.amount)
}

/// Which numbers Alipay takes.
pub(crate) fn check_number(text: &str) -> Result<(), &'static str> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits { Ok(()) } else { Err("Alipay takes 1 to 64 letters, digits and _") }
}

/// A text for people is no reason to refuse a payment: what Alipay does not take becomes a blank, what is too long is
/// cut, and the number stands in for nothing.
fn subject(ask: &Initiate<'_>) -> String {
    let taken = |c: char| if matches!(c, '/' | '=' | '&') || c.is_control() { ' ' } else { c };
    let subject: String = ask.description.chars().map(taken).take(MAX_SUBJECT).collect();
    if subject.trim().is_empty() { ask.out_trade_no.to_owned() } else { subject }
}

/// Refuses an amount that Alipay cannot move.
pub(super) fn yuan(field: &'static str, amount: Money) -> Result<(), Unable> {
    if amount.currency != Currency::CNY {
        return Err(bad(field, format!("Alipay takes CNY, not {}", amount.currency)));
    }
    if !(1..=MOST).contains(&amount.minor) {
        return Err(bad(field, "Alipay takes 0.01 to 100000000.00 yuan"));
    }
    Ok(())
}
