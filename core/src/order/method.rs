//! How a payment is begun.

use serde::{Deserialize, Serialize};

use super::OutTradeNo;
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

    /// The platform that it belongs to, as the contract names it; none where the caller begins the payment itself.
    #[must_use]
    pub fn platform(self) -> Option<&'static str> {
        match self {
            Self::External => None,
            Self::AlipayPage | Self::AlipayWap | Self::AlipayApp | Self::AlipayPrecreate => Some("alipay"),
            Self::WechatpayNative | Self::WechatpayJsapi | Self::WechatpayApp | Self::WechatpayH5 => Some("wechatpay"),
            Self::UnionpayGateway => Some("unionpay"),
            Self::StripeCheckout | Self::StripePaymentIntent => Some("stripe"),
        }
    }

    /// The hash of what the method takes from the caller for payment `out_trade_no`, so that a repetition with other
    /// content is recognised: a platform that knows the number would refuse it or, worse, not. Inputs that the method
    /// does not use may differ; so may the payer's address, which changes between networks. The number is part of the
    /// hash, so that two payments do not reveal that they have the same payer. `None` if the caller begins the payment.
    /// Stored, so it never changes.
    #[must_use]
    pub fn inputs(self, out_trade_no: &OutTradeNo, payer_id: &str, return_url: &str) -> Option<Sha256> {
        let taken: &[&str] = match self {
            Self::External => return None,
            Self::AlipayApp
            | Self::AlipayPrecreate
            | Self::WechatpayNative
            | Self::WechatpayApp
            | Self::StripePaymentIntent => &[],
            Self::AlipayPage | Self::AlipayWap | Self::WechatpayH5 | Self::UnionpayGateway | Self::StripeCheckout => {
                &[return_url]
            }
            Self::WechatpayJsapi => &[payer_id],
        };
        Some(Sha256::of(serde_json::json!([out_trade_no, taken]).to_string().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_method_takes_is_compared_and_nothing_else() {
        let [one, two] = ["N1", "N2"].map(|number| OutTradeNo::parse(number).unwrap());
        let [page, jsapi] = [Method::AlipayPage, Method::WechatpayJsapi];
        assert_eq!(page.inputs(&one, "p", "u"), page.inputs(&one, "q", "u"));
        assert_ne!(page.inputs(&one, "", "u"), page.inputs(&one, "", "v"));
        assert_ne!(jsapi.inputs(&one, "p", ""), jsapi.inputs(&one, "q", ""));
        assert_ne!(jsapi.inputs(&one, "p", ""), jsapi.inputs(&two, "p", ""), "who pays twice is not known by it");
        assert_eq!(Method::External.inputs(&one, "p", ""), None);
        // Stored hashes are compared by every later version.
        assert_eq!(page.inputs(&one, "", "https://shop/"), Some(Sha256::of(br#"["N1",["https://shop/"]]"#)));
    }
}
