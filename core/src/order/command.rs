//! Commands: what a service wants, and why it may not have it.

use smol_str::SmolStr;

use super::{
    AccountName, Decision, Ending, EventKind, Money, Order, OrderId, OutTradeNo, Payment, PaymentStatus, RequestId,
    State, Timestamp, journal::Journal,
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
        provider: SmolStr,
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
    #[error("order {0} is {state} or is being closed; a payment can only be begun while it is open and unpaid", state = .1.as_str())]
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

/// Decides a command. `order` is the one that it names, if it exists.
///
/// # Errors
/// [`Refusal`] says why nothing changes.
pub fn decide(order: Option<&Order>, command: &Command, at: Timestamp) -> Result<Decision, Refusal> {
    let known = |id: &OrderId| order.ok_or_else(|| Refusal::OrderNotFound(id.clone()));
    match command {
        Command::Create { order_id, .. } if order.is_some() => Err(Refusal::OrderExists(order_id.clone())),
        Command::Create { order_id, amount, description, expires_at } => create(
            Order {
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
            },
            at,
        ),
        Command::StartPayment { order_id, out_trade_no, account, provider } => start_payment(
            known(order_id)?,
            Payment {
                out_trade_no: out_trade_no.clone(),
                account: account.clone(),
                provider: provider.clone(),
                status: PaymentStatus::Pending,
                started_at: at,
                transactions: Vec::new(),
            },
            at,
        ),
        Command::Close { order_id, payments_closed } => close(known(order_id)?, *payments_closed, at),
    }
}

fn create(order: Order, at: Timestamp) -> Result<Decision, Refusal> {
    if order.expires_at.is_some_and(|expires| expires <= at) {
        return Err(Refusal::ExpiresInPast);
    }
    let mut journal = Journal::new(order, None, at);
    journal.record(EventKind::OrderCreated, Vec::new())?;
    Ok(journal.decision)
}

fn start_payment(order: &Order, payment: Payment, at: Timestamp) -> Result<Decision, Refusal> {
    if order.payment(&payment.out_trade_no).is_some() {
        return Err(Refusal::NumberTaken(payment.out_trade_no));
    }
    if !matches!(order.state(), State::Created | State::Pending) || order.ending != Ending::Open {
        return Err(Refusal::NotPayable(order.id.clone(), order.state()));
    }
    if order.payments.len() >= MAX_PAYMENTS {
        return Err(Refusal::TooManyPayments(order.id.clone()));
    }
    let mut journal = Journal::of(order, at);
    journal.order.payments.push(payment);
    journal.record(EventKind::PaymentStarted, Vec::new())?;
    Ok(journal.decision)
}

fn close(order: &Order, payments_closed: bool, at: Timestamp) -> Result<Decision, Refusal> {
    match order.state() {
        State::Created | State::Pending => {}
        State::Closed => return Ok(Decision::default()),
        state @ (State::Paid | State::PartiallyRefunded | State::Refunded | State::Abnormal) => {
            return Err(Refusal::AlreadyPaid(order.id.clone(), state));
        }
    }
    let mut journal = Journal::of(order, at);
    if payments_closed || order.all_payments_closed() {
        journal.close()?;
    } else if order.ending == Ending::Open {
        journal.order.ending = Ending::Requested(at);
        journal.record(EventKind::CloseRequested, Vec::new())?;
    }
    Ok(journal.decision)
}
