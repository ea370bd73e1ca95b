//! WeChat Pay API v3: callbacks and signed answers for one merchant.
//!
//! Contract: a message names its key by serial and nothing else; the algorithm is RSA with SHA-256, the
//! inner cipher AES-256-GCM. Public-key mode and platform certificates work side by side, because WeChat
//! Pay moves a merchant over in shares that the merchant does not control.
//! Rules: pay.weixin.qq.com/doc/v3/merchant 4012154180, 4013053420, 4012791861, 4012791865.

mod api;
mod api_key;
mod keys;
mod notify;
mod objects;
mod signature;
#[cfg(test)]
mod tests;

use http::StatusCode;

pub use self::{
    api::{WechatPayApi, WechatPayApiSettings},
    api_key::{ApiV3Key, PlatformCertificate},
    keys::WechatPublicKey,
    signature::Verified,
};
use crate::{Ack, Callback, Notice, Outcome, Platform, Rejection, SettingProblem, settings::Problems};
pub(crate) use api::check_number;

/// Settings of one merchant. No `Debug`: it holds secrets.
pub struct WechatPaySettings {
    /// The merchant's number.
    pub mchid: String,
    /// The application ids that take payments for this merchant.
    pub appids: Vec<String>,
    /// The APIv3 key, exactly 32 bytes.
    pub api_v3_key: String,
    /// The APIv3 key before the last change, while messages under it may still arrive.
    pub previous_api_v3_key: Option<String>,
    /// WeChat Pay public keys.
    pub public_keys: Vec<WechatPublicKey>,
    /// Platform certificates (not the merchant's own), each as PEM.
    pub platform_certificates: Vec<String>,
}

/// One WeChat Pay merchant, ready to verify.
#[derive(Debug)]
pub struct WechatPay {
    mchid: String,
    appids: Vec<String>,
    /// Current first.
    api_v3_keys: Vec<ApiV3Key>,
    keys: keys::Keys,
}

impl WechatPay {
    /// Checks the settings.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(settings: WechatPaySettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        problems.digits("mchid", &settings.mchid, 32);
        if settings.appids.is_empty() || settings.appids.iter().any(|appid| appid.trim().is_empty()) {
            problems.add("appids", "name at least one application id (wx…), none of them empty");
        }
        let current = problems.key("api_v3_key", ApiV3Key::new(&settings.api_v3_key));
        let previous = settings.previous_api_v3_key.as_deref().map(ApiV3Key::new);
        let previous = previous.and_then(|key| problems.key("previous_api_v3_key", key));
        let keys = keys::Keys::new(&settings, &mut problems);
        problems.finish(Some(Self {
            mchid: settings.mchid,
            appids: settings.appids,
            api_v3_keys: current.into_iter().chain(previous).collect(),
            keys,
        }))
    }
}

impl Platform for WechatPay {
    fn notify(&self, callback: &Callback<'_>) -> Result<Notice, Rejection> {
        let verified = self.verify(callback)?;
        self.read(verified, callback.body).map_err(Rejection::of_genuine)
    }

    /// Only the status counts (4012791861); the body is what the older page shows.
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (StatusCode::OK, r#"{"code":"SUCCESS","message":"OK"}"#),
            Outcome::Refused => (StatusCode::UNAUTHORIZED, r#"{"code":"FAIL","message":"refused"}"#),
            Outcome::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"FAIL","message":"try again"}"#),
        };
        Ack { status, content_type: "application/json", body }
    }

    /// Always `None`: the order's number is inside the ciphertext.
    fn claimed_out_trade_no(&self, _body: &[u8]) -> Option<String> {
        None
    }
}
