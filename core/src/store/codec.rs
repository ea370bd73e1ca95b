//! Rows to domain and back, the same for every database. What does not read back is
//! [`StoreError::Damaged`], never repaired.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use smol_str::SmolStr;
use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::{
    order::{
        AccountName, Case, CaseId, CaseKind, CaseState, Currency, Event, EventKind, Fact, Money, Observation, Order,
        OutRefundNo, OutTradeNo, PaymentFact, PaymentStatus, RefundFact, RefundId, RefundStatus, RequestId, Resolution,
        Resolver, Source, State, TaskKey, TaskKind, Timestamp, TransactionId,
    },
    sha256::Sha256,
    store::{
        Backlog, Booking, CaseRow, Cursor, EventRow, Exchange, ExchangeOutcome, Existing, FactKey, MoneyKey, MoneyKind,
        Overdue, Page, ParkedRow, Reconciliation, ReconciliationId, ReconciliationState, StoreError,
        StoredNotification, SubscriptionRequest, Task, Waiting,
        log::{LogEntry, LogId, LogPage, LogState},
    },
    subscription::{Delivery, Lease, Subscription},
};

pub(super) fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(what.to_string())
}

/// A row of any database. Every column is a text, a whole number or a truth value, or absent.
pub(super) trait Columns {
    fn text(&self, name: &str) -> Result<Option<String>, sqlx::Error>;
    fn number(&self, name: &str) -> Result<Option<i64>, sqlx::Error>;
    fn truth(&self, name: &str) -> Result<bool, sqlx::Error>;
}

impl<R> Columns for R
where
    R: Row,
    for<'a> &'a str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> bool: Decode<'r, R::Database> + Type<R::Database>,
{
    fn text(&self, name: &str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(name)
    }

    fn number(&self, name: &str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(name)
    }

    fn truth(&self, name: &str) -> Result<bool, sqlx::Error> {
        self.try_get(name)
    }
}

/// What a column can hold.
pub(super) trait Value: Sized {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError>;
}

impl Value for Option<String> {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError> {
        row.text(name).map_err(damaged)
    }
}

impl Value for Option<i64> {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError> {
        row.number(name).map_err(damaged)
    }
}

impl Value for String {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError> {
        column::<Option<Self>>(row, name)?.ok_or_else(|| damaged(format!("{name} is missing")))
    }
}

impl Value for SmolStr {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError> {
        column::<String>(row, name).map(Self::from)
    }
}

impl Value for i64 {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError> {
        column::<Option<Self>>(row, name)?.ok_or_else(|| damaged(format!("{name} is missing")))
    }
}

impl Value for bool {
    fn of(row: &impl Columns, name: &str) -> Result<Self, StoreError> {
        row.truth(name).map_err(damaged)
    }
}

/// A column, by name.
pub(super) fn column<T: Value>(row: &impl Columns, name: &str) -> Result<T, StoreError> {
    T::of(row, name)
}

/// How many cases of each kind are open, in the words of both databases.
pub(super) const COUNT_OPEN_CASES: &str = "SELECT kind, count(*) AS cases FROM cases WHERE open GROUP BY kind";

pub(super) fn case_id(row: &impl Columns) -> Result<CaseId, StoreError> {
    parse(column::<String>(row, "case_id")?, CaseId::parse)
}

/// A row of [`COUNT_OPEN_CASES`].
pub(super) fn open_cases(row: &impl Columns) -> Result<(CaseKind, u64), StoreError> {
    let kind = parse(column(row, "kind")?, |kind: String| CaseKind::parse(&kind).ok_or("is no kind of case"))?;
    Ok((kind, u64::try_from(column::<i64>(row, "cases")?).unwrap_or(0)))
}

/// A text that must be one of ours.
pub(super) fn parse<T, E: std::fmt::Display>(
    text: String,
    with: impl Fn(String) -> Result<T, E>,
) -> Result<T, StoreError> {
    with(text).map_err(damaged)
}

/// An enum by the name that serde gives it, which is its `as_str`.
fn named<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(damaged)
}

/// Bytes that most documents need less than.
const DOCUMENT: usize = 1024;

/// A JSON document.
pub(super) fn document<T: Serialize>(value: &T) -> Result<String, StoreError> {
    let mut text = Vec::with_capacity(DOCUMENT);
    serde_json::to_writer(&mut text, value).map_err(damaged)?;
    String::from_utf8(text).map_err(damaged)
}

/// Reads a JSON document.
pub(super) fn read_document<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(damaged)
}

/// A page of orders from rows of which only some have a document; if it is full, it ends with its last row. An order
/// that cannot be read is left out, so that older ones can still be found; `verify` names it.
pub(super) fn sparse<R: Columns>(rows: &[R], limit: u32) -> Result<Page<Order>, StoreError> {
    let documents = rows.iter().filter_map(|row| column::<Option<String>>(row, "doc").transpose());
    let mut orders = Vec::new();
    for text in documents {
        match read_document(&text?) {
            Ok(order) => orders.push(order),
            Err(error) => tracing::error!(%error, "an order is left out"),
        }
    }
    let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = match rows.last().filter(|_| full) {
        Some(last) => Some(Cursor { at: column(last, "created_at")?, id: column(last, "order_id")? }),
        None => None,
    };
    Ok(Page { rows: orders, next })
}

fn money(minor: i64, currency: &str) -> Result<Money, StoreError> {
    Money::new(minor, Currency::parse(currency).map_err(damaged)?).map_err(damaged)
}

/// An observation's columns, and the same fact read back by [`parked`].
pub(super) struct FactColumns<'a> {
    pub(super) kind: &'static str,
    pub(super) out_trade_no: Option<&'a str>,
    pub(super) transaction_id: Option<&'a str>,
    pub(super) out_refund_no: Option<&'a str>,
    pub(super) refund_id: Option<&'a str>,
    pub(super) status: &'static str,
    pub(super) amount: Money,
    pub(super) cumulative: bool,
    pub(super) occurred_at: Option<i64>,
}

pub(super) fn columns(fact: &Fact) -> FactColumns<'_> {
    match fact {
        Fact::Payment(p) => FactColumns {
            kind: "PAYMENT",
            out_trade_no: p.out_trade_no.as_ref().map(|x| x.as_str()),
            transaction_id: p.transaction_id.as_ref().map(|x| x.as_str()),
            out_refund_no: None,
            refund_id: None,
            status: p.status.as_str(),
            amount: p.amount,
            cumulative: false,
            occurred_at: p.occurred_at.map(|t| t.0),
        },
        Fact::Refund(r) => FactColumns {
            kind: "REFUND",
            out_trade_no: r.out_trade_no.as_ref().map(|x| x.as_str()),
            transaction_id: r.transaction_id.as_ref().map(|x| x.as_str()),
            out_refund_no: r.out_refund_no.as_ref().map(OutRefundNo::as_str),
            refund_id: r.refund_id.as_ref().map(RefundId::as_str),
            status: r.status.as_str(),
            amount: r.amount,
            cumulative: r.cumulative,
            occurred_at: r.occurred_at.map(|t| t.0),
        },
    }
}

/// A fact's key from the hex in which databases name it.
pub(super) fn fact_key(hex: &str) -> Result<FactKey, StoreError> {
    Sha256::parse(hex).map(FactKey).map_err(|why| damaged(format!("fact key {hex:?} {why}")))
}

pub(super) fn parked(row: &impl Columns) -> Result<ParkedRow, StoreError> {
    let out_trade_no = optional(row, "out_trade_no", OutTradeNo::parse)?;
    let transaction_id = optional(row, "transaction_id", TransactionId::parse)?;
    let amount = money(column(row, "amount_minor")?, &column::<String>(row, "currency")?)?;
    let occurred_at = column::<Option<i64>>(row, "occurred_at")?.map(Timestamp);
    let status: String = column(row, "status")?;
    let fact = match column::<String>(row, "kind")?.as_str() {
        "PAYMENT" => Fact::Payment(PaymentFact {
            out_trade_no,
            transaction_id,
            status: named::<PaymentStatus>(status)?,
            amount,
            occurred_at,
        }),
        "REFUND" => Fact::Refund(RefundFact {
            out_trade_no,
            transaction_id,
            out_refund_no: optional(row, "out_refund_no", OutRefundNo::parse)?,
            refund_id: optional(row, "refund_id", RefundId::parse)?,
            status: named::<RefundStatus>(status)?,
            amount,
            cumulative: column(row, "cumulative")?,
            occurred_at,
        }),
        other => return Err(damaged(format!("observation of kind {other:?}"))),
    };
    let account = AccountName::parse(column::<String>(row, "account")?).map_err(damaged)?;
    Ok(ParkedRow {
        key: fact_key(&column::<String>(row, "fact_key")?)?,
        notification_id: column(row, "notification_id")?,
        provider: column(row, "provider")?,
        observation: Observation { account, fact },
    })
}

pub(super) fn event(row: &impl Columns) -> Result<EventRow, StoreError> {
    event_with(row, &column::<String>(row, "snapshot")?)
}

fn event_with(row: &impl Columns, snapshot: &str) -> Result<EventRow, StoreError> {
    let kind: String = column(row, "kind")?;
    let from: Option<String> = column(row, "from_state")?;
    let after: Order = read_document(snapshot)?;
    let from = from.map(|f| State::parse(&f).ok_or_else(|| damaged(format!("state {f:?}")))).transpose()?;
    Ok(EventRow {
        revision: column(row, "revision")?,
        order_id: after.id.clone(),
        event: Event {
            kind: EventKind::parse(&kind).ok_or_else(|| damaged(format!("event kind {kind:?}")))?,
            from,
            at: Timestamp(column(row, "at")?),
            after,
            opened_cases: read_document(&column::<String>(row, "opened_cases")?)?,
        },
    })
}

pub(super) fn log_state(row: &impl Columns) -> Result<LogState, StoreError> {
    let id = LogId::parse(&column::<String>(row, "log_id")?)?;
    Ok(LogState { id, head: column(row, "head")?, oldest: column(row, "oldest")? })
}

/// Rows of the log's columns beside those of an event; one row without an event when there is none.
pub(super) fn log_page(rows: &[impl Columns]) -> Result<LogPage, StoreError> {
    let state = log_state(rows.first().ok_or_else(|| damaged("the log has no head"))?)?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        if column::<Option<i64>>(row, "revision")?.is_some() {
            let snapshot: String = column(row, "snapshot")?;
            entries.push(Arc::new(LogEntry { row: event_with(row, &snapshot)?, bytes: snapshot.len() }));
        }
    }
    Ok(LogPage { state, entries })
}

/// How a case was settled: resolution, time and resolver, as they are stored.
pub(super) fn settled(state: CaseState) -> (Option<&'static str>, Option<i64>, &'static str) {
    match state {
        CaseState::Open => (None, None, ""),
        CaseState::Resolved { resolution, at, by } => {
            (Some(resolution.as_str()), Some(at.0), by.map_or("", Resolver::as_str))
        }
    }
}

pub(super) fn case(row: &impl Columns) -> Result<CaseRow, StoreError> {
    let kind: String = column(row, "kind")?;
    let amount = |minor, currency| -> Result<Option<Money>, StoreError> {
        match (column::<Option<i64>>(row, minor)?, column::<Option<String>>(row, currency)?) {
            (Some(minor), Some(currency)) => money(minor, &currency).map(Some),
            (None, _) | (_, None) => Ok(None),
        }
    };
    let state = match (column::<Option<String>>(row, "resolution")?, column::<Option<i64>>(row, "resolved_at")?) {
        (None, _) | (_, None) => CaseState::Open,
        (Some(name), Some(at)) => CaseState::Resolved {
            resolution: Resolution::parse(&name).ok_or_else(|| damaged(format!("resolution {name:?}")))?,
            at: Timestamp(at),
            by: Resolver::parse(&column::<String>(row, "resolver")?),
        },
    };
    Ok(CaseRow {
        case: Case {
            id: case_id(row)?,
            kind: CaseKind::parse(&kind).ok_or_else(|| damaged(format!("case kind {kind:?}")))?,
            state,
            order_id: optional(row, "order_id", crate::order::OrderId::parse)?,
            account: AccountName::parse(column::<String>(row, "account")?).map_err(damaged)?,
            out_trade_no: optional(row, "out_trade_no", OutTradeNo::parse)?,
            transaction_id: optional(row, "transaction_id", TransactionId::parse)?,
            expected: amount("expected_minor", "expected_currency")?,
            observed: amount("observed_minor", "observed_currency")?,
            summary: column(row, "summary")?,
            evidence: column(row, "evidence")?,
            opened_at: Timestamp(column(row, "opened_at")?),
            due_at: column::<Option<i64>>(row, "due_at")?.map(Timestamp),
            owner: column(row, "owner")?,
            reason: column(row, "reason")?,
        },
        notification_id: column(row, "notification_id")?,
    })
}

fn optional<T, E: std::fmt::Display>(
    row: &impl Columns,
    name: &str,
    parse: impl Fn(String) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    column::<Option<String>>(row, name)?.map(parse).transpose().map_err(damaged)
}

pub(super) fn notification(row: &impl Columns) -> Result<StoredNotification, StoreError> {
    Ok(StoredNotification {
        id: column(row, "notification_id")?,
        provider: column(row, "provider")?,
        account: column(row, "account")?,
        source: named::<Source>(column(row, "source")?)?,
        reason: column(row, "reason")?,
        detail: column(row, "detail")?,
        out_trade_no: column(row, "out_trade_no")?,
        order_id: column(row, "order_id")?,
        event_type: column(row, "event_type")?,
        platform_notice_id: column(row, "platform_notice_id")?,
        key_id: column(row, "key_id")?,
        received_at: Timestamp(column(row, "received_at")?),
        body_size: column(row, "body_size")?,
        body_sha256: column(row, "body_sha256")?,
        masked_payer: column(row, "masked_payer")?,
        remote_address: column(row, "remote_address")?,
    })
}

pub(super) fn subscription(row: &impl Columns) -> Result<Subscription, StoreError> {
    let stored: Subscription = read_document(&column::<String>(row, "doc")?)?;
    let lease = column::<Option<String>>(row, "lease")?.map(|text| Lease::parse(&text)).transpose().map_err(damaged)?;
    let (sent, fails_at) = (column(row, "sent")?, column::<Option<i64>>(row, "fails_at")?.map(Timestamp));
    Ok(Subscription { delivery: lease.map(|lease| Delivery { lease, sent, fails_at }), ..stored })
}

pub(super) fn existing_subscription(row: &impl Columns) -> Result<Existing, StoreError> {
    let id = optional(row, "request_id", RequestId::parse)?;
    let request = id.zip(column(row, "fingerprint")?).map(|(id, fingerprint)| SubscriptionRequest { id, fingerprint });
    Ok(Existing { subscription: subscription(row)?, request })
}

pub(super) fn backlog(row: &impl Columns) -> Result<Backlog, StoreError> {
    Ok(Backlog { count: column(row, "count")?, oldest: column::<Option<i64>>(row, "oldest")?.map(Timestamp) })
}

fn task_key(row: &impl Columns) -> Result<TaskKey, StoreError> {
    let kind: String = column(row, "kind")?;
    let kind = TaskKind::parse(&kind).ok_or_else(|| damaged(format!("task of kind {kind:?}")))?;
    Ok(TaskKey { kind, subject: column(row, "subject")? })
}

pub(super) fn waiting(row: &impl Columns) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        key: task_key(row)?,
        order_id: optional(row, "order_id", crate::order::OrderId::parse)?,
        due_at: Timestamp(column(row, "due_at")?),
    })
}

/// A task that was claimed under a lease.
pub(super) fn task(row: &impl Columns, lease: uuid::Uuid) -> Result<Task, StoreError> {
    Ok(Task {
        key: task_key(row)?,
        account: optional(row, "account", AccountName::parse)?,
        order_id: optional(row, "order_id", crate::order::OrderId::parse)?,
        due_at: Timestamp(column(row, "due_at")?),
        attempt: count(row, "attempt")?,
        note: column(row, "note")?,
        lease,
    })
}

fn count<T: TryFrom<i64>>(row: &impl Columns, name: &str) -> Result<T, StoreError> {
    let number: i64 = column(row, name)?;
    T::try_from(number).map_err(|_| damaged(format!("{name} is {number}")))
}

/// How many questions a budget granted.
pub(super) fn granted(row: &impl Columns) -> Result<u32, StoreError> {
    count(row, "granted")
}

pub(super) fn overdue(row: &impl Columns) -> Result<Overdue, StoreError> {
    Ok(Overdue { count: column(row, "count")?, oldest: column::<Option<i64>>(row, "oldest")?.map(Timestamp) })
}

pub(super) fn exchange(row: &impl Columns) -> Result<Exchange, StoreError> {
    let outcome: String = column(row, "outcome")?;
    Ok(Exchange {
        id: column(row, "exchange_id")?,
        provider: column(row, "provider")?,
        account: parse(column(row, "account")?, AccountName::parse)?,
        operation: column(row, "operation")?,
        order_id: optional(row, "order_id", crate::order::OrderId::parse)?,
        out_trade_no: optional(row, "out_trade_no", OutTradeNo::parse)?,
        out_refund_no: optional(row, "out_refund_no", OutRefundNo::parse)?,
        started_at: Timestamp(column(row, "started_at")?),
        duration_us: column(row, "duration_us")?,
        http_status: count(row, "http_status")?,
        outcome: ExchangeOutcome::parse(&outcome).ok_or_else(|| damaged(format!("outcome {outcome:?}")))?,
        code: column(row, "code")?,
        target: column(row, "target")?,
    })
}

/// A day for each account.
pub(super) fn days<R: Columns>(rows: &[R]) -> Result<BTreeMap<AccountName, String>, StoreError> {
    rows.iter().map(|row| Ok((parse(column(row, "account")?, AccountName::parse)?, column(row, "date")?))).collect()
}

pub(super) fn reconciliation(row: &impl Columns) -> Result<Reconciliation, StoreError> {
    let state: String = column(row, "state")?;
    Ok(Reconciliation {
        id: ReconciliationId {
            account: parse(column(row, "account")?, AccountName::parse)?,
            date: column(row, "date")?,
        },
        state: ReconciliationState::parse(&state).ok_or_else(|| damaged(format!("reconciliation {state:?}")))?,
        detail: column(row, "detail")?,
        tally: read_document(&column::<String>(row, "tally")?)?,
        started_at: Timestamp(column(row, "started_at")?),
        ended_at: column::<Option<i64>>(row, "ended_at")?.map(Timestamp),
        leased_until: column::<Option<i64>>(row, "leased_until")?.map(Timestamp),
    })
}

pub(super) fn documents<T: DeserializeOwned>(rows: &[impl Columns]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| read_document(&column::<String>(row, "doc")?)).collect()
}

pub(super) fn booking(row: &impl Columns) -> Result<Booking, StoreError> {
    let kind: String = column(row, "kind")?;
    Ok(Booking {
        key: MoneyKey {
            provider: column(row, "provider")?,
            account: parse(column(row, "account")?, AccountName::parse)?,
            kind: MoneyKind::parse(&kind).ok_or_else(|| damaged(format!("money of kind {kind:?}")))?,
            number: column(row, "number")?,
        },
        order_id: parse(column(row, "order_id")?, crate::order::OrderId::parse)?,
        amount: money(column(row, "amount_minor")?, &column::<String>(row, "currency")?)?,
        out_trade_no: optional(row, "out_trade_no", OutTradeNo::parse)?,
        transaction_id: optional(row, "transaction_id", TransactionId::parse)?,
        out_refund_no: optional(row, "out_refund_no", OutRefundNo::parse)?,
        refund_id: optional(row, "refund_id", RefundId::parse)?,
        occurred_at: column::<Option<i64>>(row, "occurred_at")?.map(Timestamp),
        recorded_at: Timestamp(column(row, "recorded_at")?),
    })
}
