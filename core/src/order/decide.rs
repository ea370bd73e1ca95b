//! What an input means for an order. The only way in which an order changes.

use super::{
    AccountName, Case, CaseKind, CaseState, Ending, EventKind, Fact, Fit, Money, Observation, Order, OrderId,
    OutTradeNo, Payment, PaymentFact, PaymentStatus, Refund, RefundFact, RequestId, Resolution, State, Timestamp,
    Transaction, moves,
};

/// Attempts to pay one order at most; each is in every snapshot of the order.
pub const MAX_PAYMENTS: usize = 32;

/// What a service wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make an order known.
    Create {
        /// Its name.
        order_id: OrderId,
        /// What must be paid.
        amount: Money,
        /// What it is about.
        description: String,
        /// When it should be closed if unpaid.
        expires_at: Option<Timestamp>,
    },
    /// Begin a payment, or register one that the caller began.
    StartPayment {
        /// Of which order.
        order_id: OrderId,
        /// Its number at the platform.
        out_trade_no: OutTradeNo,
        /// Through which account.
        account: AccountName,
        /// On which platform.
        provider: String,
    },
    /// End it unpaid.
    Close {
        /// Which order.
        order_id: OrderId,
        /// The caller has closed every payment at its platform and vouches for it.
        payments_closed: bool,
    },
}

impl Command {
    /// The order that it is about.
    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Self::Create { order_id, .. } | Self::StartPayment { order_id, .. } | Self::Close { order_id, .. } => {
                order_id
            }
        }
    }
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order.
    #[error("order {0} does not exist; create it first")]
    OrderNotFound(OrderId),
    /// The id is taken.
    #[error("order {0} exists already; use another order_id, or the same request_id and content to retry")]
    OrderExists(OrderId),
    /// The key was used for something else.
    #[error("request_id {0} was used before with other content; use a new request_id for a new request")]
    RequestIdReused(RequestId),
    /// It cannot be paid any more.
    #[error("order {0} is {state}; a payment can only be begun while it is CREATED or PENDING", state = .1.as_str())]
    NotPayable(OrderId, State),
    /// It has been paid.
    #[error("order {0} is {state}; only an unpaid order can be closed", state = .1.as_str())]
    AlreadyPaid(OrderId, State),
    /// The number belongs to a payment already.
    #[error("out_trade_no {0} belongs to another payment already; every attempt needs a number of its own")]
    NumberTaken(OutTradeNo),
    /// It would be closed before it can be paid.
    #[error("expire_time must lie in the future")]
    ExpiresInPast,
    /// It has been tried too often.
    #[error("order {0} has {MAX_PAYMENTS} payments already; create a new order")]
    TooManyPayments(OrderId),
    /// The table has no such move: a fault of this program, and nothing was changed.
    #[error("internal: no move from {from:?} on {on:?} to {to:?}")]
    IllegalMove {
        /// State before.
        from: Option<State>,
        /// What happened.
        on: EventKind,
        /// State after.
        to: State,
    },
}

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

/// Decides a command. `order` is the one that it names, if it exists.
///
/// # Errors
/// [`Refusal`] says why nothing changes.
pub fn decide(order: Option<&Order>, command: &Command, at: Timestamp) -> Result<Decision, Refusal> {
    match command {
        Command::Create { order_id, amount, description, expires_at } => {
            if order.is_some() {
                return Err(Refusal::OrderExists(order_id.clone()));
            }
            if expires_at.is_some_and(|expires| expires <= at) {
                return Err(Refusal::ExpiresInPast);
            }
            let order = Order {
                id: order_id.clone(),
                amount: *amount,
                description: description.clone(),
                version: 0,
                created_at: at,
                updated_at: at,
                expires_at: *expires_at,
                ending: Ending::Open,
                payments: Vec::new(),
                refunds: Vec::new(),
                open_cases: Vec::new(),
            };
            let mut journal = Journal::new(order, None, at);
            journal.record(EventKind::OrderCreated, Vec::new())?;
            Ok(journal.decision)
        }
        Command::StartPayment { order_id, out_trade_no, account, provider } => {
            let order = order.ok_or_else(|| Refusal::OrderNotFound(order_id.clone()))?;
            if order.payment(out_trade_no).is_some() {
                return Err(Refusal::NumberTaken(out_trade_no.clone()));
            }
            let mut journal = Journal::of(order, at);
            if !matches!(order.state(), State::Created | State::Pending) || order.ending != Ending::Open {
                return Err(Refusal::NotPayable(order_id.clone(), order.state()));
            }
            if order.payments.len() >= MAX_PAYMENTS {
                return Err(Refusal::TooManyPayments(order_id.clone()));
            }
            journal.order.payments.push(Payment {
                out_trade_no: out_trade_no.clone(),
                account: account.clone(),
                provider: provider.clone(),
                status: PaymentStatus::Pending,
                started_at: at,
                transactions: Vec::new(),
            });
            journal.record(EventKind::PaymentStarted, Vec::new())?;
            Ok(journal.decision)
        }
        Command::Close { order_id, payments_closed } => {
            let order = order.ok_or_else(|| Refusal::OrderNotFound(order_id.clone()))?;
            match order.state() {
                State::Created | State::Pending => {}
                State::Closed => return Ok(Decision::default()),
                state @ (State::Paid | State::PartiallyRefunded | State::Refunded | State::Abnormal) => {
                    return Err(Refusal::AlreadyPaid(order_id.clone(), state));
                }
            }
            let mut journal = Journal::of(order, at);
            if *payments_closed || order.all_payments_closed() {
                journal.close()?;
            } else if order.ending == Ending::Open {
                journal.order.ending = Ending::Requested(at);
                journal.record(EventKind::CloseRequested, Vec::new())?;
            }
            Ok(journal.decision)
        }
    }
}

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

/// An order while it is being changed: each change is recorded as an event that the table must allow.
struct Journal {
    order: Order,
    from: Option<State>,
    at: Timestamp,
    decision: Decision,
}

impl Journal {
    fn of(order: &Order, at: Timestamp) -> Self {
        Self::new(order.clone(), Some(order.state()), at)
    }

    fn new(order: Order, from: Option<State>, at: Timestamp) -> Self {
        Self { order, from, at, decision: Decision::default() }
    }

    fn record(&mut self, kind: EventKind, cases: Vec<Case>) -> Result<(), Refusal> {
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

    fn close(&mut self) -> Result<(), Refusal> {
        for payment in &mut self.order.payments {
            payment.status = payment.status.max(PaymentStatus::Closed);
        }
        self.order.ending = Ending::Closed(self.at);
        self.record(EventKind::OrderClosed, Vec::new())
    }

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
                };
                self.succeeded(index, transaction)
            }
            // The rim refuses a success without a number; should one get here, it must not count as money.
            (PaymentStatus::Succeeded, None) => Ok(()),
            (status @ (PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Closed), _) => {
                let payment = &mut self.order.payments[index];
                if payment.account != *account || payment.status >= status {
                    return Ok(());
                }
                payment.status = status;
                self.record(EventKind::PaymentUpdated, Vec::new())?;
                // Money that is held must be settled first, whatever becomes of the attempts.
                let ends = matches!(self.order.ending, Ending::Requested(_))
                    && self.order.all_payments_closed()
                    && self.order.transactions().next().is_none();
                if ends { self.close() } else { Ok(()) }
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

    fn fit(&self, index: usize, account: &AccountName, amount: Money) -> Fit {
        if matches!(self.order.ending, Ending::Closed(_)) {
            Fit::AfterClose
        } else if self.order.payments[index].account != *account {
            Fit::WrongAccount
        } else if amount.currency() != self.order.amount.currency() {
            Fit::WrongCurrency
        } else if amount != self.order.amount {
            Fit::WrongAmount
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
        }
        payment.transactions.push(new);
        let event = if cases.is_empty() { EventKind::PaymentSucceeded } else { EventKind::PaymentHeld };
        // Refunds that were heard of first may turn out to be more than this brought.
        cases.extend(self.refund_cases());
        self.record(event, cases)
    }

    /// The same transaction again. Equal news changes nothing; a platform that contradicts itself about
    /// the amount opens a case, and what was booked stays booked.
    fn told_again(&mut self, known: &Transaction, new: &Transaction, index: usize) -> Result<(), Refusal> {
        let case = self.case(CaseKind::AmountMismatch, new, index);
        if known.amount == new.amount || self.order.open_cases.contains(&case.id) {
            return Ok(());
        }
        self.record(EventKind::PaymentHeld, vec![case])
    }

    fn refund(&mut self, account: &AccountName, fact: &RefundFact) -> Result<(), Refusal> {
        let before = self.order.refunds.clone();
        self.order.merge_refund(Refund::reported(account, fact, self.at));
        if self.order.refunds == before {
            return Ok(());
        }
        let cases = self.refund_cases();
        self.record(EventKind::RefundUpdated, cases)
    }

    /// Cases that follow from the refunds as they are known now: opened while the trouble lasts, settled
    /// when later news ends it. So they do not depend on the order in which the news came.
    fn refund_cases(&mut self) -> Vec<Case> {
        let trouble = self.order.refund_trouble(self.at);
        let is_open = |id: &String| trouble.iter().any(|case| case.id == *id);
        let (open, over): (Vec<_>, Vec<_>) =
            self.order.open_cases.drain(..).partition(|id| !Case::is_about_refunds(id) || is_open(id));
        self.order.open_cases = open;
        let state = CaseState::Resolved { resolution: Resolution::Overtaken, at: self.at };
        let settled: Vec<_> = over.iter().filter_map(|id| Case::of_id(id, &self.order.id, state, self.at)).collect();
        let new = trouble.into_iter().filter(|case| !self.order.open_cases.contains(&case.id));
        settled.into_iter().chain(new).collect()
    }

    fn case(&self, kind: CaseKind, money: &Transaction, index: usize) -> Case {
        let payment = &self.order.payments[index];
        Case {
            id: Case::id_for(kind, &money.account, money.id.as_str()),
            kind,
            state: CaseState::Open,
            order_id: Some(self.order.id.clone()),
            account: money.account.clone(),
            out_trade_no: Some(payment.out_trade_no.clone()),
            transaction_id: Some(money.id.clone()),
            expected: Some(self.order.amount),
            observed: Some(money.amount),
            summary: summary(kind, &self.order, payment, money),
            opened_at: self.at,
        }
    }
}

fn summary(kind: CaseKind, order: &Order, payment: &Payment, money: &Transaction) -> String {
    let got = format!("transaction {} brought {} on account {}", money.id, money.amount, money.account);
    match kind {
        CaseKind::AmountMismatch | CaseKind::CurrencyMismatch => {
            format!("{got}, but order {} costs {}; accept or refund it", order.id, order.amount)
        }
        CaseKind::AccountMismatch => {
            format!("{got}, but payment {} was begun on account {}", payment.out_trade_no, payment.account)
        }
        CaseKind::LatePayment => format!("{got} after order {} was closed; accept or refund it", order.id),
        CaseKind::DoublePayment => format!("{got}, but order {} was paid before; refund one of the two", order.id),
        CaseKind::UnknownOrder | CaseKind::RefundStuck => got,
    }
}
