//! Observations: what news means for an order.

use super::{
    AccountName, Case, CaseId, CaseKind, Decision, Ending, EventKind, Fact, Fit, Money, Observation, Order, Payment,
    PaymentFact, PaymentStatus, Refund, RefundFact, RefundStatus, Refusal, Timestamp, Transaction, journal::Journal,
};

/// Takes in one fact about the order. News that is old, weaker than what is known, or about somebody
/// else's payment changes nothing.
///
/// # Errors
/// Only [`Refusal::IllegalMove`], which is a fault of this program.
pub fn observe(order: &Order, observation: &Observation, at: Timestamp) -> Result<Decision, Refusal> {
    let mut journal = Journal::of(order, at);
    match &observation.fact {
        Fact::Payment(fact) => journal.payment(&observation.account, fact)?,
        Fact::Refund(fact) => journal.refund(&observation.account, fact)?,
    }
    Ok(journal.decision)
}

impl Journal {
    fn payment(&mut self, account: &AccountName, fact: &PaymentFact) -> Result<(), Refusal> {
        let Some(index) = self.find_payment(fact) else { return Ok(()) };
        match (fact.status, &fact.transaction_id) {
            (PaymentStatus::Succeeded, Some(id)) => {
                let transaction = Transaction {
                    id: id.clone(),
                    account: account.clone(),
                    amount: fact.amount,
                    fit: self.fit(index, account, fact.amount),
                    occurred_at: fact.occurred_at,
                    ruling: None,
                };
                self.succeeded(index, transaction)
            }
            // The rim refuses a success without a number; should one get here, it must not count as money.
            (PaymentStatus::Succeeded, None) => Ok(()),
            (status @ (PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Closed), _) => {
                let payment = &mut self.order.payments[index];
                let confirmed = payment.ruled_at.is_some() && status == PaymentStatus::Closed;
                if payment.account != *account || payment.status >= status && !confirmed {
                    return Ok(());
                }
                payment.status = status;
                payment.ruled_at = None;
                self.record(EventKind::PaymentUpdated, Vec::new())?;
                self.close_if_over()
            }
        }
    }

    fn find_payment(&self, fact: &PaymentFact) -> Option<usize> {
        self.order.payments.iter().position(|p| match (&fact.out_trade_no, &fact.transaction_id) {
            (Some(number), _) => p.out_trade_no == *number,
            (None, Some(id)) => p.transactions.iter().any(|t| t.id == *id),
            (None, None) => false,
        })
    }

    /// Account, currency and amount come before lateness: a payment that is only late may be accepted by a policy.
    fn fit(&self, index: usize, account: &AccountName, amount: Money) -> Fit {
        if self.order.payments[index].account != *account {
            Fit::WrongAccount
        } else if amount.currency() != self.order.amount.currency() {
            Fit::WrongCurrency
        } else if amount != self.order.amount {
            Fit::WrongAmount
        } else if matches!(self.order.ending, Ending::Closed(_)) {
            Fit::AfterClose
        } else {
            Fit::Fits
        }
    }

    fn succeeded(&mut self, index: usize, new: Transaction) -> Result<(), Refusal> {
        let known = self.order.transactions().find(|t| t.id == new.id && t.account == new.account).cloned();
        if let Some(known) = known {
            return self.told_again(&known, &new, index);
        }
        let first_that_fits = new.fit == Fit::Fits && self.order.credited().is_none();
        let kind = match new.fit {
            Fit::Fits if first_that_fits => None,
            Fit::Fits => Some(CaseKind::DoublePayment),
            Fit::WrongAccount => Some(CaseKind::AccountMismatch),
            Fit::WrongCurrency => Some(CaseKind::CurrencyMismatch),
            Fit::WrongAmount => Some(CaseKind::AmountMismatch),
            Fit::AfterClose => Some(CaseKind::LatePayment),
        };
        let mut cases: Vec<_> = kind.map(|kind| self.case(kind, &new, index)).into_iter().collect();
        let payment = &mut self.order.payments[index];
        // Money through another account says nothing about the attempt on this one.
        if new.fit != Fit::WrongAccount {
            payment.status = PaymentStatus::Succeeded;
            payment.ruled_at = None;
        }
        payment.transactions.push(new);
        let event = if cases.is_empty() { EventKind::PaymentSucceeded } else { EventKind::PaymentHeld };
        // Refunds that were heard of first may turn out to be more than this brought.
        cases.extend(self.refund_cases(&[]));
        self.record(event, cases)
    }

    /// The same transaction again. Equal news changes nothing; if a platform contradicts itself about the amount, that
    /// opens a case, and what was booked stays booked.
    fn told_again(&mut self, known: &Transaction, new: &Transaction, index: usize) -> Result<(), Refusal> {
        let case = self.case(CaseKind::AmountMismatch, new, index);
        if known.amount == new.amount || self.is_known(&case.id) {
            return Ok(());
        }
        self.record(EventKind::PaymentHeld, vec![case])
    }

    fn refund(&mut self, account: &AccountName, fact: &RefundFact) -> Result<(), Refusal> {
        let before = self.order.refunds.clone();
        let noted = self.order.went_back_elsewhere(account, fact);
        self.order.merge_refund(Refund::reported(account, fact, self.at));
        self.order.confirm_refund(account, fact, self.at);
        self.order.note_elsewhere(account, fact, noted);
        if self.order.refunds == before {
            return Ok(());
        }
        let under_way = before.iter().filter(|r| r.requested.is_some() && r.status == RefundStatus::Pending);
        let under_way: Vec<_> = under_way.map(Order::refund_stuck_id).collect();
        let cases = self.refund_cases(&under_way);
        self.record(EventKind::RefundUpdated, cases)
    }

    /// Cases that follow from what is known of the refunds now: opened while the trouble lasts, settled when later news
    /// ends it. So they do not depend on the order in which the news came. A case that was ruled on does not open
    /// again, unless it is about a refund that was `under_way` until now: that one was sent again after the ruling.
    pub(super) fn refund_cases(&mut self, under_way: &[CaseId]) -> Vec<Case> {
        let trouble = self.order.refund_trouble(self.at);
        self.order.forget_given_up();
        let lasts = |id: &CaseId| !id.is_about_refunds() || trouble.iter().any(|case| case.id == id.cause());
        let (open, over): (Vec<_>, Vec<_>) = self.order.open_cases.drain(..).partition(lasts);
        self.order.open_cases = open;
        let settled = self.settled_by_news(&over);
        let new = trouble.into_iter().filter_map(|case| match self.order.ruled_cases.contains(&case.id) {
            true if under_way.contains(&case.id) => self.id_anew(&case.id).map(|id| Case { id, ..case }),
            true => None,
            false => Some(case).filter(|case| !self.order.open_cases.contains(&case.id)),
        });
        settled.into_iter().chain(new.collect::<Vec<_>>()).collect()
    }

    fn case(&self, kind: CaseKind, money: &Transaction, index: usize) -> Case {
        let payment = &self.order.payments[index];
        Case {
            order_id: Some(self.order.id.clone()),
            out_trade_no: Some(payment.out_trade_no.clone()),
            transaction_id: Some(money.id.clone()),
            expected: Some(self.order.amount),
            observed: Some(money.amount),
            ..Case::open(
                CaseId::of(kind, &money.account, &money.id),
                kind,
                &money.account,
                summary(kind, &self.order, payment, money),
                self.at,
            )
        }
    }
}

fn summary(kind: CaseKind, order: &Order, payment: &Payment, money: &Transaction) -> String {
    let got = format!("transaction {} brought {} on account {}", money.id, money.amount, money.account);
    let late = if matches!(order.ending, Ending::Closed(_)) { ", and the order was closed" } else { "" };
    match kind {
        CaseKind::AmountMismatch | CaseKind::CurrencyMismatch => {
            format!("{got}, but order {} costs {}{late}; accept or refund it", order.id, order.amount)
        }
        CaseKind::AccountMismatch => {
            format!("{got}, but payment {} was begun on account {}{late}", payment.out_trade_no, payment.account)
        }
        CaseKind::LatePayment => format!("{got} after order {} was closed; accept or refund it", order.id),
        CaseKind::DoublePayment => format!("{got}, but order {} was paid before; refund one of the two", order.id),
        CaseKind::UnknownOrder
        | CaseKind::Stuck
        | CaseKind::RefundStuck
        | CaseKind::ReconciliationMissingHere
        | CaseKind::ReconciliationMissingThere
        | CaseKind::ReconciliationAmount
        | CaseKind::ReconciliationStatus
        | CaseKind::ReconciliationFee => got,
    }
}
