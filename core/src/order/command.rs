//! Commands: what a service, a person or a worker of ours wants.

use smol_str::SmolStr;

use super::{
    AccountName, Case, CaseId, Method, Money, OrderId, OutRefundNo, OutTradeNo, Resolution, Resolver, Timestamp,
    TransactionId,
};
use crate::sha256::Sha256;

/// Attempts to pay one order at most; each is in every snapshot of the order.
pub const MAX_PAYMENTS: usize = 32;

/// Refunds of one order at most, for the same reason.
pub const MAX_REFUNDS: usize = 64;

/// What is wanted.
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
    /// Begin a payment, or register one that the caller began. Repeated with the same content, it changes nothing
    /// and is no error, whatever became of the payment.
    StartPayment {
        /// Of which order.
        order_id: OrderId,
        /// Its number at the platform.
        out_trade_no: OutTradeNo,
        /// Through which account.
        account: AccountName,
        /// On which platform.
        provider: SmolStr,
        /// How.
        method: Method,
        /// The hash of what else it is begun with; see [`Method::inputs`].
        inputs: Option<Sha256>,
        /// When the platform refuses to take money for it, as we ask it to; `None` where the caller begins it. Not
        /// compared when it is repeated.
        expires_at: Option<Timestamp>,
    },
    /// Remember how the platform calls a payment.
    RecordReference {
        /// Of which order.
        order_id: OrderId,
        /// Which payment.
        out_trade_no: OutTradeNo,
        /// The platform's name for it.
        reference: SmolStr,
    },
    /// End it unpaid.
    Close {
        /// Which order.
        order_id: OrderId,
        /// The caller has closed every payment at its platform and vouches for it.
        payments_closed: bool,
    },
    /// Take a payment for closed, because the platform does not know it and its own expiry is over.
    ConcludeUnpaid {
        /// Of which order.
        order_id: OrderId,
        /// Which payment.
        out_trade_no: OutTradeNo,
    },
    /// Give money back. Repeated with the same content, it changes nothing and is no error.
    RequestRefund {
        /// Of which order.
        order_id: OrderId,
        /// Of which payment; may be left out where one is credited.
        out_trade_no: Option<OutTradeNo>,
        /// Of which transaction; may be left out where the payment says it.
        transaction_id: Option<TransactionId>,
        /// Our number for it, unique over all orders.
        out_refund_no: OutRefundNo,
        /// How much: more than zero, at most what is left, in the currency in which the money came.
        amount: Money,
        /// Why; platforms may show it to the payer.
        reason: String,
    },
    /// Take in that the platform refuses a refund for good.
    RefundRefused {
        /// Of which order.
        order_id: OrderId,
        /// Which refund.
        out_refund_no: OutRefundNo,
        /// The platform's code.
        code: String,
        /// The platform's words.
        detail: String,
    },
    /// Hand what cannot be found out to a person.
    GiveUp {
        /// Of which order.
        order_id: OrderId,
        /// What could not be found out.
        about: About,
        /// The last answers of the platform.
        evidence: String,
    },
    /// Open a case that does not follow from news. Repeated, it changes nothing.
    OpenCase {
        /// The case, open; with or without an order.
        case: Box<Case>,
    },
    /// Rule on a case.
    ResolveCase {
        /// Which.
        case_id: CaseId,
        /// How; one of [`Case::allowed`].
        resolution: Resolution,
        /// Why.
        reason: String,
        /// Who.
        by: Resolver,
    },
    /// Say who looks after a case.
    AssignCase {
        /// Which.
        case_id: CaseId,
        /// Who; empty for nobody.
        owner: String,
    },
}

/// What cannot be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// How a payment ended.
    Payment(OutTradeNo),
    /// How a refund ended.
    Refund(OutRefundNo),
}

impl Command {
    /// The order that it names. Commands on cases name none: their case does.
    #[must_use]
    pub fn order_id(&self) -> Option<&OrderId> {
        match self {
            Self::Create { order_id, .. }
            | Self::StartPayment { order_id, .. }
            | Self::RecordReference { order_id, .. }
            | Self::Close { order_id, .. }
            | Self::ConcludeUnpaid { order_id, .. }
            | Self::RequestRefund { order_id, .. }
            | Self::RefundRefused { order_id, .. }
            | Self::GiveUp { order_id, .. } => Some(order_id),
            Self::OpenCase { case } => case.order_id.as_ref(),
            Self::ResolveCase { .. } | Self::AssignCase { .. } => None,
        }
    }

    /// The case that it names.
    #[must_use]
    pub fn case_id(&self) -> Option<&CaseId> {
        match self {
            Self::OpenCase { case } => Some(&case.id),
            Self::ResolveCase { case_id, .. } | Self::AssignCase { case_id, .. } => Some(case_id),
            Self::Create { .. }
            | Self::StartPayment { .. }
            | Self::RecordReference { .. }
            | Self::Close { .. }
            | Self::ConcludeUnpaid { .. }
            | Self::RequestRefund { .. }
            | Self::RefundRefused { .. }
            | Self::GiveUp { .. } => None,
        }
    }
    /// Our number of the refund that it asks for.
    #[must_use]
    pub fn refund_number(&self) -> Option<OutRefundNo> {
        match self {
            Self::RequestRefund { out_refund_no, .. } => Some(out_refund_no.clone()),
            Self::ResolveCase { case_id, resolution: Resolution::Refund, .. } => refund_number_of(case_id),
            Self::ResolveCase { .. }
            | Self::Create { .. }
            | Self::StartPayment { .. }
            | Self::RecordReference { .. }
            | Self::Close { .. }
            | Self::ConcludeUnpaid { .. }
            | Self::RefundRefused { .. }
            | Self::GiveUp { .. }
            | Self::OpenCase { .. }
            | Self::AssignCase { .. } => None,
        }
    }
}

/// The number of the refund that a ruling asks for: the same however often it is ruled.
pub(super) fn refund_number_of(case_id: &CaseId) -> Option<OutRefundNo> {
    let hash = Sha256::of(case_id.as_str().as_bytes()).to_string();
    OutRefundNo::parse(&hash[..32]).ok()
}
