//! What our record says of a movement that only the statement has, and why it may be so. Pure.

use crate::{
    order::{AccountName, Money, Order, PaymentStatus, Refund, RefundStatus},
    store::{DifferenceKind, MoneyKind, Movement, StoredNotification},
};

/// How a movement stands in our record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there after all.
    Booked(Money),
    /// Its payment or refund is known, and there is no definite news of it.
    Open(String),
    /// It ended otherwise here.
    Ended(String),
    /// Nothing here has its number.
    Unknown(String),
}

impl Standing {
    /// What differs, if it stands so.
    pub(super) fn kind(&self) -> DifferenceKind {
        match self {
            Self::Booked(_) => DifferenceKind::Amount,
            Self::Ended(_) => DifferenceKind::Status,
            Self::Open(_) | Self::Unknown(_) => DifferenceKind::MissingHere,
        }
    }

    pub(super) fn recorded(&self) -> Option<Money> {
        match self {
            Self::Booked(money) => Some(*money),
            Self::Open(_) | Self::Ended(_) | Self::Unknown(_) => None,
        }
    }
}

/// How a line of an account's statement stands in the order of its payment.
pub(super) fn standing(order: Option<&Order>, account: &AccountName, line: &Movement) -> Standing {
    let Some(order) = order else {
        let named =
            if line.out_trade_no.is_empty() { "the line names no payment of the shop" } else { "unknown number" };
        return Standing::Unknown(format!("{named}: no order here has payment {:?}", line.out_trade_no.as_str()));
    };
    match line.kind {
        MoneyKind::Payment => payment(order, account, line),
        MoneyKind::Refund => refund(order, account, line),
    }
}

/// The account of the payment that a line names, if that is another one.
pub(super) fn foreign<'a>(order: &'a Order, account: &AccountName, line: &Movement) -> Option<&'a AccountName> {
    let named = order.payments.iter().find(|p| p.out_trade_no.as_str() == line.out_trade_no)?;
    (named.account != *account).then_some(&named.account)
}

fn of_other_account(order: &Order, other: &AccountName, line: &Movement) -> Standing {
    let number = &line.out_trade_no;
    Standing::Unknown(format!("payment {number} of order {} is of account {other}, not of this statement's", order.id))
}

fn payment(order: &Order, account: &AccountName, line: &Movement) -> Standing {
    let Some(payment) = order.payments.iter().find(|p| p.out_trade_no.as_str() == line.out_trade_no) else {
        return Standing::Unknown(format!("order {} has no payment {}", order.id, line.out_trade_no));
    };
    if let Some(money) =
        payment.transactions.iter().find(|t| t.account == *account && t.id.as_str() == line.transaction_id)
    {
        return Standing::Booked(money.amount);
    }
    if let Some(other) = foreign(order, account, line) {
        return of_other_account(order, other, line);
    }
    let said = format!("payment {} of order {} is {} here", payment.out_trade_no, order.id, payment.status.as_str());
    match payment.status {
        PaymentStatus::Pending | PaymentStatus::Failed => Standing::Open(said),
        PaymentStatus::Closed => Standing::Ended(said),
        PaymentStatus::Succeeded => Standing::Ended(format!("{said}, by another transaction")),
    }
}

fn refund(order: &Order, account: &AccountName, line: &Movement) -> Standing {
    let Some(refund) = order.refunds.iter().find(|refund| is(refund, account, line)) else {
        if let Some(other) = foreign(order, account, line) {
            return of_other_account(order, other, line);
        }
        if order.refunds.iter().any(|total| is_booked_as_total(order, total, account, line)) {
            return Standing::Booked(line.amount);
        }
        return Standing::Unknown(format!("order {} has no refund with this number", order.id));
    };
    let said = format!("this refund of order {} is {} here", order.id, refund.status.as_str());
    match refund.status {
        RefundStatus::Succeeded => Standing::Booked(refund.amount),
        RefundStatus::Pending => Standing::Open(said),
        RefundStatus::Abnormal | RefundStatus::Abandoned | RefundStatus::Failed => Standing::Ended(said),
    }
}

/// Whether a line has the number that a running total was last told with, on whatever day, and no more than is booked of
/// that total.
fn is_booked_as_total(order: &Order, total: &Refund, account: &AccountName, line: &Movement) -> bool {
    let is_total = total.cumulative && total.status == RefundStatus::Succeeded && total.account == *account;
    is_total
        && total.out_refund_no.as_ref().is_some_and(|number| number.as_str() == line.out_refund_no)
        && total.amount.currency() == line.amount.currency()
        && order.elsewhere_of(total) >= line.amount.minor()
}

/// Whether a line of an account's statement is about this refund. A running total is no refund: it has the number of the
/// last one that reached it.
pub(super) fn is(refund: &Refund, account: &AccountName, line: &Movement) -> bool {
    !refund.cumulative
        && refund.account == *account
        && (refund.refund_id.as_ref().is_some_and(|theirs| theirs.as_str() == line.refund_id)
            || refund.out_refund_no.as_ref().is_some_and(|ours| ours.as_str() == line.out_refund_no))
}

/// Why a movement is missing here, from the callbacks that name its payment: `refused` and `accepted`, newest first.
pub(super) fn cause(standing: &Standing, refused: &[StoredNotification], accepted: &[StoredNotification]) -> String {
    let (Standing::Open(stands) | Standing::Ended(stands) | Standing::Unknown(stands)) = standing else {
        return "it came late: it is in our record now".to_owned();
    };
    let why = match (refused.first(), accepted.first()) {
        (Some(last), _) => format!(
            "callbacks that claim its number were refused, the last with {} ({})",
            last.reason,
            if last.detail.is_empty() { "no detail" } else { &last.detail }
        ),
        (None, Some(last)) => format!("the callbacks that came do not say it, the last is {}", last.event_type),
        (None, None) => "no callback that names it ever came".to_owned(),
    };
    format!("{stands}; {why}")
}
