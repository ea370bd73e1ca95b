//! The platforms that paystate knows. A new platform is a new folder and one line here.

use std::{fmt, str::FromStr};

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
