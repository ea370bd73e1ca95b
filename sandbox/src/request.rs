//! What the sandbox can be asked to do, and the checks that every request passes before it is recorded.

use std::time::Duration;

use paystate_providers::{Currency, Provider};
use serde::{Deserialize, Serialize};

use crate::SandboxError;

/// How the notices of one operation travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryPlan {
    /// How often the first send that goes out is sent at once; 1 is no duplicate.
    pub copies: u8,
    /// Wait before the first send; a longer one lets later notices overtake.
    pub delay: Duration,
    /// The first so many sends are lost on the wire, so that the retry ladder must bring the notice. More
    /// than the ladder has means that it never arrives.
    pub drop_first: u8,
}

impl Default for DeliveryPlan {
    fn default() -> Self {
        Self { copies: 1, delay: Duration::ZERO, drop_first: 0 }
    }
}

/// A payer pays. Paying again under the same number makes a second transaction.
#[derive(Debug, Clone)]
pub struct PayRequest {
    /// The platform, whose account has the same name.
    pub provider: Provider,
    /// The shop's number.
    pub out_trade_no: String,
    /// The amount in minor units; the sandbox knows no orders and takes any.
    pub amount_minor: i64,
    /// The currency; only Stripe takes another than CNY.
    pub currency: Currency,
    /// How the notice travels.
    pub plan: DeliveryPlan,
}

/// The shop gives money back.
#[derive(Debug, Clone)]
pub struct RefundRequest {
    /// The platform.
    pub provider: Provider,
    /// The shop's number of the trade.
    pub out_trade_no: String,
    /// The platform's number, where an order was paid twice; otherwise the first transaction that still
    /// holds enough.
    pub transaction_id: Option<String>,
    /// The shop's number of the refund. Repeating it with the same amount changes nothing.
    pub out_refund_no: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// How the notice travels.
    pub plan: DeliveryPlan,
}

/// An unpaid trade is closed.
#[derive(Debug, Clone)]
pub struct CloseRequest {
    /// The platform.
    pub provider: Provider,
    /// The shop's number.
    pub out_trade_no: String,
    /// The amount in minor units, which the notice repeats.
    pub amount_minor: i64,
    /// The currency; only Stripe takes another than CNY.
    pub currency: Currency,
    /// How the notice travels.
    pub plan: DeliveryPlan,
}

/// A payer pays what a merchant asked for by the platform's API.
#[derive(Debug, Clone)]
pub struct CheckoutPayment {
    /// The platform.
    pub provider: Provider,
    /// The shop's number.
    pub out_trade_no: String,
    /// What the callbacks of this payment do; the account's rule if `None`.
    pub callbacks: Option<Callbacks>,
}

/// What becomes of the callbacks of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callbacks {
    /// They travel.
    Sent(DeliveryPlan),
    /// Nobody is told.
    Never,
    /// They travel when the merchant wants to close the payment, and is refused because it is paid.
    AfterClose,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self::Sent(DeliveryPlan::default())
    }
}

/// Refuses numbers that no platform would take.
pub(crate) fn check_number(field: &'static str, text: &str) -> Result<(), SandboxError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    Err(SandboxError::invalid(field, "use 1 to 64 letters, digits, _ or -"))
}

pub(crate) fn check_amount(amount_minor: i64) -> Result<(), SandboxError> {
    // The largest amount that Alipay documents; far from any overflow.
    const MAX: i64 = 10_000_000_000;
    if (1..=MAX).contains(&amount_minor) {
        return Ok(());
    }
    Err(SandboxError::invalid("amount_minor", format!("use 1 to {MAX} minor units")))
}

pub(crate) fn check_currency(provider: Provider, currency: Currency) -> Result<(), SandboxError> {
    if provider == Provider::Stripe || currency == Currency::CNY {
        return Ok(());
    }
    Err(SandboxError::invalid("currency", format!("{provider} takes CNY only")))
}
