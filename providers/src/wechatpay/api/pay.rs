//! Beginning a payment, and what the front end hands to WeChat (4012791877, 4012365336, 4012365341).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    WechatPayApi,
    answer::{Codes, RATE_LIMITED},
    request::bad,
};
use crate::{
    Currency, Instant, Money,
    api::{Action, Initiate, InitiateMethod, Initiated, Request, Response, Unable},
    encode,
    failure::Failure,
    ident,
    time::format_rfc3339_beijing,
};

/// Refusals of a new order that cannot be taken as news about an older one of the same number. `INVALID_REQUEST` may be
/// such news, and so may `OUT_TRADE_NO_USED`.
const CODES: Codes = Codes {
    not_found: &[],
    refused: &["PARAM_ERROR", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS"],
    rate_limited: RATE_LIMITED,
    question: false,
};

/// Bytes of UTF-8: WeChat counts a Chinese character as three.
const MAX_DESCRIPTION: usize = 127;

#[derive(Deserialize)]
struct Native {
    code_url: String,
}

#[derive(Deserialize)]
struct H5 {
    h5_url: String,
}

#[derive(Deserialize)]
struct Prepay {
    prepay_id: String,
}

impl WechatPayApi {
    pub(super) fn begin(&self, ask: &Initiate<'_>, at: Instant) -> Result<Request, Unable> {
        let mut order = self.order(ask)?;
        let kind = match ask.method {
            InitiateMethod::WechatPayNative => "native",
            InitiateMethod::WechatPayApp => "app",
            InitiateMethod::WechatPayJsapi => {
                order["payer"] = json!({ "openid": needed("payer_id", ask.payer_id, "the payer's openid")? });
                "jsapi"
            }
            InitiateMethod::WechatPayH5 => {
                let ip = needed("client_ip", ask.client_ip, "the payer's IP address")?;
                order["scene_info"] = json!({ "payer_client_ip": ip, "h5_info": { "type": "Wap" } });
                "h5"
            }
            InitiateMethod::AlipayPage
            | InitiateMethod::AlipayWap
            | InitiateMethod::AlipayApp
            | InitiateMethod::AlipayPrecreate
            | InitiateMethod::UnionPayGateway
            | InitiateMethod::StripeCheckout
            | InitiateMethod::StripePaymentIntent => {
                return Err(Unable::NoSuchOperation("WeChat Pay has no such method; use one of WeChat Pay's"));
            }
        };
        self.post(&format!("/v3/pay/transactions/{kind}"), &order, at)
    }

    fn order(&self, ask: &Initiate<'_>) -> Result<Value, Unable> {
        check(ask)?;
        let mut order = json!({
            "appid": self.appid(),
            "mchid": self.platform.mchid,
            "description": description(ask),
            "out_trade_no": ask.out_trade_no,
            "notify_url": self.notify_url,
            "amount": { "total": ask.amount.minor, "currency": "CNY" },
        });
        if let Some(at) = ask.expires_at {
            let text = format_rfc3339_beijing(at).ok_or_else(|| bad("expire_time", "it is beyond the year 9999"))?;
            order["time_expire"] = text.into();
        }
        Ok(order)
    }

    /// The settings are checked to have at least one.
    fn appid(&self) -> &str {
        self.platform.appids.first().map(String::as_str).unwrap_or_default()
    }

    pub(super) fn begun(&self, ask: &Initiate<'_>, answer: &Response<'_>) -> Result<Initiated, Failure> {
        let opened = self.open(&CODES, answer)?;
        let action = match ask.method {
            InitiateMethod::WechatPayNative => Action::QrText(opened.read::<Native>()?.code_url),
            InitiateMethod::WechatPayH5 => Action::RedirectUrl(returning(opened.read::<H5>()?.h5_url, ask.return_url)),
            InitiateMethod::WechatPayJsapi => self.jsapi(&opened.read::<Prepay>()?.prepay_id, answer.received_at)?,
            InitiateMethod::WechatPayApp => self.app(&opened.read::<Prepay>()?.prepay_id, answer.received_at)?,
            InitiateMethod::AlipayPage
            | InitiateMethod::AlipayWap
            | InitiateMethod::AlipayApp
            | InitiateMethod::AlipayPrecreate
            | InitiateMethod::UnionPayGateway
            | InitiateMethod::StripeCheckout
            | InitiateMethod::StripePaymentIntent => return Err(Failure::for_another("the method")),
        };
        Ok(Initiated { action, reference: None })
    }

    /// For `WeixinJSBridge` and mini programs. `signType` is not signed.
    fn jsapi(&self, prepay_id: &str, at: Instant) -> Result<Action, Failure> {
        let package = format!("prepay_id={}", ident::label(prepay_id, "prepay_id")?);
        let (time, nonce, signature) = self.front_end(&package, at)?;
        Ok(parameters([
            ("appId", self.appid()),
            ("timeStamp", &time),
            ("nonceStr", &nonce),
            ("package", &package),
            ("signType", "RSA"),
            ("paySign", &signature),
        ]))
    }

    /// For the app's SDK, which wants the bare `prepay_id` signed and a fixed package.
    fn app(&self, prepay_id: &str, at: Instant) -> Result<Action, Failure> {
        let prepay_id = ident::label(prepay_id, "prepay_id")?;
        let (time, nonce, signature) = self.front_end(&prepay_id, at)?;
        Ok(parameters([
            ("appid", self.appid()),
            ("partnerid", &self.platform.mchid),
            ("prepayid", &prepay_id),
            ("package", "Sign=WXPay"),
            ("noncestr", &nonce),
            ("timestamp", &time),
            ("sign", &signature),
        ]))
    }

    /// Time, nonce and signature of what WeChat's front end is given.
    fn front_end(&self, last: &str, at: Instant) -> Result<(String, String, String), Failure> {
        let (time, nonce) = (at.seconds().to_string(), self.nonce(last.as_bytes(), at));
        let message = format!("{}\n{time}\n{nonce}\n{last}\n", self.appid());
        let signature =
            self.sign(message.as_bytes()).map_err(|unable| Failure::unknown("NOT_SIGNED", unable.to_string()))?;
        Ok((time, nonce, signature))
    }
}

fn parameters<const N: usize>(values: [(&str, &str); N]) -> Action {
    Action::SignedParameters(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

/// Where the browser goes after WeChat, if not back.
fn returning(h5_url: String, return_url: &str) -> String {
    if return_url.is_empty() { h5_url } else { format!("{h5_url}&redirect_url={}", encode::percent(return_url)) }
}

fn check(ask: &Initiate<'_>) -> Result<(), Unable> {
    check_number(ask.out_trade_no).map_err(|problem| bad("out_trade_no", problem))?;
    yuan("amount", ask.amount)
}

/// Which numbers WeChat Pay takes.
pub(crate) fn check_number(text: &str) -> Result<(), &'static str> {
    let taken = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*');
    let fits = (6..=32).contains(&text.len()) && text.bytes().all(taken);
    if fits { Ok(()) } else { Err("WeChat Pay takes 6 to 32 letters, digits and _-|*") }
}

/// What is too long is cut rather than refused; the number stands in for nothing.
fn description<'a>(ask: &Initiate<'a>) -> &'a str {
    let text = if ask.description.trim().is_empty() { ask.out_trade_no } else { ask.description };
    encode::cut(text, MAX_DESCRIPTION)
}

/// Refuses an amount that WeChat Pay cannot move.
pub(super) fn yuan(field: &'static str, amount: Money) -> Result<(), Unable> {
    if amount.currency != Currency::CNY {
        return Err(bad(field, format!("WeChat Pay takes CNY, not {}", amount.currency)));
    }
    if amount.minor < 1 {
        return Err(bad(field, "WeChat Pay takes 0.01 yuan and more"));
    }
    Ok(())
}

fn needed<'a>(field: &'static str, value: &'a str, what: &str) -> Result<&'a str, Unable> {
    if value.is_empty() { Err(bad(field, format!("this method needs {what}"))) } else { Ok(value) }
}
