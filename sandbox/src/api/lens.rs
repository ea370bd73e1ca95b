//! What a question sees: the truth, or a lie for a while after a success.

use crate::{
    Lie, Stamp,
    sandbox::teller::{Sight, Standing},
};

/// How the answers to one call differ from the truth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lens {
    /// What is said of successes since that moment.
    lie: Option<(Lie, Stamp)>,
    /// Whether statements are ready.
    pub(super) ready: bool,
}

/// How a refund looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundView {
    Unknown,
    Pending,
    Done,
}

impl Lens {
    pub(super) const fn clear() -> Self {
        Self { lie: None, ready: true }
    }

    pub(super) const fn not_ready() -> Self {
        Self { lie: None, ready: false }
    }

    pub(super) const fn lying(lie: Lie, since: Stamp) -> Self {
        Self { lie: Some((lie, since)), ready: true }
    }

    /// How a payment looks.
    pub(super) fn payment(self, sight: Option<Sight>) -> Option<Sight> {
        let sight = sight?;
        let lie = if sight.status == Standing::Paid { self.about(sight.trade.at) } else { None };
        match lie {
            None => Some(sight),
            Some(Lie::NotFound) => None,
            Some(Lie::Pending) => Some(Sight { status: Standing::Waiting, ..sight }),
            Some(Lie::Closed) => Some(Sight { status: Standing::Closed, ..sight }),
        }
    }

    /// How a refund that was made at `at` looks. Refunds are not closed, so that lie says "pending" too.
    pub(super) fn refund(self, at: Stamp) -> RefundView {
        match self.about(at) {
            None => RefundView::Done,
            Some(Lie::NotFound) => RefundView::Unknown,
            Some(Lie::Pending | Lie::Closed) => RefundView::Pending,
        }
    }

    fn about(self, success: Stamp) -> Option<Lie> {
        self.lie.filter(|(_, since)| success > *since).map(|(lie, _)| lie)
    }
}
