//! Calls to UnionPay's gateway 5.1.0 for one merchant.
//!
//! Contract: a transaction is named by `orderId` and `txnTime` together, so both come from what is the same on every
//! retry; a payment whose `txnTime` is not known cannot be asked about. Answers are verified as notices are, and must name the transaction that was asked about. There is no way to
//! close a payment: it ends at `payTimeout`. Rules: open.unionpay.com acpAPIId 754 (pay), 755 (void), 756 (refund),
//! 757 (query), 791 (files).

mod pay;
mod question;
mod refund;
mod request;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{UnionPay, UnionPayEnvironment};
use crate::{
    Instant, Notice, SettingProblem,
    api::{
        Begin, Initiate, Initiated, PaymentRef, PlatformApi, Refund, Reply, Request, Response, StatementNext, Unable,
    },
    crypto::{Certificate, RsaPrivateKey},
    failure::Failure,
    settings::Problems,
    statement::Day,
};
pub(crate) use request::check_number;

/// What calls need beside the merchant's own settings. No `Debug`: it holds a secret.
pub struct UnionPayApiSettings {
    /// Where the gateway is; `None` for UnionPay's own address in the account's environment.
    pub base_url: Option<String>,
    /// Where files are; `None` for UnionPay's own address, or for `base_url` where that is given.
    pub file_url: Option<String>,
    /// Where back notices go.
    pub notify_url: Option<String>,
    /// The merchant's signing certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub private_key: String,
}

/// One merchant, ready to call.
#[derive(Debug)]
pub struct UnionPayApi {
    platform: Arc<UnionPay>,
    key: RsaPrivateKey,
    /// The certificate's serial number in decimal.
    cert_id: String,
    base_url: String,
    file_url: String,
    notify_url: String,
}

impl UnionPayApi {
    /// Checks the settings; the key must be the certificate's.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(platform: Arc<UnionPay>, settings: UnionPayApiSettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        let (gateway, files) = addresses(platform.environment);
        let files = settings.base_url.as_deref().unwrap_or(files);
        let base_url = problems.url("base_url", settings.base_url.as_deref().unwrap_or(gateway));
        let file_url = problems.url("file_url", settings.file_url.as_deref().unwrap_or(files));
        let notify_url = problems.url("notify_url", settings.notify_url.as_deref().unwrap_or_default());
        let certificate = problems.key("certificate", Certificate::parse(&settings.certificate));
        let key = problems.key("private_key", RsaPrivateKey::parse(&settings.private_key));
        if let (Some(certificate), Some(key)) = (&certificate, &key) {
            check_pair(certificate, key, &mut problems);
        }
        let api = match (key, certificate, base_url, file_url, notify_url) {
            (Some(key), Some(certificate), Some(base_url), Some(file_url), Some(notify_url)) => {
                let cert_id = certificate.serial_decimal().to_owned();
                Some(Self { platform, key, cert_id, base_url, file_url, notify_url })
            }
            _ => None,
        };
        problems.finish(api)
    }
}

/// Of a payment that the shop began itself. By another time UnionPay would not find it, though it may be paid.
const NO_TIME: &str = "UnionPay tells of a payment only by the txnTime that it was begun with, which the shop alone knows: \
                       its callback, the console or the statement will say";

fn addresses(environment: UnionPayEnvironment) -> (&'static str, &'static str) {
    match environment {
        UnionPayEnvironment::Production => ("https://gateway.95516.com", "https://filedownload.95516.com"),
        UnionPayEnvironment::Test => ("https://gateway.test.95516.com", "https://filedownload.test.95516.com"),
    }
}

fn check_pair(certificate: &Certificate, key: &RsaPrivateKey, problems: &mut Problems) {
    let Some(public) = problems.key("certificate", certificate.public_key()) else { return };
    if key.public().is_none_or(|of_key| of_key.fingerprint() != public.fingerprint()) {
        problems.add("private_key", "it is not the key of certificate; give the two files that belong together");
    }
}

impl PlatformApi for UnionPayApi {
    fn initiate(&self, ask: &Initiate<'_>, _at: Instant) -> Result<Begin, Unable> {
        self.form(ask)
    }

    /// Nothing is called to begin a payment.
    fn initiated(&self, _ask: &Initiate<'_>, _answer: &Response<'_>) -> Reply<Initiated> {
        Err(Failure::unknown("NOTHING_ASKED", "a payment begins in the payer's browser")).into()
    }

    fn query_payment(&self, ask: &PaymentRef<'_>, _at: Instant) -> Result<Request, Unable> {
        self.question(ask.out_trade_no, "out_trade_no", ask.started_at.ok_or(Unable::NoSuchOperation(NO_TIME))?)
    }

    fn payment_answer(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_payment(ask, answer).map(Some).into()
    }

    fn close_payment(&self, _ask: &PaymentRef<'_>, _at: Instant) -> Result<Request, Unable> {
        Err(Unable::NoSuchOperation("UnionPay closes no payment; it ends at the time that it was begun with"))
    }

    fn payment_closed(&self, _ask: &PaymentRef<'_>, _answer: &Response<'_>) -> Reply<()> {
        Err(Failure::unknown("NOTHING_ASKED", "UnionPay closes no payment")).into()
    }

    fn refund(&self, ask: &Refund<'_>, _at: Instant) -> Result<Request, Unable> {
        self.give_back(ask)
    }

    fn refunded(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_given_back(ask, answer).map(Some).into()
    }

    fn query_refund(&self, ask: &Refund<'_>, _at: Instant) -> Result<Request, Unable> {
        self.question(ask.out_refund_no, "out_refund_no", ask.started_at)
    }

    fn refund_answer(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_refund(ask, answer).map(Some).into()
    }

    fn statement(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        self.ask_statement(day, at)
    }

    fn statement_next(&self, day: Day, answer: &Response<'_>, at: Instant) -> Reply<StatementNext> {
        self.read_statement(day, answer, at).into()
    }
}
