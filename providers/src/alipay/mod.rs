//! Alipay open platform: asynchronous notices, return URLs and gateway answers of one application.
//!
//! Contract: the algorithm is RSA2 (SHA-256) whatever a message's `sign_type` says; the key is the one
//! configured; `app_id`, and `seller_id` where configured, must be ours.
//! Rules: opendocs.alipay.com 00f7nu, 02mse7, 02kdnf; verified against signed sandbox messages.

mod api;
mod notify;
mod response;
mod signature;
#[cfg(test)]
mod tests;
mod trade;

use http::StatusCode;

pub use self::{
    api::{AlipayApi, AlipayApiSettings},
    signature::Verified,
};
use crate::{
    Ack, Callback, KeyError, Notice, Outcome, Platform, Reason, Rejection, SettingProblem,
    crypto::{Certificate, RsaPublicKey},
    form::Form,
    ident,
    settings::Problems,
};
pub(crate) use api::check_number;

/// Where Alipay's public key comes from.
#[derive(Debug, Clone)]
pub enum AlipayKey {
    /// "Alipay public key" of the application, as base64 or PEM. Not the application's own public key.
    PublicKey(String),
    /// Content of `alipayCertPublicKey_RSA2.crt`; its first certificate is used.
    Certificate(String),
}

/// Settings of one application.
#[derive(Debug, Clone)]
pub struct AlipaySettings {
    /// The application's id.
    pub app_id: String,
    /// The seller's 2088… number. When given, trade notices must name it.
    pub seller_id: Option<String>,
    /// Alipay's key for this application.
    pub key: AlipayKey,
    /// The one before, while its last notices may still come.
    pub previous_key: Option<AlipayKey>,
}

/// One Alipay application, ready to verify.
#[derive(Debug)]
pub struct Alipay {
    app_id: String,
    seller_id: Option<String>,
    keys: Vec<Key>,
    by_certificate: bool,
}

/// A key of Alipay's that is believed.
#[derive(Debug)]
struct Key {
    id: String,
    key: RsaPublicKey,
}

impl Alipay {
    /// Checks the settings.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(settings: AlipaySettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        problems.digits("app_id", &settings.app_id, 32);
        if let Some(seller_id) = &settings.seller_id {
            problems.digits("seller_id", seller_id, 28);
        }
        let field = match &settings.key {
            AlipayKey::PublicKey(_) => "public_key",
            AlipayKey::Certificate(_) => "certificate",
        };
        let mut keys = vec![problems.key(field, read_key(&settings.key))];
        keys.extend(settings.previous_key.as_ref().map(|key| problems.key("previous_public_key", read_key(key))));
        let keys: Option<Vec<_>> =
            keys.into_iter().map(|key| key.map(|key| Key { id: key.fingerprint(), key })).collect();
        problems.finish(keys.map(|keys| Self {
            app_id: settings.app_id,
            seller_id: settings.seller_id,
            keys,
            by_certificate: matches!(settings.key, AlipayKey::Certificate(_)),
        }))
    }

    /// Whether the application is in certificate mode: callbacks are verified as ever, but [`AlipayApi`] cannot call for
    /// it, because such requests must name certificates.
    #[must_use]
    pub fn by_certificate(&self) -> bool {
        self.by_certificate
    }

    /// Which of our keys has made this signature over one of the texts.
    fn signed_by<T: AsRef<[u8]>>(&self, texts: &[T], sign: &[u8]) -> Option<&Key> {
        let made = |key: &RsaPublicKey| texts.iter().any(|text| key.verify_base64(text.as_ref(), sign));
        self.keys.iter().find(|key| made(&key.key))
    }

    /// Whether it is one of the keys that are believed.
    fn has_key(&self, fingerprint: &str) -> bool {
        self.keys.iter().any(|key| key.id == fingerprint)
    }

    fn bind_app(&self, form: &Form) -> Result<(), Rejection> {
        match form.text("app_id")? {
            Some(app_id) if app_id == self.app_id => Ok(()),
            Some(_) => Err(wrong_account("app_id is another application's")),
            None => Err(wrong_account("app_id is missing")),
        }
    }

    fn bind_seller(&self, form: &Form) -> Result<(), Rejection> {
        let Some(ours) = &self.seller_id else {
            return Ok(());
        };
        match form.text("seller_id")? {
            Some(seller_id) if seller_id == ours => Ok(()),
            Some(_) => Err(wrong_account("seller_id is another seller's")),
            None => Err(wrong_account("seller_id is missing")),
        }
    }
}

impl Platform for Alipay {
    fn notify(&self, callback: &Callback<'_>) -> Result<Notice, Rejection> {
        let verified = self.verify(callback)?;
        // Every notice says its kind; the return URL, which the payer's browser sees and which is signed by the same rule,
        // does not.
        let kind = verified.form().need("notify_type")?;
        self.bind_app(verified.form()).and_then(|()| self.read(&verified, kind)).map_err(Rejection::of_genuine)
    }

    /// Only the seven bytes `success` count as received (opendocs.alipay.com 00f7nu).
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (StatusCode::OK, "success"),
            Outcome::Refused => (StatusCode::BAD_REQUEST, "fail"),
            Outcome::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "fail"),
        };
        Ack { status, content_type: "text/plain", body }
    }

    fn claimed_out_trade_no(&self, body: &[u8]) -> Option<String> {
        ident::claimed(Form::parse(body).ok()?.text("out_trade_no").ok()??)
    }
}

fn read_key(key: &AlipayKey) -> Result<RsaPublicKey, KeyError> {
    match key {
        AlipayKey::PublicKey(text) => RsaPublicKey::parse(text),
        AlipayKey::Certificate(text) => Certificate::parse(text)?.public_key(),
    }
}

fn wrong_account(detail: &str) -> Rejection {
    Rejection::new(Reason::WrongAccount, detail)
}
