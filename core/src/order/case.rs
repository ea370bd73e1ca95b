//! Cases: what a person or a policy must settle.

use serde::{Deserialize, Serialize};

use super::{AccountName, Money, OrderId, OutTradeNo, Timestamp, TransactionId};

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
    /// A refund did not reach the payer.
    RefundStuck,
}

impl CaseKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::AmountMismatch,
        Self::CurrencyMismatch,
        Self::AccountMismatch,
        Self::LatePayment,
        Self::DoublePayment,
        Self::UnknownOrder,
        Self::RefundStuck,
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
            Self::RefundStuck => "REFUND_STUCK",
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
    },
}

/// How a case was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The number turned out to belong to an order, and the money was applied to it.
    Bound,
    /// Later news made it moot: the refund reached the payer.
    Overtaken,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Stable id; the same cause has the same id, so it is opened once.
    pub id: String,
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
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Case {
    /// The id of the case of this kind about this money.
    #[must_use]
    pub fn id_for(kind: CaseKind, account: &AccountName, about: &str) -> String {
        format!("{}:{account}:{about}", kind.as_str().to_ascii_lowercase().replace('_', "-"))
    }

    /// Whether an id is that of a case about refunds, which later news may settle.
    pub(super) fn is_about_refunds(id: &str) -> bool {
        id.splitn(3, ':').nth(2).is_some_and(|about| about.starts_with(super::refunds::REFUND))
    }

    /// The case of an id, as far as the id tells. Enough to store a new state of a case that exists.
    pub(super) fn of_id(id: &str, order_id: &OrderId, state: CaseState, at: Timestamp) -> Option<Self> {
        let mut parts = id.splitn(3, ':');
        let kind = CaseKind::parse(&parts.next()?.to_ascii_uppercase().replace('-', "_"))?;
        Some(Self {
            id: id.to_owned(),
            kind,
            state,
            order_id: Some(order_id.clone()),
            account: AccountName::parse(parts.next()?).ok()?,
            out_trade_no: None,
            transaction_id: None,
            expected: None,
            observed: None,
            summary: "settled by later news".to_owned(),
            opened_at: at,
        })
    }
}
