//! What must be done about an order later: the door writes it down in the same transaction, a worker does it.

use super::{
    AccountName, CaseId, CaseKind, Ending, Order, OrderId, OutRefundNo, OutTradeNo, State, TaskKey, TaskKind, Timestamp,
};

/// When a task is due, as far as the domain knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At once.
    Now,
    /// When news would usually have come by itself; the door's policy knows how long that takes.
    Soon,
    /// Then.
    At(Timestamp),
}

/// A task that follows from a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followup {
    /// Which.
    pub key: TaskKey,
    /// The account whose platform it asks; none where no platform is asked.
    pub account: Option<AccountName>,
    /// When.
    pub due: Due,
}

impl Followup {
    /// Asks about a payment.
    pub(super) fn payment(out_trade_no: &OutTradeNo, account: &AccountName, due: Due) -> Self {
        let key = TaskKey { kind: TaskKind::Payment, subject: out_trade_no.as_str().into() };
        Self { key, account: Some(account.clone()), due }
    }

    /// Carries out a refund, or asks how it stands.
    pub(super) fn refund(out_refund_no: &OutRefundNo, account: &AccountName, due: Due) -> Self {
        let key = TaskKey { kind: TaskKind::Refund, subject: out_refund_no.as_str().into() };
        Self { key, account: Some(account.clone()), due }
    }

    /// Closes an order that expires.
    pub(super) fn expiry(order_id: &OrderId, at: Timestamp) -> Self {
        let key = TaskKey { kind: TaskKind::Expiry, subject: order_id.as_str().into() };
        Self { key, account: None, due: Due::At(at) }
    }
}

impl Order {
    /// The follow-ups of an order that nothing has followed: those of the decisions that led to it, as far as it may
    /// still be paid and no person was told of it. Refunds are not among them: a refund can be asked for only where it
    /// is followed, and one that was handed to a person must not be sent again.
    #[must_use]
    pub fn followups(&self) -> Vec<Followup> {
        if !matches!(self.state(), State::Created | State::Pending) {
            return Vec::new();
        }
        let told = |cause: &CaseId| self.open_cases.iter().chain(&self.ruled_cases).any(|id| id.cause() == *cause);
        let payments = self.payments.iter().filter(|p| !p.is_ended());
        let payments = payments.filter(|p| !told(&CaseId::of(CaseKind::Stuck, &p.account, &p.out_trade_no)));
        let payments = payments.map(|p| Followup::payment(&p.out_trade_no, &p.account, Due::Now));
        let expires = self.expires_at.filter(|_| self.ending == Ending::Open);
        payments.chain(expires.map(|at| Followup::expiry(&self.id, at))).collect()
    }
}
