//! The platforms that paystate knows, and what differs between them for whoever knows no wire format.

use std::{fmt, str::FromStr, time::Duration};

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

    /// How it cuts the days of its statements. The three Chinese platforms mean Beijing's day, Stripe UTC's; UnionPay's ends
    /// with its settlement, at about 23:00.
    #[must_use]
    pub fn statement_day(self) -> StatementDay {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let (utc_offset_hours, before_midnight, margin) = match self {
            Self::Alipay | Self::WechatPay => (8, minutes(0), minutes(30)),
            Self::UnionPay => (8, minutes(60), minutes(90)),
            Self::Stripe => (0, minutes(0), minutes(30)),
        };
        StatementDay { utc_offset_hours, before_midnight, margin }
    }

    /// Whether a fee of 0 on its statement may also be one that it took in another currency than the payment's: Stripe tells
    /// fees in the currency of the balance.
    #[must_use]
    pub fn zero_fee_is_silence(self) -> bool {
        self == Self::Stripe
    }
}

/// How a platform cuts the days of its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementDay {
    /// Its time zone, in hours east of UTC.
    pub utc_offset_hours: i8,
    /// How long before midnight the day begins, and the day before ends.
    pub before_midnight: Duration,
    /// What moves so near to either end may stand on the neighbouring day's statement.
    pub margin: Duration,
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
