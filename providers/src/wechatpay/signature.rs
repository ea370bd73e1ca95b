//! The signature over `timestamp\nnonce\nbody\n`, the same for callbacks and for answers of the API
//! (pay.weixin.qq.com/doc/v3/merchant 4013053420).

use http::HeaderMap;

use super::WechatPay;
use crate::{Callback, Instant, Reason, Rejection, form, headers};

/// WeChat Pay sends wrong signatures that begin so, to see whether they are refused. They are not base64.
const PROBE: &str = "WECHATPAY/SIGNTEST/";
const SIGNATURE_TYPE: &str = "WECHATPAY2-SHA256-RSA2048";
/// The vendor's Go and Java libraries refuse from exactly 300 s on.
const WINDOW_SECONDS: u64 = 300;

/// Proof that headers and body were signed by one of the configured keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The serial of that key.
    pub key_id: String,
}

impl WechatPay {
    /// The signature layer of a callback.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, callback: &Callback<'_>) -> Result<Verified, Rejection> {
        form::check_size(callback.body)?;
        self.verify_signed(callback.headers, callback.body, callback.received_at)
    }

    /// Verifies anything that WeChat Pay signs: callbacks, and answers of the API. An answer without
    /// signature headers says nothing about money, whatever its status.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify_signed(&self, headers: &HeaderMap, body: &[u8], now: Instant) -> Result<Verified, Rejection> {
        let timestamp = headers::required(headers, "wechatpay-timestamp")?;
        let nonce = headers::required(headers, "wechatpay-nonce")?;
        let signature = headers::required(headers, "wechatpay-signature")?;
        let serial = headers::required(headers, "wechatpay-serial")?;
        if signature.starts_with(PROBE) {
            return Err(Rejection::new(Reason::SignatureProbe, "a probe that asks whether signatures are checked"));
        }
        let (key_id, key) = self
            .keys
            .find(serial)
            .ok_or_else(|| Rejection::new(Reason::UnknownKey, format!("no key {:?} is configured", clip(serial))))?;
        check_fresh(headers::unix_seconds(timestamp)?, now)?;
        check_type(headers::optional(headers, "wechatpay-signature-type")?)?;
        let message = [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
        if !key.verify_base64(&message, signature.as_bytes()) {
            return Err(Rejection::new(Reason::SignatureInvalid, "the signature does not match headers and body"));
        }
        Ok(Verified { key_id: key_id.clone() })
    }
}

fn check_fresh(signed_at: Instant, now: Instant) -> Result<(), Rejection> {
    let distance = now.seconds().abs_diff(signed_at.seconds());
    if distance >= WINDOW_SECONDS {
        return Err(Rejection::new(Reason::Stale, format!("signed {distance} s away from our clock")));
    }
    Ok(())
}

/// Real callbacks may come without the header; another value is another scheme.
fn check_type(signature_type: Option<&str>) -> Result<(), Rejection> {
    match signature_type {
        None | Some(SIGNATURE_TYPE) => Ok(()),
        Some(_) => Err(Rejection::new(Reason::AlgorithmNotAllowed, "Wechatpay-Signature-Type is another scheme")),
    }
}

fn clip(serial: &str) -> String {
    serial.chars().take(64).collect()
}
