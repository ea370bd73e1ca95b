//! Refunds that are asked for here: of which money, how much at most, and what becomes of a platform's refusal.
//!
//! A refund stands on its order from the moment of the command, so that two commands cannot give back the same money;
//! what the platform reports about it later merges into it by its number.

use super::{
    Case, CaseState, Decision, Due, EventKind, Followup, MAX_REFUNDS, Money, Order, OutRefundNo, OutTradeNo, Payment,
    Refund, RefundStatus, Refusal, Requested, Timestamp, Transaction, TransactionId, journal::Journal,
};

/// A refund as it is wanted.
pub(super) struct Wanted<'a> {
    pub(super) out_trade_no: Option<&'a OutTradeNo>,
    pub(super) transaction_id: Option<&'a TransactionId>,
    pub(super) out_refund_no: &'a OutRefundNo,
    pub(super) amount: Money,
    pub(super) reason: &'a str,
}

pub(super) fn request(order: &Order, wanted: &Wanted<'_>, at: Timestamp) -> Result<Decision, Refusal> {
    let mut known = order.refunds.iter().filter(|r| r.out_refund_no.as_ref() == Some(wanted.out_refund_no)).peekable();
    if known.peek().is_some() {
        let again = known.any(|refund| wanted.is(refund));
        let taken = || Refusal::RefundNumberTaken(wanted.out_refund_no.clone());
        return if again { Ok(Decision::default()) } else { Err(taken()) };
    }
    let (payment, transaction) = order.refundable(wanted)?;
    let left = order.left_of(transaction);
    if wanted.amount.currency() != left.currency() {
        return Err(Refusal::RefundCurrency(left.currency()));
    }
    if left.is_zero() || wanted.amount.is_zero() {
        return Err(Refusal::NothingToRefund(order.id.clone()));
    }
    if wanted.amount > left {
        return Err(Refusal::RefundExceedsPayment { transaction: transaction.id.clone(), asked: wanted.amount, left });
    }
    let mut journal = Journal::of(order, at);
    journal.request_refund(payment, transaction, wanted)?;
    Ok(journal.decision)
}

/// Hands a refund to a person because the platform refuses it, or does not tell. It does not count as failed: the money
/// may have gone back all the same.
pub(super) fn troubled(
    order: &Order,
    out_refund_no: &OutRefundNo,
    evidence: String,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    let asked = |r: &Refund| r.requested.is_some() && r.out_refund_no.as_ref() == Some(out_refund_no);
    let mut journal = Journal::of(order, at);
    let Some(refund) = journal.order.refunds.iter_mut().find(|r| asked(r)) else {
        return Err(Refusal::RefundNotFound(order.id.clone(), out_refund_no.clone()));
    };
    if refund.status != RefundStatus::Pending {
        return Ok(Decision::default());
    }
    refund.status = RefundStatus::Abnormal;
    refund.updated_at = at;
    let about = Order::refund_stuck_id(refund);
    let mut cases = journal.refund_cases(std::slice::from_ref(&about));
    for case in cases.iter_mut().filter(|case| case.id.cause() == about && case.state == CaseState::Open) {
        case.evidence.clone_from(&evidence);
    }
    journal.record(EventKind::RefundUpdated, cases)?;
    Ok(journal.decision)
}

/// Escalates a refund after long polling. If it is ABNORMAL already, its case is open, or was ruled on and is opened
/// again.
pub(super) fn given_up(
    order: &Order,
    out_refund_no: &OutRefundNo,
    evidence: &str,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    let Some(refund) = order.requested_refund(out_refund_no).filter(|r| r.status == RefundStatus::Abnormal) else {
        return troubled(order, out_refund_no, evidence.to_owned(), at);
    };
    let mut journal = Journal::of(order, at);
    let cause = Order::refund_stuck_id(refund);
    let Some(id) = journal.id_anew(&cause) else { return Ok(Decision::default()) };
    let trouble = order.refund_trouble(at).into_iter().find(|case| case.id == cause);
    if let Some(case) = trouble {
        journal.record(EventKind::CaseOpened, vec![Case { id, evidence: evidence.to_owned(), ..case }])?;
    }
    Ok(journal.decision)
}

impl Wanted<'_> {
    /// Whether this refund was asked for in the same words.
    fn is(&self, refund: &Refund) -> bool {
        let same = |r: &Requested| r.amount == self.amount && r.reason == self.reason;
        refund.requested.as_ref().is_some_and(same)
            && self.out_trade_no.is_none_or(|n| refund.out_trade_no.as_ref() == Some(n))
            && self.transaction_id.is_none_or(|id| refund.transaction_id.as_ref() == Some(id))
    }
}

impl Order {
    /// The money that a refund is to be taken from. Money that is named may be held; without a name, only money that
    /// counts is meant. Never a guess: where several transactions have something left, the caller must name one.
    fn refundable(&self, wanted: &Wanted<'_>) -> Result<(&Payment, &Transaction), Refusal> {
        let unnamed = wanted.out_trade_no.is_none() && wanted.transaction_id.is_none();
        let money = self.payments.iter().flat_map(|p| p.transactions.iter().map(move |t| (p, t)));
        let meant: Vec<_> = money
            .filter(|(p, _)| wanted.out_trade_no.is_none_or(|n| p.out_trade_no == *n))
            .filter(|(_, t)| wanted.transaction_id.is_none_or(|id| t.id == *id))
            .filter(|(_, t)| !unnamed || t.counts())
            .filter(|(_, t)| !self.left_of(t).is_zero())
            .collect();
        match meant.as_slice() {
            [one] => Ok(*one),
            [] => Err(Refusal::NothingToRefund(self.id.clone())),
            [_, ..] => Err(Refusal::PaymentAmbiguous(self.id.clone())),
        }
    }
}

impl Journal {
    /// Puts a refund on the order and has it carried out.
    pub(super) fn request_refund(
        &mut self,
        payment: &Payment,
        transaction: &Transaction,
        wanted: &Wanted<'_>,
    ) -> Result<(), Refusal> {
        if self.order.refunds.len() >= MAX_REFUNDS {
            return Err(Refusal::TooManyRefunds(self.order.id.clone()));
        }
        self.order.refunds.push(Refund {
            account: transaction.account.clone(),
            out_trade_no: Some(payment.out_trade_no.clone()),
            transaction_id: Some(transaction.id.clone()),
            out_refund_no: Some(wanted.out_refund_no.clone()),
            refund_id: None,
            status: RefundStatus::Pending,
            amount: wanted.amount,
            cumulative: false,
            updated_at: self.at,
            requested: Some(Requested { at: self.at, amount: wanted.amount, reason: wanted.reason.to_owned() }),
            given_up: None,
            elsewhere: None,
            inferred: false,
        });
        self.record(EventKind::RefundRequested, Vec::new())?;
        self.decision.tasks.push(Followup::refund(wanted.out_refund_no, &transaction.account, Due::Now));
        Ok(())
    }
}
