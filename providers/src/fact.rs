//! Facts: what a platform tells about money, in one vocabulary for all platforms.
//!
//! A fact is about one *payment* (named by the shop's `out_trade_no`, the platform's transaction id, or
//! both) or about one *refund* of such a payment.

use crate::{Instant, Money};

/// One thing that a platform has said. A single notice may say several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// About a payment.
    Payment(PaymentFact),
    /// About money given back.
    Refund(RefundFact),
}

/// What a platform says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// The shop's number for this attempt. `None` only where the platform's object does not carry one.
    pub out_trade_no: Option<String>,
    /// The platform's number: Alipay `trade_no`, WeChat `transaction_id`, UnionPay `queryId`, Stripe
    /// PaymentIntent id. `None` while the platform has not made one.
    pub transaction_id: Option<String>,
    /// Where the payment stands.
    pub status: PaymentStatus,
    /// The amount of the *order* as the platform knows it (Alipay `total_amount`, WeChat `amount.total`,
    /// UnionPay `txnAmt`, Stripe `amount_received`), not what the payer paid after coupons.
    pub amount: Money,
    /// When it happened, by the platform's clock.
    pub occurred_at: Option<Instant>,
    /// Who paid. Personal data: sealed at rest, masked everywhere else.
    pub payer: Option<Payer>,
}

/// Where a payment stands. Ordered: a later variant is stronger news and wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentStatus {
    /// Begun, not paid; may still be paid.
    Pending,
    /// This try failed; the payer may try again under the same number.
    Failed,
    /// Closed without payment.
    Closed,
    /// Paid.
    Succeeded,
}

/// What a platform says of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// The shop's number of the refunded payment, if the notice carries it.
    pub out_trade_no: Option<String>,
    /// The platform's number of the refunded payment, if the notice carries it.
    pub transaction_id: Option<String>,
    /// The shop's number of the refund, if the notice carries it.
    pub out_refund_no: Option<String>,
    /// The platform's number of the refund, if the notice carries it.
    pub refund_id: Option<String>,
    /// Where the refund stands.
    pub status: RefundStatus,
    /// How much.
    pub amount: RefundAmount,
    /// When it happened, by the platform's clock.
    pub occurred_at: Option<Instant>,
}

/// Where a refund stands. Ordered: a later variant is stronger news and wins over an earlier one. A
/// failure is strongest because a platform reports it *after* an apparent success (Stripe
/// `refund.failed`); none of the four reports a success after a final failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundStatus {
    /// Accepted, not settled.
    Pending,
    /// Needs a person at the platform (WeChat `ABNORMAL`); may still succeed.
    Abnormal,
    /// The money went back.
    Succeeded,
    /// The money did not go back, or came back again; final.
    Failed,
}

/// How a platform states a refund's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundAmount {
    /// This refund alone (WeChat, UnionPay, Stripe).
    Single(Money),
    /// All that was given back on the payment so far (Alipay `refund_fee`).
    Cumulative(Money),
}

/// The person who paid, by the platform's id. `Debug` masks it.
#[derive(Clone, PartialEq, Eq)]
pub struct Payer(String);

impl Payer {
    /// Wraps an id as the platform sent it.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self(id)
    }

    /// The whole id. Goes only to where it is sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payer(***)")
    }
}
