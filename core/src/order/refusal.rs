//! Why a command changes nothing.

use std::borrow::Cow;

use super::{
    AccountName, CaseId, Currency, EventKind, MAX_PAYMENTS, MAX_REFUNDS, Money, OrderId, OutRefundNo, OutTradeNo,
    RequestId, Resolution, State, Timestamp, TransactionId,
};

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order.
    #[error("order {0} does not exist")]
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
    /// It was paid, or money came that does not fit.
    #[error("order {0} is {state}; only an unpaid order can be closed", state = .1.as_str())]
    AlreadyPaid(OrderId, State),
    /// The number belongs to a payment already.
    #[error("out_trade_no {0} belongs to another payment already; every attempt needs a number of its own")]
    NumberTaken(OutTradeNo),
    /// The payment was begun with other inputs.
    #[error(
        "out_trade_no {0} was begun with another payer_id or return_url; repeat it with the same ones, or begin \
         another payment with a new out_trade_no"
    )]
    InputsDiffer(OutTradeNo),
    /// It would be closed before it can be paid.
    #[error("expire_time must lie in the future")]
    ExpiresInPast,
    /// It has been tried too often.
    #[error("order {0} has {MAX_PAYMENTS} payments already; create a new order")]
    TooManyPayments(OrderId),
    /// The order has no such payment.
    #[error("order {0} has no payment {1}")]
    PaymentNotFound(OrderId, OutTradeNo),
    /// The platform may still take money for it.
    #[error("payment {number} may still be paid{}; only the platform can say that it is closed",
        until.map(|t| format!(" until {} (microseconds since 1970 UTC)", t.0)).unwrap_or_default())]
    MayStillBePaid {
        /// Which payment.
        number: OutTradeNo,
        /// Until when; unknown where we did not begin it.
        until: Option<Timestamp>,
    },
    /// No money came, or nothing of it is left to give back.
    #[error("order {0} has no such payment of which something is left to give back")]
    NothingToRefund(OrderId),
    /// More than is left.
    #[error("{asked} is more than what is left to give back of transaction {transaction}: {left}")]
    RefundExceedsPayment {
        /// Of which transaction.
        transaction: TransactionId,
        /// What was asked for.
        asked: Money,
        /// What is left, refunds under way taken off.
        left: Money,
    },
    /// Not in the currency in which the money came, which is named here.
    #[error("the money came in {0:?}; it can only go back in the same currency")]
    RefundCurrency(Currency),
    /// Several could be meant.
    #[error("order {0} was paid more than once; name the payment that goes back, or settle the case about it")]
    PaymentAmbiguous(OrderId),
    /// The number belongs to a refund already.
    #[error(
        "out_refund_no {0} belongs to another refund already; every refund needs a number of its own, and a retry the same content"
    )]
    RefundNumberTaken(OutRefundNo),
    /// Too much was given back in parts.
    #[error("order {0} has {MAX_REFUNDS} refunds already; give back the rest at the platform")]
    TooManyRefunds(OrderId),
    /// The order has no such refund that was asked for here.
    #[error("order {0} has no refund {1} that was asked for here")]
    RefundNotFound(OrderId, OutRefundNo),
    /// The platform cannot be asked for anything.
    #[error("account {0} cannot be called: its configuration has no [accounts.{0}.api]")]
    NoApi(AccountName),
    /// No such case.
    #[error("case {0} does not exist")]
    CaseNotFound(CaseId),
    /// It was settled otherwise.
    #[error("case {0} is settled already")]
    CaseResolved(CaseId),
    /// Not this way.
    #[error("case {case_id} cannot be settled with {}: {why}", resolution.as_str())]
    ResolutionNotAllowed {
        /// Which case.
        case_id: CaseId,
        /// How it was to be settled.
        resolution: Resolution,
        /// Why not, and what can be done.
        why: Cow<'static, str>,
    },
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
