//! Protobuf to domain and back.

use paystate_proto::v1;

use super::error::Violations;
pub(super) use crate::wire::{money, read_time, time};
use crate::{
    order::{
        Case, CaseId, CaseKind, CaseState, Currency, Event, EventFilter, EventKind, Method, Money, MoneyError, Order,
        Payment, PaymentStatus, Refund, RefundStatus, Resolution, Resolver, Source, State, Timestamp, Transaction,
    },
    store::{CaseRow, EventRow, Exchange, ExchangeOutcome, StoredNotification},
};

/// From one moment to a later one; none when it is not later.
pub(super) fn duration(from: Timestamp, to: Timestamp) -> prost_types::Duration {
    let span = time(Timestamp(to.0.saturating_sub(from.0).max(0)));
    prost_types::Duration { seconds: span.seconds, nanos: span.nanos }
}

pub(super) fn read_money(violations: &mut Violations, field: &str, money: Option<&v1::Money>) -> Option<Money> {
    let Some(money) = money else {
        violations.add(field, "is required");
        return None;
    };
    let currency = violations.take(&format!("{field}.currency"), Currency::parse(&money.currency));
    if money.amount_minor < 0 {
        violations.add(&format!("{field}.amount_minor"), MoneyError::Negative);
    }
    Money::new(money.amount_minor, currency?).ok()
}

pub(super) fn state(state: State) -> v1::OrderState {
    match state {
        State::Created => v1::OrderState::Created,
        State::Pending => v1::OrderState::Pending,
        State::Paid => v1::OrderState::Paid,
        State::PartiallyRefunded => v1::OrderState::PartiallyRefunded,
        State::Refunded => v1::OrderState::Refunded,
        State::Closed => v1::OrderState::Closed,
        State::Abnormal => v1::OrderState::Abnormal,
    }
}

pub(super) fn read_state(number: i32) -> Result<State, &'static str> {
    State::ALL.into_iter().find(|s| i32::from(state(*s)) == number).ok_or("is not a state of an order")
}

fn payment_state(status: PaymentStatus) -> v1::PaymentState {
    match status {
        PaymentStatus::Pending => v1::PaymentState::Pending,
        PaymentStatus::Failed => v1::PaymentState::Failed,
        PaymentStatus::Closed => v1::PaymentState::Closed,
        PaymentStatus::Succeeded => v1::PaymentState::Succeeded,
    }
}

fn refund_state(status: RefundStatus) -> v1::RefundState {
    match status {
        RefundStatus::Pending => v1::RefundState::Pending,
        RefundStatus::Abnormal => v1::RefundState::Abnormal,
        RefundStatus::Succeeded => v1::RefundState::Succeeded,
        // A success may still come; until then the money did not go back.
        RefundStatus::Abandoned | RefundStatus::Failed => v1::RefundState::Failed,
    }
}

pub(super) fn order(order: &Order) -> v1::Order {
    v1::Order {
        order_id: order.id.to_string(),
        amount: Some(money(order.amount)),
        state: state(order.state()).into(),
        version: order.version,
        paid_amount: Some(money(order.paid())),
        refunded_amount: Some(money(order.refunded())),
        payments: order.payments.iter().map(|p| payment(order, p)).collect(),
        refunds: order.refunds_apart().iter().map(refund).collect(),
        open_case_ids: order.open_cases.iter().map(CaseId::to_string).collect(),
        close_requested: matches!(order.ending, crate::order::Ending::Requested(_)),
        create_time: Some(time(order.created_at)),
        update_time: Some(time(order.updated_at)),
        expire_time: order.expires_at.map(time),
        description: order.description.clone(),
    }
}

pub(super) fn payment(order: &Order, payment: &Payment) -> v1::Payment {
    v1::Payment {
        out_trade_no: payment.out_trade_no.to_string(),
        account: payment.account.to_string(),
        provider: payment.provider.to_string(),
        state: payment_state(payment.status).into(),
        start_time: Some(time(payment.started_at)),
        expire_time: payment.expires_at.map(time),
        platform_reference: payment.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
        transactions: payment.transactions.iter().map(|t| transaction(order, t)).collect(),
    }
}

fn transaction(order: &Order, transaction: &Transaction) -> v1::Transaction {
    let standing = if order.credited() == Some(transaction) {
        v1::TransactionStanding::Credited
    } else if transaction.is_taken_out() {
        v1::TransactionStanding::Settled
    } else {
        v1::TransactionStanding::Held
    };
    v1::Transaction {
        transaction_id: transaction.id.to_string(),
        account: transaction.account.to_string(),
        amount: Some(money(transaction.amount)),
        refunded_amount: Some(money(order.refunded_of(transaction))),
        standing: standing.into(),
        success_time: transaction.occurred_at.map(time),
    }
}

/// How a payment is begun, as the contract says it.
pub(super) fn read_method(method: v1::PaymentMethod) -> Result<Method, &'static str> {
    Ok(match method {
        v1::PaymentMethod::Unspecified => return Err("is required, e.g. PAYMENT_METHOD_EXTERNAL"),
        v1::PaymentMethod::External => Method::External,
        v1::PaymentMethod::AlipayPage => Method::AlipayPage,
        v1::PaymentMethod::AlipayWap => Method::AlipayWap,
        v1::PaymentMethod::AlipayApp => Method::AlipayApp,
        v1::PaymentMethod::AlipayPrecreate => Method::AlipayPrecreate,
        v1::PaymentMethod::WechatpayNative => Method::WechatpayNative,
        v1::PaymentMethod::WechatpayJsapi => Method::WechatpayJsapi,
        v1::PaymentMethod::WechatpayApp => Method::WechatpayApp,
        v1::PaymentMethod::WechatpayH5 => Method::WechatpayH5,
        v1::PaymentMethod::UnionpayGateway => Method::UnionpayGateway,
        v1::PaymentMethod::StripeCheckout => Method::StripeCheckout,
        v1::PaymentMethod::StripePaymentIntent => Method::StripePaymentIntent,
    })
}

fn text(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn refund(refund: &Refund) -> v1::Refund {
    v1::Refund {
        out_refund_no: text(refund.out_refund_no.as_ref()),
        refund_id: text(refund.refund_id.as_ref()),
        transaction_id: text(refund.transaction_id.as_ref()),
        amount: Some(money(refund.amount)),
        state: refund_state(refund.status).into(),
        update_time: Some(time(refund.updated_at)),
        cumulative: refund.cumulative,
        request_time: refund.requested.as_ref().map(|r| time(r.at)),
        reason: refund.requested.as_ref().map(|r| r.reason.clone()).unwrap_or_default(),
    }
}

fn event_kind(kind: EventKind) -> v1::EventKind {
    match kind {
        EventKind::OrderCreated => v1::EventKind::OrderCreated,
        EventKind::PaymentStarted => v1::EventKind::PaymentStarted,
        EventKind::PaymentSucceeded => v1::EventKind::PaymentSucceeded,
        EventKind::PaymentHeld => v1::EventKind::PaymentHeld,
        EventKind::PaymentUpdated => v1::EventKind::PaymentUpdated,
        EventKind::RefundUpdated => v1::EventKind::RefundUpdated,
        EventKind::CloseRequested => v1::EventKind::CloseRequested,
        EventKind::OrderClosed => v1::EventKind::OrderClosed,
        EventKind::CaseResolved => v1::EventKind::CaseResolved,
        EventKind::CaseOpened => v1::EventKind::CaseOpened,
        EventKind::RefundRequested => v1::EventKind::RefundRequested,
    }
}

pub(super) fn read_event_kind(number: i32) -> Result<EventKind, &'static str> {
    EventKind::ALL.into_iter().find(|k| i32::from(event_kind(*k)) == number).ok_or("is not a kind of event")
}

pub(super) fn filter(filter: &EventFilter) -> v1::EventFilter {
    v1::EventFilter {
        kinds: filter.kinds.iter().map(|k| event_kind(*k).into()).collect(),
        to_states: filter.to_states.iter().map(|s| state(*s).into()).collect(),
        order_id: filter.order_id.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// An event with the order after it.
pub(super) fn whole_event(row: &EventRow) -> v1::Event {
    v1::Event { order: Some(order(&row.event.after)), ..event(row) }
}

/// An event without its snapshot of the order.
pub(super) fn event(row: &EventRow) -> v1::Event {
    let Event { kind, from, at, after, opened_cases } = &row.event;
    v1::Event {
        revision: row.revision,
        event_id: row.event_id(),
        order_id: row.order_id.to_string(),
        sequence: after.version,
        kind: event_kind(*kind).into(),
        from_state: from.map_or(v1::OrderState::Unspecified, state).into(),
        to_state: state(after.state()).into(),
        event_time: Some(time(*at)),
        order: None,
        opened_case_ids: opened_cases.iter().map(CaseId::to_string).collect(),
    }
}

fn case_kind(kind: CaseKind) -> v1::CaseKind {
    match kind {
        CaseKind::AmountMismatch => v1::CaseKind::AmountMismatch,
        CaseKind::CurrencyMismatch => v1::CaseKind::CurrencyMismatch,
        CaseKind::AccountMismatch => v1::CaseKind::AccountMismatch,
        CaseKind::LatePayment => v1::CaseKind::LatePayment,
        CaseKind::DoublePayment => v1::CaseKind::DoublePayment,
        CaseKind::UnknownOrder => v1::CaseKind::UnknownOrder,
        CaseKind::Stuck => v1::CaseKind::Stuck,
        CaseKind::RefundStuck => v1::CaseKind::RefundStuck,
        CaseKind::ReconciliationMissingHere => v1::CaseKind::ReconciliationMissingHere,
        CaseKind::ReconciliationMissingThere => v1::CaseKind::ReconciliationMissingThere,
        CaseKind::ReconciliationAmount => v1::CaseKind::ReconciliationAmount,
        CaseKind::ReconciliationStatus => v1::CaseKind::ReconciliationStatus,
        CaseKind::ReconciliationFee => v1::CaseKind::ReconciliationFee,
    }
}

/// The kind for a number of the contract; `None` for kinds that this version never opens.
pub(super) fn read_case_kind(number: i32) -> Option<CaseKind> {
    CaseKind::ALL.into_iter().find(|k| i32::from(case_kind(*k)) == number)
}

fn resolution(resolution: Resolution) -> v1::CaseResolution {
    match resolution {
        Resolution::Accept => v1::CaseResolution::Accept,
        Resolution::Refund => v1::CaseResolution::Refund,
        Resolution::Close => v1::CaseResolution::Close,
        Resolution::Ignore => v1::CaseResolution::Ignore,
        Resolution::Bound => v1::CaseResolution::Bound,
        Resolution::Overtaken => v1::CaseResolution::Overtaken,
    }
}

/// The ruling for a number of the contract; `None` for what only news can make of a case.
pub(super) fn read_ruling(number: i32) -> Option<Resolution> {
    [Resolution::Accept, Resolution::Refund, Resolution::Close, Resolution::Ignore]
        .into_iter()
        .find(|r| i32::from(resolution(*r)) == number)
}

pub(super) fn case(row: &CaseRow) -> v1::Case {
    let Case {
        id,
        kind,
        state,
        order_id,
        account,
        out_trade_no,
        transaction_id,
        expected,
        observed,
        summary,
        evidence,
        opened_at,
        due_at,
        owner,
        reason,
    } = &row.case;
    let (case_state, settled, resolve_time, by) = match state {
        CaseState::Open => (v1::CaseState::Open, v1::CaseResolution::Unspecified, None, None),
        CaseState::Resolved { resolution: how, at, by } => {
            (v1::CaseState::Resolved, resolution(*how), Some(time(*at)), *by)
        }
    };
    v1::Case {
        case_id: id.to_string(),
        kind: case_kind(*kind).into(),
        state: case_state.into(),
        order_id: order_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        account: account.to_string(),
        out_trade_no: out_trade_no.as_ref().map(ToString::to_string).unwrap_or_default(),
        transaction_id: text(transaction_id.as_ref()),
        expected: expected.map(money),
        observed: observed.map(money),
        summary: summary.clone(),
        notification_id: row.notification_id.clone(),
        open_time: Some(time(*opened_at)),
        due_time: due_at.map(time),
        owner: owner.clone(),
        resolution: settled.into(),
        resolve_time,
        allowed_resolutions: row.case.allowed().into_iter().map(|r| resolution(r).into()).collect(),
        resolve_reason: reason.clone(),
        resolver: by.map_or("", Resolver::as_str).to_owned(),
        evidence: evidence.clone(),
    }
}

pub(super) fn notification(n: StoredNotification) -> v1::Notification {
    let verdict = if n.reason.is_empty() { v1::Verdict::Accepted } else { v1::Verdict::Rejected };
    v1::Notification {
        notification_id: n.id,
        provider: n.provider,
        account: n.account,
        verdict: verdict.into(),
        reason: n.reason,
        detail: n.detail,
        out_trade_no: n.out_trade_no,
        event_type: n.event_type,
        platform_notice_id: n.platform_notice_id,
        key_id: n.key_id,
        receive_time: Some(time(n.received_at)),
        body_size: n.body_size,
        body_sha256: n.body_sha256,
        order_id: n.order_id,
        masked_payer: n.masked_payer,
        source: source(n.source).into(),
        remote_address: n.remote_address,
    }
}

/// An exchange without what was sent and received.
pub(super) fn exchange(e: Exchange) -> v1::Exchange {
    let outcome = match e.outcome {
        ExchangeOutcome::Answered => v1::PlatformOutcome::Answered,
        ExchangeOutcome::NotFound => v1::PlatformOutcome::NotFound,
        ExchangeOutcome::Refused => v1::PlatformOutcome::Refused,
        ExchangeOutcome::Unknown => v1::PlatformOutcome::Unknown,
        ExchangeOutcome::RateLimited => v1::PlatformOutcome::RateLimited,
        ExchangeOutcome::NotSent => v1::PlatformOutcome::NotSent,
    };
    v1::Exchange {
        operation: e.operation,
        target: e.target,
        start_time: Some(time(e.started_at)),
        duration: Some(duration(Timestamp(0), Timestamp(e.duration_us))),
        http_status: e.http_status.into(),
        outcome: outcome.into(),
        code: e.code,
        request: Vec::new(),
        response: Vec::new(),
    }
}

fn source(source: Source) -> v1::ObservationSource {
    match source {
        Source::Callback => v1::ObservationSource::Callback,
        Source::Query => v1::ObservationSource::Query,
        Source::Statement => v1::ObservationSource::Statement,
        Source::Operator => v1::ObservationSource::Operator,
    }
}
