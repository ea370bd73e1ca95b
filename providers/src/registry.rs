//! The platforms that paystate knows. A new platform is a new folder and one line here.

use std::{fmt, str::FromStr};

use crate::{alipay, stripe, unionpay, wechatpay};

/// A payment platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Alipay open platform.
    Alipay,
    /// WeChat Pay API v3.
    WechatPay,
    /// UnionPay gateway 5.1.0.
    UnionPay,
    /// Stripe.
    Stripe,
}

impl Provider {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Alipay, Self::WechatPay, Self::UnionPay, Self::Stripe];

    /// The name in URLs, configuration and the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alipay => "alipay",
            Self::WechatPay => "wechatpay",
            Self::UnionPay => "unionpay",
            Self::Stripe => "stripe",
        }
    }

    /// Whether a payment can be begun under this number, so that nobody has to remember one which cannot.
    ///
    /// # Errors
    /// Which numbers the platform takes. [`PlatformApi::initiate`](crate::api::PlatformApi::initiate) says the same.
    pub fn check_number(self, out_trade_no: &str) -> Result<(), &'static str> {
        match self {
            Self::Alipay => alipay::check_number(out_trade_no),
            Self::WechatPay => wechatpay::check_number(out_trade_no),
            Self::UnionPay => unionpay::check_number(out_trade_no),
            Self::Stripe => stripe::check_number(out_trade_no),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no platform that we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider {0:?}: use alipay, wechatpay, unionpay or stripe")]
pub struct UnknownProvider(pub String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.as_str() == s).ok_or_else(|| UnknownProvider(s.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_says_which_numbers_it_takes() {
        let made = "0192F4A6B3C87D5E9F10ABCDEF012345";
        let (long, odd) = ("A".repeat(33), "T-10000003");
        let takes = |text: &str| Provider::ALL.map(|platform| platform.check_number(text).is_ok());
        assert_eq!(takes(made), [true; 4]);
        assert_eq!(takes("N1"), [true, false, false, true]);
        assert_eq!(takes(&long), [true, false, false, true]);
        assert_eq!(takes(odd), [false, true, false, true]);
        assert_eq!(takes("quote\"d0"), [false; 4]);
    }
}
