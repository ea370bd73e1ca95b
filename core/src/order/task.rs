//! Tasks: what must be done outside of an order because of a decision about it, and may take several tries.

use std::fmt;

use smol_str::SmolStr;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskKind {
    /// Ask how a payment stands; its subject is an `out_trade_no`.
    Payment,
    /// Give money back, or ask how that stands; an `out_refund_no`.
    Refund,
    /// Close an order whose time is over; an order id.
    Expiry,
    /// Settle a case as the policy says; a case id.
    Policy,
    /// Tell people of a case; a channel's name, `/`, and a case id.
    Alert,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Payment, Self::Refund, Self::Expiry, Self::Policy, Self::Alert];

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "PAYMENT",
            Self::Refund => "REFUND",
            Self::Expiry => "EXPIRY",
            Self::Policy => "POLICY",
            Self::Alert => "ALERT",
        }
    }

    /// Reads [`TaskKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// Identity of a task: there is one of a kind about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey {
    /// What is to be done.
    pub kind: TaskKind,
    /// About what; see [`TaskKind`].
    pub subject: SmolStr,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.subject)
    }
}
