//! How a payment is begun.

use serde::{Deserialize, Serialize};

use crate::sha256::Sha256;

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

    /// The hash of what the method takes from the caller beside account and number, so that a repetition with other content is
    /// recognised: a platform that knows the number refuses it, or worse, does not. What the method has no use for may
    /// differ. `None` where the caller begins it. Stored, so it does not change.
    #[must_use]
    pub fn inputs(self, payer_id: &str, client_ip: &str, return_url: &str) -> Option<Sha256> {
        let taken: &[&str] = match self {
            Self::External => return None,
            Self::AlipayApp
            | Self::AlipayPrecreate
            | Self::WechatpayNative
            | Self::WechatpayApp
            | Self::StripePaymentIntent => &[],
            Self::AlipayPage | Self::AlipayWap | Self::UnionpayGateway | Self::StripeCheckout => &[return_url],
            Self::WechatpayJsapi => &[payer_id],
            Self::WechatpayH5 => &[client_ip, return_url],
        };
        Some(Sha256::of(serde_json::json!(taken).to_string().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_method_takes_is_compared_and_nothing_else() {
        let [page, jsapi, h5] = [Method::AlipayPage, Method::WechatpayJsapi, Method::WechatpayH5];
        assert_eq!(page.inputs("p", "1.1.1.1", "u"), page.inputs("q", "2.2.2.2", "u"));
        assert_ne!(page.inputs("", "", "u"), page.inputs("", "", "v"));
        assert_ne!(jsapi.inputs("p", "", ""), jsapi.inputs("q", "", ""));
        assert_ne!(h5.inputs("", "1.1.1.1", "u"), h5.inputs("", "2.2.2.2", "u"));
        assert_ne!(h5.inputs("", "a", "b"), h5.inputs("", "ab", ""), "where one ends counts");
        assert_eq!(Method::External.inputs("p", "", ""), None);
        // Stored hashes are compared by every later version.
        assert_eq!(page.inputs("", "", "https://shop/"), Some(Sha256::of(br#"["https://shop/"]"#)));
    }
}
