//! How a payment is begun.

use serde::{Deserialize, Serialize};

/// How a payment is begun: by the caller itself, or by us in one of a platform's ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// The caller begins it at the platform with its own code.
    #[default]
    External,
    /// Alipay: a URL for the browser.
    AlipayPage,
    /// Alipay: a URL for a phone's browser.
    AlipayWap,
    /// Alipay: a text for the app's SDK.
    AlipayApp,
    /// Alipay: a QR code.
    AlipayPrecreate,
    /// WeChat Pay: a QR code.
    WechatpayNative,
    /// WeChat Pay: parameters for a page or mini program inside of it.
    WechatpayJsapi,
    /// WeChat Pay: parameters for the app's SDK.
    WechatpayApp,
    /// WeChat Pay: a URL for a phone's browser.
    WechatpayH5,
    /// UnionPay: a page that posts itself.
    UnionpayGateway,
    /// Stripe: a URL for the browser.
    StripeCheckout,
    /// Stripe: a client secret.
    StripePaymentIntent,
}

impl Method {
    /// Whether the caller begins it.
    #[must_use]
    pub fn is_external(&self) -> bool {
        *self == Self::External
    }
}
