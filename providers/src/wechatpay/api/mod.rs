//! Calls to WeChat Pay API v3 for one merchant.
//!
//! Contract: requests are signed by the merchant's own key. Nothing of an answer counts before its signature and its
//! age were checked, whatever its status: an unsigned error, a probe or a stale answer leaves the outcome unknown.
//! - `request`: the `Authorization` header;
//! - `pay`: begin a payment, sign what the front end hands to WeChat;
//! - `payment`: ask about one, close one;
//! - `refund`: give money back, ask about it;
//! - `bill`: where a day's statement lies;
//! - `answer`: verify, and what the codes mean.
//!
//! Rules: pay.weixin.qq.com/doc/v3/merchant 4012365342 (signing), 4013053420 (answers), 4012791877, 4012791859,
//! 4012791883, 4012556654.

mod answer;
mod bill;
mod pay;
mod payment;
mod refund;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::WechatPay;
use crate::{
    Instant, KeyError, Notice, RsaPrivateKey, SettingProblem,
    api::{
        Begin, Initiate, Initiated, PaymentRef, PlatformApi, Refund, Reply, Request, Response, StatementNext, Unable,
    },
    settings::Problems,
    statement::Day,
};
pub(crate) use pay::check_number;

const PRODUCTION: &str = "https://api.mch.weixin.qq.com";

/// What calls need beside the account's own settings. No `Debug`: it holds a secret.
pub struct WechatPayApiSettings {
    /// Where the API is, without `/v3`; `None` is production.
    pub base_url: Option<String>,
    /// Where WeChat Pay sends callbacks. Required.
    pub notify_url: Option<String>,
    /// The merchant's private key, PKCS#8 or PKCS#1. Empty is missing.
    pub private_key: String,
    /// The serial of the merchant's own certificate, hex. Empty is missing.
    pub serial_no: String,
}

/// One WeChat Pay merchant, ready to call the API.
#[derive(Debug)]
pub struct WechatPayApi {
    platform: Arc<WechatPay>,
    base_url: String,
    notify_url: String,
    key: RsaPrivateKey,
    serial_no: String,
}

impl WechatPayApi {
    /// Checks the settings. Payments are begun for the first of the account's `appids`.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(platform: Arc<WechatPay>, settings: WechatPayApiSettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        let base_url = problems.url("base_url", settings.base_url.as_deref().unwrap_or(PRODUCTION));
        let notify_url = problems.url("notify_url", &settings.notify_url.unwrap_or_default());
        let key = problems.key("private_key", RsaPrivateKey::parse(&settings.private_key));
        if key.as_ref().and_then(RsaPrivateKey::public).is_some_and(|own| platform.keys.holds(&own)) {
            problems
                .add("private_key", "one of the account's platform keys is its other half; WeChat Pay's belong there");
        }
        check_serial(&mut problems, &settings.serial_no);
        let all = base_url.zip(notify_url).zip(key);
        let serial_no = settings.serial_no;
        problems.finish(all.map(|((base_url, notify_url), key)| Self {
            platform,
            base_url,
            notify_url,
            key,
            serial_no,
        }))
    }
}

fn check_serial(problems: &mut Problems, serial: &str) {
    const FIELD: &str = "serial_no";
    if serial.is_empty() {
        problems.key::<()>(FIELD, Err(KeyError::Empty));
    } else if serial.starts_with("PUB_KEY_ID_") {
        problems
            .add(FIELD, "this is the id of WeChat Pay's key; the serial of the merchant's certificate belongs here");
    } else if serial.len() > 64 || !serial.bytes().all(|b| b.is_ascii_hexdigit()) {
        problems.add(FIELD, "the serial of the merchant's certificate is hexadecimal digits without colons");
    }
}

impl PlatformApi for WechatPayApi {
    fn initiate(&self, ask: &Initiate<'_>, at: Instant) -> Result<Begin, Unable> {
        self.begin(ask, at).map(Begin::Call)
    }

    fn initiated(&self, ask: &Initiate<'_>, answer: &Response<'_>) -> Reply<Initiated> {
        self.begun(ask, answer).into()
    }

    fn query_payment(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable> {
        self.ask_payment(ask, at)
    }

    fn payment_answer(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_payment(ask, answer).map(Some).into()
    }

    fn close_payment(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable> {
        self.ask_to_close(ask, at)
    }

    fn payment_closed(&self, _ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<()> {
        self.read_closed(answer).into()
    }

    fn refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable> {
        self.ask_to_refund(ask, at)
    }

    fn refunded(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_refunded(ask, answer).map(Some).into()
    }

    fn query_refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable> {
        self.ask_refund(ask, at)
    }

    fn refund_answer(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_refund(ask, answer).map(Some).into()
    }

    fn statement(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        self.ask_bill(day, at)
    }

    fn statement_next(&self, day: Day, answer: &Response<'_>, at: Instant) -> Reply<StatementNext> {
        self.read_bill(day, answer, at).into()
    }
}
