//! Protobuf to domain and back.

use paystate_proto::v1;
use prost_types::Timestamp as ProtoTime;

use super::error::Violations;
use crate::{
    order::{
        AccountName, Case, CaseKind, CaseState, Currency, Event, EventFilter, EventKind, Fact, Money, MoneyError,
        Observation, Order, OutTradeNo, Payment, PaymentFact, PaymentStatus, Refund, RefundFact, RefundStatus,
        Resolution, Source, State, Timestamp, Transaction, TransactionId,
    },
    store::{CaseRow, EventRow, StoredNotification},
};

pub(super) fn time(at: Timestamp) -> ProtoTime {
    ProtoTime {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
    }
}

pub(super) fn read_time(time: &ProtoTime) -> Result<Timestamp, &'static str> {
    let nanos = i64::from(time.nanos);
    if !(0..1_000_000_000).contains(&nanos) {
        return Err("nanos must be 0 to 999999999");
    }
    time.seconds
        .checked_mul(1_000_000)
        .and_then(|s| s.checked_add(nanos / 1_000))
        .map(Timestamp)
        .ok_or("is out of range")
}

/// From one moment to a later one; none when it is not later.
pub(super) fn duration(from: Timestamp, to: Timestamp) -> prost_types::Duration {
    let span = time(Timestamp(to.0.saturating_sub(from.0).max(0)));
    prost_types::Duration { seconds: span.seconds, nanos: span.nanos }
}

pub(super) fn money(money: Money) -> v1::Money {
    v1::Money { amount_minor: money.minor(), currency: money.currency().into() }
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
        RefundStatus::Failed => v1::RefundState::Failed,
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
        refunds: order.refunds.iter().map(refund).collect(),
        open_case_ids: order.open_cases.clone(),
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
        transactions: payment.transactions.iter().map(|t| transaction(order, t)).collect(),
    }
}

fn transaction(order: &Order, transaction: &Transaction) -> v1::Transaction {
    let standing = if order.credited() == Some(transaction) {
        v1::TransactionStanding::Credited
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

fn text(id: Option<&TransactionId>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

fn refund(refund: &Refund) -> v1::Refund {
    v1::Refund {
        out_refund_no: text(refund.out_refund_no.as_ref()),
        refund_id: text(refund.refund_id.as_ref()),
        transaction_id: text(refund.transaction_id.as_ref()),
        amount: Some(money(refund.amount)),
        state: refund_state(refund.status).into(),
        update_time: Some(time(refund.updated_at)),
        cumulative: refund.cumulative,
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
        opened_case_ids: opened_cases.clone(),
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
        CaseKind::RefundStuck => v1::CaseKind::RefundStuck,
    }
}

/// The kind for a number of the contract; `None` for kinds that this version never opens.
pub(super) fn read_case_kind(number: i32) -> Option<CaseKind> {
    CaseKind::ALL.into_iter().find(|k| i32::from(case_kind(*k)) == number)
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
        opened_at,
    } = &row.case;
    let (case_state, resolution, resolve_time) = match state {
        CaseState::Open => (v1::CaseState::Open, v1::CaseResolution::Unspecified, None),
        CaseState::Resolved { resolution: Resolution::Bound, at } => {
            (v1::CaseState::Resolved, v1::CaseResolution::Bound, Some(time(*at)))
        }
        CaseState::Resolved { resolution: Resolution::Overtaken, at } => {
            (v1::CaseState::Resolved, v1::CaseResolution::Ignore, Some(time(*at)))
        }
    };
    v1::Case {
        case_id: id.clone(),
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
        due_time: None,
        owner: String::new(),
        resolution: resolution.into(),
        resolve_time,
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

fn source(source: Source) -> v1::ObservationSource {
    match source {
        Source::Callback => v1::ObservationSource::Callback,
        Source::Query => v1::ObservationSource::Query,
        Source::Statement => v1::ObservationSource::Statement,
        Source::Operator => v1::ObservationSource::Operator,
    }
}

pub(super) fn read_source(number: i32) -> Result<Source, &'static str> {
    match v1::ObservationSource::try_from(number) {
        Ok(v1::ObservationSource::Callback) => Ok(Source::Callback),
        Ok(v1::ObservationSource::Query) => Ok(Source::Query),
        Ok(v1::ObservationSource::Statement) => Ok(Source::Statement),
        Ok(v1::ObservationSource::Operator) => Ok(Source::Operator),
        Ok(v1::ObservationSource::Unspecified) | Err(_) => Err("is not a source"),
    }
}

/// A fact as the edge sends it.
pub(super) fn read_observation(
    account: &AccountName,
    observation: &v1::Observation,
) -> Result<Observation, tonic::Status> {
    let mut violations = Violations::default();
    let fact = match &observation.fact {
        Some(v1::observation::Fact::Payment(p)) => payment_fact(&mut violations, p).map(Fact::Payment),
        Some(v1::observation::Fact::Refund(r)) => refund_fact(&mut violations, r).map(Fact::Refund),
        None => {
            violations.add("fact", "is required");
            None
        }
    };
    let fact = violations.finish(fact)?;
    Ok(Observation { account: account.clone(), fact })
}

fn optional<T, E: ToString>(
    violations: &mut Violations,
    field: &str,
    text: &str,
    parse: impl Fn(String) -> Result<T, E>,
) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { violations.take(field, parse(text.to_owned())).map(Some) }
}

fn occurred(violations: &mut Violations, time: Option<&ProtoTime>) -> Option<Option<Timestamp>> {
    time.map_or(Some(None), |t| violations.take("occur_time", read_time(t)).map(Some))
}

fn payment_fact(v: &mut Violations, p: &v1::PaymentFact) -> Option<PaymentFact> {
    let out_trade_no = optional(v, "out_trade_no", &p.out_trade_no, OutTradeNo::parse);
    let transaction_id = optional(v, "transaction_id", &p.transaction_id, TransactionId::parse);
    let amount = read_money(v, "amount", p.amount.as_ref());
    let occurred_at = occurred(v, p.occur_time.as_ref());
    let status = match p.state() {
        v1::PaymentState::Pending => Some(PaymentStatus::Pending),
        v1::PaymentState::Failed => Some(PaymentStatus::Failed),
        v1::PaymentState::Closed => Some(PaymentStatus::Closed),
        v1::PaymentState::Succeeded => Some(PaymentStatus::Succeeded),
        v1::PaymentState::Unspecified => {
            v.add("state", "is required");
            None
        }
    };
    if p.out_trade_no.is_empty() && p.transaction_id.is_empty() {
        v.add("out_trade_no", "is required without transaction_id");
    }
    if status == Some(PaymentStatus::Succeeded) && p.transaction_id.is_empty() {
        v.add("transaction_id", "is required for a success");
    }
    Some(PaymentFact {
        out_trade_no: out_trade_no?,
        transaction_id: transaction_id?,
        status: status?,
        amount: amount?,
        occurred_at: occurred_at?,
    })
}

fn refund_fact(v: &mut Violations, r: &v1::RefundFact) -> Option<RefundFact> {
    let out_trade_no = optional(v, "out_trade_no", &r.out_trade_no, OutTradeNo::parse);
    let transaction_id = optional(v, "transaction_id", &r.transaction_id, TransactionId::parse);
    let out_refund_no = optional(v, "out_refund_no", &r.out_refund_no, TransactionId::parse);
    let refund_id = optional(v, "refund_id", &r.refund_id, TransactionId::parse);
    let amount = read_money(v, "amount", r.amount.as_ref());
    let occurred_at = occurred(v, r.occur_time.as_ref());
    let status = match r.state() {
        v1::RefundState::Pending => Some(RefundStatus::Pending),
        v1::RefundState::Abnormal => Some(RefundStatus::Abnormal),
        v1::RefundState::Succeeded => Some(RefundStatus::Succeeded),
        v1::RefundState::Failed => Some(RefundStatus::Failed),
        v1::RefundState::Unspecified => {
            v.add("state", "is required");
            None
        }
    };
    if r.out_trade_no.is_empty() && r.transaction_id.is_empty() {
        v.add("transaction_id", "is required without out_trade_no");
    }
    if !r.cumulative && r.out_refund_no.is_empty() && r.refund_id.is_empty() {
        v.add("refund_id", "is required without out_refund_no");
    }
    Some(RefundFact {
        out_trade_no: out_trade_no?,
        transaction_id: transaction_id?,
        out_refund_no: out_refund_no?,
        refund_id: refund_id?,
        status: status?,
        amount: amount?,
        cumulative: r.cumulative,
        occurred_at: occurred_at?,
    })
}
