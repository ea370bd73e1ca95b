//! Refunds of an order: which reports are about one refund, how they merge, and what is wrong with them.
//!
//! Merging does not depend on the order in which reports come.

use super::{
    AccountName, Case, CaseId, CaseKind, Money, Order, OutRefundNo, Refund, RefundFact, RefundId, RefundStatus,
    Timestamp, Transaction, TransactionId,
};

/// Whether two reports are about one refund. The platform's number decides where both have one; the shop's
/// number only where one of them lacks the platform's, because a shop may use it for a second try.
/// Cumulative reports on one transaction are one running total.
fn same(a: &Refund, b: &Refund) -> bool {
    if a.account != b.account || a.cumulative != b.cumulative || a.amount.currency() != b.amount.currency() {
        return false;
    }
    if a.cumulative {
        return (&a.transaction_id, &a.out_trade_no) == (&b.transaction_id, &b.out_trade_no);
    }
    match (&a.refund_id, &b.refund_id) {
        (Some(x), Some(y)) => x == y,
        (None, _) | (_, None) => a.out_refund_no.is_some() && a.out_refund_no == b.out_refund_no,
    }
}

/// Keeps the stronger of two reports about one refund. Only the report that says that it went back says how much: it
/// need not be what was asked for, or is under way.
fn strengthen(known: &mut Refund, new: &Refund) {
    // An inferred status is weaker than the same status from a report that names the refund.
    let rank = |r: &Refund| (r.status, !r.inferred, r.amount);
    if rank(new) > rank(known) {
        (known.status, known.amount, known.inferred) = (new.status, new.amount, new.inferred);
        known.updated_at = new.updated_at;
        // A running total carries the number of the refund that reached it.
        if known.cumulative && new.out_refund_no.is_some() {
            known.out_refund_no.clone_from(&new.out_refund_no);
        }
    }
    known.requested = known.requested.take().or_else(|| new.requested.clone());
    known.given_up = known.given_up.take().or(new.given_up);
    known.elsewhere = known.elsewhere.max(new.elsewhere);
    known.out_refund_no = known.out_refund_no.take().or_else(|| new.out_refund_no.clone());
    known.refund_id = known.refund_id.take().or_else(|| new.refund_id.clone());
    known.out_trade_no = known.out_trade_no.take().or_else(|| new.out_trade_no.clone());
    known.transaction_id = known.transaction_id.take().or_else(|| new.transaction_id.clone());
}

/// In minor units.
pub(super) fn sum<'a>(refunds: impl Iterator<Item = &'a Refund>) -> i64 {
    refunds.fold(0, |sum, r| sum.saturating_add(r.amount.minor()))
}

impl Refund {
    /// A report, as a refund of its own.
    pub(super) fn reported(account: &AccountName, fact: &RefundFact, at: Timestamp) -> Self {
        Self {
            account: account.clone(),
            out_trade_no: fact.out_trade_no.clone(),
            transaction_id: fact.transaction_id.clone(),
            out_refund_no: fact.out_refund_no.clone(),
            refund_id: fact.refund_id.clone(),
            status: fact.status,
            amount: fact.amount,
            cumulative: fact.cumulative,
            updated_at: at,
            requested: None,
            given_up: None,
            elsewhere: None,
            inferred: false,
        }
    }

    /// The number by which people find it: ours if it was requested here, because that never changes.
    fn number(&self) -> &str {
        if let (Some(_), Some(ours)) = (&self.requested, &self.out_refund_no) {
            return ours.as_str();
        }
        let named = self.refund_id.as_ref().map(RefundId::as_str);
        let named = named.or(self.out_refund_no.as_ref().map(OutRefundNo::as_str));
        named.or(self.transaction_id.as_ref().map(TransactionId::as_str)).unwrap_or("?")
    }
}

impl Order {
    /// Takes in a report: merges it with every report that turns out to be about the same refund.
    pub(super) fn merge_refund(&mut self, new: Refund) {
        let Some(first) = self.refunds.iter().position(|r| same(r, &new)) else {
            self.refunds.push(new);
            return;
        };
        strengthen(&mut self.refunds[first], &new);
        // Now that both numbers are known, what looked like two refunds may be one.
        while let Some(other) = (first + 1..self.refunds.len()).find(|i| same(&self.refunds[first], &self.refunds[*i]))
        {
            let other = self.refunds.remove(other);
            strengthen(&mut self.refunds[first], &other);
        }
    }

    /// Marks the refund requested here whose number a running total names as succeeded: the platform may never say so
    /// in another way.
    pub(super) fn confirm_refund(&mut self, account: &AccountName, fact: &RefundFact, at: Timestamp) {
        if !fact.cumulative || fact.status != RefundStatus::Succeeded || fact.out_refund_no.is_none() {
            return;
        }
        let confirmed = self.refunds.iter_mut().filter(|r| {
            r.requested.is_some()
                && r.account == *account
                && r.out_refund_no == fact.out_refund_no
                && r.amount.currency() == fact.amount.currency()
                && r.amount <= fact.amount
        });
        for refund in confirmed.filter(|r| r.status < RefundStatus::Succeeded) {
            refund.status = RefundStatus::Succeeded;
            refund.inferred = true;
            refund.updated_at = at;
        }
    }

    /// Notes how much of a running total exceeds the refunds of the same money that were requested here; never less
    /// than was `noted` before. Ours are reported under their own numbers, perhaps later than a total that already
    /// contains them, so those under way are counted as contained. What went back elsewhere meanwhile is therefore
    /// noted late; refunds that the platform refused, or does not tell of, are taken not to be contained.
    pub(super) fn note_elsewhere(&mut self, account: &AccountName, fact: &RefundFact, noted: i64) {
        if !fact.cumulative || fact.status != RefundStatus::Succeeded {
            return;
        }
        let report = Refund::reported(account, fact, self.updated_at);
        let in_it = |r: &&Refund| matches!(r.status, RefundStatus::Pending | RefundStatus::Succeeded);
        let ours = sum(self.asked_of_same_money(&report).filter(in_it));
        for total in self.refunds.iter_mut().filter(|r| same(r, &report)) {
            total.elsewhere = Some(total.amount.at_most(total.amount.minor().saturating_sub(ours).max(noted)));
        }
    }

    /// What went back elsewhere as a running total says, in minor units. It never becomes less.
    #[must_use]
    pub fn went_back_elsewhere(&self, account: &AccountName, fact: &RefundFact) -> i64 {
        let report = Refund::reported(account, fact, self.updated_at);
        let total =
            self.refunds.iter().find(|r| r.cumulative && r.status == RefundStatus::Succeeded && same(r, &report));
        total.map_or(0, |total| self.elsewhere_of(total))
    }

    /// How much of a running total went back elsewhere, in minor units, as noted. Without a note, an early version
    /// stored the total, which booked whatever was not known to be ours.
    #[must_use]
    pub fn elsewhere_of(&self, total: &Refund) -> i64 {
        let ours = || sum(self.asked_of_same_money(total).filter(|r| r.status == RefundStatus::Succeeded));
        let booked = || total.amount.at_most(total.amount.minor().saturating_sub(ours()));
        total.elsewhere.unwrap_or_else(booked).minor()
    }

    /// The refunds requested here of the money that a report is about.
    fn asked_of_same_money(&self, report: &Refund) -> impl Iterator<Item = &Refund> {
        let same_money = |r: &Refund| match (&r.transaction_id, &report.transaction_id) {
            (Some(known), Some(named)) => known == named,
            (None, _) | (_, None) => r.out_trade_no == report.out_trade_no,
        };
        self.refunds.iter().filter(move |r| {
            let is_of_it = r.account == report.account && r.amount.currency() == report.amount.currency();
            r.requested.is_some() && is_of_it && same_money(r)
        })
    }

    /// How much went back by the refund that a report is about, in minor units; for a running total, all that it
    /// covers.
    #[must_use]
    pub fn went_back(&self, account: &AccountName, fact: &RefundFact) -> i64 {
        let report = Refund::reported(account, fact, self.updated_at);
        let succeeded = self.refunds.iter().find(|r| r.status == RefundStatus::Succeeded && same(r, &report));
        succeeded.map_or(0, |r| r.amount.minor())
    }

    /// The refund that was asked for here under this number.
    #[must_use]
    pub fn asked_back(&self, account: &AccountName, out_refund_no: &OutRefundNo) -> Option<&Refund> {
        let asked = |r: &&Refund| r.requested.is_some() && r.account == *account;
        self.refunds.iter().filter(asked).find(|r| r.out_refund_no.as_ref() == Some(out_refund_no))
    }

    /// What is wrong with the refunds, as open cases.
    pub(super) fn refund_trouble(&self, at: Timestamp) -> Vec<Case> {
        let stuck = self.refunds.iter().filter(|r| matches!(r.status, RefundStatus::Abnormal | RefundStatus::Failed));
        let stuck = stuck.map(|r| {
            let summary =
                format!("refund {} of {} did not reach the payer; look at the platform", r.number(), r.amount);
            self.refund_case(CaseKind::RefundStuck, r, summary, at)
        });
        let strange = self.refunds.iter().filter(|r| r.amount.currency() != self.amount.currency());
        let strange = strange.map(|r| {
            let summary =
                format!("refund {} is {}, but the order is in {:?}", r.number(), r.amount, self.amount.currency());
            self.refund_case(CaseKind::CurrencyMismatch, r, summary, at)
        });
        let over = self.transactions().filter(|t| self.refunds_reported_for(t) > t.amount.minor());
        let over = over.map(|t| self.over_refunded(t, at));
        let again = self.refunds.iter().filter(|r| self.is_back_twice(r));
        let again = again.map(|r| {
            let summary = format!(
                "refund {} of {} was given up and went through all the same; more was given back meanwhile, perhaps \
                 the same money again",
                r.number(),
                r.amount
            );
            self.refund_case(CaseKind::AmountMismatch, r, summary, at)
        });
        let other = self.refunds.iter().filter(|r| !self.is_back_twice(r)).filter_map(|r| {
            let asked = r.requested.as_ref().filter(|asked| asked.amount != r.amount)?;
            let is_over = !r.cumulative && r.status == RefundStatus::Succeeded;
            let summary = format!(
                "refund {} was asked for as {}, and the platform gave back {}; if its number was used elsewhere before, \
                 CreateRefund with another one gives back the rest",
                r.number(),
                asked.amount,
                r.amount
            );
            is_over.then(|| self.refund_case(CaseKind::AmountMismatch, r, summary, at))
        });
        stuck.chain(strange).chain(over).chain(again).chain(other).collect()
    }

    /// Whether a refund that was given up went through after all, and its money was given back again in the meantime.
    fn is_back_twice(&self, refund: &Refund) -> bool {
        let Some(given_up) = refund.given_up.filter(|_| refund.status == RefundStatus::Succeeded) else { return false };
        self.left_for(refund).is_some_and(|left| left < given_up.left)
    }

    /// What is left to give back of the money that a refund is taken from.
    pub(super) fn left_for(&self, refund: &Refund) -> Option<Money> {
        self.transactions().find(|t| self.is_taken_from(refund, t)).map(|t| self.left_of(t))
    }

    /// Clears `given_up` on finished refunds whose money was not refunded again: what is asked for from then on is not
    /// a second time.
    pub(super) fn forget_given_up(&mut self) {
        let over: Vec<_> =
            self.refunds.iter().map(|r| r.status > RefundStatus::Abandoned && !self.is_back_twice(r)).collect();
        for (refund, _) in self.refunds.iter_mut().zip(over).filter(|(_, over)| *over) {
            refund.given_up = None;
        }
    }

    /// The id of the case about a refund that does not reach the payer.
    pub(super) fn refund_stuck_id(refund: &Refund) -> CaseId {
        CaseId::of_refund(CaseKind::RefundStuck, &refund.account, refund.number())
    }

    fn refund_case(&self, kind: CaseKind, refund: &Refund, summary: String, at: Timestamp) -> Case {
        let id = CaseId::of_refund(kind, &refund.account, refund.number());
        Case {
            order_id: Some(self.id.clone()),
            out_trade_no: refund.out_trade_no.clone(),
            transaction_id: refund.transaction_id.clone(),
            observed: Some(refund.amount),
            ..Case::open(id, kind, &refund.account, summary, at)
        }
    }

    fn over_refunded(&self, transaction: &Transaction, at: Timestamp) -> Case {
        let reported = self.refunds_reported_for(transaction);
        let kind = CaseKind::AmountMismatch;
        let id = CaseId::of_refund(kind, &transaction.account, format_args!("of {}", transaction.id));
        let summary = format!(
            "the platform reports {reported} given back of transaction {}, which brought {}",
            transaction.id, transaction.amount
        );
        Case {
            order_id: Some(self.id.clone()),
            transaction_id: Some(transaction.id.clone()),
            expected: Some(transaction.amount),
            observed: Money::new(reported, transaction.amount.currency()).ok(),
            ..Case::open(id, kind, &transaction.account, summary, at)
        }
    }
}
