//! Cases: what a person or a policy must settle.

use serde::{Deserialize, Serialize};

use super::{AccountName, CaseId, Money, OrderId, OutTradeNo, Timestamp, TransactionId};

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaseKind {
    /// Paid, but not the order's amount.
    AmountMismatch,
    /// Paid in another currency.
    CurrencyMismatch,
    /// Paid through another account.
    AccountMismatch,
    /// Paid after the order was closed.
    LatePayment,
    /// Paid more than once.
    DoublePayment,
    /// Money for a number of no order.
    UnknownOrder,
    /// The platform cannot be made to tell how a payment ended.
    Stuck,
    /// A refund did not reach the payer.
    RefundStuck,
    /// On the statement, not in our record.
    ReconciliationMissingHere,
    /// In our record, not on the statement.
    ReconciliationMissingThere,
    /// Amounts differ between statement and record.
    ReconciliationAmount,
    /// States differ between statement and record.
    ReconciliationStatus,
    /// The fee on the statement is not the one that was agreed.
    ReconciliationFee,
}

impl CaseKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::AmountMismatch,
        Self::CurrencyMismatch,
        Self::AccountMismatch,
        Self::LatePayment,
        Self::DoublePayment,
        Self::UnknownOrder,
        Self::Stuck,
        Self::RefundStuck,
        Self::ReconciliationMissingHere,
        Self::ReconciliationMissingThere,
        Self::ReconciliationAmount,
        Self::ReconciliationStatus,
        Self::ReconciliationFee,
    ];

    /// The name in the database, the contract and the docs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "AMOUNT_MISMATCH",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::AccountMismatch => "ACCOUNT_MISMATCH",
            Self::LatePayment => "LATE_PAYMENT",
            Self::DoublePayment => "DOUBLE_PAYMENT",
            Self::UnknownOrder => "UNKNOWN_ORDER",
            Self::Stuck => "STUCK",
            Self::RefundStuck => "REFUND_STUCK",
            Self::ReconciliationMissingHere => "RECONCILIATION_MISSING_HERE",
            Self::ReconciliationMissingThere => "RECONCILIATION_MISSING_THERE",
            Self::ReconciliationAmount => "RECONCILIATION_AMOUNT",
            Self::ReconciliationStatus => "RECONCILIATION_STATUS",
            Self::ReconciliationFee => "RECONCILIATION_FEE",
        }
    }

    /// Reads [`CaseKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// Whether a case is settled, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseState {
    /// Waits.
    Open,
    /// Settled.
    Resolved {
        /// How.
        resolution: Resolution,
        /// When.
        at: Timestamp,
        /// By whom; nobody where news did it.
        by: Option<Resolver>,
    },
}

/// Who rules on cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// A person.
    Operator,
    /// The configuration.
    Policy,
}

impl Resolver {
    /// The name in the database and the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Policy => "policy",
        }
    }

    /// Reads [`Resolver::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Operator, Self::Policy].into_iter().find(|r| r.as_str() == text)
    }
}

/// How a case was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    /// Ruled: the money is taken as it is.
    Accept,
    /// Ruled: the money goes back.
    Refund,
    /// Ruled: the matter ends as it is. An order that nothing pays ends with it, and its money is kept.
    Close,
    /// Ruled: nothing needs doing.
    Ignore,
    /// The number turned out to belong to an order, and the money was applied to it.
    Bound,
    /// Later news made it moot: the refund reached the payer, the platform told how the payment ended.
    Overtaken,
}

impl Resolution {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Accept, Self::Refund, Self::Close, Self::Ignore, Self::Bound, Self::Overtaken];

    /// The name in the database, the contract and the docs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Refund => "REFUND",
            Self::Close => "CLOSE",
            Self::Ignore => "IGNORE",
            Self::Bound => "BOUND",
            Self::Overtaken => "OVERTAKEN",
        }
    }

    /// Reads [`Resolution::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The same cause has the same one, so it is opened once.
    pub id: CaseId,
    /// What it is about.
    pub kind: CaseKind,
    /// Whether it is settled.
    pub state: CaseState,
    /// The order, unless unknown.
    pub order_id: Option<OrderId>,
    /// The account on which the money moved.
    pub account: AccountName,
    /// The payment's number.
    pub out_trade_no: Option<OutTradeNo>,
    /// The platform's number.
    pub transaction_id: Option<TransactionId>,
    /// What was expected.
    pub expected: Option<Money>,
    /// What was observed.
    pub observed: Option<Money>,
    /// One sentence for people.
    pub summary: String,
    /// What supports it beside the message: a line of a statement, the last answers of the platform. For people.
    pub evidence: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it should be settled. The door sets it when it stores the case.
    pub due_at: Option<Timestamp>,
    /// Who looks after it; empty for nobody. First set by the door.
    pub owner: String,
    /// Why it was settled so; empty where news did it.
    pub reason: String,
}

impl CaseKind {
    /// What a ruling on a case of this kind may be. One case may allow less: see [`Case::allowed`].
    #[must_use]
    pub fn resolutions(self) -> &'static [Resolution] {
        use Resolution::{Accept, Close, Ignore, Refund};
        match self {
            Self::AmountMismatch | Self::AccountMismatch | Self::LatePayment => &[Accept, Refund, Close],
            Self::CurrencyMismatch => &[Refund, Close],
            Self::DoublePayment => &[Refund, Ignore],
            Self::UnknownOrder => &[Ignore],
            Self::Stuck => &[Close, Ignore],
            Self::RefundStuck => &[Refund, Close, Ignore],
            Self::ReconciliationMissingHere
            | Self::ReconciliationMissingThere
            | Self::ReconciliationAmount
            | Self::ReconciliationStatus
            | Self::ReconciliationFee => &[Accept, Ignore],
        }
    }
}

impl CaseKind {
    /// Whether no rule of the configuration may make this ruling: a refund that the platform would not have is sent again
    /// only after somebody has seen to the reason.
    #[must_use]
    pub fn needs_a_person(self, resolution: Resolution) -> bool {
        self == Self::RefundStuck && resolution == Resolution::Refund
    }
}

impl Case {
    /// A case that is opened now. The caller adds what else is known of it.
    #[must_use]
    pub fn open(id: CaseId, kind: CaseKind, account: &AccountName, summary: String, at: Timestamp) -> Self {
        Self {
            id,
            kind,
            state: CaseState::Open,
            order_id: None,
            account: account.clone(),
            out_trade_no: None,
            transaction_id: None,
            expected: None,
            observed: None,
            summary,
            evidence: String::new(),
            opened_at: at,
            due_at: None,
            owner: String::new(),
            reason: String::new(),
        }
    }

    /// What a ruling on it may be; nothing once it is settled.
    #[must_use]
    pub fn allowed(&self) -> Vec<Resolution> {
        if self.state != CaseState::Open {
            return Vec::new();
        }
        if self.id.is_about_refunds() && self.kind != CaseKind::RefundStuck {
            return vec![Resolution::Ignore];
        }
        let foreign = self.expected.zip(self.observed).is_some_and(|(a, b)| a.currency() != b.currency());
        let counts = |r: &Resolution| *r != Resolution::Accept || !foreign;
        self.kind.resolutions().iter().copied().filter(counts).collect()
    }

    /// A case that news settles, as far as its id tells. Enough to store the new state of an existing case.
    pub(super) fn settled(id: &CaseId, order_id: &OrderId, state: CaseState, at: Timestamp) -> Option<Self> {
        let settled = Self::open(id.clone(), id.kind()?, &id.account()?, "settled by later news".to_owned(), at);
        Some(Self { state, order_id: Some(order_id.clone()), ..settled })
    }
}
