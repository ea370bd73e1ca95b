//! An order while it is being changed, and what comes out of it.

use super::{Case, CaseState, Ending, EventKind, Order, PaymentStatus, Refusal, State, Timestamp, moves};

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// State before; `None` for the first.
    pub from: Option<State>,
    /// When it was decided.
    pub at: Timestamp,
    /// The order after it; its version is the event's sequence number.
    pub after: Order,
    /// Ids of the cases that it opened.
    pub opened_cases: Vec<String>,
}

/// What an input led to. No events: it changed nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be appended to the journal, in this order.
    pub events: Vec<Event>,
    /// Cases to be opened, or stored in their new state.
    pub cases: Vec<Case>,
}

impl Decision {
    /// The order after all of it, if anything changed.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        self.events.last().map(|e| &e.after)
    }
}

/// An order while it is being changed: each change is recorded as an event that the table must allow.
pub(super) struct Journal {
    pub(super) order: Order,
    from: Option<State>,
    pub(super) at: Timestamp,
    pub(super) decision: Decision,
}

impl Journal {
    pub(super) fn of(order: &Order, at: Timestamp) -> Self {
        Self::new(order.clone(), Some(order.state()), at)
    }

    pub(super) fn new(order: Order, from: Option<State>, at: Timestamp) -> Self {
        Self { order, from, at, decision: Decision::default() }
    }

    pub(super) fn record(&mut self, kind: EventKind, cases: Vec<Case>) -> Result<(), Refusal> {
        let opened_cases: Vec<_> = cases.iter().filter(|c| c.state == CaseState::Open).map(|c| c.id.clone()).collect();
        self.order.open_cases.extend(opened_cases.iter().cloned());
        self.order.version += 1;
        self.order.updated_at = self.at;
        let to = self.order.state();
        if !moves::allowed(self.from, kind, to) {
            return Err(Refusal::IllegalMove { from: self.from, on: kind, to });
        }
        self.decision.events.push(Event {
            kind,
            from: self.from,
            at: self.at,
            after: self.order.clone(),
            opened_cases,
        });
        self.decision.cases.extend(cases);
        self.from = Some(to);
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), Refusal> {
        for payment in &mut self.order.payments {
            payment.status = payment.status.max(PaymentStatus::Closed);
        }
        self.order.ending = Ending::Closed(self.at);
        self.record(EventKind::OrderClosed, Vec::new())
    }
}
