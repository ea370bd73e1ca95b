//! Calls to Alipay's gateway for one application.
//!
//! Contract: requests are signed with RSA2 by the application's own key. Every answer is verified over the raw bytes
//! of its node before anything of it counts; an unsigned answer leaves the outcome unknown, whatever it says.
//! - `request`: parameters and their signature;
//! - `pay`: begin a payment;
//! - `payment`: ask about one, close one;
//! - `refund`: give money back, ask about it;
//! - `bill`: where a day's statement lies;
//! - `answer`: verify, and what the codes mean.
//!
//! Rules: opendocs.alipay.com 02ekfq, 02ekfs, 02ekft, 02o6e8, 02ekfu; common/02km9f.

mod answer;
mod bill;
mod pay;
mod payment;
mod refund;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::Alipay;
use crate::{
    Instant, Notice, RsaPrivateKey, SettingProblem,
    api::{
        Begin, Initiate, Initiated, PaymentRef, PlatformApi, Refund, Reply, Request, Response, StatementNext, Unable,
    },
    settings::Problems,
    statement::Day,
};
pub(crate) use pay::check_number;

const PRODUCTION: &str = "https://openapi.alipay.com/gateway.do";

/// What calls need beside the account's own settings. No `Debug`: it holds a secret.
pub struct AlipayApiSettings {
    /// The gateway's whole address; `None` is production's.
    pub base_url: Option<String>,
    /// Where Alipay sends notices. Required.
    pub notify_url: Option<String>,
    /// The application's private key, PKCS#8 or PKCS#1. Empty is missing.
    pub private_key: String,
}

/// One Alipay application, ready to call the gateway.
#[derive(Debug)]
pub struct AlipayApi {
    platform: Arc<Alipay>,
    base_url: String,
    notify_url: String,
    key: RsaPrivateKey,
}

impl AlipayApi {
    /// Checks the settings.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(platform: Arc<Alipay>, settings: AlipayApiSettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        let base_url = problems.url("base_url", settings.base_url.as_deref().unwrap_or(PRODUCTION));
        let notify_url = problems.url("notify_url", &settings.notify_url.unwrap_or_default());
        let key = problems.key("private_key", RsaPrivateKey::parse(&settings.private_key));
        // The most frequent mix-up: the application's own public key where Alipay's belongs.
        let own = key.as_ref().and_then(RsaPrivateKey::public);
        if own.is_some_and(|own| platform.has_key(&own.fingerprint())) {
            problems.add(
                "private_key",
                "the account's public_key is the other half of this key; Alipay's public key belongs there",
            );
        }
        let all = base_url.zip(notify_url).zip(key);
        problems.finish(all.map(|((base_url, notify_url), key)| Self { platform, base_url, notify_url, key }))
    }
}

impl PlatformApi for AlipayApi {
    fn initiate(&self, ask: &Initiate<'_>, at: Instant) -> Result<Begin, Unable> {
        self.begin(ask, at)
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

    fn payment_closed(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<()> {
        self.read_closed(ask, answer).into()
    }

    fn refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable> {
        self.ask_to_refund(ask, at)
    }

    fn refunded(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_refunded(ask, answer).into()
    }

    fn query_refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable> {
        self.ask_refund(ask, at)
    }

    fn refund_answer(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_refund(ask, answer).into()
    }

    fn statement(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        self.ask_bill(day, at)
    }

    fn statement_next(&self, day: Day, answer: &Response<'_>, at: Instant) -> Reply<StatementNext> {
        self.read_bill(day, answer, at).into()
    }
}
