//! Observations: verified facts, the same whether they come from a platform's callback or from its answer to a
//! question. The contract also names lines of statements and rulings as sources, but no observation is made of those
//! yet: reconciliation asks the platform, and a ruling is a command.

use serde::{Deserialize, Serialize};

use super::{AccountName, Money, OutRefundNo, OutTradeNo, RefundId, Timestamp, TransactionId};

/// Where a fact was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// The platform called us.
    Callback,
    /// The platform answered our question.
    Query,
    /// A line of a statement. Not used yet.
    Statement,
    /// A person ruled it. Not used yet.
    Operator,
}

impl Source {
    /// The name that is stored; the same that serde gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "CALLBACK",
            Self::Query => "QUERY",
            Self::Statement => "STATEMENT",
            Self::Operator => "OPERATOR",
        }
    }
}

/// One verified fact, and through which account it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The account whose keys verified it.
    pub account: AccountName,
    /// What it says.
    pub fact: Fact,
}

/// What an observation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A payment.
    Payment(PaymentFact),
    /// A refund.
    Refund(RefundFact),
}

impl Fact {
    /// The shop's number of the payment, if it is named.
    #[must_use]
    pub fn out_trade_no(&self) -> Option<&OutTradeNo> {
        match self {
            Self::Payment(p) => p.out_trade_no.as_ref(),
            Self::Refund(r) => r.out_trade_no.as_ref(),
        }
    }

    /// The platform's number of the payment, if it is named.
    #[must_use]
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        match self {
            Self::Payment(p) => p.transaction_id.as_ref(),
            Self::Refund(r) => r.transaction_id.as_ref(),
        }
    }
}

/// What a platform says of a payment. At least one number is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// The shop's number.
    pub out_trade_no: Option<OutTradeNo>,
    /// The platform's number; always there when it succeeded.
    pub transaction_id: Option<TransactionId>,
    /// Where it stands.
    pub status: PaymentStatus,
    /// The order amount that the platform reports.
    pub amount: Money,
    /// By the platform's clock.
    pub occurred_at: Option<Timestamp>,
}

/// Where a payment stands, weakest news first: later variants win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// Begun; may be paid.
    Pending,
    /// A try failed; may still be paid.
    Failed,
    /// Closed at the platform, unpaid.
    Closed,
    /// Paid. Nothing is stronger, so nothing can mask it.
    Succeeded,
}

impl PaymentStatus {
    /// The name that is stored; the same that serde gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Failed => "FAILED",
            Self::Closed => "CLOSED",
            Self::Succeeded => "SUCCEEDED",
        }
    }
}

/// What a platform says of a refund. At least one number of the payment is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// The shop's number of the payment.
    pub out_trade_no: Option<OutTradeNo>,
    /// The platform's number of the payment.
    pub transaction_id: Option<TransactionId>,
    /// The shop's number of the refund.
    pub out_refund_no: Option<OutRefundNo>,
    /// The platform's number of the refund.
    pub refund_id: Option<RefundId>,
    /// Where it stands.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
    /// `amount` is all that went back on the payment so far.
    pub cumulative: bool,
    /// By the platform's clock.
    pub occurred_at: Option<Timestamp>,
}

impl RefundFact {
    /// The number under which it is booked: the platform's, or the shop's where the platform gave none.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        let theirs = self.refund_id.as_ref().map(RefundId::as_str);
        theirs.or(self.out_refund_no.as_ref().map(OutRefundNo::as_str))
    }
}

/// Where a refund stands, weakest news first: later variants win. A failure is strongest, because
/// platforms report it after an apparent success and never the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    /// Accepted.
    Pending,
    /// The platform needs a person, or does not tell.
    Abnormal,
    /// A ruling gave it up. No platform says this.
    Abandoned,
    /// The money went back.
    Succeeded,
    /// The money did not go back, or came back again.
    Failed,
}

impl RefundStatus {
    /// The name that is stored; the same that serde gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Abnormal => "ABNORMAL",
            Self::Abandoned => "ABANDONED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_names_are_those_of_serde() {
        let same = |value: serde_json::Value, name: &str| assert_eq!(value, name);
        for source in [Source::Callback, Source::Query, Source::Statement, Source::Operator] {
            same(serde_json::to_value(source).unwrap(), source.as_str());
        }
        for status in [PaymentStatus::Pending, PaymentStatus::Failed, PaymentStatus::Closed, PaymentStatus::Succeeded] {
            same(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for status in [
            RefundStatus::Pending,
            RefundStatus::Abnormal,
            RefundStatus::Abandoned,
            RefundStatus::Succeeded,
            RefundStatus::Failed,
        ] {
            same(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
