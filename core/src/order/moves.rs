//! The table of allowed moves. Every event of every journal is one line of it (invariant I4); the
//! diagram in docs/states.md is made from it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Known, no payment begun.
    Created,
    /// A payment was begun, none succeeded.
    Pending,
    /// Paid exactly.
    Paid,
    /// Part of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
    /// Ended unpaid.
    Closed,
    /// Money came that does not fit.
    Abnormal,
}

impl State {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Pending,
        Self::Paid,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Closed,
        Self::Abnormal,
    ];

    /// The name in the database, the contract and the docs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::PartiallyRefunded => "PARTIALLY_REFUNDED",
            Self::Refunded => "REFUNDED",
            Self::Closed => "CLOSED",
            Self::Abnormal => "ABNORMAL",
        }
    }

    /// Reads [`State::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// What made a journal grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    /// The order was created.
    OrderCreated,
    /// A payment was begun.
    PaymentStarted,
    /// A payment succeeded and fits.
    PaymentSucceeded,
    /// A payment succeeded and a case holds it.
    PaymentHeld,
    /// A payment failed or was closed, or the platform's name for it was recorded.
    PaymentUpdated,
    /// A refund appeared or changed.
    RefundUpdated,
    /// The caller wants the order ended unpaid.
    CloseRequested,
    /// The order ended unpaid.
    OrderClosed,
    /// A case on the order was settled by a ruling.
    CaseResolved,
    /// A case on the order was opened by something else than news of money.
    CaseOpened,
    /// A refund was asked for.
    RefundRequested,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::OrderCreated,
        Self::PaymentStarted,
        Self::PaymentSucceeded,
        Self::PaymentHeld,
        Self::PaymentUpdated,
        Self::RefundUpdated,
        Self::CloseRequested,
        Self::OrderClosed,
        Self::CaseResolved,
        Self::CaseOpened,
        Self::RefundRequested,
    ];

    /// The name in the database, the contract and the docs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderCreated => "ORDER_CREATED",
            Self::PaymentStarted => "PAYMENT_STARTED",
            Self::PaymentSucceeded => "PAYMENT_SUCCEEDED",
            Self::PaymentHeld => "PAYMENT_HELD",
            Self::PaymentUpdated => "PAYMENT_UPDATED",
            Self::RefundUpdated => "REFUND_UPDATED",
            Self::CloseRequested => "CLOSE_REQUESTED",
            Self::OrderClosed => "ORDER_CLOSED",
            Self::CaseResolved => "CASE_RESOLVED",
            Self::CaseOpened => "CASE_OPENED",
            Self::RefundRequested => "REFUND_REQUESTED",
        }
    }

    /// Reads [`EventKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

use self::EventKind as On;
use self::State::{Abnormal, Closed, Created, Paid, PartiallyRefunded, Pending, Refunded};

/// From a state (`None` before the first event), on an event, to one of these states.
pub const MOVES: &[(Option<State>, EventKind, &[State])] = &[
    (None, On::OrderCreated, &[Created]),
    (Some(Created), On::PaymentStarted, &[Pending]),
    (Some(Created), On::OrderClosed, &[Closed]),
    (Some(Created), On::CaseOpened, &[Created]),
    (Some(Created), On::CaseResolved, &[Created]),
    (Some(Pending), On::PaymentStarted, &[Pending]),
    (Some(Pending), On::PaymentUpdated, &[Pending]),
    // The refunded states: the refund was heard of before its payment.
    (Some(Pending), On::PaymentSucceeded, &[Paid, PartiallyRefunded, Refunded]),
    // Pending: more news of money that a ruling has settled.
    (Some(Pending), On::PaymentHeld, &[Abnormal, Pending]),
    (Some(Pending), On::RefundRequested, &[Pending]),
    (Some(Pending), On::RefundUpdated, &[Pending]),
    (Some(Pending), On::CloseRequested, &[Pending]),
    (Some(Pending), On::CaseOpened, &[Pending]),
    (Some(Pending), On::CaseResolved, &[Pending]),
    (Some(Pending), On::OrderClosed, &[Closed]),
    (Some(Paid), On::PaymentUpdated, &[Paid]),
    (Some(Paid), On::PaymentHeld, &[Paid]),
    (Some(Paid), On::RefundRequested, &[Paid]),
    (Some(Paid), On::RefundUpdated, &[Paid, PartiallyRefunded, Refunded]),
    (Some(Paid), On::CaseOpened, &[Paid]),
    // Down: one half of a double payment goes back, and of the other half a part went back before.
    (Some(Paid), On::CaseResolved, &[Paid, PartiallyRefunded]),
    (Some(PartiallyRefunded), On::PaymentUpdated, &[PartiallyRefunded]),
    // A second payment came for an order whose first one was refunded: see Order::credited.
    (Some(PartiallyRefunded), On::PaymentHeld, &[PartiallyRefunded, Paid]),
    (Some(PartiallyRefunded), On::RefundRequested, &[PartiallyRefunded]),
    // Back: the platform says that a refund did not reach the payer after all.
    (Some(PartiallyRefunded), On::RefundUpdated, &[PartiallyRefunded, Refunded, Paid]),
    (Some(PartiallyRefunded), On::CaseOpened, &[PartiallyRefunded]),
    (Some(PartiallyRefunded), On::CaseResolved, &[PartiallyRefunded]),
    (Some(Refunded), On::PaymentUpdated, &[Refunded]),
    (Some(Refunded), On::PaymentHeld, &[Refunded, PartiallyRefunded, Paid]),
    (Some(Refunded), On::RefundRequested, &[Refunded]),
    (Some(Refunded), On::RefundUpdated, &[Refunded, PartiallyRefunded, Paid]),
    (Some(Refunded), On::CaseOpened, &[Refunded]),
    (Some(Refunded), On::CaseResolved, &[Refunded]),
    (Some(Closed), On::PaymentUpdated, &[Closed]),
    (Some(Closed), On::RefundRequested, &[Closed]),
    (Some(Closed), On::RefundUpdated, &[Closed]),
    (Some(Closed), On::PaymentHeld, &[Abnormal, Closed]),
    (Some(Closed), On::CaseOpened, &[Closed]),
    (Some(Closed), On::CaseResolved, &[Closed]),
    (Some(Abnormal), On::PaymentUpdated, &[Abnormal]),
    (Some(Abnormal), On::RefundRequested, &[Abnormal]),
    (Some(Abnormal), On::RefundUpdated, &[Abnormal]),
    (Some(Abnormal), On::PaymentHeld, &[Abnormal]),
    // A wrong payment must not mask the right one that follows; the case on the wrong one stays open.
    (Some(Abnormal), On::PaymentSucceeded, &[Paid, PartiallyRefunded, Refunded]),
    (Some(Abnormal), On::CaseOpened, &[Abnormal]),
    // Accepted: it is paid. Given back or kept: it is to end (Pending, and OrderClosed follows), or had ended before.
    (Some(Abnormal), On::CaseResolved, &[Abnormal, Paid, PartiallyRefunded, Refunded, Pending, Closed]),
];

/// Whether the table has this line.
#[must_use]
pub fn allowed(from: Option<State>, on: EventKind, to: State) -> bool {
    MOVES.iter().any(|(f, o, tos)| *f == from && *o == on && tos.contains(&to))
}

/// The table as docs/states.md: a Mermaid diagram of the moves that change the state, all lines, and what settles
/// which case.
#[must_use]
pub fn document() -> String {
    let mut out = String::from(
        "# States of an order\n\nGenerated from `core/src/order/moves.rs`; a test keeps them equal \
         (`PAYSTATE_UPDATE=1 cargo test -p paystate-core states` writes it).\n\n```mermaid\nstateDiagram-v2\n",
    );
    let name = |s: Option<State>| s.map_or("[*]", State::as_str);
    for (from, on, tos) in MOVES {
        for to in tos.iter().filter(|to| Some(**to) != *from) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "    {} --> {}: {}", name(*from), to.as_str(), on.as_str());
        }
    }
    out.push_str("```\n\n| from | event | to |\n|---|---|---|\n");
    for (from, on, tos) in MOVES {
        let tos: Vec<_> = tos.iter().map(|s| s.as_str()).collect();
        let _ = writeln!(out, "| {} | {} | {} |", from.map_or("(none)", State::as_str), on.as_str(), tos.join(", "));
    }
    out.push_str("\n## What settles a case\n\n| case | a ruling may be |\n|---|---|\n");
    for kind in super::CaseKind::ALL {
        let allowed: Vec<_> = kind.resolutions().iter().map(|r| r.as_str()).collect();
        let _ = writeln!(out, "| {} | {} |", kind.as_str(), allowed.join(", "));
    }
    out.push_str(
        "\nA case about the sum or the currency of refunds allows IGNORE only; money in another currency than the \
         order's cannot be accepted.\n",
    );
    out
}
