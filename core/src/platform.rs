//! What the core must know of a platform. It knows none by itself: the program that puts a core together provides this
//! with each account.

use std::time::Duration;

/// What differs between platforms, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct PlatformRules {
    /// Its name in the contract, e.g. `alipay`.
    pub name: &'static str,
    /// Whether a payment can be begun there under this number; the error says which numbers the platform takes.
    pub check_number: fn(&str) -> Result<(), &'static str>,
    /// How it cuts the days of its statements.
    pub day: StatementDay,
    /// A fee of 0 on its statements may also mean that the fee was charged in another currency than the payment's.
    pub zero_fee_is_silence: bool,
}

/// A platform of which nothing special is known: it takes every number, and its days are UTC's.
impl Default for PlatformRules {
    fn default() -> Self {
        Self { name: "", check_number: |_| Ok(()), day: StatementDay::default(), zero_fee_is_silence: false }
    }
}

/// How a platform cuts the days of its statements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatementDay {
    /// Its time zone, in hours east of UTC.
    pub utc_offset_hours: i8,
    /// How long before midnight the day begins and the previous day ends.
    pub before_midnight: Duration,
    /// Movements this close to either end may be on the neighbouring day's statement.
    pub margin: Duration,
}
