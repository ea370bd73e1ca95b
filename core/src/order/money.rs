//! Exact money: integer minor units and a currency. No float, no implicit conversion, no wrap-around.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an amount is not money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three upper-case letters.
    #[error("must be three letters A-Z of ISO 4217, e.g. CNY")]
    Currency,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
}

/// Three upper-case letters, as in ISO 4217. Whether there is such a currency is not checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Checks and wraps three letters.
    ///
    /// # Errors
    /// [`MoneyError::Currency`].
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        match *text.as_bytes() {
            [a, b, c] if text.bytes().all(|x| x.is_ascii_uppercase()) => Ok(Self([a, b, c])),
            _ => Err(MoneyError::Currency),
        }
    }

    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An amount that is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// Checks and makes an amount.
    ///
    /// # Errors
    /// [`MoneyError::Negative`].
    pub fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor < 0 { Err(MoneyError::Negative) } else { Ok(Self { minor, currency }) }
    }

    /// Nothing, in the same currency.
    #[must_use]
    pub fn zero(self) -> Self {
        Self { minor: 0, ..self }
    }

    /// This many minor units of the same currency, but never more than `self` nor less than nothing.
    #[must_use]
    pub fn at_most(self, minor: i64) -> Self {
        Self { minor: minor.clamp(0, self.minor), ..self }
    }

    /// The amount in minor units, such as fen for CNY; never negative.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// The currency of the minor units.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// No money at all.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.minor == 0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (minor units)", self.minor, self.currency.as_str())
    }
}
