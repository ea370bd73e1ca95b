//! What the core must know of a platform. It knows none by itself: whoever puts a core together says it with each account.

use std::time::Duration;

/// What differs between platforms, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct PlatformRules {
    /// Its name in the contract, e.g. `alipay`.
    pub name: &'static str,
    /// Whether a payment can be begun at it under a number; otherwise which numbers it takes.
    pub check_number: fn(&str) -> Result<(), &'static str>,
    /// How it cuts the days of its statements.
    pub day: StatementDay,
    /// A fee of 0 on its statement may also mean that the fee was taken in another currency than the payment's.
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
    /// How long before midnight the day begins, and the day before ends.
    pub before_midnight: Duration,
    /// What moves so near to either end may stand on the neighbouring day's statement.
    pub margin: Duration,
}
