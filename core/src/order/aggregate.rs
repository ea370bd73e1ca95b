//! The order with every fact that is known about its money, and the state that follows from them.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{AccountName, Money, OrderId, OutTradeNo, PaymentStatus, RefundStatus, State, Timestamp, TransactionId};

/// What the shop sells. Serialised, it is the stored order and the snapshot in every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The caller's name for it.
    pub id: OrderId,
    /// What must be paid.
    pub amount: Money,
    /// What it is about.
    pub description: String,
    /// Counts its events; compared on every write.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last event was decided.
    pub updated_at: Timestamp,
    /// When an unpaid order should be closed.
    pub expires_at: Option<Timestamp>,
    /// Whether it is to end, or has ended, unpaid.
    pub ending: Ending,
    /// The attempts to pay it, oldest first.
    pub payments: Vec<Payment>,
    /// The refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Ids of its open cases.
    pub open_cases: Vec<String>,
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
    /// When it was begun.
    pub started_at: Timestamp,
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
    /// When, by the platform's clock.
    pub occurred_at: Option<Timestamp>,
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
    pub out_refund_no: Option<TransactionId>,
    /// The platform's number.
    pub refund_id: Option<TransactionId>,
    /// The strongest news of it.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
    /// `amount` is all that went back on the transaction so far.
    pub cumulative: bool,
    /// When that news was taken in.
    pub updated_at: Timestamp,
}

impl Order {
    /// Where it stands. Follows from the facts alone, so it does not depend on the order in which they came.
    #[must_use]
    pub fn state(&self) -> State {
        if let (Some(credited), Ending::Open | Ending::Requested(_)) = (self.credited(), self.ending) {
            let refunded = self.refunded_of(credited);
            return if refunded.is_zero() {
                State::Paid
            } else if refunded < credited.amount {
                State::PartiallyRefunded
            } else {
                State::Refunded
            };
        }
        match (self.ending, self.transactions().next().is_some()) {
            (_, true) => State::Abnormal,
            (Ending::Closed(_), false) => State::Closed,
            (Ending::Open | Ending::Requested(_), false) if self.payments.is_empty() => State::Created,
            (Ending::Open | Ending::Requested(_), false) => State::Pending,
        }
    }

    /// The transaction that pays the order: of those that fit, the one of which least was given back. An
    /// order is as paid as its best-kept payment. So refunding one half of a double payment leaves it PAID,
    /// whichever of the two came first.
    #[must_use]
    pub fn credited(&self) -> Option<&Transaction> {
        self.transactions().filter(|t| t.fit == Fit::Fits).min_by_key(|t| (self.refunded_of(t).minor(), &t.id))
    }

    /// What counts as paid: nothing, or exactly the amount.
    #[must_use]
    pub fn paid(&self) -> Money {
        self.credited().map_or(self.amount.zero(), |t| t.amount)
    }

    /// What went back of what counts as paid.
    #[must_use]
    pub fn refunded(&self) -> Money {
        self.credited().map_or(self.amount.zero(), |t| self.refunded_of(t))
    }

    /// Every successful transaction of every payment.
    pub fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.payments.iter().flat_map(|p| &p.transactions)
    }

    /// What went back of one transaction; never more than it brought.
    #[must_use]
    pub fn refunded_of(&self, transaction: &Transaction) -> Money {
        transaction.amount.at_most(self.refunds_reported_for(transaction))
    }

    /// What the platform says went back, in minor units, before it is capped by what was paid.
    pub(super) fn refunds_reported_for(&self, transaction: &Transaction) -> i64 {
        let settled = || {
            self.refunds.iter().filter(|r| {
                r.status == RefundStatus::Succeeded
                    && r.amount.currency() == transaction.amount.currency()
                    && self.is_of(r, transaction)
            })
        };
        let single = settled().filter(|r| !r.cumulative).fold(0_i64, |sum, r| sum.saturating_add(r.amount.minor()));
        let cumulative = settled().filter(|r| r.cumulative).map(|r| r.amount.minor()).max().unwrap_or(0);
        single.max(cumulative)
    }

    /// Whether a refund is taken from this transaction. A refund that names only the payment is taken from
    /// the payment's transaction with the lowest number, so that the answer does not depend on arrival.
    fn is_of(&self, refund: &Refund, transaction: &Transaction) -> bool {
        if refund.account != transaction.account {
            return false;
        }
        match (&refund.transaction_id, &refund.out_trade_no) {
            (Some(id), _) => *id == transaction.id,
            (None, Some(number)) => self
                .payment(number)
                .and_then(|p| p.transactions.iter().filter(|t| t.account == refund.account).min_by_key(|t| &t.id))
                .is_some_and(|first| first.id == transaction.id),
            (None, None) => false,
        }
    }

    /// The attempt with this number.
    #[must_use]
    pub fn payment(&self, out_trade_no: &OutTradeNo) -> Option<&Payment> {
        self.payments.iter().find(|p| p.out_trade_no == *out_trade_no)
    }

    /// Whether every attempt is known to be closed at its platform.
    #[must_use]
    pub fn all_payments_closed(&self) -> bool {
        self.payments.iter().all(|p| p.status == PaymentStatus::Closed)
    }
}
