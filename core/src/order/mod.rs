//! The pure domain: orders, the money that came for them, and what each piece of news means.
//!
//! Contract: no clock, no I/O, no async, no randomness. Time comes in with the input. [`decide`] (for
//! commands) and [`observe`] (for news) are the only ways to change an order, and they are functions of the
//! order and the input alone.
//!
//! The state of an order is *derived* from the facts known about it ([`Order::state`]), and facts only ever add up:
//! each has a rank, and stronger news wins over weaker, whichever came first. That is why the same news in any order,
//! any number of times, ends in the same state. A ruling is a command, not news: REFUND on a REFUND_STUCK case also
//! moves its refund from ABNORMAL back to PENDING. [`moves`] lists every step that can come out of this; `decide`
//! refuses to make any other.

mod aggregate;
mod balance;
mod case;
mod case_id;
mod command;
mod decide;
mod filter;
mod followup;
mod id;
mod journal;
mod method;
mod money;
pub mod moves;
mod news;
mod observe;
mod refunding;
mod refunds;
mod refusal;
mod ruling;
mod task;
#[cfg(test)]
mod tests;

pub use aggregate::{Ending, Fit, GivenUp, Order, Payment, Refund, Requested, Settlement, Transaction};
pub use case::{Case, CaseKind, CaseState, Resolution, Resolver};
pub use case_id::CaseId;
pub use command::{About, Command, MAX_PAYMENTS, MAX_REFUNDS};
pub use decide::{UNPAID_GRACE, decide};
pub use filter::EventFilter;
pub use followup::{Due, Followup};
pub use id::{
    AccountName, BadId, OrderId, OutRefundNo, OutTradeNo, RefundId, RequestId, SubscriptionName, TransactionId,
};
pub use journal::{Decision, Event};
pub use method::Method;
pub use money::{Currency, Money, MoneyError};
pub use moves::{EventKind, State};
pub use news::{Fact, Observation, PaymentFact, PaymentStatus, RefundFact, RefundStatus, Source};
pub use observe::observe;
pub use refusal::Refusal;
pub use task::{TaskKey, TaskKind};

/// A point in time: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This much later; the latest possible time if that does not fit.
    #[must_use]
    pub fn after(self, time: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier; the earliest possible time if that does not fit.
    #[must_use]
    pub fn before(self, time: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }
}
