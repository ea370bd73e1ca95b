//! Names of things, each its own type, checked once at the rim. Copying one is cheap: short ones are held in place,
//! longer ones shared.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A text that cannot be this kind of id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {rule}")]
pub struct BadId {
    /// What it must look like.
    pub rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// [`BadId`] saying what it must look like.
            pub fn parse(text: impl Into<SmolStr>) -> Result<Self, BadId> {
                let text: SmolStr = text.into();
                let ok: fn(&str) -> bool = $ok;
                if ok(&text) { Ok(Self(text)) } else { Err(BadId { rule: $rule }) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn visible(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn plain(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

id!(
    /// The caller's name of an order: 1 to 64 characters of A-Z a-z 0-9 . _ -
    OrderId, "1 to 64 characters of A-Z a-z 0-9 . _ -", |t| plain(t, 64)
);
id!(
    /// The number of a payment at its platform: 1 to 64 visible ASCII characters.
    OutTradeNo, "1 to 64 visible ASCII characters", |t| visible(t, 64)
);
id!(
    /// The platform's number of a transaction: 1 to 128 visible ASCII characters.
    TransactionId, "1 to 128 visible ASCII characters", |t| visible(t, 128)
);
id!(
    /// The merchant's number of a refund: 1 to 128 visible ASCII characters.
    OutRefundNo, "1 to 128 visible ASCII characters", |t| visible(t, 128)
);
id!(
    /// The platform's number of a refund: 1 to 128 visible ASCII characters.
    RefundId, "1 to 128 visible ASCII characters", |t| visible(t, 128)
);
id!(
    /// The short name of an account in the configuration: 1 to 64 characters of A-Z a-z 0-9 . _ -
    AccountName, "1 to 64 characters of A-Z a-z 0-9 . _ -", |t| plain(t, 64)
);
id!(
    /// A caller's idempotency key: 1 to 64 visible ASCII characters.
    RequestId, "1 to 64 visible ASCII characters", |t| visible(t, 64)
);
id!(
    /// The name of a durable subscription: 1 to 64 characters of a-z 0-9 -
    SubscriptionName, "1 to 64 characters of a-z 0-9 -",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
