//! UnionPay gateway 5.1.0: back notices and answers for one merchant.
//!
//! Contract: version and signMethod are pinned; the certificate that a message brings along counts only
//! if it chains to the configured authority *and* names UnionPay, because merchants hold certificates of
//! the same authority. Rules: open.unionpay.com acpAPIId 754-757; verified against signed test messages.

mod api;
mod cache;
mod chain;
mod notify;
mod signature;
#[cfg(test)]
mod tests;

use http::StatusCode;

pub use self::{
    api::{UnionPayApi, UnionPayApiSettings},
    chain::UnionPayEnvironment,
    signature::Verified,
};
use crate::{
    Ack, Callback, Notice, Outcome, Platform, Reason, Rejection, SettingProblem, form::Form, ident, settings::Problems,
};
pub(crate) use api::check_number;

/// Settings of one merchant.
#[derive(Debug, Clone)]
pub struct UnionPaySettings {
    /// The merchant's number, 15 characters.
    pub mer_id: String,
    /// The authority's root certificate, PEM.
    pub root_cert: String,
    /// The authority's intermediate certificates, each PEM; at least one.
    pub middle_certs: Vec<String>,
    /// Which of UnionPay's names may sign.
    pub environment: UnionPayEnvironment,
}

/// One UnionPay merchant, ready to verify.
#[derive(Debug)]
pub struct UnionPay {
    mer_id: String,
    environment: UnionPayEnvironment,
    chain: chain::Chain,
    cache: cache::Cache,
}

impl UnionPay {
    /// Checks the settings and the configured chain.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(settings: UnionPaySettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        if settings.mer_id.len() != 15 || !settings.mer_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            problems.add("mer_id", "a merchant number has exactly 15 letters and digits");
        }
        let chain = chain::Chain::new(&settings, &mut problems);
        let UnionPaySettings { mer_id, environment, .. } = settings;
        problems.finish(chain.map(|chain| Self { mer_id, environment, chain, cache: cache::Cache::default() }))
    }

    fn bind(&self, form: &Form) -> Result<(), Rejection> {
        match form.text("merId")? {
            Some(mer_id) if mer_id == self.mer_id => Ok(()),
            Some(_) => Err(Rejection::new(Reason::WrongAccount, "merId is another merchant's")),
            None => Err(Rejection::new(Reason::WrongAccount, "merId is missing")),
        }
    }
}

impl Platform for UnionPay {
    fn notify(&self, callback: &Callback<'_>) -> Result<Notice, Rejection> {
        let verified = self.verify(callback)?;
        self.bind(verified.form()).and_then(|()| notify::read(&verified)).map_err(Rejection::of_genuine)
    }

    /// Only status 200 counts as received; the body is customary.
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (StatusCode::OK, "ok"),
            Outcome::Refused => (StatusCode::BAD_REQUEST, "fail"),
            Outcome::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "fail"),
        };
        Ack { status, content_type: "text/plain", body }
    }

    fn claimed_out_trade_no(&self, body: &[u8]) -> Option<String> {
        ident::claimed(Form::parse(body).ok()?.text("orderId").ok()??)
    }
}
