//! An order while it is being changed, and what comes out of it.

use super::{
    Case, CaseId, CaseState, Due, Ending, EventKind, Followup, Order, OutTradeNo, Payment, PaymentStatus, Refusal,
    Resolution, State, Timestamp, Transaction, moves,
};

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
    pub opened_cases: Vec<CaseId>,
}

/// What an input led to. No events: it changed nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be appended to the journal, in this order.
    pub events: Vec<Event>,
    /// Cases to be opened, or stored in their new state.
    pub cases: Vec<Case>,
    /// What must be done later. Empty for most news: a task that becomes moot is found to be so when it is due.
    pub tasks: Vec<Followup>,
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

    /// Records what was changed, with the cases that this opens or settles.
    pub(super) fn record(&mut self, kind: EventKind, mut cases: Vec<Case>) -> Result<(), Refusal> {
        cases.extend(self.overtaken());
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

    /// Settles the cases about payments whose end was unknown until now.
    fn overtaken(&mut self) -> Vec<Case> {
        let Order { open_cases, payments, .. } = &mut self.order;
        let ended = |id: &CaseId| {
            id.stuck_payment().is_some_and(|n| payments.iter().any(|p| p.out_trade_no.as_str() == n && p.is_ended()))
        };
        if !open_cases.iter().any(ended) {
            return Vec::new();
        }
        let (over, open): (Vec<_>, Vec<_>) = open_cases.drain(..).partition(ended);
        *open_cases = open;
        self.settled_by_news(&over)
    }

    /// The cases with these ids, as settled by news.
    pub(super) fn settled_by_news(&self, ids: &[CaseId]) -> Vec<Case> {
        let state = CaseState::Resolved { resolution: Resolution::Overtaken, at: self.at, by: None };
        ids.iter().filter_map(|id| Case::settled(id, &self.order.id, state, self.at)).collect()
    }

    /// Whether a case of this id was opened before and must not be opened now: it is open, or was ruled on.
    pub(super) fn is_known(&self, case_id: &CaseId) -> bool {
        self.order.open_cases.iter().chain(&self.order.ruled_cases).any(|id| id == case_id)
    }

    /// The id under which new evidence opens a case of this cause, even if one was ruled on before; `None` while one is
    /// open.
    pub(super) fn id_anew(&self, cause: &CaseId) -> Option<CaseId> {
        let of_it = |id: &&CaseId| id.cause() == *cause;
        let is_open = self.order.open_cases.iter().any(|id| of_it(&id));
        (!is_open).then(|| cause.nth(self.order.ruled_cases.iter().filter(of_it).count()))
    }

    /// The payment of this number.
    pub(super) fn named_payment(&mut self, out_trade_no: &OutTradeNo) -> Result<&mut Payment, Refusal> {
        let not_found = || Refusal::PaymentNotFound(self.order.id.clone(), out_trade_no.clone());
        let index = self.order.payments.iter().position(|p| p.out_trade_no == *out_trade_no).ok_or_else(not_found)?;
        Ok(&mut self.order.payments[index])
    }

    /// Has the order end as soon as it can; false if that was requested before.
    pub(super) fn request_end(&mut self) -> bool {
        let open = self.order.ending == Ending::Open;
        if open {
            self.order.ending = Ending::Requested(self.at);
        }
        open
    }

    /// Brings forward the questions about payments that may still be paid: the order is to end.
    pub(super) fn hurry_payments(&mut self) {
        let open = self.order.payments.iter().filter(|p| !p.is_ended());
        self.decision.tasks.extend(open.map(|p| Followup::payment(&p.out_trade_no, &p.account, Due::Now)));
    }

    /// Closes an order that is to end, once nothing more can come. Money that is held must be ruled on first, whatever
    /// becomes of the attempts.
    pub(super) fn close_if_over(&mut self) -> Result<(), Refusal> {
        let over = matches!(self.order.ending, Ending::Requested(_))
            && self.order.all_payments_ended()
            && self.order.transactions().all(Transaction::is_taken_out);
        if over { self.close() } else { Ok(()) }
    }

    /// Closes an order, and takes its payments for closed.
    pub(super) fn close(&mut self) -> Result<(), Refusal> {
        for payment in &mut self.order.payments {
            payment.status = payment.status.max(PaymentStatus::Closed);
        }
        self.order.ending = Ending::Closed(self.at);
        self.record(EventKind::OrderClosed, Vec::new())
    }
}
