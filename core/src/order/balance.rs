//! What came in for an order, what went back, and what is left to give back.

use super::{Ending, Money, Order, OutRefundNo, Refund, RefundStatus, State, Transaction, refunds::sum};

impl Order {
    /// Whether it is open, and nothing has come in for it.
    #[must_use]
    pub fn is_payable(&self) -> bool {
        matches!(self.state(), State::Created | State::Pending) && self.ending == Ending::Open
    }

    /// The refund that was asked for here under this number, on whatever account.
    #[must_use]
    pub fn requested_refund(&self, out_refund_no: &OutRefundNo) -> Option<&Refund> {
        self.refunds.iter().find(|r| r.requested.is_some() && r.out_refund_no.as_ref() == Some(out_refund_no))
    }

    /// The transaction that pays the order: of those that count and are not all refunded, the one of which least was
    /// given back. An order is as paid as its best-kept payment. So refunding one half of a double payment leaves it
    /// PAID, whichever of the two came first; it is REFUNDED only when nothing of any payment is kept.
    #[must_use]
    pub fn credited(&self) -> Option<&Transaction> {
        let kept_best = |t: &&Transaction| {
            let back = self.refunded_of(t);
            (back == t.amount, back.minor(), t.id.clone())
        };
        self.transactions().filter(|t| t.counts()).min_by_key(kept_best)
    }

    /// What counts as paid: nothing, or exactly the amount. An amount that was accepted counts as the right one.
    #[must_use]
    pub fn paid(&self) -> Money {
        self.credited().map_or(self.amount.zero(), |_| self.amount)
    }

    /// How much of what counts as paid went back. Where another amount was accepted, all is back only when all of
    /// *that* amount is.
    #[must_use]
    pub fn refunded(&self) -> Money {
        let Some(credited) = self.credited() else { return self.amount.zero() };
        let back = self.refunded_of(credited);
        if !back.is_zero() && back == credited.amount {
            return self.amount;
        }
        self.amount.at_most(back.minor().min(self.amount.minor() - 1))
    }

    /// What went back of one transaction; never more than it brought.
    #[must_use]
    pub fn refunded_of(&self, transaction: &Transaction) -> Money {
        transaction.amount.at_most(self.refunds_reported_for(transaction))
    }

    /// What may still be refunded of one transaction: what it brought, less what went back and less what is under way.
    /// A running total may or may not contain what is under way, so both are taken off; it may also lack some of what
    /// is known to have gone back here and elsewhere. A refund is rather asked for late than twice.
    #[must_use]
    pub fn left_of(&self, transaction: &Transaction) -> Money {
        let under_way = [RefundStatus::Pending, RefundStatus::Abnormal];
        let reserved = self.refunds.iter().filter(|r| !r.cumulative && under_way.contains(&r.status));
        let reserved = reserved
            .filter(|r| self.is_taken_from(r, transaction))
            .fold(self.gone_at_most(transaction), |sum, r| sum.saturating_add(r.amount.minor()));
        transaction.amount.at_most(transaction.amount.minor().saturating_sub(reserved))
    }

    /// What the platform says went back or, if it is more, what went back here and elsewhere; in minor units.
    fn gone_at_most(&self, transaction: &Transaction) -> i64 {
        let succeeded = || {
            self.refunds.iter().filter(|r| r.status == RefundStatus::Succeeded && self.is_taken_from(r, transaction))
        };
        let elsewhere = succeeded().filter(|r| r.cumulative).map(|total| self.elsewhere_of(total)).max().unwrap_or(0);
        let ours = sum(succeeded().filter(|r| r.requested.is_some()));
        self.refunds_reported_for(transaction).max(ours.saturating_add(elsewhere))
    }

    /// What the platform says went back, in minor units, before it is capped by what was paid.
    pub(super) fn refunds_reported_for(&self, transaction: &Transaction) -> i64 {
        let succeeded = || {
            self.refunds.iter().filter(|r| r.status == RefundStatus::Succeeded && self.is_taken_from(r, transaction))
        };
        let single = sum(succeeded().filter(|r| !r.cumulative));
        let cumulative = succeeded().filter(|r| r.cumulative).map(|r| r.amount.minor()).max().unwrap_or(0);
        single.max(cumulative)
    }

    /// The refunds in a form that adds up: those of one transaction that succeeded come to what the platform says went
    /// back. A running total is not one more refund: only the part of it stays that exceeds the refunds known by
    /// themselves, which is money that went back elsewhere, or by a refund whose number we were never told.
    #[must_use]
    pub fn refunds_apart(&self) -> Vec<Refund> {
        self.refunds.iter().filter_map(|refund| self.apart(refund)).collect()
    }

    /// A refund as it is by itself; `None` if it is a running total that others explain.
    fn apart(&self, refund: &Refund) -> Option<Refund> {
        if !refund.cumulative || refund.status != RefundStatus::Succeeded {
            return Some(refund.clone());
        }
        let succeeded =
            || self.refunds.iter().filter(|r| r.status == RefundStatus::Succeeded && self.are_of_same_money(refund, r));
        // The platform may keep two totals; then the larger one contains everything.
        let largest = succeeded().filter(|r| r.cumulative).max_by_key(|r| r.amount)?;
        let single = sum(succeeded().filter(|r| !r.cumulative));
        let beyond = refund.amount.minor().saturating_sub(single);
        if largest != refund || beyond <= 0 {
            return None;
        }
        let others: Vec<_> = self.refunds.iter().filter(|r| !r.cumulative).map(|r| &r.out_refund_no).collect();
        Some(Refund {
            amount: refund.amount.at_most(beyond),
            out_refund_no: refund.out_refund_no.clone().filter(|_| !others.contains(&&refund.out_refund_no)),
            ..refund.clone()
        })
    }

    /// Whether two refunds are taken from the same money; compared by their numbers while that money has not come yet.
    fn are_of_same_money(&self, a: &Refund, b: &Refund) -> bool {
        match self.transactions().find(|t| self.is_taken_from(a, t)) {
            Some(transaction) => self.is_taken_from(b, transaction),
            None => {
                (&a.account, a.amount.currency(), &a.transaction_id, &a.out_trade_no)
                    == (&b.account, b.amount.currency(), &b.transaction_id, &b.out_trade_no)
            }
        }
    }

    /// Whether a refund is taken from this transaction, and in its currency. A refund that names only the payment is
    /// taken from the payment's transaction with the lowest number, so that the answer does not depend on arrival.
    pub(super) fn is_taken_from(&self, refund: &super::Refund, transaction: &Transaction) -> bool {
        if refund.account != transaction.account || refund.amount.currency() != transaction.amount.currency() {
            return false;
        }
        match (&refund.transaction_id, &refund.out_trade_no) {
            (Some(id), _) => *id == transaction.id,
            (None, Some(number)) => self
                .payment(number)
                .and_then(|p| p.transactions.iter().filter(|t| t.account == refund.account).min_by_key(|t| &t.id))
                .is_some_and(|first| first.id == transaction.id),
            (None, None) => false,
        }
    }
}
