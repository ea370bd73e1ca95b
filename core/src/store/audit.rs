//! The invariants that need an order's documents, the same for every database. Pure: a store brings the rows.

use std::collections::BTreeSet;

use super::codec::{self, Columns};
use crate::{
    order::{Order, Settlement, State, Transaction, moves},
    store::{AuditResult, StoreError},
};

/// At most this many broken rows are named for each invariant.
pub(super) const SHOWN: usize = 20;

/// What breaks the invariants that need documents.
pub(super) struct Findings {
    legal: AuditResult,
    fold: AuditResult,
    exact: AuditResult,
    bound: AuditResult,
    /// Breaches of I22, which statements check too: money that is either in an order's document or in the ledger, but
    /// not in both.
    unbooked: Vec<String>,
    /// Transactions in documents.
    transactions: i64,
}

impl Default for Findings {
    fn default() -> Self {
        let result = |name, statement| AuditResult { name, statement, violations: Vec::new() };
        Self {
            legal: result(
                "I4",
                "every step of every journal is in the table of moves, and each begins where the last one ended",
            ),
            fold: result("I6", "the order is what its last event says, and its columns are what its document says"),
            exact: result(
                "I7",
                "an order of the paid family is paid by booked money in its own currency, exactly or as a ruling accepted it",
            ),
            bound: result(
                "I9",
                "credited money came through the account on which the payment was begun, or a ruling accepted it",
            ),
            unbooked: Vec::new(),
            transactions: 0,
        }
    }
}

impl Findings {
    /// Looks at one order, its whole journal in order, and the payments of its document that are booked on it.
    pub(super) fn look<R: Columns>(&mut self, row: &R, events: &[R], booked: &[R]) -> Result<(), StoreError> {
        let id: String = codec::column(row, "order_id")?;
        let doc: String = codec::column(row, "doc")?;
        let order: Order = codec::read_document(&doc)?;
        self.journal(row, events, &order, doc)?;
        self.ledger(booked, &order)?;
        self.money(row, booked, &order, id)
    }

    fn ledger<R: Columns>(&mut self, booked: &[R], order: &Order) -> Result<(), StoreError> {
        let mut rows = BTreeSet::new();
        for row in booked {
            rows.insert((codec::column::<String>(row, "account")?, codec::column::<String>(row, "transaction_id")?));
        }
        for transaction in order.transactions() {
            self.transactions += 1;
            if !rows.contains(&(transaction.account.to_string(), transaction.id.to_string())) {
                self.unbooked.push(format!("{} of order {} is not booked on it", transaction.id, order.id));
            }
        }
        Ok(())
    }

    fn journal<R: Columns>(&mut self, row: &R, events: &[R], order: &Order, doc: String) -> Result<(), StoreError> {
        // The first entries may have been given up by retention; the first that is left begins anywhere then.
        let (mut state, mut end, mut first) = (None, None, true);
        for row in events {
            let (seq, to): (i64, String) = (codec::column(row, "seq")?, codec::column(row, "to_state")?);
            let entry = codec::event(row)?;
            let after = &entry.event.after;
            if first && seq > 1 {
                state = entry.event.from;
            }
            first = false;
            let legal = entry.event.from == state
                && moves::allowed(state, entry.event.kind, after.state())
                && (seq, to.as_str()) == (after.version, after.state().as_str());
            if !legal {
                self.legal.violations.push(entry.event_id());
            }
            state = Some(after.state());
            end = Some(codec::document(after)?);
        }
        if !columns_agree(row, order)? || end.is_some_and(|end| end != doc) {
            self.fold.violations.push(order.id.to_string());
        }
        Ok(())
    }

    fn money<R: Columns>(&mut self, row: &R, booked: &[R], order: &Order, id: String) -> Result<(), StoreError> {
        let accepted = |t: &Transaction| t.ruling == Some(Settlement::Accepted);
        let exact = |credited: &Transaction| -> Result<bool, StoreError> {
            for row in booked {
                let same = codec::column::<String>(row, "transaction_id")? == credited.id.as_str()
                    && codec::column::<String>(row, "account")? == credited.account.as_str()
                    && codec::column::<i64>(row, "amount_minor")? == credited.amount.minor()
                    && codec::column::<String>(row, "currency")? == order.amount.currency().as_str();
                if same {
                    return Ok(credited.amount == order.amount || accepted(credited));
                }
            }
            Ok(false)
        };
        let paid = matches!(
            State::parse(&codec::column::<String>(row, "state")?),
            Some(State::Paid | State::PartiallyRefunded | State::Refunded)
        );
        match order.credited() {
            Some(credited) if !exact(credited)? => self.exact.violations.push(id.clone()),
            None if paid => self.exact.violations.push(id.clone()),
            Some(_) | None => {}
        }
        let at_home = |t: &Transaction| {
            accepted(t) || order.payments.iter().any(|p| p.account == t.account && p.transactions.contains(t))
        };
        if order.credited().is_some_and(|t| !at_home(t)) {
            self.bound.violations.push(id);
        }
        Ok(())
    }

    /// What was found, with what the database's own statements found, in the order of their names. `booked` are all payments
    /// of the ledger: each that is in a document was found there.
    pub(super) fn with(mut self, mut others: Vec<AuditResult>, booked: i64) -> Vec<AuditResult> {
        let known = self.transactions - i64::try_from(self.unbooked.len()).unwrap_or(i64::MAX);
        if booked != known {
            self.unbooked.push(format!("{booked} payments are booked, and the orders know {known} of them"));
        }
        for result in others.iter_mut().filter(|result| result.name == "I22") {
            result.violations.append(&mut self.unbooked);
        }
        others.extend([self.legal, self.fold, self.exact, self.bound]);
        for result in &mut others {
            result.violations.truncate(SHOWN);
        }
        others.sort_by_key(|r| r.name[1..].parse::<u32>().unwrap_or(u32::MAX));
        others
    }
}

fn columns_agree(row: &impl Columns, order: &Order) -> Result<bool, StoreError> {
    Ok(order.version == codec::column::<i64>(row, "version")?
        && order.state().as_str() == codec::column::<String>(row, "state")?
        && order.paid().minor() == codec::column::<i64>(row, "paid_minor")?
        && order.refunded().minor() == codec::column::<i64>(row, "refunded_minor")?
        && order.amount.minor() == codec::column::<i64>(row, "amount_minor")?
        && order.amount.currency().as_str() == codec::column::<String>(row, "currency")?)
}
