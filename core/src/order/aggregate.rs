//! The order with every fact that is known about its money, and the state that follows from them.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    AccountName, CaseId, Method, Money, OrderId, OutRefundNo, OutTradeNo, PaymentStatus, RefundId, RefundStatus, State,
    Timestamp, TransactionId,
};
use crate::sha256::Sha256;

/// What the shop sells. Serialised, it is the stored order and the snapshot in every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The caller's name for it.
    pub id: OrderId,
    /// What must be paid.
    pub amount: Money,
    /// What it is about, as the caller gave it; at most 256 characters, perhaps empty.
    pub description: String,
    /// Counts its events, so 1 after creation; compared on every write.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last event was decided.
    pub updated_at: Timestamp,
    /// When it should be closed if it is still unpaid; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Whether it is to end, or has ended, unpaid.
    pub ending: Ending,
    /// The attempts to pay it, oldest first.
    pub payments: Vec<Payment>,
    /// The refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Ids of its open cases.
    pub open_cases: Vec<CaseId>,
    /// Ids of cases that were ruled on. What caused one of these opens none again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ruled_cases: Vec<CaseId>,
}

/// Whether an order is to end unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "is", content = "at")]
pub enum Ending {
    /// No.
    Open,
    /// As soon as every payment is known to be closed.
    Requested(Timestamp),
    /// It has.
    Closed(Timestamp),
}

/// One attempt to pay, through one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its number at the platform.
    pub out_trade_no: OutTradeNo,
    /// Through which account.
    pub account: AccountName,
    /// On which platform.
    pub provider: SmolStr,
    /// The strongest news of it.
    pub status: PaymentStatus,
    /// When somebody's word (a ruling, or the caller's) took it for closed, as long as the platform has not said how it
    /// ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled_at: Option<Timestamp>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When the platform refuses to take money for it; unknown where the caller began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How it was begun.
    #[serde(default, skip_serializing_if = "Method::is_external")]
    pub method: Method,
    /// The hash of what else it was begun with ([`Method::inputs`]); unknown for payments that the caller began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Sha256>,
    /// The platform's name for it, where it has one before it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<SmolStr>,
    /// Successful transactions reported for it.
    pub transactions: Vec<Transaction>,
}

/// Money that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The platform's number.
    pub id: TransactionId,
    /// On which account.
    pub account: AccountName,
    /// How much, as the platform reports the order amount.
    pub amount: Money,
    /// Whether it fits the order.
    pub fit: Fit,
    /// When it succeeded, by the platform's clock; `None` if the platform did not say.
    pub occurred_at: Option<Timestamp>,
    /// What was ruled about it. Stored documents use the first name of this field.
    #[serde(default, rename = "settled", skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Settlement>,
}

/// What a ruling made of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Settlement {
    /// It pays the order, although it does not fit.
    Accepted,
    /// It goes back, and does not count.
    Returned,
    /// The shop keeps it, and it does not count.
    Kept,
}

/// Whether a transaction fits its order, fixed when it is first heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fit {
    /// Amount, currency and account match.
    Fits,
    /// Through another account than the payment was begun on.
    WrongAccount,
    /// In another currency.
    WrongCurrency,
    /// Another amount.
    WrongAmount,
    /// The order had ended.
    AfterClose,
}

/// Money that went back, or is to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// On which account.
    pub account: AccountName,
    /// The payment's number, if it was named.
    pub out_trade_no: Option<OutTradeNo>,
    /// The transaction's number, if it was named.
    pub transaction_id: Option<TransactionId>,
    /// The shop's number.
    pub out_refund_no: Option<OutRefundNo>,
    /// The platform's number.
    pub refund_id: Option<RefundId>,
    /// The strongest news of it.
    pub status: RefundStatus,
    /// How much, by the strongest news of it; what was asked for until there is any.
    pub amount: Money,
    /// Whether `amount` is a running total: all that went back on the transaction so far.
    pub cumulative: bool,
    /// When that news was taken in.
    pub updated_at: Timestamp,
    /// What was asked for here; none where the platform reported it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<Requested>,
    /// When a ruling gave it up; kept for as long as that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<GivenUp>,
    /// For a running total: how much of it went back by refunds that were not requested here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Money>,
    /// Success was inferred from a running total; a direct report overrides it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// The moment at which a ruling gave a refund up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// When.
    pub at: Timestamp,
    /// What was left to give back of its transaction before that. If the refund went through after all and less is
    /// left, its money was given back a second time.
    pub left: Money,
}

/// A refund as it was asked for. A retry says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub amount: Money,
    /// Why; shown to the payer where the platform does so.
    pub reason: String,
}

impl Payment {
    /// Whether it is known how it ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.status, PaymentStatus::Closed | PaymentStatus::Succeeded)
    }
}

impl Transaction {
    /// Whether it may pay the order: it fits, or was accepted although it does not, and nobody ruled otherwise.
    #[must_use]
    pub fn counts(&self) -> bool {
        match self.ruling {
            Some(Settlement::Accepted) => true,
            Some(Settlement::Returned | Settlement::Kept) => false,
            None => self.fit == Fit::Fits,
        }
    }

    /// Whether it is the same money: the number is unique on its account.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.id, &self.account) == (&other.id, &other.account)
    }

    /// Whether a ruling took it out of the account: it went back, or was kept, and does not count.
    #[must_use]
    pub fn is_taken_out(&self) -> bool {
        matches!(self.ruling, Some(Settlement::Returned | Settlement::Kept))
    }
}

impl Order {
    /// Where it stands. Follows from the facts alone, so it does not depend on the order in which they came.
    #[must_use]
    pub fn state(&self) -> State {
        if let (Some(credited), Ending::Open | Ending::Requested(_)) = (self.credited(), self.ending) {
            let back = self.refunded_of(credited);
            return if back.is_zero() {
                State::Paid
            } else if back < credited.amount {
                State::PartiallyRefunded
            } else {
                State::Refunded
            };
        }
        match (self.ending, self.transactions().any(|t| !t.is_taken_out())) {
            (_, true) => State::Abnormal,
            (Ending::Closed(_), false) => State::Closed,
            (Ending::Open | Ending::Requested(_), false) if self.payments.is_empty() => State::Created,
            (Ending::Open | Ending::Requested(_), false) => State::Pending,
        }
    }

    /// Every successful transaction of every payment.
    pub fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.payments.iter().flat_map(|p| &p.transactions)
    }

    /// The attempt with this number.
    #[must_use]
    pub fn payment(&self, out_trade_no: &OutTradeNo) -> Option<&Payment> {
        self.payments.iter().find(|p| p.out_trade_no == *out_trade_no)
    }

    /// Whether no attempt can be paid any more.
    #[must_use]
    pub fn all_payments_ended(&self) -> bool {
        self.payments.iter().all(Payment::is_ended)
    }
}
