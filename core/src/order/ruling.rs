//! Cases: opened where nobody can go on, assigned, and settled by a person or a policy.
//!
//! A ruling says what money means; it never makes money. Only what a platform reported as paid can be accepted, and
//! a ruling to give money back asks for a refund like any other, under a number made from the case: ruled twice, it
//! is one refund.

use std::borrow::Cow;

use super::{
    About, Case, CaseId, CaseKind, CaseState, Decision, Due, Ending, EventKind, Followup, GivenUp, Order, OutTradeNo,
    Payment, PaymentStatus, Refund, RefundStatus, Refusal, Resolution, Resolver, Settlement, Timestamp, Transaction,
    command::refund_number_of,
    journal::Journal,
    refunding::{self, Wanted},
};

/// Why money goes back, as platforms show it to payers.
const TO_THE_PAYER: &str = "refund";

/// A ruling on a case.
#[derive(Clone, Copy)]
pub(super) struct Ruling<'a> {
    pub(super) resolution: Resolution,
    pub(super) reason: &'a str,
    pub(super) by: Resolver,
    pub(super) at: Timestamp,
}

/// Whether a case is open. An order knows that of its own cases, better than a row that was read beside it.
fn is_open(order: Option<&Order>, case: &Case) -> bool {
    match order {
        Some(order) if case.kind != CaseKind::UnknownOrder => order.open_cases.contains(&case.id),
        Some(_) | None => case.state == CaseState::Open,
    }
}

pub(super) fn resolve(order: Option<&Order>, case: &Case, ruling: &Ruling<'_>) -> Result<Decision, Refusal> {
    if !is_open(order, case) {
        let same = matches!(case.state, CaseState::Resolved { resolution, by, .. }
            if resolution == ruling.resolution && by == Some(ruling.by) && case.reason == ruling.reason);
        return if same { Ok(Decision::default()) } else { Err(Refusal::CaseResolved(case.id.clone())) };
    }
    let allowed = case.allowed();
    if !allowed.contains(&ruling.resolution) {
        let names: Vec<_> = allowed.iter().map(|r| r.as_str()).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") };
        return Err(ruling.refused(case, format!("it can be settled with {names}")));
    }
    if ruling.by == Resolver::Policy && case.kind.needs_a_person(ruling.resolution) {
        return Err(ruling.refused(case, "somebody must have put right what the platform names"));
    }
    // The rule for this kind says that the amount or the account is good as it is. Whether what was closed can still be delivered,
    // only the rule for late payments says.
    let is_closed = order.is_some_and(|order| matches!(order.ending, Ending::Closed(_)));
    let reopens = is_closed && ruling.resolution == Resolution::Accept && case.kind != CaseKind::LatePayment;
    if ruling.by == Resolver::Policy && reopens {
        return Err(ruling.refused(case, "the order was closed: a person must say whether it can still be delivered"));
    }
    let state = CaseState::Resolved { resolution: ruling.resolution, at: ruling.at, by: Some(ruling.by) };
    let settled = Case { state, reason: ruling.reason.to_owned(), ..case.clone() };
    let Some(order) = order.filter(|order| order.open_cases.contains(&case.id)) else {
        return Ok(Decision { cases: vec![settled], ..Decision::default() });
    };
    let mut journal = Journal::of(order, ruling.at);
    journal.carry_out(case, ruling)?;
    journal.order.open_cases.retain(|id| *id != case.id);
    journal.order.ruled_cases.push(case.id.clone());
    journal.record(EventKind::CaseResolved, vec![settled])?;
    journal.close_if_over()?;
    Ok(journal.decision)
}

/// Whether a case can be assigned. Its owner is not part of the decision: the door writes it alone, so that this cannot
/// undo what becomes of the case meanwhile.
pub(super) fn assign(order: Option<&Order>, case: &Case) -> Result<Decision, Refusal> {
    if !is_open(order, case) {
        return Err(Refusal::CaseResolved(case.id.clone()));
    }
    Ok(Decision::default())
}

/// Opens a case that the caller brings along. If one with the same id exists, nothing changes, whatever became of it.
pub(super) fn open(
    order: Option<&Order>,
    known: Option<&Case>,
    new: &Case,
    at: Timestamp,
) -> Result<Decision, Refusal> {
    if known.is_some() {
        return Ok(Decision::default());
    }
    let Some(order) = order else {
        return Ok(Decision { cases: vec![new.clone()], ..Decision::default() });
    };
    let mut journal = Journal::of(order, at);
    if !journal.is_known(&new.id) {
        journal.record(EventKind::CaseOpened, vec![new.clone()])?;
    }
    Ok(journal.decision)
}

/// Opens the case about what cannot be found out, even where an earlier one was ruled to be ignored: it is news that it
/// was asked about again in vain. A definite answer settles it, should one come.
pub(super) fn give_up(order: &Order, about: &About, evidence: &str, at: Timestamp) -> Result<Decision, Refusal> {
    match about {
        About::Payment(number) => stuck(order, number, evidence, at),
        About::Refund(number) => refunding::given_up(order, number, evidence, at),
    }
}

fn stuck(order: &Order, out_trade_no: &OutTradeNo, evidence: &str, at: Timestamp) -> Result<Decision, Refusal> {
    let mut journal = Journal::of(order, at);
    let Payment { account, status, .. } = journal.named_payment(out_trade_no)?.clone();
    let id = journal.id_anew(&CaseId::of(CaseKind::Stuck, &account, out_trade_no));
    let ended = matches!(status, PaymentStatus::Closed | PaymentStatus::Succeeded);
    let Some(id) = id.filter(|_| !ended) else { return Ok(Decision::default()) };
    let summary = format!("the platform does not tell how payment {out_trade_no} of order {} ended", order.id);
    let case = Case {
        order_id: Some(order.id.clone()),
        out_trade_no: Some(out_trade_no.clone()),
        expected: Some(order.amount),
        evidence: evidence.to_owned(),
        ..Case::open(id, CaseKind::Stuck, &account, summary, at)
    };
    journal.record(EventKind::CaseOpened, vec![case])?;
    Ok(journal.decision)
}

impl Ruling<'_> {
    fn refused(&self, case: &Case, why: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::ResolutionNotAllowed { case_id: case.id.clone(), resolution: self.resolution, why: why.into() }
    }
}

impl Journal {
    /// What a ruling means for the order that its case is on.
    fn carry_out(&mut self, case: &Case, ruling: &Ruling<'_>) -> Result<(), Refusal> {
        match case.kind {
            CaseKind::AmountMismatch
            | CaseKind::CurrencyMismatch
            | CaseKind::AccountMismatch
            | CaseKind::LatePayment
            | CaseKind::DoublePayment
                if ruling.resolution != Resolution::Ignore =>
            {
                self.rule_on_money(case, ruling)
            }
            CaseKind::Stuck if ruling.resolution == Resolution::Close => self.take_for_closed(case),
            CaseKind::RefundStuck => self.rule_on_refund(case, ruling),
            CaseKind::AmountMismatch
            | CaseKind::CurrencyMismatch
            | CaseKind::AccountMismatch
            | CaseKind::LatePayment
            | CaseKind::DoublePayment
            | CaseKind::UnknownOrder
            | CaseKind::Stuck
            | CaseKind::ReconciliationMissingHere
            | CaseKind::ReconciliationMissingThere
            | CaseKind::ReconciliationAmount
            | CaseKind::ReconciliationStatus
            | CaseKind::ReconciliationFee => Ok(()),
        }
    }

    fn rule_on_money(&mut self, case: &Case, ruling: &Ruling<'_>) -> Result<(), Refusal> {
        let money = self.order.payments.iter().flat_map(|p| p.transactions.iter().map(move |t| (p, t)));
        let mut about = money.filter(|(_, t)| t.account == case.account && case.transaction_id.as_ref() == Some(&t.id));
        let Some((payment, transaction)) = about.next().map(|(p, t)| (p.clone(), t.clone())) else {
            return Err(ruling.refused(case, "its money is not on the order"));
        };
        match ruling.resolution {
            Resolution::Accept => self.accept(&transaction).map_err(|why| ruling.refused(case, why)),
            Resolution::Refund => {
                if transaction.counts() && !self.is_paid_without(&transaction) {
                    let why = "it is what pays the order; CreateRefund gives it back";
                    return Err(ruling.refused(case, why));
                }
                self.give_back(case, &payment, &transaction)?;
                self.settle(&transaction, Settlement::Returned);
                Ok(())
            }
            Resolution::Close => {
                if !transaction.counts() {
                    self.settle(&transaction, Settlement::Kept);
                }
                Ok(())
            }
            Resolution::Ignore | Resolution::Bound | Resolution::Overtaken => Ok(()),
        }
    }

    /// Lets money pay the order although it does not fit.
    fn accept(&mut self, transaction: &Transaction) -> Result<(), &'static str> {
        if transaction.counts() {
            return Ok(());
        }
        if self.order.credited().is_some() {
            return Err("another payment pays the order; give this one back, or close the case and keep it");
        }
        if transaction.amount.currency() != self.order.amount.currency() {
            return Err("it is in another currency than the order");
        }
        // Otherwise the goods would go out, and the money too.
        if self.order.left_of(transaction).is_zero() {
            return Err("all of it goes back, or went back already; close the case");
        }
        if transaction.ruling.is_some() {
            return Err("it was ruled on before, and that stands; close the case");
        }
        self.settle(transaction, Settlement::Accepted);
        // The closing was announced. Now the order is paid after all, and that is an event too.
        if matches!(self.order.ending, Ending::Closed(_)) {
            self.order.ending = Ending::Open;
        }
        Ok(())
    }

    /// Whether the order stays paid without this money: something is kept of other money that counts.
    fn is_paid_without(&self, transaction: &Transaction) -> bool {
        let others = self.order.transactions().filter(|t| t.counts() && !t.is(transaction));
        others.into_iter().any(|t| !self.order.left_of(t).is_zero())
    }

    /// Asks for a refund of what is left. The reason stays in the case, for those who may read it; the payer reads none
    /// of our words.
    fn give_back(&mut self, case: &Case, payment: &Payment, transaction: &Transaction) -> Result<(), Refusal> {
        let amount = self.order.left_of(transaction);
        let Some(number) = refund_number_of(&case.id).filter(|_| !amount.is_zero()) else { return Ok(()) };
        let wanted =
            Wanted { out_trade_no: None, transaction_id: None, out_refund_no: &number, amount, reason: TO_THE_PAYER };
        self.request_refund(payment, transaction, &wanted)
    }

    /// Notes what was ruled about money. An order that nothing pays any more is then to end.
    fn settle(&mut self, transaction: &Transaction, settlement: Settlement) {
        let mut all = self.order.payments.iter_mut().flat_map(|p| &mut p.transactions);
        if let Some(found) = all.find(|t| t.is(transaction)) {
            found.ruling = Some(settlement);
        }
        self.end_if_unpaid();
    }

    fn end_if_unpaid(&mut self) {
        if self.order.credited().is_none() && self.request_end() {
            self.hurry_payments();
        }
    }

    /// Takes a payment for closed because a person says so. The platform may have been silent, so it is still asked.
    fn take_for_closed(&mut self, case: &Case) -> Result<(), Refusal> {
        let at = self.at;
        if let Some(number) = &case.out_trade_no {
            let payment = self.named_payment(number)?;
            if !payment.is_ended() {
                payment.status = PaymentStatus::Closed;
                payment.ruled_at = Some(at);
                let question = Followup::payment(number, &payment.account, Due::Soon);
                self.decision.tasks.push(question);
            }
        }
        self.end_if_unpaid();
        Ok(())
    }

    fn rule_on_refund(&mut self, case: &Case, ruling: &Ruling<'_>) -> Result<(), Refusal> {
        match ruling.resolution {
            Resolution::Refund => self.send_again(case).map_err(|why| ruling.refused(case, why)),
            Resolution::Close => {
                self.abandon_refund(case);
                Ok(())
            }
            // A configured rule that ignores would do so again after each round of questions.
            Resolution::Ignore if ruling.by == Resolver::Operator => {
                self.ask_further(case);
                Ok(())
            }
            Resolution::Accept | Resolution::Ignore | Resolution::Bound | Resolution::Overtaken => Ok(()),
        }
    }

    /// Sends a refund of ours again that the platform refused, or did not tell about. The platform is asked first, and
    /// the refund has the same number, so that it is not done twice.
    fn send_again(&mut self, case: &Case) -> Result<(), &'static str> {
        let about = |r: &&mut Refund| Order::refund_stuck_id(r) == case.id.cause();
        let Some(refund) = self.order.refunds.iter_mut().find(about) else {
            return Err("its refund is not on the order");
        };
        let Some(number) = refund.out_refund_no.clone().filter(|_| refund.requested.is_some()) else {
            return Err("the refund was not asked for here; close the case, then CreateRefund gives the money back");
        };
        if refund.status != RefundStatus::Abnormal {
            return Err("the platform says that it failed for good; CreateRefund with another number tries again");
        }
        if refund.refund_id.is_some() {
            return Err("the platform has it, and sending it again changes nothing: put it right in its console");
        }
        refund.status = RefundStatus::Pending;
        refund.updated_at = self.at;
        self.decision.tasks.push(Followup::refund(&number, &refund.account, Due::Now));
        Ok(())
    }

    /// Has a refund asked about further: its money stays reserved while its end is unknown, so something must go on
    /// asking. After the schedule a person is told again.
    fn ask_further(&mut self, case: &Case) {
        let about = |r: &&Refund| r.status == RefundStatus::Abnormal && Order::refund_stuck_id(r) == case.id.cause();
        let refunds = self.order.refunds.iter().filter(about).filter(|r| r.requested.is_some());
        let questions =
            refunds.filter_map(|r| Some(Followup::refund(r.out_refund_no.as_ref()?, &r.account, Due::Soon)));
        self.decision.tasks.extend(questions);
    }

    /// Gives a refund up and frees its money. If it turns out to have gone through, that still counts, so the platform
    /// is still asked.
    fn abandon_refund(&mut self, case: &Case) {
        let about = |r: &Refund| r.status < RefundStatus::Abandoned && Order::refund_stuck_id(r) == case.id.cause();
        let left: Vec<_> = self.order.refunds.iter().map(|r| self.order.left_for(r)).collect();
        for (refund, left) in self.order.refunds.iter_mut().zip(left).filter(|(r, _)| about(r)) {
            refund.status = RefundStatus::Abandoned;
            refund.updated_at = self.at;
            refund.given_up = left.filter(|_| !refund.cumulative).map(|left| GivenUp { at: self.at, left });
            let number = refund.out_refund_no.as_ref().filter(|_| refund.requested.is_some());
            let question = number.map(|number| Followup::refund(number, &refund.account, Due::Soon));
            self.decision.tasks.extend(question);
        }
    }
}
